//! Every function of the table and its slope.

use autograd::{Binary, Matrix, Unary, Var};
use gpu::DeviceNumber;

use crate::{Records, compare, device, expect_all, on_device, on_processor};

struct One(Unary);
struct Two(Binary);

/// Each entry of x counts with a weight of its own.
fn weights(n: usize) -> Matrix<f64> {
    Matrix::from_fn(n, 1, |i, _| (i % 11) as f64 / 8.0 - 0.6)
}

impl Records for One {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        let (x, w) = (x[0], x[1]);
        // The gradient of w is f(x), that of x its slope.
        (x.unary(self.0) * w).sum()
    }
}

impl Records for Two {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        (x[0].binary(self.0, x[1]) * x[2]).sum()
    }
}

/// Points in an interval, exact in single precision and away from its ends.
fn points((low, high): (f64, f64), shift: usize) -> Matrix<f64> {
    const N: usize = 400;
    let (low, high) = (low.max(-6.0), high.min(6.0));
    Matrix::from_fn(N, 1, |i, _| {
        f64::from((low + (high - low) * ((i * (17 + shift) % N) as f64 + 0.5) / N as f64) as f32)
    })
}

#[test]
fn functions_of_one_operand() {
    expect_all(
        Unary::all().into_iter().map(|f| compare(&format!("{f:?}"), &One(f), &[points(f.domain(), 0), weights(400)])),
    );
}

#[test]
fn functions_of_two_operands() {
    expect_all(Binary::ALL.iter().map(|&f| {
        let [a, b] = f.domain();
        compare(&format!("{f:?}"), &Two(f), &[points(a, 0), points(b, 2), weights(400)])
    }));
}

/// Where these differ by more than rounding from the processor: in the gradient of the last input, whose entries are those of f.
fn differences<T: DeviceNumber>(name: &str, f: &impl Records, inputs: &[Matrix<f64>], may_be_nan: bool) -> Vec<String> {
    let (Some(device), Some((_, rest))) = (device(), inputs.split_last()) else { return Vec::new() };
    if T::IS_DOUBLE && !device.has_double() {
        return Vec::new();
    }
    let all = on_device::<T>(device, f, inputs).unwrap().1.pop().into_iter().flatten();
    let expected = on_processor::<T>(f, inputs).1.pop().into_iter().flatten();
    let differ = |(i, (is, should)): (usize, (f64, f64))| {
        let bound = 64.0 * T::EPSILON * should.abs() + T::MIN_POSITIVE;
        let equal = is == should || (is - should).abs() <= bound || (is.is_nan() && (may_be_nan || should.is_nan()));
        let at: Vec<f64> = rest.iter().map(|x| x.as_slice()[i]).collect();
        (!equal).then(|| format!("{name} of {at:?} to {:e}: {is:e}, not {should:e}", T::EPSILON))
    };
    all.zip(expected).enumerate().filter_map(differ).collect()
}

/// Zeros of both signs, infinite numbers, NaN, large and small ones. Angles with many turns are NaN on a device.
#[test]
fn functions_of_special_numbers() {
    let (infinite, nan) = (f64::INFINITY, f64::NAN);
    let common = [0.0, 1.0, -1.0, 2.0, -3.0, 7.5, 12.25, -12.25, 60.7, 80.1, 518.0816459236603, -600.3, 1e4, -33000.3];
    let extreme = [-0.0, infinite, -infinite, nan, 1e30, -1e30, 1e-30];
    let special = [&common[..], &extreme].concat();
    let n = special.len();
    let of = |entries: &dyn Fn(usize) -> f64, n: usize| Matrix::from_fn(n, 1, |i, _| entries(i));
    let mut all = Vec::new();
    for f in Unary::all() {
        let (name, may_be_nan) = (format!("{f:?}"), matches!(f, Unary::Sin | Unary::Cos | Unary::Tan));
        let inputs = [of(&|i| special[i], n), of(&|_| 1.0, n)];
        all.extend(differences::<f32>(&name, &One(f), &inputs, may_be_nan));
        all.extend(differences::<f64>(&name, &One(f), &inputs, may_be_nan));
    }
    for &f in Binary::ALL {
        let inputs = [of(&|i| special[i / n], n * n), of(&|i| special[i % n], n * n), of(&|_| 1.0, n * n)];
        all.extend(differences::<f32>(&format!("{f:?}"), &Two(f), &inputs, false));
        all.extend(differences::<f64>(&format!("{f:?}"), &Two(f), &inputs, false));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}
