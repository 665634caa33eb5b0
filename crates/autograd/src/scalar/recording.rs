//! The contents of a scalar tape, and its sweep.

use std::mem::{replace, take};

use kernel::pool::Memory;

use super::connections::{Connections, LEFT_OUT};
use crate::Real;

/// A recording, or none after it has been passed on, because an empty one would already have a block.
pub(crate) struct PooledRecording<T>(pub Option<Recording<T>>);

impl<T> Default for PooledRecording<T> {
    fn default() -> Self {
        PooledRecording(None)
    }
}

kernel::lent!(PooledRecording<Real>);

impl<T> Memory for PooledRecording<T> {
    fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |recording| {
            let blocks = 1 + recording.full.len() + recording.spare.len();
            blocks * BLOCK * (size_of::<T>() + size_of::<u32>() + 1)
                + recording.variables.bytes()
                + recording.deltas.bytes()
        })
    }
}

/// The first number that is recorded.
const FIRST: usize = LEFT_OUT as usize + 1;
/// Connections in a block. All connections of a number are in one block.
const BLOCK: usize = 1 << 16;
/// The largest number of connections of a + b.
const SHORT: usize = 6;
/// The largest number of connections of one record, which a byte can count. A longer sum continues in the next record.
const LONGEST: usize = 255;

/// The connections of the numbers from `first` on, in the order of recording; number 0 means none, and the next is
/// [`LEFT_OUT`].
pub(crate) struct Recording<T> {
    /// It always has room for a short record.
    block: Block<T>,
    first: u32,
    full: Vec<Block<T>>,
    spare: Vec<Block<T>>,
    /// The variables, by number, and their values.
    variables: Vec<(u32, T)>,
    /// The gradient of each number. It is zero except during a sweep.
    deltas: Vec<T>,
}

/// A block of connections: a weight and a source for each, and the number of connections of each number.
struct Block<T> {
    used: usize,
    numbers: usize,
    weights: Box<[T; BLOCK]>,
    sources: Box<[u32; BLOCK]>,
    counts: Box<[u8; BLOCK]>,
}

impl<T: Real> Recording<T> {
    /// Forgets all numbers and keeps the memory.
    pub fn clear(&mut self) {
        self.spare.append(&mut self.full);
        (self.block.used, self.block.numbers, self.first) = (0, 0, 0);
        for _ in 0..FIRST {
            self.close(0);
        }
        self.variables.clear();
    }

    /// The number of recorded numbers.
    pub fn numbers(&self) -> usize {
        self.all() - FIRST
    }

    /// The same, with the two that every recording has.
    fn all(&self) -> usize {
        self.first as usize + self.block.numbers
    }

    /// The number of recorded connections.
    pub fn connections(&self) -> usize {
        self.full.iter().chain([&self.block]).map(|block| block.used).sum()
    }

    /// A number without connections, whose gradient is kept.
    pub fn variable(&mut self, value: T) -> u32 {
        let number = self.close(0);
        self.variables.push((number, value));
        number
    }

    /// The index of the variable of a number, and its value. Variables are mostly recorded before all other numbers.
    pub fn place(&self, number: u32) -> Option<(usize, T)> {
        let at = |k: usize| self.variables.get(k).filter(|(found, _)| *found == number).map(|&(_, value)| (k, value));
        at((number as usize).checked_sub(FIRST)?)
            .or_else(|| at(self.variables.binary_search_by_key(&number, |(found, _)| *found).ok()?))
    }

    /// The number a + b.
    #[inline(always)]
    pub fn record(&mut self, a: Connections<T>, b: Connections<T>) -> u32 {
        let n = self.block.write(a);
        let m = self.block.write(b);
        self.close(n + m)
    }

    /// The number Σ x, or `None` if all are constants.
    #[inline(always)]
    pub fn record_sum(&mut self, terms: impl Iterator<Item = Connections<T>>) -> Option<u32> {
        self.make_room(LONGEST);
        let mut n = 0;
        for x in terms {
            if n + 3 > LONGEST {
                let partial = self.close(n);
                self.make_room(LONGEST);
                n = self.block.write(Connections::to(partial));
            }
            n += self.block.write(x);
        }
        (n > 0).then(|| self.close(n))
    }

    /// Gives a number its connections, which were written last. The following code does not allocate, so that a record consists only
    /// of stores.
    #[inline(always)]
    fn close(&mut self, connections: usize) -> u32 {
        let place = self.block.numbers;
        self.block.counts[place] = connections as u8;
        self.block.numbers = place + 1;
        let number = self.first + place as u32;
        self.make_room(SHORT);
        number
    }

    /// Makes room for n connections of a number in the block.
    #[inline(always)]
    fn make_room(&mut self, n: usize) {
        if self.block.used > BLOCK - n || self.block.numbers == BLOCK {
            self.next_block();
        }
    }

    #[cold]
    #[inline(never)]
    fn next_block(&mut self) {
        let numbers = self.all();
        assert!(numbers < u32::MAX as usize - BLOCK, "a scalar tape holds fewer than 2³² numbers");
        self.first = numbers as u32;
        let mut next = self.spare.pop().unwrap_or_default();
        (next.used, next.numbers) = (0, 0);
        self.full.push(replace(&mut self.block, next));
    }

    /// The gradient of Σ y with respect to every variable, in order of recording.
    pub fn gradients(&mut self, outputs: impl Iterator<Item = Connections<T>>, gradients: &mut Vec<T>) {
        let all = self.all();
        self.deltas.resize(all.max(self.deltas.len()), T::default());
        for y in outputs {
            for (w, x) in y.weights.into_iter().zip(y.sources()) {
                self.deltas[x as usize] += w;
            }
        }
        self.sweep();
        self.deltas[..FIRST].fill(T::default());
        gradients.clear();
        gradients.extend(self.variables.iter().map(|&(x, _)| take(&mut self.deltas[x as usize])));
    }

    /// δx += w δy from the last number to the first. A gradient is reset to zero after it is passed on.
    fn sweep(&mut self) {
        let mut y = self.all();
        let deltas = &mut self.deltas[..y];
        for block in [&self.block].into_iter().chain(self.full.iter().rev()) {
            let mut end = block.used;
            for &count in block.counts[..block.numbers].iter().rev() {
                y -= 1;
                let start = end - usize::from(count);
                let (weights, sources) = (&block.weights[start..end], &block.sources[start..end]);
                end = start;
                if count == 0 || deltas[y] == T::default() {
                    continue;
                }
                let delta = take(&mut deltas[y]);
                for (&w, &x) in weights.iter().zip(sources) {
                    deltas[x as usize] += w * delta;
                }
            }
        }
    }
}

impl<T: Real> Block<T> {
    /// Writes connections and returns their number. All three places are written, whatever the number.
    #[inline(always)]
    fn write(&mut self, connections: Connections<T>) -> usize {
        let (at, n) = (self.used, connections.len());
        self.weights[at..at + 3].copy_from_slice(&connections.weights);
        self.sources[at..at + 3].copy_from_slice(&connections.sources());
        self.used = at + n;
        n
    }
}

impl<T: Real> Default for Recording<T> {
    fn default() -> Self {
        let (block, full, spare) = (Block::default(), Vec::new(), Vec::new());
        Recording { block, first: 0, full, spare, variables: Vec::new(), deltas: Vec::new() }
    }
}

impl<T: Real> Default for Block<T> {
    fn default() -> Self {
        Block { used: 0, numbers: 0, weights: zeros(), sources: zeros(), counts: zeros() }
    }
}

fn zeros<E: Copy + Default + std::fmt::Debug>() -> Box<[E; BLOCK]> {
    vec![E::default(); BLOCK].into_boxed_slice().try_into().expect("as many as were asked for")
}
