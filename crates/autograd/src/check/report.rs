//! What a check found.

use std::fmt;

/// What a check concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Along all that was tried the derivatives are those of the value, within the tolerance.
    Pass,
    /// A derivative is not that of the value: rounding, kinks and oscillations do not explain the difference.
    Fail,
    /// Too many comparisons could not decide, or a derivative is not finite: nothing is known of them.
    Inconclusive,
}

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// `backward` against differences of the value.
    Gradient,
    /// `backward` over `grad` against differences of the recorded gradient.
    SecondOrder,
    /// `grad` against `backward`, of the value (1) or of its recorded gradient (2).
    Recorded(usize),
    /// Forward mode, over buffers and recorded, against `backward`, of the value (1) or of its gradient (2).
    Forward(usize),
    /// ⟨w, J v⟩ against ⟨Jᵀw, v⟩.
    Adjoint,
    /// uᵀ H v against vᵀ H u.
    Symmetry,
    /// The value in `f32` against that in `f64`.
    SingleValue,
    /// The gradient in `f32` against that in `f64`.
    SingleGradient,
}

/// Along which direction, or at which entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// A random direction with entries ±1 in all inputs, or in some entries of them, by its number.
    Direction(usize),
    /// One entry of one input.
    Entry {
        /// Which input.
        input: usize,
        /// Its row and column.
        at: (usize, usize),
    },
    /// One entry of the value.
    Output {
        /// Its row and column.
        at: (usize, usize),
    },
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What was compared.
    pub property: Property,
    /// Where.
    pub along: Along,
    /// The side under test.
    pub analytic: f64,
    /// The side it is compared with: differences, another sweep, or another precision.
    pub numeric: f64,
    /// The error of both together.
    pub error: f64,
    /// How large a difference was allowed.
    pub allowed: f64,
    /// What it says.
    pub verdict: Verdict,
    /// Why it says nothing, where it is inconclusive.
    pub reason: Option<&'static str>,
}

/// What a check found: the verdict, and the comparisons that are not plain passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The conclusion.
    pub verdict: Verdict,
    /// How many comparisons passed.
    pub passed: usize,
    /// Those that failed.
    pub failed: Vec<Comparison>,
    /// Those that could not decide.
    pub undecided: Vec<Comparison>,
    /// Of those with differences that passed, the one that is farthest off for what was allowed.
    pub worst: Option<Comparison>,
}

impl Report {
    /// Nothing if the verdict is Pass.
    ///
    /// # Panics
    /// With the report otherwise.
    #[track_caller]
    pub fn unwrap(&self) {
        assert!(self.verdict == Verdict::Pass, "{self}");
    }

    /// The conclusion from all comparisons, when at most `share` of those of a property may be undecided.
    pub(super) fn of(all: Vec<Comparison>, share: f64) -> Report {
        let same = |a: &Comparison, b: &Comparison| a.property == b.property;
        let count = |c: &Comparison| all.iter().filter(|d| same(c, d)).count();
        let undecided: Vec<_> = all.iter().filter(|c| c.verdict == Verdict::Inconclusive).cloned().collect();
        let failed: Vec<_> = all.iter().filter(|c| c.verdict == Verdict::Fail).cloned().collect();
        let too_many = |c: &Comparison| {
            let open = undecided.iter().filter(|d| same(c, d)).count();
            open as f64 > share * count(c) as f64
        };
        let verdict = match () {
            _ if !failed.is_empty() => Verdict::Fail,
            _ if undecided.iter().any(too_many) => Verdict::Inconclusive,
            // A derivative that is no number is never passed over.
            _ if undecided.iter().any(|c| !c.analytic.is_finite()) => Verdict::Inconclusive,
            _ => Verdict::Pass,
        };
        let off = |c: &&Comparison| if c.allowed > 0.0 { (c.analytic - c.numeric).abs() / c.allowed } else { 0.0 };
        let numeric = |c: &&Comparison| matches!(c.property, Property::Gradient | Property::SecondOrder);
        let passed = all.iter().filter(|c| c.verdict == Verdict::Pass).filter(numeric);
        let worst = passed.max_by(|a, b| off(a).total_cmp(&off(b))).cloned();
        Report { verdict, worst, passed: all.len() - failed.len() - undecided.len(), failed, undecided }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed, undecided) = (self.passed, self.failed.len(), self.undecided.len());
        write!(f, "check: {:?} ({passed} passed, {failed} failed, {undecided} undecided)", self.verdict)?;
        const SHOWN: usize = 6;
        for (what, list) in [("failed", &self.failed), ("undecided", &self.undecided)] {
            for c in list.iter().take(SHOWN) {
                write!(f, "\n  {what}: {c}")?;
            }
            if list.len() > SHOWN {
                write!(f, "\n  {what}: … and {} more", list.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = match self.property {
            Property::Gradient | Property::SecondOrder => ("analytic", "numeric"),
            Property::Recorded(_) => ("recorded", "buffered"),
            Property::Forward(_) => ("forward", "reverse"),
            Property::Adjoint => ("⟨w, J v⟩ =", "⟨Jᵀw, v⟩ ="),
            Property::Symmetry => ("uᵀ H v =", "vᵀ H u ="),
            Property::SingleValue | Property::SingleGradient => ("f32", "f64"),
        };
        let Comparison { property, along, analytic, numeric, error, allowed, .. } = self;
        write!(f, "{property}, {along}: {} {analytic:.9e}, {} {numeric:.9e} ± {error:.1e}", names.0, names.1)?;
        write!(f, ", allowed {allowed:.1e}")?;
        self.reason.map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Property::Gradient => "gradient",
            Property::SecondOrder => "second order",
            Property::Recorded(1) => "recorded gradient",
            Property::Recorded(_) => "recorded second order",
            Property::Forward(1) => "forward mode",
            Property::Forward(_) => "forward mode, second order",
            Property::Adjoint => "adjoint",
            Property::Symmetry => "symmetry",
            Property::SingleValue => "single precision value",
            Property::SingleGradient => "single precision gradient",
        })
    }
}

impl fmt::Display for Along {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Along::Direction(k) => write!(f, "random direction {k}"),
            Along::Entry { input, at: (i, j) } => write!(f, "entry ({i}, {j}) of input {input}"),
            Along::Output { at: (i, j) } => write!(f, "entry ({i}, {j}) of the value"),
        }
    }
}
