//! The values of a graph as numbers that formulas compute with.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::graph::{Attr, Graph};

/// A value of the graph.
#[derive(Clone, Copy)]
pub struct X<'g> {
    pub graph: &'g Graph,
    /// Its number in the list of names.
    pub id: u32,
}

impl<'g> X<'g> {
    /// Whether numbers are `f32`.
    pub fn is_single(self) -> bool {
        self.graph.is_single()
    }

    /// A function of it, by the name of the operator.
    pub fn op(self, op: &'static str) -> X<'g> {
        self.graph.node(op, &[self], &[])
    }

    /// The same with attributes.
    pub fn with(self, op: &'static str, attributes: &[(&'static str, Attr)]) -> X<'g> {
        self.graph.node(op, &[self], attributes)
    }

    /// A function of it and another value.
    pub fn by(self, op: &'static str, other: X<'g>) -> X<'g> {
        self.by_with(op, other, &[])
    }

    /// The same with attributes.
    pub fn by_with(self, op: &'static str, other: X<'g>, attributes: &[(&'static str, Attr)]) -> X<'g> {
        self.graph.node(op, &[self, other], attributes)
    }

    /// The same with a number.
    pub fn by_number(self, op: &'static str, c: f64) -> X<'g> {
        self.by(op, self.graph.number(c))
    }

    /// a where this condition holds, otherwise b.
    pub fn choose(self, a: X<'g>, b: X<'g>) -> X<'g> {
        self.graph.node("Where", &[self, a, b], &[])
    }

    /// The nearest number between two.
    pub fn clip(self, low: f64, high: f64) -> X<'g> {
        self.graph.node("Clip", &[self, self.number(low), self.number(high)], &[])
    }

    /// The number in the type of this value.
    pub fn number(self, c: f64) -> X<'g> {
        self.graph.number(c)
    }

    /// A condition, as 1 and 0.
    pub fn as_number(self) -> X<'g> {
        self.with("Cast", &[("to", Attr::Int(self.graph.dtype().into()))])
    }
}

impl<'g> Neg for X<'g> {
    type Output = X<'g>;
    fn neg(self) -> X<'g> {
        self.op("Neg")
    }
}

macro_rules! operator {
    ($($Op:ident $op:ident),+) => {$(
        impl<'g> $Op for X<'g> {
            type Output = X<'g>;
            fn $op(self, other: X<'g>) -> X<'g> {
                self.by(stringify!($Op), other)
            }
        }
        impl<'g> $Op<f64> for X<'g> {
            type Output = X<'g>;
            fn $op(self, c: f64) -> X<'g> {
                self.by_number(stringify!($Op), c)
            }
        }
        impl<'g> $Op<X<'g>> for f64 {
            type Output = X<'g>;
            fn $op(self, x: X<'g>) -> X<'g> {
                x.number(self).by(stringify!($Op), x)
            }
        }
    )+};
}
operator!(Add add, Sub sub, Mul mul, Div div);
