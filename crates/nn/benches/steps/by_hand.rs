//! The handwritten step under each plan for two threads.

use autograd::Real;
use faer::traits::{RealField, math_utils};

use super::handwritten::{Net, Parameter, network};
use super::kernels::Adam;
use super::plan::{Plan, best, halves};
use super::workloads::{LEARNING_RATE, Step, Workload, data, weights, workload};

/// The handwritten step of a workload, with weights and data from this seed.
pub fn build<T: Real + RealField>(name: &str, seed: u64, plan: Option<Plan>) -> Box<dyn Step> {
    let workload = workload(name);
    let net = |workload, data, parts| network(workload, weights::<T>(workload, seed), data, parts);
    let (data, adam) = (data(&workload, seed), Adam::new(LEARNING_RATE));
    match plan.unwrap_or_else(|| best(name)) {
        Plan::Halves => {
            let half = Workload { batch: workload.batch / 2, ..workload.clone() };
            Box::new(Halves { nets: halves(data, &workload).map(|data| net(&half, data, false)), adam })
        }
        plan => Box::new(Whole { net: net(&workload, data, plan == Plan::Parts), adam }),
    }
}

struct Whole<T> {
    net: Box<dyn Net<T>>,
    adam: Adam,
}

impl<T> Step for Whole<T> {
    fn step(&mut self) -> f64 {
        self.adam.advance();
        self.net.gradients(Some(&self.adam))
    }
}

/// Two networks with the same weights, each with half of the batch. The moments belong to the first.
struct Halves<T> {
    nets: [Box<dyn Net<T>>; 2],
    adam: Adam,
}

impl<T: Real + RealField> Step for Halves<T> {
    fn step(&mut self) -> f64 {
        let Halves { nets: [a, b], adam } = self;
        let losses = rayon::join(|| a.gradients(None), || b.gradients(None));
        adam.advance();
        let pieces = a.parameters().into_iter().zip(b.parameters()).map(|(a, b)| pieces(a, b));
        let (first, second): (Vec<_>, Vec<_>) = pieces.unzip();
        let update = |pieces: Vec<Piece<'_, T>>| pieces.into_iter().for_each(|piece| piece.update(adam));
        rayon::join(|| update(first), || update(second));
        (losses.0 + losses.1) / 2.0
    }
}

/// Some weights, in both networks.
struct Piece<'a, T> {
    w: [&'a mut [T]; 2],
    g: [&'a mut [T]; 2],
    m: &'a mut [T],
    v: &'a mut [T],
}

/// Both halves of the weights of a parameter.
fn pieces<'a, T>(a: &'a mut Parameter<T>, b: &'a mut Parameter<T>) -> (Piece<'a, T>, Piece<'a, T>) {
    let half = a.value.len() / 2;
    let ((a0, a1), (b0, b1)) = (a.value.split_at_mut(half), b.value.split_at_mut(half));
    let ((g0, g1), (h0, h1)) = (a.gradient.split_at_mut(half), b.gradient.split_at_mut(half));
    let ((m0, m1), (v0, v1)) = (a.m.split_at_mut(half), a.v.split_at_mut(half));
    (Piece { w: [a0, b0], g: [g0, h0], m: m0, v: v0 }, Piece { w: [a1, b1], g: [g1, h1], m: m1, v: v1 })
}

impl<T: Real + RealField> Piece<'_, T> {
    /// w ← Adam of (g₀ + g₁) / 2, a few weights at a time so that everything stays in cache.
    fn update(self, adam: &Adam) {
        const BLOCK: usize = 2048;
        let ([w0, w1], [g0, g1]) = (self.w, self.g);
        let weights = w0.chunks_mut(BLOCK).zip(w1.chunks_mut(BLOCK));
        let gradients = g0.chunks_mut(BLOCK).zip(g1.chunks(BLOCK));
        let moments = self.m.chunks_mut(BLOCK).zip(self.v.chunks_mut(BLOCK));
        for (((w0, w1), (g0, g1)), (m, v)) in weights.zip(gradients).zip(moments) {
            let half: T = math_utils::from_f64(0.5);
            g0.iter_mut().zip(g1).for_each(|(a, &b)| *a = half * (*a + b));
            adam.entries(w0, g0, m, v);
            w1.copy_from_slice(w0);
        }
    }
}
