//! Values in half precision.

use autograd::strategies::Graph;
use autograd::{Matrix, Var};
use gpu::{Device, DeviceNumber, GpuError, Weights};
use nn::data::Dataset;
use nn::loss::{CrossEntropy, Loss};
use nn::train::Trainer;
use nn::{Activation, Adam, Mlp, Module, Optimizer, Param, Sgd};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::custom;
use crate::ops::{OPS, Which, operands};
use crate::{Records, beyond_rounding, device, expect_all, on_device};

/// Half precision is so much coarser than single precision.
const COARSER: f64 = (1 << 13) as f64;

fn halving() -> Option<Device> {
    match device()?.clone().with_half_values() {
        Ok(device) => Some(device),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// Σ (a + b), as a matrix or as a column.
struct Sums;

impl Records for Sums {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        (x[0] + x[1]).sum()
    }
}

/// The sum of four entries, of which three are 0.
fn stored(device: &Device, [a, b]: [f64; 2], shape: (usize, usize)) -> f64 {
    let of = |x: f64| Matrix::from_fn(shape.0, shape.1, |i, j| if i + j == 0 { x } else { 0.0 });
    on_device::<f32>(device, &Sums, &[of(a), of(b)]).unwrap().0
}

#[test]
fn matrices_are_rounded_to_the_nearest_number_and_vectors_are_not() {
    let Some(device) = halving() else { return };
    let ulp = 2f64.powi(-10);
    let cases = [
        ([1.0, 0.4 * ulp], 1.0),
        ([1.0, 0.5 * ulp], 1.0),
        ([1.0, 0.6 * ulp], 1.0 + ulp),
        ([1.0, 1.5 * ulp], 1.0 + 2.0 * ulp),
        ([-1.0, -0.6 * ulp], -1.0 - ulp),
        ([65_504.0, 15.0], 65_504.0),
        ([0.0, 2f64.powi(-25)], 0.0),
        ([0.0, 1.5 * 2f64.powi(-24)], 2f64.powi(-23)),
        ([0.0, -(2f64.powi(-24))], -(2f64.powi(-24))),
        ([0.0, f64::INFINITY], f64::INFINITY),
    ];
    for (x, expected) in cases {
        assert_eq!(stored(&device, x, (2, 2)), expected, "{x:?}");
        assert_eq!(stored(&device, x, (4, 1)), f64::from((x[0] + x[1]) as f32), "{x:?}");
        assert_eq!(stored(&device, x, (1, 4)), f64::from((x[0] + x[1]) as f32), "{x:?}");
    }
    for x in [[f64::NAN, 0.0], [65_504.0, 16.0], [-65_504.0, -16.0], [1e38, 1e38]] {
        assert!(stored(&device, x, (2, 2)).is_nan(), "{x:?}");
        assert_eq!(stored(&device, x, (4, 1)).is_nan(), x[0].is_nan());
    }
}

fn within(device: &Device, name: &str, f: &impl Records, inputs: &[Matrix<f64>]) -> Result<(), String> {
    let found = on_device::<f32>(device, f, inputs).map_err(|error| format!("{name}: {error}"))?;
    beyond_rounding(f, inputs, &found, COARSER).map_or(Ok(()), |what| Err(format!("{name}: {what}")))
}

/// Sums of which each part is larger than the whole, and a cross-entropy of confident outputs.
struct Exact(&'static str);

impl Records for Exact {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        match self.0 {
            "sum" => autograd::Arithmetic::sum(&[x[0], x[0], x[0], x[0], x[0], x[0], x[1]]).sum(),
            _ => x[0].softmax_cross_entropy(x[1]).sum(),
        }
    }
}

#[test]
fn what_is_kept_in_single_precision() {
    let Some(device) = halving() else { return };
    let of = |entries: [f64; 4]| Matrix::from([[entries[0], entries[1]], [entries[2], entries[3]]]);
    let seven = [of([1000.0, 15_000.0, 0.25, 1.0]), of([-6000.125, -89_999.5, -1.5, -5.75])];
    let confident = [of([10.0, 0.0, 0.0, 12.0]), of([1.0, 0.0, 0.0, 1.0])];
    for (name, inputs) in [("sum", &seven), ("cross-entropy", &confident)] {
        let [half, single] =
            [&device, &device_in_single()].map(|device| on_device::<f32>(device, &Exact(name), inputs));
        assert!(half.unwrap() == single.unwrap(), "{name}");
    }
}

/// More than half of them differ from those in single precision.
#[test]
fn ops_are_within_the_bound_on_rounding() {
    let Some(device) = halving() else { return };
    for shape in [(1, 1), (3, 5), (35, 40)] {
        expect_all(OPS.iter().map(|op| within(&device, &format!("{op} of {shape:?}"), &Which(op), &operands(shape))));
    }
    let single = device_in_single();
    let apart = |op: &&&'static str| {
        let x = operands((3, 5));
        on_device::<f32>(&device, &Which(op), &x).unwrap() != on_device::<f32>(&single, &Which(op), &x).unwrap()
    };
    let apart = OPS.iter().filter(apart).count();
    assert!(2 * apart > OPS.len(), "{apart} of {} ops round their values", OPS.len());
}

#[test]
fn formulas_and_custom_ops_are_within_the_bound_on_rounding() {
    let Some(device) = halving() else { return };
    for shape in [(1, 1), (3, 5), (20, 30)] {
        let x = custom::operands(shape);
        let tried = |name: &&'static str| within(&device, &format!("{name} of {shape:?}"), &custom::Which(name), &x);
        expect_all(custom::NAMES.iter().map(tried));
    }
}

fn device_in_single() -> Device {
    device().expect("it was there").clone()
}

#[test]
fn random_graphs_are_within_the_bound_on_rounding() {
    let Some(device) = halving() else { return };
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    expect_all((0..40).map(|case| {
        let bytes: Vec<u8> = (0..16 + 4 * rng.random_range(2..9)).map(|_| rng.random()).collect();
        let graph = Graph::from_bytes(&bytes);
        within(&device, &format!("graph {case}:\n{graph}"), &graph, graph.inputs())
    }));
}

/// The final loss and the weights of 60 steps with batches in parts, dropout and a largest norm.
fn trained(device: &Device) -> (f64, Vec<f32>) {
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    let mut net = Mlp::builder(&[5, 24, 24, 4]).activation(Activation::Gelu).dropout(0.1).build(rng);
    let x = Matrix::from_fn(5, 96, |_, _| rng.random_range(-1.0..1.0f32));
    let classes = (0..96).map(|n| usize::from(x[(0, n)] > x[(1, n)]) + 2 * usize::from(x[(2, n)] > 0.0));
    let data = Dataset::new(x.clone(), classes.collect::<Vec<_>>());
    let adam = Adam::new(0.01).with().clip_norm(1.0);
    let trainer = Trainer::with_loss(CrossEntropy::default().into(), adam).epochs(20).batch(32).micro_batch(20).seed(6);
    let found = trainer.device(device.clone()).quiet().fit(&mut net, &data).unwrap();
    let weights = net.named_params().into_iter().flat_map(|(_, param)| param.value().as_slice().to_vec()).collect();
    (*found.history["loss"].last().expect("there were epochs"), weights)
}

#[test]
fn a_run_has_the_same_bits_every_time_and_the_loss_of_single_precision_to_a_hundredth() {
    let Some(device) = halving() else { return };
    let found = trained(&device);
    assert!(found == trained(&device) && found == trained(&device), "runs differ");
    let single = trained(&device_in_single());
    assert!(found != single && (found.0 / single.0 - 1.0).abs() < 0.01, "{} and {}", found.0, single.0);
}

#[test]
fn a_value_beyond_the_range_is_an_error_that_says_so() {
    let Some(device) = halving() else { return };
    let data = Dataset::new(Matrix::full(2, 8, 2e5f32), Matrix::zeros(1, 8));
    let start: Mlp<f32> = Mlp::new(&[2, 16, 1], Activation::Relu, &mut ChaCha8Rng::seed_from_u64(5));
    let mut net = start.clone();
    let fit = Trainer::with_loss(Loss::Mse, Adam::new(0.01)).epochs(1).quiet().device(device).fit(&mut net, &data);
    let text = fit.unwrap_err().to_string();
    assert!(
        net == start && text.contains("step 1 is NaN on the device") && text.contains("beyond the range"),
        "{text}"
    );
}

#[test]
fn a_model_of_double_precision_is_refused() {
    let Some(device) = halving().filter(Device::has_double) else { return };
    let w = Param::new(Matrix::from([[1.0, 2.0]]));
    let sgd = Sgd { lr: 1.0 };
    let error = Weights::new(&device, &w, &sgd, &mut sgd.init(&w)).err().expect("it is a model of double precision");
    assert!(matches!(&error, GpuError::Setting(text) if text.contains("f32")), "{error}");
}
