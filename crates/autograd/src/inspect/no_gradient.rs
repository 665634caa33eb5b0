//! Says in words why a variable gets no gradient.

use std::fmt;
use std::panic::Location;

use kernel::{Binary, Unary, compiled_once};

use crate::rule::op::Op;
use crate::tape::records::Inner;
use crate::{Real, Var};

/// Why a variable gets no gradient from another one, or a gradient that is zero everywhere.
#[derive(Clone, Debug, PartialEq)]
pub enum NoGradient {
    /// It is a constant, recorded at this line.
    Constant(&'static Location<'static>),
    /// It was computed only from constants, at this line.
    FromConstants(&'static Location<'static>),
    /// It was recorded after the value that is differentiated, at this line.
    Later(&'static Location<'static>),
    /// The value that is differentiated was not computed from it.
    NotAnAncestor(&'static Location<'static>),
    /// Every path is cut.
    Cut(Vec<Cut>),
}

/// A place where a path is cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// The number of the node.
    pub node: usize,
    /// The op.
    pub op: String,
    /// Whether the gradient was stopped; otherwise the slope of the op is zero everywhere.
    pub stopped: bool,
    /// The line that recorded it.
    pub source: &'static Location<'static>,
}

/// Says why `x` gets no gradient from `y`, or returns `None` if it gets one.
///
/// ```
/// use autograd::{Tape, explain_no_gradient};
/// let tape = Tape::new();
/// let x = tape.variable(2.0);
/// let y = x.stop_gradient() * 3.0 + x.sign();
/// let why = explain_no_gradient(y, x).unwrap().to_string();
/// assert!(why.contains("stop_gradient") && why.contains("sign"));
/// assert!(explain_no_gradient(y + x, x).is_none());
/// ```
///
/// # Panics
/// If the variables are of different tapes.
#[compiled_once]
#[track_caller]
pub fn explain_no_gradient<'t, T: Real>(y: Var<'t, T>, x: Var<'t, T>) -> Option<NoGradient> {
    y.same_tape("explain_no_gradient", x);
    y.tape().with(|inner| explain(inner, y.id, x.id))
}

fn explain<T: Real>(inner: &Inner<'_, T>, y: u32, x: u32) -> Option<NoGradient> {
    let source = inner.source(x);
    if !inner.node(x).is_active() {
        let constant = inner.is_leaf(x);
        return Some(if constant { NoGradient::Constant(source) } else { NoGradient::FromConstants(source) });
    }
    if x > y {
        return Some(NoGradient::Later(source));
    }
    // Everything computed from x, and the part of it to which a change of x propagates.
    let (mut reached, mut moved) = (vec![false; y as usize + 1], vec![false; y as usize + 1]);
    (reached[x as usize], moved[x as usize]) = (true, true);
    let mut cuts = Vec::new();
    for id in x + 1..=y {
        let active = inner.node(id).is_active();
        let mut see = |operand: u32, op: &str, flat: bool| {
            reached[id as usize] |= reached[operand as usize];
            if !moved[operand as usize] {
                return;
            }
            if active && !flat {
                moved[id as usize] = true;
            } else {
                let op = if active { op } else { "stop_gradient" }.to_owned();
                cuts.push(Cut { node: id as usize, op, stopped: !active, source: inner.source(id) });
            }
        };
        if let Some(custom) = inner.custom(id) {
            custom.operands.iter().for_each(|&x| see(x, custom.rule.name(), false));
        }
        for &term in inner.terms(id) {
            let (operands, n) = term.operands();
            operands[..n].iter().enumerate().for_each(|(k, &x)| see(x, term.name(), flat(term, k)));
        }
    }
    match () {
        _ if moved[y as usize] => None,
        _ if !reached[y as usize] => Some(NoGradient::NotAnAncestor(source)),
        _ => {
            let leads = inner.ancestors(y);
            cuts.retain(|cut| leads[cut.node]);
            Some(NoGradient::Cut(cuts))
        }
    }
}

/// Whether the slope of an op in its k-th operand is zero everywhere.
fn flat(term: Op<u32>, k: usize) -> bool {
    match term {
        Op::Unary(Unary::Step | Unary::Sign | Unary::Powi(0), _) => true,
        Op::AlongAxis(f, ..) => f.is_flat(),
        Op::Binary(Binary::Keep | Binary::Drop, ..) => k == 0,
        Op::Binary(Binary::Copysign, ..) => k == 1,
        _ => false,
    }
}

impl fmt::Display for NoGradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoGradient::Constant(at) => {
                write!(f, "it is a constant ({at}): record it with `variable` or `param` to have a gradient")
            }
            NoGradient::FromConstants(at) => {
                write!(f, "it was computed ({at}) from constants or stopped gradients alone")
            }
            NoGradient::Later(at) => write!(f, "it was recorded ({at}) after the value that is differentiated"),
            NoGradient::NotAnAncestor(at) => {
                write!(f, "the value that is differentiated was not computed from it ({at})")
            }
            NoGradient::Cut(cuts) => {
                write!(f, "every path to it is cut:")?;
                for Cut { node, op, stopped, source } in cuts {
                    let why = if *stopped { "the gradient is stopped" } else { "the slope is zero everywhere" };
                    write!(f, "\n  %{node} = {op}: {why}  # {source}")?;
                }
                Ok(())
            }
        }
    }
}
