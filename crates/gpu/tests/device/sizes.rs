//! Sizes at the limits of a device.

use autograd::{Matrix, Param, Tape};
use gpu::{GpuError, OnDevice, Weights};
use nn::{Optimizer, Sgd};

use crate::device;

/// More entries than 65,535 workgroups of 256: the last ones are in a second row of workgroups.
#[test]
fn more_entries_than_one_row_of_workgroups() {
    let Some(device) = device() else { return };
    let n = 65_535 * 256 + 1000;
    let mut x = Param::new(Matrix::<f32>::zeros(n, 1));
    for k in [0, 65_535 * 256, n - 1] {
        x.value_mut()[(k, 0)] = 3.0;
    }
    let sgd = Sgd { lr: 0.25 };
    let mut state = sgd.init(&x);
    let weights = Weights::new(device, &x, &sgd, &mut state).unwrap();
    let plan = {
        let tape = Tape::new();
        tape.param(&x).sum().plan(&[]).unwrap()
    };
    let mut step = plan.on(&weights).unwrap();
    step.run(&sgd, 0, &[], &[], None).unwrap();
    assert_eq!(step.loss().unwrap(), 9.0);
    weights.read_into(&mut x, &mut state).unwrap();
    let of = |k: usize| x.value()[(k, 0)];
    assert_eq!([of(0), of(1), of(65_535 * 256), of(n - 2), of(n - 1)], [2.75, -0.25, 2.75, -0.25, 2.75]);
}

#[test]
fn a_buffer_above_the_limit_is_an_error_that_says_by_how_much() {
    let Some(device) = device() else { return };
    let entries = device.largest_buffer() / 4 + 1;
    if entries > 1 << 28 {
        return eprintln!("skipped: the device allows {} bytes", device.largest_buffer());
    }
    let x = Param::new(Matrix::<f32>::zeros(entries as usize, 1));
    let sgd = Sgd { lr: 0.1 };
    let error = Weights::new(device, &x, &sgd, &mut sgd.init(&x)).err().expect("it is too large");
    let text = error.to_string();
    assert!(matches!(error, GpuError::TooLarge(_)), "{text}");
    assert!(text.contains(&(4 * entries).to_string()) && text.contains(&device.largest_buffer().to_string()), "{text}");
}

/// Mesa's llvmpipe would leave a longer loop and give a wrong sum.
#[test]
fn a_longer_loop_than_a_device_runs_is_an_error() {
    let Some(device) = device().filter(|device| device.is_software()) else { return };
    let x = Param::new(Matrix::<f32>::zeros(70_000, 1));
    let plan = {
        let tape = Tape::new();
        tape.param(&x).cumsum(autograd::Axis::Rows).sum().plan(&[]).unwrap()
    };
    let sgd = Sgd { lr: 0.1 };
    let weights = Weights::new(device, &x, &sgd, &mut sgd.init(&x)).unwrap();
    let error = plan.on(&weights).err().expect("it is too long");
    assert!(matches!(error, GpuError::TooLarge(_)) && error.to_string().contains("70000"), "{error}");
}
