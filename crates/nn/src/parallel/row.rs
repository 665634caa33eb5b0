//! The gradients of all parameters in one row of numbers.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::{MatrixRef, Param, Real};

/// Where a matrix of the model lies in the row.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub id: u64,
    pub shape: (usize, usize),
    pub start: usize,
}

impl Place {
    pub fn len(&self) -> usize {
        self.shape.0 * self.shape.1
    }
}

/// Gradients in a row.
pub(crate) struct Row<T> {
    pub entries: Vec<T>,
    /// The parameters that have a gradient, by identity, and the entries of each that are known here.
    pub places: Vec<(Place, Range<usize>)>,
}

impl<T: Real> Row<T> {
    fn place(&self, param: &Param<T>) -> Option<&(Place, Range<usize>)> {
        let found = self.places.binary_search_by_key(&param.id(), |(place, _)| place.id);
        found.ok().map(|k| &self.places[k])
    }

    pub fn has(&self, param: &Param<T>) -> bool {
        self.place(param).is_some()
    }

    /// The gradient of a parameter.
    ///
    /// # Panics
    /// If only a part of it is known here.
    pub fn gradient(&self, param: &Param<T>) -> Option<MatrixRef<'_, T>> {
        let (place, known) = self.place(param)?;
        assert!(known.len() == place.len(), "this rank knows only a part of a gradient");
        Some(MatrixRef::new(place.shape.0, place.shape.1, &self.entries[place.start..][..place.len()]))
    }

    /// The entries of a gradient that are known here.
    pub fn known(&self, param: &Param<T>) -> Option<(Range<usize>, &[T])> {
        let (place, known) = self.place(param)?;
        Some((known.clone(), &self.entries[place.start..][known.clone()]))
    }
}

/// Rows that the next step uses again.
pub(crate) struct Spare<T>(Mutex<Vec<Vec<T>>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Spare(Mutex::default())
    }
}

impl<T: Real> Spare<T> {
    /// A row of this length, with any numbers.
    pub fn take(&self, len: usize) -> Vec<T> {
        let mut row = self.with(|rows| {
            let fits = rows.iter().position(|row| row.capacity() >= len && row.capacity() / 2 <= len);
            fits.map(|k| rows.swap_remove(k)).unwrap_or_default()
        });
        row.resize(len, T::default());
        row
    }

    pub fn give(&self, row: Vec<T>) {
        const KEPT: usize = 4;
        self.with(|rows| {
            if rows.len() == KEPT {
                rows.remove(0);
            }
            rows.push(row);
        });
    }

    fn with<R>(&self, f: impl FnOnce(&mut Vec<Vec<T>>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
