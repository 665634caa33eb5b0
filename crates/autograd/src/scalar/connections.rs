//! The connections of a number that is not on the tape itself.

use crate::Real;

/// Up to two connections y += w x, each to a recorded number.
///
/// Both numbers are in one word, the first in its lower half; 0 is none. So a copy is three registers.
#[derive(Clone, Copy)]
pub struct Connections<T> {
    weights: [T; 2],
    sources: u64,
}

impl<T: Real> Connections<T> {
    /// Of a constant.
    #[inline(always)]
    pub fn none() -> Self {
        Connections { weights: [T::default(); 2], sources: 0 }
    }

    /// Of a recorded number to itself.
    #[inline(always)]
    pub fn to(node: u32) -> Self {
        Connections { weights: [T::from_f64(1.0), T::default()], sources: u64::from(node) }
    }

    #[inline(always)]
    pub fn weights(self) -> [T; 2] {
        self.weights
    }

    #[inline(always)]
    pub fn sources(self) -> [u32; 2] {
        [self.sources as u32, (self.sources >> 32) as u32]
    }

    /// How many there are.
    #[inline(always)]
    pub fn len(self) -> usize {
        usize::from(self.sources != 0) + usize::from(self.sources >> 32 != 0)
    }

    /// The recorded number that this is, if it is one.
    pub fn node(self) -> Option<u32> {
        (self.len() == 1 && self.weights[0] == T::from_f64(1.0)).then_some(self.sources as u32)
    }

    /// Of c y.
    #[inline(always)]
    pub fn scaled(self, c: T) -> Self {
        Connections { weights: self.weights.map(|w| w * c), ..self }
    }

    /// Of a + b, unless there are more than two.
    #[inline(always)]
    pub fn plus(self, b: Self) -> Option<Self> {
        let (v, w) = (self.weights, b.weights);
        if b.sources == 0 {
            Some(self)
        } else if self.sources == 0 {
            Some(b)
        } else if self.sources == b.sources {
            Some(Connections { weights: [v[0] + w[0], v[1] + w[1]], ..self })
        } else if (self.sources | b.sources) >> 32 == 0 {
            Some(Connections { weights: [v[0], w[0]], sources: self.sources | b.sources << 32 })
        } else {
            None
        }
    }
}
