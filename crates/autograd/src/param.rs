//! A parameter: a matrix with an identity.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Matrix;

/// A matrix that is trained: a value, and an identity by which a tape knows it again.
///
/// Recorded twice on a tape it is one leaf, so shared weights need nothing special, and its
/// gradient is found after the tape has let go of it. A clone is a parameter of its own.
/// Serialised as its value.
///
/// ```
/// use autograd::{Matrix, Param, Tape};
/// let w = Param::new(Matrix::from([[3.0]]));
/// let tape = Tape::new();
/// let y = tape.param(&w) * tape.param(&w); // w² through two uses
/// assert_eq!(y.backward().wrt(&w)[(0, 0)], 6.0);
/// ```
pub struct Param<T> {
    id: u64,
    value: Matrix<T>,
}

impl<T> Param<T> {
    /// A new parameter with this value.
    pub fn new(value: Matrix<T>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Param { id: NEXT.fetch_add(1, Ordering::Relaxed), value }
    }

    /// Its value.
    pub fn value(&self) -> &Matrix<T> {
        &self.value
    }

    /// Its value, to change.
    pub fn value_mut(&mut self) -> &mut Matrix<T> {
        &mut self.value
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl<T: fmt::Debug> fmt::Debug for Param<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Clone> Clone for Param<T> {
    fn clone(&self) -> Self {
        Param::new(self.value.clone())
    }
}

impl<T: PartialEq> PartialEq for Param<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Serialize> Serialize for Param<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(s)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Param<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Matrix::deserialize(d).map(Param::new)
    }
}
