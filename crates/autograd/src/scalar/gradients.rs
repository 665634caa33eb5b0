//! The result of a sweep on the scalar tape.

use std::fmt;

use kernel::pool::Pooled;

use crate::{Real, Scalar};

/// The gradient of a number with respect to the variables of its tape. It is owned and outlives the tape's records.
///
/// It contains only the variables. Most intermediate numbers are never recorded.
pub struct ScalarGradients<T: Real> {
    pub(super) tape: u64,
    pub(super) values: Pooled<Vec<T>>,
}

impl<T: Real> ScalarGradients<T> {
    /// The derivative with respect to a variable.
    ///
    /// # Panics
    /// If there is none: the number is not a variable, is of another tape, or was recorded after the gradient was computed.
    #[track_caller]
    pub fn wrt(&self, x: Scalar<'_, T>) -> T {
        match self.find(x) {
            Ok(slope) => slope,
            Err(why) => panic!("wrt: no gradient: {why}"),
        }
    }

    /// The derivative with respect to a variable, or `None` where [`wrt`](ScalarGradients::wrt) panics.
    pub fn get(&self, x: Scalar<'_, T>) -> Option<T> {
        self.find(x).ok()
    }

    /// The derivatives with respect to all variables, in the order of recording.
    pub fn as_slice(&self) -> &[T] {
        &self.values
    }

    fn find(&self, x: Scalar<'_, T>) -> Result<T, &'static str> {
        if x.tape().id() != self.tape {
            return Err("the number is of another tape, or of one that was cleared");
        }
        let place = x.place().ok_or("the number is not a variable, but computed or constant")?;
        self.values.get(place).copied().ok_or("the variable was recorded after the gradient was computed")
    }
}

impl<T: Real> fmt::Debug for ScalarGradients<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values.iter()).finish()
    }
}
