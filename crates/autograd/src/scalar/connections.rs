//! The connections of a number that is not recorded itself.

use crate::Real;

/// The number to which nothing leads that counts.
pub const LEFT_OUT: u32 = 1;

/// Up to three connections y += w x, each to a recorded number.
///
/// Two numbers share a word, the first in its lower half; 0 means none. So a copy takes five registers.
#[derive(Clone, Copy)]
pub struct Connections<T> {
    pub weights: [T; 3],
    pub words: [u64; 2],
}

impl<T: Real> Connections<T> {
    /// Of a constant.
    #[inline(always)]
    pub fn none() -> Self {
        Connections { weights: [T::default(); 3], words: [0; 2] }
    }

    /// Of a recorded number to itself.
    #[inline(always)]
    pub fn to(number: u32) -> Self {
        let (one, zero) = (T::from_f64(1.0), T::default());
        Connections { weights: [one, zero, zero], words: [u64::from(number), 0] }
    }

    #[inline(always)]
    pub fn sources(self) -> [u32; 3] {
        let [a, b] = self.words;
        [a as u32, (a >> 32) as u32, b as u32]
    }

    /// The number of connections.
    #[inline(always)]
    pub fn len(self) -> usize {
        let [a, b] = self.words;
        usize::from(a != 0) + usize::from(a >> 32 != 0) + usize::from(b != 0)
    }

    /// The recorded number that this one is, if it is one.
    pub fn number(self) -> Option<u32> {
        (self.len() == 1 && self.weights[0] == T::from_f64(1.0)).then_some(self.words[0] as u32)
    }

    /// Of c y.
    #[inline(always)]
    pub fn scaled(self, c: T) -> Self {
        Connections { weights: self.weights.map(|w| w * c), ..self }
    }

    /// Of c y; all weights are 0 if c = 0, even if one was infinite.
    #[inline(always)]
    pub fn weighed(self, c: T) -> Self {
        if c == T::default() { Connections { weights: [c; 3], ..self } } else { self.scaled(c) }
    }

    /// The same, where a function that chooses gives the slope c: what it leaves out counts nothing, whatever is made of it.
    #[inline(always)]
    pub fn chosen(self, c: T) -> Self {
        if c == T::default() && self.words != [0; 2] { Connections::to(LEFT_OUT) } else { self.weighed(c) }
    }

    /// Of a + b, unless there are more than three.
    #[inline(always)]
    pub fn plus(self, other: Self) -> Option<Self> {
        let ([a, c], [b, d]) = (self.words, other.words);
        let (v, w) = (self.weights, other.weights);
        if b == 0 {
            Some(self)
        } else if a == 0 {
            Some(other)
        } else if [a, c] == [b, d] {
            Some(Connections { weights: [v[0] + w[0], v[1] + w[1], v[2] + w[2]], ..self })
        } else if a >> 32 | d == 0 {
            // One, and one or two.
            Some(Connections { weights: [v[0], w[0], w[1]], words: [a | b << 32, b >> 32] })
        } else if c | b >> 32 == 0 {
            // Two and one.
            Some(Connections { weights: [v[0], v[1], w[0]], words: [a, b] })
        } else {
            None
        }
    }
}
