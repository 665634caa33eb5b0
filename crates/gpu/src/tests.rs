//! What happens when a device fails or has narrow limits. Where there is none, the tests are skipped, unless `TAPE_GPU` is set.

use std::process::Command;

use autograd::{Axis, Matrix, Param, Plan, Tape};
use nn::{Adam, Optimizer, Sgd};

use crate::{Device, GpuError, OnDevice, Weights};

fn found(device: Result<Device, GpuError>) -> Option<Device> {
    match device {
        Ok(device) => Some(device),
        Err(error) if std::env::var_os("TAPE_GPU").is_none() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_lost_device_is_an_error_and_the_model_stays() {
    let Some(device) = found(Device::new()) else { return };
    let mut w = Param::new(Matrix::from([[1.0f32, 2.0]]));
    let adam = Adam::new(0.1);
    let mut state = adam.init(&w);
    let weights = Weights::new(&device, &w, &adam, &mut state).unwrap();
    let plan = Tape::new();
    let plan = plan.param(&w).square().sum().plan(&[]).unwrap();
    let mut step = plan.on(&weights).unwrap();
    step.run(&adam, 0, &[], &[], None).unwrap();
    assert_eq!(step.loss().unwrap(), 5.0);
    device.inner.device.destroy();
    let before = (w.clone(), state.clone());
    let errors =
        [step.run(&adam, 1, &[], &[], None).err(), step.loss().err(), weights.read_into(&mut w, &mut state).err()];
    for error in errors {
        let error = error.expect("the device is lost");
        assert!(matches!(error, GpuError::Lost(_)), "{error}");
        assert!(error.to_string().contains("checkpoint"), "{error}");
    }
    assert!(w.value() == before.0.value() && state == before.1);
    assert!(matches!(Weights::new(&device, &w, &adam, &mut state), Err(GpuError::Lost(_))));
}

#[test]
fn a_device_that_is_not_there_is_an_error_that_names_those_that_are() {
    let error = Device::named("no such device").unwrap_err();
    assert!(
        matches!(&error, GpuError::NoAdapter(why) if why.contains("no such device") || why.contains("Vulkan")),
        "{error}"
    );
}

/// Parameters of n × n, n × n and n × 1.
fn net(n: usize) -> Vec<Param<f32>> {
    let of = |cols, k: usize| Matrix::from_fn(n, cols, |i, j| ((i * 13 + j * 29 + k * 7) % 41) as f32 / 160.0 - 0.125);
    vec![Param::new(of(n, 0)), Param::new(of(n, 1)), Param::new(of(1, 2))]
}

/// A loss of them with products, sums, softmax and functions of single entries.
fn record(params: &[Param<f32>]) -> Plan<f32> {
    let tape = Tape::new();
    let [a, b, c] = [0, 1, 2].map(|k| tape.param(&params[k]));
    let h = (a.matmul(b) + c).tanh();
    let rows = h.softmax(Axis::Rows).square().sum() + h.log_sum_exp(Axis::Cols).sum();
    (rows + (h.t() * b).sum_over(Axis::Cols).square().sum()).plan(&[]).unwrap()
}

/// In these tests there are at most 7 workgroups along an axis, so that each kernel here has several rows of them.
#[test]
fn more_workgroups_than_a_row_has_are_spread_over_rows() {
    let Some(device) = found(Device::new()) else { return };
    let mut params = net(200);
    let sgd = Sgd { lr: 1.0 };
    let mut state = sgd.init(&params);
    let weights = Weights::new(&device, &params, &sgd, &mut state).unwrap();
    let mut step = record(&params).on(&weights).unwrap();
    step.run(&sgd, 0, &[], &[], None).unwrap();
    let mut plan = record(&params);
    let all: Vec<&Param<f32>> = params.iter().collect();
    let run = plan.run(&[], &all, None).unwrap();
    assert!((step.loss().unwrap() / run.item() - 1.0).abs() < 1e-4, "{} {}", step.loss().unwrap(), run.item());
    let gradients = run.backward();
    let mut expected = Vec::new();
    for param in &params {
        let gradient = gradients.get(param).unwrap();
        let largest = gradient.as_slice().iter().fold(0.0f32, |max, g| max.max(g.abs()));
        let new = param.value().as_slice().iter().zip(gradient.as_slice()).map(|(w, g)| w - g).collect::<Vec<_>>();
        expected.push((new, 1e-4 * (1.0 + largest)));
    }
    weights.read_into(&mut params, &mut state).unwrap();
    for (param, (expected, bound)) in params.iter().zip(expected) {
        for (is, should) in param.value().as_slice().iter().zip(expected) {
            assert!((is - should).abs() < bound, "{is} is not {should}");
        }
    }
}

/// The values of a step are too large for a device that holds the weights.
#[test]
fn a_step_above_the_binding_limit_is_an_error_and_the_model_stays() {
    const LIMIT: u64 = 1 << 16;
    let lower = |limits: &mut wgpu::Limits| {
        (limits.max_buffer_size, limits.max_storage_buffer_binding_size) = (LIMIT, LIMIT);
    };
    let Some(device) = found(Device::limited("", lower)) else { return };
    assert_eq!(device.largest_buffer(), LIMIT);
    let adam = Adam::new(0.1);
    let mut params = net(80);
    let start: Vec<_> = params.iter().map(|param| param.value().clone()).collect();
    let mut state = adam.init(&params);
    let weights = Weights::new(&device, &params, &adam, &mut state).unwrap();
    let error = record(&params).on(&weights).err().expect("several matrices of 25,600 bytes are too large");
    let text = error.to_string();
    assert!(matches!(error, GpuError::TooLarge(_)) && text.contains("values") && text.contains("65536"), "{text}");
    weights.read_into(&mut params, &mut state).unwrap();
    assert!(params.iter().zip(&start).all(|(param, start)| param.value() == start));
    let params = net(100);
    let error = Weights::new(&device, &params, &adam, &mut adam.init(&params)).err().expect("they have 80,400 bytes");
    let text = error.to_string();
    assert!(matches!(error, GpuError::TooLarge(_)) && text.contains("weights") && text.contains("80400"), "{text}");
}

/// A step whose values are too large in single precision.
#[test]
fn values_in_half_precision_take_half_the_memory() {
    const LIMIT: u64 = 5 << 15;
    let lower = |limits: &mut wgpu::Limits| {
        (limits.max_buffer_size, limits.max_storage_buffer_binding_size) = (LIMIT, LIMIT);
    };
    let Some(device) = found(Device::limited("", lower)) else { return };
    let Ok(half) = device.clone().with_half_values() else { return eprintln!("skipped: no half precision") };
    let sgd = Sgd { lr: 0.0 };
    let params = net(80);
    let run = |device: &Device| {
        let weights = Weights::new(device, &params, &sgd, &mut sgd.init(&params))?;
        let mut step = record(&params).on(&weights)?;
        step.run(&sgd, 0, &[], &[], None)?;
        step.loss()
    };
    // There are seven matrices of 25,600 bytes.
    let error = run(&device).unwrap_err();
    assert!(matches!(&error, GpuError::TooLarge(text) if text.contains("values")), "{error}");
    let expected = {
        let all: Vec<&Param<f32>> = params.iter().collect();
        record(&params).run(&[], &all, None).unwrap().item()
    };
    assert!((run(&half).unwrap() / expected - 1.0).abs() < 1e-3);
}

/// A program on the processor has no room for the padded factors of this product, so it takes the kernel of cards.
#[test]
fn a_product_without_room_for_panels() {
    const LIMIT: u64 = 1 << 17;
    let lower = |limits: &mut wgpu::Limits| {
        (limits.max_buffer_size, limits.max_storage_buffer_binding_size) = (LIMIT, LIMIT);
    };
    let Some(device) = found(Device::limited("", lower)) else { return };
    let of = |m, n| Param::new(Matrix::from_fn(m, n, |i, j| ((i * 13 + j * 29) % 41) as f32 / 160.0 - 0.125));
    let params = vec![of(3, 1200), of(1200, 11)];
    let tape = Tape::new();
    let plan = || tape.param(&params[0]).matmul(tape.param(&params[1])).square().sum().plan(&[]).unwrap();
    let sgd = Sgd { lr: 0.0 };
    let weights = Weights::new(&device, &params, &sgd, &mut sgd.init(&params)).unwrap();
    let mut step = plan().on(&weights).unwrap();
    step.run(&sgd, 0, &[], &[], None).unwrap();
    let expected = plan().run(&[], &params.iter().collect::<Vec<_>>(), None).unwrap().item();
    assert!((step.loss().unwrap() / expected - 1.0).abs() < 1e-4, "{} {expected}", step.loss().unwrap());
}

const FULL: &str = "TAPE_GPU_FULL";
/// What the process with little memory says at its end.
const WENT_ON: &str = "the step after the full memory was made";

/// A process with little memory, of which a program that acts as a device takes all in large buffers.
#[cfg(target_os = "linux")]
#[test]
fn a_full_memory_is_an_error_and_the_model_stays() {
    let Some(device) = found(Device::new()).filter(Device::is_software) else { return };
    if std::env::var_os(FULL).is_none() {
        let mut child = Command::new("sh");
        child.args(["-c", r#"ulimit -v 4000000; exec "$0" "$@""#]).arg(std::env::current_exe().unwrap());
        let name = "tests::a_full_memory_is_an_error_and_the_model_stays";
        child.args(["--exact", name, "--nocapture"]).env(FULL, "");
        let said = child.output().unwrap();
        let text = String::from_utf8_lossy(&said.stdout);
        return assert!(said.status.success() && text.contains(WENT_ON), "{text}");
    }
    let mut params = net(64);
    let adam = Adam::new(0.1);
    let mut state = adam.init(&params);
    let weights = Weights::new(&device, &params, &adam, &mut state).unwrap();
    let mut step = record(&params).on(&weights).unwrap();
    step.run(&adam, 0, &[], &[], None).unwrap();
    let mut taken = Vec::new();
    let error = loop {
        match device.buffer("all memory", device.largest_buffer() / (1 + taken.len() as u64 / 8)) {
            Ok(buffer) => taken.push(buffer),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, GpuError::OutOfMemory(_)) && error.to_string().contains("memory"), "{error}");
    // What was there before still works.
    step.run(&adam, 1, &[], &[], None).unwrap();
    drop(taken);
    let before = params[0].value().clone();
    weights.read_into(&mut params, &mut state).unwrap();
    assert!(step.loss().unwrap().is_finite() && *params[0].value() != before);
    println!("{WENT_ON}");
}
