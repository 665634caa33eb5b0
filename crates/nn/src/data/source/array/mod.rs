//! Arrays of numbers from other programs: NPY and NPZ (NumPy), IDX (MNIST).
//!
//! Entries of any number type are converted to the `f32` or `f64` of an `Array`, with rounding if necessary.

mod error;
mod idx;
mod npy;
#[cfg(feature = "npz")]
mod npz;
mod reader;

use autograd::Matrix;

use crate::data::samples::class_number;

pub use self::error::ArrayError;
pub use self::idx::read_idx;
pub use self::npy::{read_npy, write_npy};
#[cfg(feature = "npz")]
pub use self::npz::{read_npz, read_npz_at_most, write_npz};
pub use self::reader::{ArrayChunks, ArrayReader};

/// An array with any number of axes, in C order: the last index runs fastest.
///
/// ```
/// use nn::Matrix;
/// use nn::data::Array;
/// let pictures = Array::new(&[2, 1, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]); // two of 1 × 3 pixels
/// assert_eq!(pictures.samples(), Matrix::from([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    shape: Vec<usize>,
    entries: Vec<T>,
}

impl<T> Array<T> {
    /// An array of entries in C order.
    ///
    /// # Panics
    /// If the number of entries is not the product of the lengths of the axes.
    #[track_caller]
    pub fn new(shape: &[usize], entries: Vec<T>) -> Self {
        let product: usize = shape.iter().product();
        assert_eq!(entries.len(), product, "Array::new: {} entries do not fill {shape:?}", entries.len());
        Array { shape: shape.to_vec(), entries }
    }

    /// The length of every axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The entries in C order.
    pub fn as_slice(&self) -> &[T] {
        &self.entries
    }
}

impl<T: Copy> Array<T> {
    /// The array whose first axis runs over samples, the columns of a matrix, and whose second axis runs over features.
    pub fn from_samples(x: &Matrix<T>) -> Self {
        Array { shape: vec![x.cols(), x.rows()], entries: x.as_slice().to_vec() }
    }

    /// Features × samples, where the first axis runs over samples, and the other axes, nested, over features.
    /// No entry is moved: a batch in C order is a matrix with a sample in each column. A scalar is one sample.
    pub fn samples(self) -> Matrix<T> {
        let samples = self.shape.first().copied().unwrap_or(1);
        let features = self.shape.iter().skip(1).product();
        Matrix::from_vec(features, samples, self.entries)
    }
}

impl<T: Copy + Into<f64>> Array<T> {
    /// The entries as classes, for labels.
    ///
    /// # Errors
    /// If an entry is not an integer from 0 to 65535.
    pub fn classes(&self) -> Result<Vec<usize>, ArrayError> {
        let class = |(index, entry): (usize, &T)| {
            let found: f64 = (*entry).into();
            class_number(found).ok_or(ArrayError::BadClass { index, found })
        };
        self.entries.iter().enumerate().map(class).collect()
    }
}
