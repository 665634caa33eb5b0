//! Comparisons of variables, on which a program branches.

use std::cmp::Ordering;
use std::panic::Location;

use kernel::compiled_once;

use crate::{Real, Var};

/// The comparison operators, with the caller's line.
macro_rules! operators {
    ($Other:ty) => {
        #[track_caller]
        fn lt(&self, other: &$Other) -> bool {
            self.partial_cmp(other).is_some_and(Ordering::is_lt)
        }
        #[track_caller]
        fn le(&self, other: &$Other) -> bool {
            self.partial_cmp(other).is_some_and(Ordering::is_le)
        }
        #[track_caller]
        fn gt(&self, other: &$Other) -> bool {
            self.partial_cmp(other).is_some_and(Ordering::is_gt)
        }
        #[track_caller]
        fn ge(&self, other: &$Other) -> bool {
            self.partial_cmp(other).is_some_and(Ordering::is_ge)
        }
    };
}

/// A comparison that was made during recording, so that a replay can tell whether it still has the same outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub left: u32,
    pub right: Side,
    pub found: Option<Ordering>,
    pub source: &'static Location<'static>,
}

/// The right side of a comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Node(u32),
    Number(f64),
}

impl Branch {
    /// The nodes that were compared.
    pub fn nodes(&self) -> impl Iterator<Item = u32> + use<> {
        let right = if let Side::Node(id) = self.right { Some(id) } else { None };
        std::iter::once(self.left).chain(right)
    }

    /// The outcome of the comparison when `value` gives the number at a node.
    pub fn compare<T: Real>(&self, value: impl Fn(u32) -> T) -> Option<Ordering> {
        let right = match self.right {
            Side::Node(id) => value(id),
            Side::Number(number) => T::from_f64(number),
        };
        value(self.left).partial_cmp(&right)
    }
}

#[compiled_once]
impl<T: Real> Var<'_, T> {
    #[track_caller]
    fn branch(self, right: Side) -> Option<Ordering> {
        let mut branch = Branch { left: self.id, right, found: None, source: Location::caller() };
        for id in branch.nodes() {
            let (m, n) = self.tape().with(|inner| inner.node(id).shape());
            assert!(
                (m, n) == (1, 1),
                "comparison: {m} × {n} is not a single number: compare entries by `at`, or choose by `max`, `step` and `select`"
            );
        }
        self.tape().with_mut(|inner| {
            branch.found = branch.compare(|id| inner.view(id).as_slice()[0]);
            inner.branches.push(branch);
        });
        branch.found
    }
}

/// Variables of 1 × 1 compare by value, so that a scalar program may branch. The tape notes the outcome.
///
/// # Panics
/// If a variable is not 1 × 1.
impl<T: Real> PartialOrd for Var<'_, T> {
    #[track_caller]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.same_tape("comparison", *other);
        self.branch(Side::Node(other.id))
    }

    operators!(Self);
}

impl<T: Real> PartialEq for Var<'_, T> {
    #[track_caller]
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl<T: Real, C: Real> PartialOrd<C> for Var<'_, T> {
    #[track_caller]
    fn partial_cmp(&self, other: &C) -> Option<Ordering> {
        self.branch(Side::Number(other.to_f64()))
    }

    operators!(C);
}

impl<T: Real, C: Real> PartialEq<C> for Var<'_, T> {
    #[track_caller]
    fn eq(&self, other: &C) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}
