//! Tests on a device. Where there is none they are skipped, and say so. If `TAPE_GPU` is set in the environment, a device has to be there.

mod custom;
mod functions;
mod graphs;
mod halves;
mod ops;
mod sizes;
mod training;

use std::sync::OnceLock;

use autograd::check::single_rounding;
use autograd::{Matrix, Param, Plan, Tape, Var, grad};
use gpu::{Device, DeviceNumber, GpuError, OnDevice, Weights};
use nn::{Optimizer, Sgd};

/// The device of all tests.
fn device() -> Option<&'static Device> {
    static DEVICE: OnceLock<Result<Device, GpuError>> = OnceLock::new();
    match DEVICE.get_or_init(Device::new) {
        Ok(device) => Some(device),
        Err(error) if std::env::var_os("TAPE_GPU").is_none() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A number and its gradients.
type Found = (f64, Vec<Vec<f64>>);

/// A function of variables, in either precision.
trait Records {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T>;
}

fn params<T: DeviceNumber>(inputs: &[Matrix<f64>]) -> Vec<Param<T>> {
    let rounded = |x: &Matrix<f64>| Param::new(Matrix::from_fn(x.rows(), x.cols(), |i, j| T::from_f64(x[(i, j)])));
    inputs.iter().map(rounded).collect()
}

fn plan_of<T: DeviceNumber>(f: &impl Records, params: &[Param<T>]) -> Plan<T> {
    let tape = Tape::new();
    let x: Vec<Var<'_, T>> = params.iter().map(|param| tape.param(param)).collect();
    f.record(&x).plan(&[]).unwrap_or_else(|why| panic!("{why}"))
}

fn on_processor<T: DeviceNumber>(f: &impl Records, inputs: &[Matrix<f64>]) -> Found {
    let params = params::<T>(inputs);
    let mut plan = plan_of(f, &params);
    let all: Vec<&Param<T>> = params.iter().collect();
    let run = plan.run(&[], &all, None).unwrap();
    let value = run.item().to_f64();
    let gradients = run.backward();
    let of = |param: &Param<T>| {
        gradients.get(param).map_or(Vec::new(), |g| g.as_slice().iter().map(|x| x.to_f64()).collect())
    };
    (value, params.iter().map(of).collect())
}

fn on_device<T: DeviceNumber>(device: &Device, f: &impl Records, inputs: &[Matrix<f64>]) -> Result<Found, GpuError> {
    let params = params::<T>(inputs);
    let sgd = Sgd { lr: 0.0 };
    let weights = Weights::new(device, &params, &sgd, &mut sgd.init(&params))?;
    let mut step = plan_of(f, &params).on(&weights)?;
    step.compute(&[], &[], None)?;
    let wide = |g: Vec<T>| g.into_iter().map(|x| x.to_f64()).collect();
    let mut gradients = Vec::new();
    for param in &params {
        gradients.push(step.gradient(param.id())?.map_or(Vec::new(), wide));
    }
    Ok((step.loss()?.to_f64(), gradients))
}

/// All numbers that were found.
fn all(found: &Found) -> Vec<&[f64]> {
    std::iter::once(std::slice::from_ref(&found.0)).chain(found.1.iter().map(|g| &g[..])).collect()
}

/// Compares a function on the device with the processor: to 10⁻¹² in double precision. In single precision the error may be 8 times that of
/// the processor, plus 64 units in the last place of the largest entry. The number itself and the entries of each gradient that are furthest
/// from those in double precision are also within the [bound on rounding](autograd::check) of their own.
fn compare(name: &str, f: &impl Records, inputs: &[Matrix<f64>]) -> Result<(), String> {
    let Some(device) = device() else { return Ok(()) };
    let exact = on_processor::<f64>(f, inputs);
    let largest = |x: &[f64]| x.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    let close = |kind: &str, found: &Found, bounds: &[f64]| {
        for (k, ((is, should), bound)) in all(found).into_iter().zip(all(&exact)).zip(bounds).enumerate() {
            if is.len() != should.len() {
                return Err(format!("{name}, {kind}: gradient {k} has {} entries", is.len()));
            }
            for (i, (is, should)) in is.iter().zip(should).enumerate() {
                let both_nan = is.is_nan() && should.is_nan();
                if !both_nan && ((is - should).abs() > *bound || is.is_nan() || should.is_nan()) {
                    return Err(format!("{name}, {kind}: entry {i} of {k} is {is:e}, not {should:e} to {bound:e}"));
                }
            }
        }
        Ok(())
    };
    // If terms cancel, the number itself is only as exact as rounded inputs make it: Σ |x ∂f/∂x| units.
    let pairs = inputs.iter().zip(&exact.1).flat_map(|(x, g)| x.as_slice().iter().zip(g));
    let terms = pairs.map(|(x, g)| (x * g).abs()).filter(|term| term.is_finite()).sum::<f64>();
    let say = |error: GpuError| format!("{name}: {error}");
    let double = match device.has_double() {
        true => {
            let mut bounds: Vec<f64> = all(&exact).iter().map(|x| 1e-12 * (1.0 + largest(x))).collect();
            bounds[0] += 8.0 * f64::EPSILON * terms;
            on_device::<f64>(device, f, inputs).map_err(say).and_then(|found| close("f64", &found, &bounds))
        }
        false => Ok(()),
    };
    let single = on_processor::<f32>(f, inputs);
    let error = |(x, y): (&[f64], &[f64])| x.iter().zip(y).fold(0.0, |max: f64, (x, y)| max.max((x - y).abs()));
    let bound = |(x, y): (&[f64], &[f64])| 8.0 * error((x, y)) + 64.0 * f64::from(f32::EPSILON) * (largest(y) + 1e-3);
    let mut bounds: Vec<f64> = all(&single).into_iter().zip(all(&exact)).map(bound).collect();
    bounds[0] += 8.0 * f64::from(f32::EPSILON) * terms;
    let single = on_device::<f32>(device, f, inputs).map_err(say).and_then(|found| {
        close("f32", &found, &bounds)?;
        let beyond = beyond_rounding(f, inputs, &found, 1.0);
        beyond.map_or(Ok(()), |what| Err(format!("{name}, f32: {what}")))
    });
    match (double, single) {
        (Err(double), Err(single)) => Err(format!("{double}\n{single}")),
        (double, single) => double.and(single),
    }
}

/// What rounding does not explain, as the checker of `autograd` counts it: an error above 2 ρ. `unit` is how much coarser it is than in single
/// precision.
fn beyond_rounding(f: &impl Records, inputs: &[Matrix<f64>], found: &Found, unit: f64) -> Option<String> {
    let tape = Tape::new();
    let x: Vec<Var<'_, f64>> = inputs.iter().map(|x| tape.variable(x)).collect();
    let number = f.record(&x);
    let explained = |number: Var<'_, f64>, is: f64| {
        let (exact, bound) = (number.item(), 2.0 * unit * single_rounding(number));
        let is_explained = (is - exact).abs() <= bound || !bound.is_finite() || (is.is_nan() && exact.is_nan());
        (!is_explained).then(|| format!("{is:e} is not {exact:e} to {bound:e}"))
    };
    let entry = |(k, (gradient, is)): (usize, (&Var<'_, f64>, &Vec<f64>))| {
        let exact = gradient.value();
        let apart = |i: &usize| (is[*i] - exact.as_slice()[*i]).abs();
        let relative = |i: &usize| apart(i) / exact.as_slice()[*i].abs().max(f64::from(f32::MIN_POSITIVE));
        let places = || (0..is.len()).filter(|i| apart(i) > 0.0);
        let furthest = [
            places().max_by(|i, j| apart(i).total_cmp(&apart(j))),
            places().max_by(|i, j| relative(i).total_cmp(&relative(j))),
        ];
        furthest.into_iter().flatten().find_map(|i| {
            let at = (i % exact.rows(), i / exact.rows());
            explained(gradient.at(at.0, at.1), is[i]).map(|what| format!("entry {at:?} of gradient {k}: {what}"))
        })
    };
    explained(number, found.0).or_else(|| grad(number, &x).iter().zip(&found.1).enumerate().find_map(entry))
}

/// Panics with all that went wrong.
#[track_caller]
fn expect_all(found: impl IntoIterator<Item = Result<(), String>>) {
    let (mut count, mut wrong) = (0, Vec::new());
    for result in found {
        count += 1;
        wrong.extend(result.err());
    }
    eprintln!("{} of {count} agree", count - wrong.len());
    assert!(count > 0 && wrong.is_empty(), "{}", wrong.join("\n"));
}
