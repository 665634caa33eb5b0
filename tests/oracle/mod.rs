//! Reading the oracle files, and what it is to equal them.

use autograd::Matrix;
use serde_json::Value;

/// Relative.
pub const TOLERANCE: f64 = 1e-12;

/// The value in a text.
pub fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// A number; NaN and infinity are strings.
pub fn number(value: &Value) -> f64 {
    value.as_str().map_or_else(|| value.as_f64(), |s| s.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

/// A list of numbers.
pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

/// A row of the file is a sample: a column here.
pub fn samples(value: &Value) -> Matrix<f64> {
    let rows: Vec<_> = value.as_array().unwrap().iter().map(numbers).collect();
    Matrix::from_vec(rows[0].len(), rows.len(), rows.concat())
}

/// Whether they are equal, NaN or as close as is allowed.
pub fn is_close(found: f64, expected: f64, allowed: f64) -> bool {
    found == expected || found.is_nan() && expected.is_nan() || (found - expected).abs() <= allowed
}

/// Fails unless they are close.
#[track_caller]
pub fn close(what: &str, found: f64, expected: f64, allowed: f64) {
    assert!(is_close(found, expected, allowed), "{what}: {found:e}, not {expected:e} ± {allowed:.1e}");
}

/// All entries, to the tolerance relative to the largest of them: a gradient such as y − t is a difference.
#[track_caller]
pub fn close_all(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    found.iter().zip(expected).for_each(|(&a, &b)| close(what, a, b, TOLERANCE * largest));
}
