//! What the [bits](super#the-same-bits) of a run depend on beside its settings.

use std::sync::OnceLock;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::{
    Activation, Adam, BatchNorm, Init, Layer, Linear, Matrix, Module, Optimizer, Path, Real, Reduction, Sequential,
    Tape, loss,
};

/// The version, the system and the processor.
pub(super) fn made() -> String {
    use std::env::consts::{ARCH, OS};
    format!("tape-nn {}, {OS} on {ARCH}, vectors of {} bits", env!("CARGO_PKG_VERSION"), autograd::vector_bits())
}

/// FNV-1a of some words (Fowler, Noll, Vo; RFC 9923).
pub(super) fn digest(words: impl Iterator<Item = u64>) -> String {
    let bytes = words.flat_map(u64::to_le_bytes);
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("#{hash:016x}")
}

/// [`made`], and a digest of the bits of a fixed small step. Machines with the same text give the same bits, as far as a step can tell that
/// has products of several shapes and functions of this crate and of the C library.
pub(super) fn small_step() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| format!("{}, a small step gives {}", made(), digest(step::<f32>().chain(step::<f64>()))))
}

/// Two steps of a network on fixed numbers: the loss and the weights after it.
fn step<T: Real>() -> impl Iterator<Item = u64> {
    const SAMPLES: usize = 50;
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let mut net: Sequential<T> = Sequential::new()
        .then(Linear::new(37, 64, Init::He, rng))
        .then(BatchNorm::new(64))
        .then(Activation::Gelu)
        .then(Linear::new(64, 45, Init::Xavier, rng))
        .then(Activation::Tanh)
        .then(Linear::new(45, 10, Init::Xavier, rng));
    let x = Matrix::from_fn(37, SAMPLES, |i, n| T::from_f64((i * n * 7 % 23) as f64 / 11.0 - 1.0));
    let classes: Vec<usize> = (0..SAMPLES).map(|n| n % 10).collect();
    let adam = Adam::new(0.01);
    let (mut state, mut bits) = (adam.init(&net), Vec::new());
    for seed in 0..2 {
        let tape = Tape::training(seed);
        let y = net.forward(tape.constant(&x));
        let of_c_library = (y.sin() + y.cos().sinh() + y.atan()).square().mean();
        let loss = loss::softmax_cross_entropy(y, &classes[..], Reduction::Mean) + of_c_library;
        let grads = loss.backward();
        bits.push(loss.item().to_f64().to_bits());
        adam.step(&mut net, &grads, &mut state);
    }
    net.params(&Path::Root, &mut |_, param| bits.extend(param.value().as_slice().iter().map(|x| x.to_f64().to_bits())));
    bits.into_iter()
}
