//! Checks every node of a recorded tape separately.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use kernel::{Axis, compiled_once};

use super::{Check, Comparison, Property, Report, Verdict};
use crate::inspect::picture::formula;
use crate::rule::op::Op;
use crate::tape::custom_rule::Rule;
use crate::tape::records::Inner;
use crate::{Matrix, Real, Var};

/// The result of [`Var::verify`].
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The number of nodes that passed.
    pub passed: usize,
    /// The nodes whose rule is wrong.
    pub failed: Vec<Local>,
    /// The nodes that could not be decided: at a kink, outside a domain, or of a kind that cannot be checked.
    pub undecided: Vec<Local>,
    /// The comparison that is farthest off relative to its allowed difference, right or wrong.
    pub worst: Option<Local>,
}

/// A node and one comparison of its rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// Its number.
    pub node: usize,
    /// The node as text: `%3 = tanh(%2)`.
    pub formula: String,
    /// The name of its op.
    pub op: String,
    /// The line that recorded it.
    pub source: &'static Location<'static>,
    /// The comparison, with both values and their error. An input is an operand of the node. `None` if nothing was compared.
    pub comparison: Option<Comparison>,
}

#[compiled_once]
impl<T: Real> Var<'_, T> {
    /// Checks the rule of every node from which this variable was computed, against differences of that node alone.
    ///
    /// A check of the whole says that a gradient is wrong; this says where. It needs only the tape, of any
    /// program, at the values with which it was recorded.
    ///
    /// ```
    /// use autograd::{Tape, formula};
    /// let tape = Tape::new();
    /// let x = tape.variable(0.5);
    /// let y = x.map(formula!(|x| x.sin(), |_y| [x.sin()])).exp(); // the slope of sin is cos
    /// let found = y.verify();
    /// assert_eq!((found.passed, found.failed.len(), found.failed[0].node), (1, 1, 1));
    /// assert!(found.to_string().contains("%1 = (x.sin())(%0)"));
    /// ```
    pub fn verify(self) -> Verified {
        let mut found = Verified { passed: 0, failed: Vec::new(), undecided: Vec::new(), worst: None };
        self.tape().with(|inner| {
            let leads = inner.ancestors(self.id);
            let wanted = |&id: &u32| leads[id as usize] && inner.node(id).is_active();
            for id in (0..=self.id).filter(wanted).filter(|&id| !inner.is_leaf(id)) {
                found.add(inner, id);
            }
        });
        found
    }
}

impl Verified {
    /// Returns if no node is wrong.
    ///
    /// # Panics
    /// With the report otherwise.
    #[track_caller]
    pub fn unwrap(&self) {
        assert!(self.failed.is_empty(), "{self}");
    }

    fn add<T: Real>(&mut self, inner: &Inner<'_, T>, id: u32) {
        let local = |comparison: Option<Comparison>| Local {
            node: id as usize,
            formula: format!("%{id} = {}", formula(inner, id)),
            op: inner.names(id).join(" + "),
            source: inner.source(id),
            comparison,
        };
        let Some(report) = alone(inner, id) else { return self.undecided.push(local(None)) };
        let numerical = |c: &&Comparison| matches!(c.property, Property::Gradient);
        let first = |list: &[Comparison]| list.iter().find(numerical).or(list.first()).cloned();
        match report.verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail => self.failed.push(local(first(&report.failed))),
            Verdict::Inconclusive => self.undecided.push(local(first(&report.undecided))),
        }
        let worst = first(&report.failed).or(report.worst);
        let off = |c: &Option<Comparison>| c.as_ref().map_or(0.0, |c| (c.analytic - c.numeric).abs() / c.allowed);
        if self.worst.as_ref().is_none_or(|before| off(&worst) > off(&before.comparison)) {
            self.worst = Some(local(worst));
        }
    }
}

/// Checks a node as a function of separate operands. `None` if it has a custom rule in single precision, because differences
/// need double precision.
fn alone<T: Real>(inner: &Inner<'_, T>, id: u32) -> Option<Report> {
    let (shape, terms, indices) = (inner.node(id).shape(), inner.terms(id), &inner.indices);
    let mut rule = None;
    if let Some(custom) = inner.custom(id) {
        rule = Some((&custom.rule as &dyn Any).downcast_ref::<Arc<dyn Rule<f64>>>()?);
    }
    let mut ids: Vec<u32> = inner.operands(id).to_vec();
    // A custom rule gets an operand for each position, others one for each number.
    if rule.is_none() {
        ids.sort_unstable();
        ids.dedup();
    }
    // A cross-entropy reads softmax(x), which moves with x.
    let softmax = terms.iter().find_map(|term| if let Op::CrossEntropy { p, .. } = term { Some(*p) } else { None });
    ids.retain(|&x| Some(x) != softmax);
    let operands: Vec<Matrix<f64>> = ids.iter().map(|&x| inner.view(x).to_owned().map(|x| x.to_f64())).collect();
    let report = Check::new().order(1).run(
        |x| {
            let Some(first) = x.first() else { unreachable!("a node that needs a gradient has an operand") };
            let tape = first.tape();
            if let Some(rule) = rule {
                return tape.record_rule(shape, Arc::clone(rule), x);
            }
            tape.with_mut(|inner| inner.indices = indices.clone());
            let own = |id: u32| ids.iter().position(|&x| x == id).map_or(0, |k| x[k].id);
            let terms = terms.iter().map(|&term| match term {
                Op::CrossEntropy { x, t, .. } => {
                    let (x, t) = (own(x), own(t));
                    Op::CrossEntropy { x, t, p: Var::new(tape, x).softmax(Axis::Rows).id }
                }
                term => term.map(own),
            });
            tape.record(shape, &terms.collect::<Vec<_>>())
        },
        &operands,
    );
    Some(report)
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed, undecided) = (self.passed, self.failed.len(), self.undecided.len());
        write!(f, "verify: {passed} nodes pass, {failed} fail, {undecided} undecided")?;
        let lists = [("failed", &self.failed), ("undecided", &self.undecided)];
        for (what, local) in lists.into_iter().flat_map(|(what, list)| list.iter().map(move |local| (what, local))) {
            write!(f, "\n  {what}: {local}")?;
        }
        self.worst.as_ref().map_or(Ok(()), |local| write!(f, "\n  worst: {local}"))
    }
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  # {}", self.formula, self.source)?;
        match &self.comparison {
            Some(comparison) => write!(f, "\n    {comparison}"),
            None => write!(f, "\n    a custom rule in single precision: check it in double precision"),
        }
    }
}
