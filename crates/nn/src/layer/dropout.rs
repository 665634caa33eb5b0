//! Dropout: units that are zeroed at random.

use autograd::compiled_once;
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{Layer, Module, Real, Var};

/// In training yᵢ = xᵢ / (1 − p) with probability 1 − p, otherwise 0, so that the mean of y is x. In evaluation y = x
/// (Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, *JMLR* 15, 2014; "inverted": the division happens in training).
///
/// ChaCha8 with the next [seed of the tape](crate::Tape::draw) decides which entries stay, column by column.
///
/// ```
/// use nn::{Dropout, Layer, Matrix, Tape};
/// let (dropout, x) = (Dropout::new(0.5), Matrix::full(2, 3, 1.0));
/// let (tape, training) = (Tape::new(), Tape::training(7));
/// assert_eq!(dropout.forward(tape.constant(&x)).value(), x);
/// let y = dropout.forward(training.constant(&x)).value();
/// assert!(y.as_slice().iter().all(|&y| y == 0.0 || y == 2.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct Dropout {
    #[module(skip)]
    #[serde(deserialize_with = "probability")]
    p: f64,
}

impl Dropout {
    /// Zeroes each entry with probability `p`.
    ///
    /// # Panics
    /// Unless 0 ≤ p < 1.
    #[track_caller]
    pub fn new(p: f64) -> Self {
        match fraction("Dropout: the probability", p) {
            Ok(p) => Dropout { p },
            Err(message) => panic!("{message}"),
        }
    }

    /// The probability that an entry is zeroed.
    pub fn p(&self) -> f64 {
        self.p
    }
}

fn probability<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
    fraction("Dropout: the probability", f64::deserialize(d)?).map_err(de::Error::custom)
}

/// The number, if it is at least 0 and below 1.
pub(crate) fn fraction(what: &str, x: f64) -> Result<f64, String> {
    let fits = (0.0..1.0).contains(&x);
    fits.then_some(x).ok_or_else(|| format!("{what} must be at least 0 and below 1, and is {x}"))
}

#[compiled_once]
impl<T: Real> Layer<T> for Dropout {
    #[track_caller]
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        if self.p == 0.0 {
            // A seed is used up, so that other layers draw the same numbers whatever p is.
            let _ = x.tape().drawn((0, 0), |_, _| {});
            return x;
        }
        let (out, scale) = ((self.p * 2f64.powi(32)) as u64, T::from_f64(1.0 / (1.0 - self.p)));
        let mask = move |seed, mask: &mut [T]| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            mask.iter_mut().filter(|_| u64::from(rng.next_u32()) >= out).for_each(|entry| *entry = scale);
        };
        x.tape().drawn(x.shape(), mask).map_or(x, |mask| x * mask)
    }
}
