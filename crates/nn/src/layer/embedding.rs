//! Embeddings: a vector for every token.

use autograd::compiled_once;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::expect_features;
use crate::init::draw;
use crate::{Init, Matrix, Module, Param, Real, Tape, Var};

/// A table E of vectors, features × vocabulary. Index k selects column k.
///
/// The gradient of E is that of a selection: each column gets the sum over all positions of its index.
///
/// The same table can also produce outputs (Press & Wolf 2017, "Using the output embedding to improve language
/// models"): [`logits`](Embedding::logits) uses the parameter a second time, and its gradient is the sum of both uses.
///
/// ```
/// use nn::{Embedding, Reduction, Tape, loss};
/// # use rand::SeedableRng;
/// let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// let words: Embedding<f32> = Embedding::new(100, 16, rng);
/// let tape = Tape::new();
/// let h = words.lookup(&tape, &[7, 99, 7]).tanh(); // 16 × 3
/// let loss = loss::softmax_cross_entropy(words.logits(h), &[99, 7, 0][..], Reduction::Mean);
/// let grads = loss.backward();
/// assert_eq!(grads.wrt(&words.weight).shape(), (16, 100));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Module)]
pub struct Embedding<T> {
    /// E, features × vocabulary.
    #[module(transposed, embedding)]
    pub weight: Param<T>,
    /// The index of padding in a sequence. Its vector is 0 whatever its column holds, so the column gets no
    /// gradient from [`lookup`](Embedding::lookup).
    #[module(skip)]
    pub padding: Option<usize>,
}

#[compiled_once]
impl<T: Real> Embedding<T> {
    /// A table with entries from the standard normal distribution, as in PyTorch, and no padding.
    pub fn new(vocabulary: usize, features: usize, rng: &mut impl Rng) -> Self {
        Embedding::drawn(vocabulary, features, rng)
    }

    fn drawn(vocabulary: usize, features: usize, rng: &mut dyn Rng) -> Self {
        Embedding { weight: Param::new(draw(Init::Normal(1.0), features, vocabulary, rng)), padding: None }
    }

    /// The same table with a padding index, whose column is set to 0.
    ///
    /// # Panics
    /// If the index is not below the size of the vocabulary.
    #[track_caller]
    pub fn with_padding(mut self, index: usize) -> Self {
        let size = self.vocabulary();
        assert!(index < size, "Embedding: padding index {index} is not below the vocabulary of {size}");
        self.weight.value_mut().col_mut(index).fill(T::default());
        Embedding { padding: Some(index), ..self }
    }

    /// The size of the vocabulary.
    #[inline]
    pub fn vocabulary(&self) -> usize {
        self.weight.value().cols()
    }

    /// The number of features of a vector.
    #[inline]
    pub fn features(&self) -> usize {
        self.weight.value().rows()
    }

    /// The vectors of these indices, features × number of indices.
    ///
    /// # Panics
    /// If an index is not below the size of the vocabulary.
    #[track_caller]
    pub fn lookup<'t>(&'t self, tape: &'t Tape<'t, T>, indices: &[usize]) -> Var<'t, T> {
        let size = self.vocabulary();
        if let Some(at) = indices.iter().position(|&index| index >= size) {
            panic!("Embedding: index {} at position {at} is not below the vocabulary of {size}", indices[at]);
        }
        let vectors = tape.param(&self.weight).select_columns(indices);
        match self.padding {
            Some(padding) if indices.contains(&padding) => vectors.where_entry(|_, j| indices[j] != padding),
            _ => vectors,
        }
    }

    /// Eᵀ h, vocabulary × batch: the score of each vector for each column of h, features × batch.
    ///
    /// # Panics
    /// If h has another number of features.
    #[track_caller]
    pub fn logits<'t>(&'t self, h: Var<'t, T>) -> Var<'t, T> {
        expect_features("Embedding", self.features(), h);
        h.tape().param(&self.weight).matmul_tn(h)
    }
}

/// Columns that are vectors already, such as those from another program.
impl<T: Real> From<Matrix<T>> for Embedding<T> {
    fn from(table: Matrix<T>) -> Self {
        Embedding { weight: Param::new(table), padding: None }
    }
}
