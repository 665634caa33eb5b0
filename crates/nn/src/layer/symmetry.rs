//! Weight-space symmetries: different weights, the same function.
//!
//! M hidden units can be ordered in M! ways, and if h(−a) = −h(a) the sign of each can be flipped, so a layer has 2ᴹ M!
//! equivalent weight vectors. Layers that are joined by skips share the order and the signs of their units.

use std::ops::Range;

use autograd::compiled_once;

use super::Mlp;
use crate::{Matrix, Module, Param, Path, Real, Role};

#[compiled_once]
impl<T: Real> Mlp<T> {
    /// Permutes the units of a hidden layer (counted from 0): unit `permutation[i]` becomes unit i. The outputs do not
    /// change, except for the order of summation.
    ///
    /// Its normalisation, the weights of the next layer, and layers that are tied to it by skips are permuted too.
    ///
    /// ```
    /// use nn::{Activation, Mlp};
    /// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
    /// let mut net: Mlp<f64> = Mlp::new(&[2, 3, 1], Activation::Tanh, rng);
    /// let old = net.clone();
    /// net.permute_hidden(0, &[2, 0, 1]);
    /// assert_eq!(net.layers[0].weight.value()[(0, 1)], old.layers[0].weight.value()[(2, 1)]);
    /// assert_eq!(net.layers[1].weight.value()[(0, 0)], old.layers[1].weight.value()[(0, 2)]);
    /// ```
    ///
    /// # Panics
    /// If there is no such hidden layer, `permutation` is not one of its units, or a skip ties the units to the inputs.
    #[track_caller]
    pub fn permute_hidden(&mut self, layer: usize, permutation: &[usize]) {
        let tied = self.tied("permute_hidden", layer);
        let units = self.layers[layer].outputs();
        let mut sorted = permutation.to_vec();
        sorted.sort_unstable();
        assert!(
            sorted.iter().copied().eq(0..units),
            "permute_hidden: {permutation:?} is not a permutation of {units} units"
        );
        let rows = |x: &Matrix<T>| Matrix::from_fn(x.rows(), x.cols(), |i, j| x[(permutation[i], j)]);
        for k in tied.clone() {
            each_param(&mut self.layers[k], |_, x| *x = rows(x));
            self.norms.get_mut(k).into_iter().for_each(|norm| each_param(norm, |_, x| *x = rows(x)));
        }
        for k in tied {
            let w = self.layers[k + 1].weight.value_mut();
            *w = Matrix::from_fn(w.rows(), w.cols(), |i, j| w[(i, permutation[j])]);
        }
    }

    /// Changes the sign of a unit of a hidden layer (both counted from 0) and of its outgoing weights. The outputs
    /// are the same to the bit.
    ///
    /// The sign of its inputs changes in the normalisation, if there is one. Units that are tied to it by skips follow.
    ///
    /// # Panics
    /// If there is no such unit, the activation is not [odd](crate::Activation::is_odd), or a skip ties the unit to an
    /// input.
    #[track_caller]
    pub fn flip_sign(&mut self, layer: usize, unit: usize) {
        let (tied, units, h) = (self.tied("flip_sign", layer), self.layers[layer].outputs(), self.activation);
        assert!(h.is_odd(), "flip_sign: the activation must be odd, h(-a) = -h(a), as tanh is; {h} is not");
        assert!(unit < units, "flip_sign: hidden layer {layer} has {units} units and no unit {unit}");
        let negate_row = |role, x: &mut Matrix<T>| {
            if role != Role::Buffer {
                (0..x.cols()).for_each(|j| x[(unit, j)] = -x[(unit, j)]);
            }
        };
        for k in tied.clone() {
            match self.norms.get_mut(k) {
                Some(norm) => each_param(norm, negate_row),
                None => each_param(&mut self.layers[k], negate_row),
            }
        }
        for k in tied {
            self.layers[k + 1].weight.value_mut().col_mut(unit).iter_mut().for_each(|w| *w = -*w);
        }
    }

    /// The hidden layers whose units are tied to those of this one, because skips add them.
    #[track_caller]
    fn tied(&self, name: &str, layer: usize) -> Range<usize> {
        let hidden = self.layers.len().saturating_sub(1);
        assert!(layer < hidden, "{name}: there is no hidden layer {layer} among {hidden}");
        let Some(first) = (0..=layer).rev().find(|&k| !self.has_skip(k)) else {
            panic!("{name}: skips tie the units of hidden layer {layer} to the inputs");
        };
        let end = (layer + 1..hidden).find(|&k| !self.has_skip(k)).unwrap_or(hidden);
        first..end
    }
}

fn each_param<T: Real>(layer: &mut impl Module<T>, mut f: impl FnMut(Role, &mut Matrix<T>)) {
    layer.params_mut(&Path::Root, &mut |_, param: &mut Param<T>| f(param.role(), param.value_mut()));
}
