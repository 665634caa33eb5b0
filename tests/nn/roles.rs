//! Frozen parameters, buffers, and gradients summed over tapes.

use nn::{Adam, Axis, GradientSum, Matrix, Module, Optimizer, Param, ParamGradients, Path, Tape, Var};

/// y = w x + shift, where `shift` follows the mean of x.
#[derive(Module)]
struct Shifted {
    w: Param<f64>,
    shift: Param<f64>,
}

impl Shifted {
    fn new() -> Self {
        Shifted { w: Param::new(Matrix::full(1, 1, 2.0)), shift: Param::buffer(Matrix::zeros(1, 1)) }
    }

    fn loss<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
        let tape = x.tape();
        if tape.is_training() {
            let mean = x.value().as_slice().iter().sum::<f64>() / x.cols() as f64;
            tape.update(&self.shift, |old| old.map(|old| 0.5 * old + 0.5 * mean));
        }
        (tape.param(&self.w) * x + tape.param(&self.shift)).square().mean_over(Axis::Cols).sum()
    }
}

#[test]
fn a_step_moves_what_is_trained_and_sets_buffers() {
    let mut model = Shifted::new();
    let adam = Adam::new(0.1);
    let mut state = adam.init(&model);
    let x = Matrix::row(&[1.0, 3.0]);
    for (seed, shift) in [(Some(1), 1.0), (None, 1.0), (Some(2), 1.5)] {
        let tape = seed.map_or_else(Tape::new, Tape::training);
        let before = model.w.value()[(0, 0)];
        let grads = model.loss(tape.constant(&x)).backward();
        adam.step(&mut model, &grads, &mut state);
        assert_eq!(model.shift.value()[(0, 0)], shift);
        assert!(model.w.value()[(0, 0)] < before);
    }
    model.w.freeze();
    let mut free = vec![Param::new(Matrix::full(1, 1, 1.0))];
    let tape = Tape::training(3);
    let loss = model.loss(tape.constant(&x)) + tape.param(&free[0]);
    let grads = loss.backward();
    assert!(grads.get(&model.w).is_none() && grads.get(&free[0]).is_some());
    let before = model.w.clone();
    adam.step(&mut model, &grads, &mut state);
    assert_eq!(model.w, before, "a frozen parameter stays");
    let mut state = adam.init(&free);
    adam.step(&mut free, &grads, &mut state);
    model.w.unfreeze();
    assert!(model.w.is_trained());
}

#[test]
fn a_file_keeps_the_role() {
    let mut model = (Param::new(Matrix::row(&[1.0f32, 2.0])), Param::buffer(Matrix::row(&[3.0f32])));
    for _ in 0..2 {
        let text = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<(Param<f32>, Param<f32>)>(&text).unwrap(), model);
        model.0.freeze();
    }
    model.1.unfreeze();
    assert!(!model.1.is_trained(), "a buffer stays one");
    let error = serde_json::from_str::<Param<f32>>(r#"{"rows":2,"cols":2,"data":[1,2,3]}"#).unwrap_err();
    assert!(error.to_string().contains("a 2 × 2 matrix cannot have 3 entries"));
}

/// A batch in shards gives the gradient of the whole, and one update of the running mean.
#[test]
fn sums_over_shards() {
    let model = Shifted::new();
    let part = |x: &[f64]| {
        let x = Matrix::row(x);
        let tape = Tape::training(0);
        model.loss(tape.constant(&x)).backward()
    };
    let mut sum = GradientSum::new();
    sum.add(0.25, &model, &part(&[1.0]));
    sum.add(0.75, &model, &part(&[2.0, 4.0, 3.0]));
    let whole = part(&[1.0, 2.0, 4.0, 3.0]);
    let close = |a: f64, b: f64| (a - b).abs() < 1e-14;
    assert!(close(sum.gradient(&model.w).unwrap()[(0, 0)], whole.wrt(&model.w)[(0, 0)]));
    assert!(close(sum.updated(&model.shift).unwrap()[(0, 0)], whole.updated(&model.shift).unwrap()[(0, 0)]));
    let other = Param::new(Matrix::zeros(1, 1));
    assert!(sum.gradient(&other).is_none());
}

#[test]
fn buffers_are_walked_by_name_and_not_counted() {
    let mut model = Shifted::new();
    assert_eq!((model.count_params(), model.named_params().len()), (1, 2));
    assert_eq!(model.freeze(&|_| true), 1);
    assert_eq!(model.count_params(), 0);
    let mut names = Vec::new();
    model.params_mut(&Path::Root, &mut |path, _| names.push(path.to_string()));
    assert_eq!(names, ["w", "shift"]);
}
