//! Groups numbers of similar size, so that small ones are not compared with large ones.

use std::collections::BTreeSet;

use crate::Matrix;

/// Within a class no number is more than this many times another.
const SPREAD: f64 = 1e3;

/// The masks of all classes except the first: 1 if an entry is in the class, 0 otherwise. The first class holds the numbers within a
/// factor [`SPREAD`] of the largest, the second those below, and so on; zeros are in the last class.
pub(super) fn smaller(sizes: &[Matrix<f64>]) -> impl Iterator<Item = Vec<Matrix<f64>>> {
    let largest = sizes.iter().flat_map(Matrix::as_slice).fold(0.0, |max: f64, x| max.max(x.abs()));
    // The cast saturates: zero is in the last class, and NaN in the first.
    let class = move |x: f64| ((largest / x.abs()).ln() / SPREAD.ln()) as u32;
    let classes: BTreeSet<u32> = sizes.iter().flat_map(Matrix::as_slice).map(|&x| class(x)).collect();
    let mask = move |k: u32| sizes.iter().map(|s| s.map(|x| f64::from(u8::from(class(x) == k)))).collect();
    classes.into_iter().skip(1).map(mask)
}
