//! The networks that are timed.

use nn::{Activation, Mlp};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// A network with these layer sizes; optionally with skips between layers of equal size.
pub fn network(sizes: &[usize], activation: Activation, skips: bool) -> Mlp<f32> {
    Mlp::builder(sizes).activation(activation).skips(skips).build(&mut ChaCha8Rng::seed_from_u64(1))
}
