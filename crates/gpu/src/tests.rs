//! What happens when a device fails. Where there is none, the tests are skipped.

use autograd::{Matrix, Param, Tape};
use nn::{Adam, Optimizer};

use crate::{Device, GpuError, OnDevice, Weights};

#[test]
fn a_lost_device_is_an_error_and_the_model_stays() {
    let device = match Device::new() {
        Ok(device) => device,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let mut w = Param::new(Matrix::from([[1.0f32, 2.0]]));
    let adam = Adam::new(0.1);
    let mut state = adam.init(&w);
    let weights = Weights::new(&device, &w, &adam, &mut state).unwrap();
    let plan = Tape::new();
    let plan = plan.param(&w).square().sum().plan(&[]).unwrap();
    let mut step = plan.on(&weights).unwrap();
    step.run(&adam, 0, &[], &[], None).unwrap();
    assert_eq!(step.loss().unwrap(), 5.0);
    device.destroy();
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
