//! The matrices that a tape borrows.

use std::ops::Index;

use crate::MatrixRef;

/// The first few are stored in the tape itself, so that most tapes allocate nothing for them. Matrices borrowed for `'t` cannot
/// be stored in a buffer that outlives the tape.
pub(crate) struct Leaves<'t, T> {
    few: [MatrixRef<'t, T>; FEW],
    len: usize,
    more: Vec<MatrixRef<'t, T>>,
    /// The expected number, if this tape is like the last one.
    expected: usize,
}

const FEW: usize = 8;

impl<'t, T: Copy> Leaves<'t, T> {
    pub const fn new(expected: usize) -> Self {
        Leaves { few: [MatrixRef::EMPTY; FEW], len: 0, more: Vec::new(), expected }
    }

    /// Adds a matrix; returns its number.
    pub fn push(&mut self, x: MatrixRef<'t, T>) -> usize {
        let number = self.len;
        match self.few.get_mut(number) {
            Some(place) => *place = x,
            None => {
                if self.more.is_empty() {
                    self.more.reserve_exact(self.expected.saturating_sub(FEW));
                }
                self.more.push(x);
            }
        }
        self.len += 1;
        number
    }
}

impl<'t, T> Index<usize> for Leaves<'t, T> {
    type Output = MatrixRef<'t, T>;
    #[inline]
    fn index(&self, number: usize) -> &MatrixRef<'t, T> {
        if number < FEW { &self.few[number] } else { &self.more[number - FEW] }
    }
}
