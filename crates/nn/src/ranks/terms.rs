//! Sums of gradients that are computed block by block, when they are written.

use crate::Real;
use crate::gradients::BLOCK;
use crate::parallel::Summand;

/// A sum over shards, of the entries of a slice. For each segment of the slice there may be no gradient.
pub(super) enum Terms<'g, T> {
    /// What one rank has added, for each segment.
    One(Vec<Option<&'g [T]>>),
    /// a + b, or f a + f b if there is a factor.
    Both(Option<T>, Box<[Terms<'g, T>; 2]>),
}

impl<'g, T: Real> Terms<'g, T> {
    pub fn both(factor: Option<f64>, a: Self, b: Self) -> Self {
        Terms::Both(factor.map(T::from_f64), Box::new([a, b]))
    }

    /// Whether there is a gradient.
    pub fn has(&self, segment: usize) -> bool {
        match self {
            Terms::One(gradients) => gradients[segment].is_some(),
            Terms::Both(_, both) => both.iter().any(|terms| terms.has(segment)),
        }
    }

    /// Writes the entries that begin with `start`. There is a gradient.
    pub fn write(&self, segment: usize, start: usize, out: &mut [T]) {
        match self {
            Terms::One(gradients) => {
                let gradient = gradients[segment].expect("there is a gradient");
                out.copy_from_slice(&gradient[start..][..out.len()]);
            }
            Terms::Both(factor, both) => {
                let mut first = true;
                for terms in both.iter().filter(|terms| terms.has(segment)) {
                    match (first, factor) {
                        (true, None) => terms.write(segment, start, out),
                        (true, Some(factor)) => {
                            terms.write(segment, start, out);
                            out.iter_mut().for_each(|sum| *sum = *factor * *sum);
                        }
                        (false, None) => terms.with(segment, start, out, |sum, g| *sum += g),
                        (false, Some(factor)) => terms.with(segment, start, out, |sum, g| *sum += *factor * g),
                    }
                    first = false;
                }
            }
        }
    }

    /// Calls `f` for the entries that begin with `start` and those of `out`. There is a gradient.
    pub fn with(&self, segment: usize, start: usize, out: &mut [T], f: impl Fn(&mut T, T)) {
        let mut block = [T::default(); BLOCK];
        let g = match self {
            Terms::One(gradients) => &gradients[segment].expect("there is a gradient")[start..][..out.len()],
            Terms::Both(..) => {
                let block = &mut block[..out.len()];
                self.write(segment, start, block);
                &*block
            }
        };
        out.iter_mut().zip(g).for_each(|(sum, &g)| f(sum, g));
    }
}

impl<T: Real> Summand for Terms<'_, T> {
    fn add(&mut self, other: Self) {
        let own = std::mem::replace(self, Terms::One(Vec::new()));
        *self = Terms::both(None, own, other);
    }
}

/// Calls `f` for the blocks of `out` and their starts, on the threads of rayon's current pool if it is long.
pub(super) fn in_blocks<T: Send>(start: usize, out: &mut [T], f: &(impl Fn(usize, &mut [T]) + Sync)) {
    const LONG: usize = 16 * BLOCK;
    if out.len() <= LONG || rayon_core::current_num_threads() == 1 {
        return out.chunks_mut(BLOCK).enumerate().for_each(|(k, out)| f(start + k * BLOCK, out));
    }
    let (a, b) = out.split_at_mut((out.len() / 2).next_multiple_of(BLOCK));
    let middle = start + a.len();
    rayon_core::join(|| in_blocks(start, a, f), || in_blocks(middle, b, f));
}
