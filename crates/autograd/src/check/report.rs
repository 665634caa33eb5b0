//! The result of a check.

use std::fmt;

/// The conclusion of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// In all directions that were tried, the derivatives are those of the value, within the tolerance.
    Pass,
    /// A derivative is not that of the value: rounding, kinks and oscillations do not explain the difference.
    Fail,
    /// Too many comparisons could not decide, or a derivative is not finite.
    Inconclusive,
}

/// The property that was compared.
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

/// The direction or the entry of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// A random direction with entries ±1 in all inputs, or in some of their entries, by its number.
    Direction(usize),
    /// A random direction with entries ±1 in one input and 0 in the others, by the index of the input.
    Input(usize),
    /// One entry of one input.
    Entry {
        /// The index of the input.
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
    /// The property.
    pub property: Property,
    /// The direction or entry.
    pub along: Along,
    /// The side under test.
    pub analytic: f64,
    /// The side it is compared with: differences, another sweep, or another precision.
    pub numeric: f64,
    /// The error of both together.
    pub error: f64,
    /// The largest allowed difference.
    pub allowed: f64,
    /// Its verdict.
    pub verdict: Verdict,
    /// The reason, if it is inconclusive.
    pub reason: Option<&'static str>,
    /// Whether [bounds](super::Check::bounded_by) of the derivative decided.
    pub is_proved: bool,
}

/// The result of a check: the verdict, and the comparisons that are not plain passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The conclusion.
    pub verdict: Verdict,
    /// The number of comparisons that passed.
    pub passed: usize,
    /// The number of comparisons that [bounds](super::Check::bounded_by) decided.
    pub proved: usize,
    /// The comparisons that failed.
    pub failed: Vec<Comparison>,
    /// The comparisons that could not decide.
    pub undecided: Vec<Comparison>,
    /// Among the numerical comparisons that passed, the one that is farthest off relative to its allowed difference.
    pub worst: Option<Comparison>,
    /// The names of the inputs, by which they are printed; an input without a name is printed by its index.
    pub names: Vec<String>,
}

impl Report {
    /// Returns if the verdict is Pass.
    ///
    /// # Panics
    /// With the report otherwise.
    #[track_caller]
    pub fn unwrap(&self) {
        assert!(self.verdict == Verdict::Pass, "{self}");
    }

    /// The conclusion from all comparisons, if at most `share` of those of a property may be undecided.
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
            // A derivative that is NaN is never ignored.
            _ if undecided.iter().any(|c| !c.analytic.is_finite()) => Verdict::Inconclusive,
            _ => Verdict::Pass,
        };
        let off = |c: &&Comparison| if c.allowed > 0.0 { (c.analytic - c.numeric).abs() / c.allowed } else { 0.0 };
        let numeric = |c: &&Comparison| matches!(c.property, Property::Gradient | Property::SecondOrder);
        let passed = all.iter().filter(|c| c.verdict == Verdict::Pass).filter(numeric);
        let worst = passed.max_by(|a, b| off(a).total_cmp(&off(b))).cloned();
        Report {
            verdict,
            worst,
            passed: all.len() - failed.len() - undecided.len(),
            proved: all.iter().filter(|c| c.is_proved).count(),
            failed,
            undecided,
            names: Vec::new(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed, undecided) = (self.passed, self.failed.len(), self.undecided.len());
        write!(f, "check: {:?} ({passed} passed, {failed} failed, {undecided} undecided", self.verdict)?;
        if self.proved > 0 {
            write!(f, ", {} of these by bounds", self.proved)?;
        }
        f.write_str(")")?;
        const SHOWN: usize = 6;
        for (what, list) in [("failed", &self.failed), ("undecided", &self.undecided)] {
            for c in list.iter().take(SHOWN) {
                write!(f, "\n  {what}: ")?;
                c.write(f, &self.names)?;
            }
            if list.len() > SHOWN {
                write!(f, "\n  {what}: … and {} more", list.len() - SHOWN)?;
            }
        }
        let single = |c: &Comparison| matches!(c.property, Property::SingleValue | Property::SingleGradient);
        if !self.failed.iter().all(single) {
            f.write_str("\n  if a rule is wrong, `verify` of the recorded value names its op and its line")?;
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &[])
    }
}

impl Comparison {
    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[String]) -> fmt::Result {
        let names = match self.property {
            Property::Gradient | Property::SecondOrder if self.is_proved => ("analytic", "within"),
            Property::Gradient | Property::SecondOrder => ("analytic", "numeric"),
            Property::Recorded(_) => ("recorded", "buffered"),
            Property::Forward(_) => ("forward", "reverse"),
            Property::Adjoint => ("⟨w, J v⟩ =", "⟨Jᵀw, v⟩ ="),
            Property::Symmetry => ("uᵀ H v =", "vᵀ H u ="),
            Property::SingleValue | Property::SingleGradient => ("f32", "f64"),
        };
        let Comparison { property, along, analytic, numeric, error, allowed, .. } = self;
        write!(f, "{property}, ")?;
        along.write(f, inputs)?;
        write!(f, ": {} {analytic:.9e}, {} {numeric:.9e} ± {error:.1e}", names.0, names.1)?;
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
        self.write(f, &[])
    }
}

impl Along {
    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[String]) -> fmt::Result {
        let named =
            |input: usize| inputs.get(input).map_or_else(|| format!("input {input}"), |name| format!("`{name}`"));
        match self {
            Along::Input(input) => write!(f, "random direction in {}", named(*input)),
            Along::Direction(k) => write!(f, "random direction {k}"),
            Along::Entry { input, at: (i, j) } => write!(f, "entry ({i}, {j}) of {}", named(*input)),
            Along::Output { at: (i, j) } => write!(f, "entry ({i}, {j}) of the value"),
        }
    }
}
