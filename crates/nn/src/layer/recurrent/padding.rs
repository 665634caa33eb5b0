//! Series of different lengths as steps of equal lengths.

use autograd::compiled_once;

use crate::{Matrix, MatrixRef, Real, Tape, Var};

/// The steps of all series, features × series, with zeros after the end of a series.
#[compiled_once]
#[track_caller]
pub(super) fn padded<'t, T: Real>(tape: &'t Tape<'t, T>, series: &[MatrixRef<'_, T>]) -> Vec<Var<'t, T>> {
    let Some(first) = series.first() else { panic!("run_sequences: no series") };
    let features = first.rows();
    for (k, x) in series.iter().enumerate() {
        let (m, n) = x.shape();
        assert!(
            m == features,
            "run_sequences: series {k} is {m} × {n}, features × steps, and series 0 has {features} features"
        );
    }
    let longest = series.iter().map(|x| x.cols()).max().unwrap_or(0);
    assert!(longest > 0, "run_sequences: none of the {} series has a step", series.len());
    let mut steps = Vec::with_capacity(longest);
    for t in 0..longest {
        let mut step = Matrix::zeros(features, series.len());
        for (k, x) in series.iter().enumerate().filter(|(_, x)| t < x.cols()) {
            step.col_mut(k).copy_from_slice(&x.as_slice()[t * features..][..features]);
        }
        steps.push(tape.constant(step));
    }
    steps
}

/// A mask for each step that is not the end of all samples.
#[compiled_once]
#[track_caller]
pub(super) fn masks_of<'t, T: Real>(xs: &[Var<'t, T>], lengths: &[usize]) -> Vec<Option<Var<'t, T>>> {
    let batch = xs.first().map_or(0, |x| x.cols());
    assert!(lengths.len() == batch, "run_padded: {} lengths for {batch} samples", lengths.len());
    for (j, &length) in lengths.iter().enumerate() {
        assert!(length <= xs.len(), "run_padded: sample {j} has length {length}, more than the {} steps", xs.len());
    }
    let mask = |t: usize| {
        let row: Vec<T> = lengths.iter().map(|&length| T::from_f64(f64::from(u8::from(t < length)))).collect();
        lengths.iter().any(|&length| t >= length).then(|| xs[t].tape().constant(Matrix::row(&row)))
    };
    (0..xs.len()).map(mask).collect()
}
