//! Finds where the first NaN or infinity came from.

use std::fmt;
use std::panic::Location;

use kernel::compiled_once;
use kernel::pool::Pooled;
use kernel::simd::{Accum, Out};

use crate::inspect::picture::formula;
use crate::rule::run::run;
use crate::sweep::backward::{Keep, sweep};
use crate::sweep::gradients::Gradients;
use crate::sweep::regions::Deltas;
use crate::tape::records::Inner;
use crate::{MatrixRef, Param, Real, Tape, Var};

/// The first value or gradient that became NaN or infinite: the op that made it, its line, and its operands.
#[derive(Clone, PartialEq)]
pub struct Anomaly {
    /// The number of the node whose op made it.
    pub node: usize,
    /// The node as text: `%3 = ln(%2)`.
    pub formula: String,
    /// The line that recorded the node.
    pub source: &'static Location<'static>,
    /// The node number of the operand whose gradient is not finite; `None` if it is a value.
    pub backward: Option<usize>,
    /// The range of the value or gradient.
    pub found: ValueRange,
    /// The ranges of the operands of the node. In the backward pass the gradient of its value comes last.
    pub operands: Vec<ValueRange>,
    /// The identities of the parameters that the node reads, or of the nearest ones before it.
    params: Vec<u64>,
}

/// The range of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueRange {
    /// The smallest finite number; +∞ if there is none.
    pub min: f64,
    /// The largest finite number; −∞ if there is none.
    pub max: f64,
    /// The number of NaN.
    pub nan: usize,
    /// The number of infinities.
    pub infinite: usize,
}

#[compiled_once]
impl<'t, T: Real> Tape<'t, T> {
    /// The first value at which an op made a NaN, or an infinity from finite numbers; `None` if there is none.
    ///
    /// A leaf may be infinite, like the −∞ of an attention mask. It is not an anomaly, and neither are values that are
    /// infinite because of it, until one becomes a NaN; then the leaf is named. A leaf that is NaN is named once an op has read it
    /// and its value is NaN. Precisely, an op made an entry that is not finite if the entry would not be finite after replacing every
    /// infinite operand by 1.
    ///
    /// The tape keeps every value, so you can call this when a loss turns out to be NaN. It costs nothing before.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let x = tape.variable(Matrix::from([[0.5f64, -0.25]]));
    /// let loss = (x.ln() * 2.0).sum();
    /// assert!(loss.item().is_nan());
    /// let text = tape.anomaly().unwrap().to_string();
    /// assert!(text.starts_with("%1 = ln(%0) is the first value that is not finite: 1 NaN"));
    /// assert!(text.contains("from -0.25 to 0.5"));
    /// ```
    #[track_caller]
    pub fn anomaly(&self) -> Option<Anomaly> {
        self.note_reading();
        self.with(|inner| (0..inner.records.nodes.len() as u32).find_map(|id| culprit(inner, id)).map(value(inner)))
    }
}

#[compiled_once]
impl<T: Real> Var<'_, T> {
    /// [`backward`](Var::backward), or the first NaN or infinity in the forward or else in the backward pass.
    ///
    /// # Errors
    /// If the tape has an [anomaly](Tape::anomaly), or this number or a gradient is not finite. If it is infinite because of
    /// a leaf, the leaf is named.
    ///
    /// # Panics
    /// Under the same conditions as `backward`.
    ///
    /// ```
    /// use autograd::Tape;
    /// let tape = Tape::new();
    /// let x = tape.variable(0.0);
    /// let loss = x.sqrt(); // 0, of which the slope is infinite
    /// let anomaly = loss.backward_checked().unwrap_err();
    /// assert_eq!((anomaly.node, anomaly.backward), (1, Some(0)));
    /// assert!(anomaly.to_string().contains("gradient of %0"));
    /// ```
    #[track_caller]
    pub fn backward_checked(self) -> Result<Gradients<T>, Box<Anomaly>> {
        let (m, n) = self.shape();
        assert!((m, n) == (1, 1), "backward_checked: {m} × {n} is not a single number: sum it");
        assert!(self.needs_gradient(), "backward_checked: the value depends on constants only");
        let infinite = || {
            let look = |inner: &Inner<'_, T>| {
                (!range(inner, self.id).is_finite()).then(|| value(inner)(put_in(inner, self.id)))
            };
            self.tape().with(look)
        };
        if let Some(anomaly) = self.tape().anomaly().or_else(infinite) {
            return Err(Box::new(anomaly));
        }
        let mut deltas = Pooled::<Deltas<T>>::take();
        let mut first = None;
        self.tape().with(|inner| {
            sweep(
                inner,
                &[(self.id, &[T::from_f64(1.0)])],
                Keep::All,
                &mut deltas,
                Some(&mut |id, x, dx| {
                    let found = ValueRange::of(dx);
                    if first.is_none() && !found.is_finite() {
                        first = Some(Anomaly::at(inner, id, Some(x as usize), found, operands(inner, id)));
                    }
                }),
                &mut (),
            );
            if let Some(anomaly) = &mut first {
                anomaly.operands.extend(deltas.at(anomaly.node as u32).map(ValueRange::of));
            }
        });
        first.map_or(Ok(Gradients { tape: self.tape().id(), outputs: 1, deltas }), |anomaly| Err(Box::new(anomaly)))
    }
}

/// The node to blame for the value of this one, if its op made something that its operands do not explain.
fn culprit<T: Real>(inner: &Inner<'_, T>, id: u32) -> Option<u32> {
    let found = range(inner, id);
    if found.is_finite() || inner.is_leaf(id) {
        return None;
    }
    // The operands come first, so an operand that is NaN is a leaf.
    if let Some(x) = inner.operands(id).into_iter().find(|&x| range(inner, x).nan > 0) {
        return Some(x);
    }
    let again = tamed(inner, id);
    let own = |(y, again): (&T, &T)| !y.is_finite() && !again.is_finite();
    if inner.view(id).as_slice().iter().zip(&again).any(own) {
        return Some(id);
    }
    (found.nan > 0).then(|| put_in(inner, id))
}

/// The value of a node if each infinity among its operands were 1.
fn tamed<T: Real>(inner: &Inner<'_, T>, id: u32) -> Vec<T> {
    let tame = |x: T| if x.is_finite() { x } else { T::from_f64(1.0) };
    let operands: Vec<_> = inner.operands(id).into_iter().map(|x| (x, inner.view(x).to_owned().map(tame))).collect();
    let look = |x: u32| operands.iter().find(|(id, _)| *id == x).map_or(MatrixRef::EMPTY, |(_, x)| x.view());
    let (rows, cols) = inner.node(id).shape();
    let mut again = vec![T::default(); rows * cols];
    if let Some(custom) = inner.custom(id) {
        let operands: Vec<_> = custom.operands.iter().map(|&x| look(x)).collect();
        // Values of different shapes cannot be compared.
        let _ = custom.rule.forward(&operands, (rows, cols), &mut again);
    }
    let mut accum = Accum::Replace;
    for &term in inner.terms(id) {
        run(term, look, &inner.indices, accum, Out { rows, cols, data: &mut again });
        accum = Accum::Add;
    }
    again
}

/// The leaf from which the infinities of a node come: the first one on the way back that is not finite.
fn put_in<T: Real>(inner: &Inner<'_, T>, mut id: u32) -> u32 {
    while let Some(x) = inner.operands(id).into_iter().find(|&x| !range(inner, x).is_finite()) {
        id = x;
    }
    id
}

/// The description of a value.
fn value<T: Real>(inner: &Inner<'_, T>) -> impl Fn(u32) -> Anomaly {
    |id| Anomaly::at(inner, id, None, range(inner, id), operands(inner, id))
}

fn range<T: Real>(inner: &Inner<'_, T>, id: u32) -> ValueRange {
    ValueRange::of(inner.view(id).as_slice())
}

fn operands<T: Real>(inner: &Inner<'_, T>, id: u32) -> Vec<ValueRange> {
    inner.operands(id).iter().map(|&x| range(inner, x)).collect()
}

impl Anomaly {
    fn at<T: Real>(
        inner: &Inner<'_, T>,
        id: u32,
        backward: Option<usize>,
        found: ValueRange,
        operands: Vec<ValueRange>,
    ) -> Anomaly {
        Anomaly {
            node: id as usize,
            formula: format!("%{id} = {}", formula(inner, id)),
            source: inner.source(id),
            backward,
            found,
            operands,
            params: nearest(inner, id),
        }
    }

    /// Whether the node reads this parameter, or was computed from it with no other parameter in between.
    pub fn involves<T>(&self, param: &Param<T>) -> bool {
        self.params.contains(&param.id())
    }
}

/// The parameters that can be reached from a node in the fewest steps.
fn nearest<T: Real>(inner: &Inner<'_, T>, id: u32) -> Vec<u64> {
    let mut reached = vec![id];
    loop {
        let slots = inner.records.params.iter().filter(|slot| reached.contains(&slot.node));
        let found: Vec<u64> = slots.map(|slot| slot.id).collect();
        let mut next: Vec<u32> = reached.iter().flat_map(|&id| inner.operands(id)).collect();
        next.sort_unstable();
        next.dedup();
        if !found.is_empty() || next.is_empty() {
            return found;
        }
        reached = next;
    }
}

impl ValueRange {
    fn of<T: Real>(x: &[T]) -> ValueRange {
        let none = ValueRange { min: f64::INFINITY, max: f64::NEG_INFINITY, nan: 0, infinite: 0 };
        x.iter().map(|x| x.to_f64()).fold(none, |r, x| match () {
            _ if x.is_nan() => ValueRange { nan: r.nan + 1, ..r },
            _ if x.is_infinite() => ValueRange { infinite: r.infinite + 1, ..r },
            _ => ValueRange { min: r.min.min(x), max: r.max.max(x), ..r },
        })
    }

    /// Whether all numbers are finite.
    pub fn is_finite(&self) -> bool {
        self.nan + self.infinite == 0
    }
}

impl fmt::Display for ValueRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.nan > 0 {
            parts.push(format!("{} NaN", self.nan));
        }
        if self.infinite > 0 {
            parts.push(format!("{} infinite", self.infinite));
        }
        if self.min <= self.max {
            let others = if parts.is_empty() { "" } else { "the others " };
            parts.push(format!("{others}from {} to {}", self.min, self.max));
        }
        f.write_str(&parts.join(", "))
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.backward {
            None => write!(f, "{} is the first value that is not finite: {}", self.formula, self.found)?,
            Some(x) => {
                write!(f, "the gradient of %{x} is the first that is not finite, by {}: {}", self.formula, self.found)?;
            }
        }
        write!(f, "  # {}", self.source)?;
        for (k, range) in self.operands.iter().enumerate() {
            let gradient = self.backward.is_some() && k + 1 == self.operands.len();
            let what = if gradient { "gradient of the value".to_string() } else { format!("operand {k}") };
            write!(f, "\n  {what}: {range}")?;
        }
        Ok(())
    }
}

crate::debug_as_display!(Anomaly);

impl std::error::Error for Anomaly {}
