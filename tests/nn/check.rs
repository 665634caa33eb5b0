//! The checker on models: right ones pass, and of a wrong one the parameter is named.

use autograd::MatrixRef;
use autograd::check::{Along, Check, Verdict};
use nn::prelude::*;
use nn::{CheckModel, TiedAutoencoder};
use tape_tests::{panic_of, says};

use crate::{rng, some};

/// tanh with a slope that is too large by a factor.
struct Tanh(f64);

impl autograd::CustomOp<f64> for Tanh {
    fn name(&self) -> &str {
        "tanh"
    }
    fn forward(&self, x: &[MatrixRef<'_, f64>]) -> Matrix<f64> {
        x[0].to_owned().map(f64::tanh)
    }
    fn pullback<'t>(&self, _: &[Var<'t, f64>], y: Var<'t, f64>, dy: Var<'t, f64>) -> Vec<Option<Var<'t, f64>>> {
        vec![Some(dy * (1.0 - y.square()) * self.0)]
    }
}

#[derive(Module)]
struct Net {
    hidden: Linear<f64>,
    output: Linear<f64>,
}

impl Net {
    fn new(width: usize) -> Self {
        let rng = &mut rng(3);
        Net { hidden: Linear::new(3, width, Init::Xavier, rng), output: Linear::new(width, 2, Init::Xavier, rng) }
    }

    fn with_slope<'t>(&'t self, tape: &'t Tape<'t, f64>, slope: f64) -> Var<'t, f64> {
        let hidden = self.hidden.forward(tape.constant(some::<f64>(3, 5, 1)));
        self.output.forward(tape.custom(Tanh(slope), &[hidden]))
    }
}

/// Small models are checked entry by entry, large ones along directions.
#[test]
fn a_wrong_rule_names_the_parameters_before_it() {
    for (width, place) in
        [(4, "gradient, entry (0, 0) of `hidden.weight`: "), (40, "random direction in `hidden.weight`: ")]
    {
        let mut net = Net::new(width);
        check_model(&net, &(), |tape, net, ()| net.with_slope(tape, 1.0));
        let wrong = |net: &Net| Check::new().order(1).run_model(net, &(), |tape, net, ()| net.with_slope(tape, 1.1));
        let report = wrong(&net);
        assert_eq!(report.verdict, Verdict::Fail);
        assert_eq!(report.names, ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]);
        let text = report.to_string();
        assert!(text.contains(place) && !text.contains("`output"), "{text}");
        let blamed = |input| matches!(input, Along::Input(2 | 3) | Along::Entry { input: 2 | 3, .. });
        assert!(!report.failed.iter().any(|c| blamed(c.along)), "{text}");
        let message = panic_of(|| check_model(&net, &(), |tape, net, ()| net.with_slope(tape, 1.1)));
        says(message.message, &["check: Fail", "`hidden.weight`"]);
        // A frozen parameter is a constant.
        net.freeze(&|name| name.starts_with("hidden"));
        assert_eq!((wrong(&net).verdict, wrong(&net).names.len()), (Verdict::Pass, 2));
    }
}

#[test]
fn a_model_without_trained_parameters_is_refused() {
    let mut net = Net::new(2);
    net.freeze(&|_| true);
    let refused = panic_of(|| check_model(&net, &(), |tape, net, ()| net.with_slope(tape, 1.0)));
    says(refused.message, &["check_model: the model has no trained parameter"]);
}

#[test]
fn models_of_every_kind_pass_in_evaluation_and_in_training() {
    let rng = &mut rng(5);
    let batch = (some::<f64>(4, 6, 1), some::<f64>(2, 6, 2));
    let net: Sequential<f64> = Sequential::new()
        .then(Linear::new(4, 5, Init::Xavier, rng))
        .then(BatchNorm::new(5))
        .then(Activation::Tanh)
        .then(Dropout::new(0.4))
        .then(Linear::new(5, 2, Init::Xavier, rng));
    let draws = std::cell::Cell::new(0);
    check_model(&net, &batch, |tape, net, (x, t)| {
        draws.set(draws.get() + usize::from(tape.draw().is_some()));
        loss::mse(net.forward(tape.constant(x)), tape.constant(t), Reduction::Mean)
    });
    assert_eq!(draws.get(), 0, "evaluation draws nothing");
    check_model(&net, &batch, |tape, net, (x, t)| {
        let y = tape.as_in_training(7, || net.forward(tape.constant(x)));
        loss::mse(y, tape.constant(t), Reduction::Mean)
    });
    let names = Check::new().order(1).run_model(&net, &batch.0, |tape, net, x| net.forward(tape.constant(x))).names;
    assert!(!names.iter().any(|name| name.contains("running")), "{names:?}");

    // A parameter that is used twice, and an input as a parameter.
    #[derive(Module)]
    struct WithInput {
        x: Param<f64>,
        net: TiedAutoencoder<f64>,
    }
    let tied = WithInput { x: Param::new(batch.0), net: TiedAutoencoder::new(&[4, 2], Activation::Tanh, rng) };
    check_model(&tied, &(), |tape, tied, ()| tied.net.forward(tape.param(&tied.x)));

    let lstm = Lstm::new(2, 2, rng);
    let steps: Vec<Matrix<f64>> = (0..3).map(|k| some(2, 2, 20 + k)).collect();
    check_model(&lstm, &steps, |tape, lstm, steps| {
        let xs: Vec<_> = steps.iter().map(|x| tape.constant(x)).collect();
        vstack(&lstm.run(&xs, None).0)
    });
}

/// Beside 10⁶ differences of a loss have no digits of small slopes. Bounds of derivatives decide on the parameters of a model too.
#[test]
fn bounds_decide_where_a_loss_is_large() {
    let rng = &mut rng(9);
    let batch = (some::<f64>(3, 5, 1), vec![0, 2, 1, 1, 0]);
    let net: Sequential<f64> = Sequential::new()
        .then(Linear::new(3, 4, Init::Xavier, rng))
        .then(LayerNorm::new(4))
        .then(Activation::Tanh)
        .then(Linear::new(4, 3, Init::Xavier, rng));
    let run = |check: Check, factor: f64| {
        check.order(1).run_model(&net, &batch, move |tape, net, (x, t)| {
            let y = loss::softmax_cross_entropy(net.forward(tape.constant(x)), t, Reduction::Mean);
            (y * factor + (y * (1.0 - factor)).stop_gradient()) * 1e-6 + 1e6
        })
    };
    let with_bounds = Check::new().bounded_by(solve::derivative_bounds);
    assert_eq!(run(Check::new(), 1.0).verdict, Verdict::Inconclusive);
    let report = run(with_bounds, 1.0);
    assert!(report.verdict == Verdict::Pass && report.proved > 40, "{} proved, {report}", report.proved);
    // A slope that is too large by 1 % is named by its parameter.
    let report = run(with_bounds, 1.01);
    let text = report.to_string();
    assert!(report.verdict == Verdict::Fail && report.failed.iter().all(|c| c.is_proved), "{text}");
    assert!(text.contains("of `0.weight`") || text.contains("of `3.weight`"), "{text}");
}

/// A parameter that comes onto the tape as a constant would seem to have the derivative 0.
#[test]
fn a_parameter_that_is_not_read_is_named() {
    let net = Net::new(4);
    let said = panic_of(|| {
        check_model(&net, &(), |tape, net, ()| {
            let x = tape.constant(some::<f64>(3, 5, 1));
            net.output.forward(tape.constant(net.hidden.weight.value()).matmul(x))
        });
    });
    says(said.message, &["does not read the parameter `hidden.weight`"]);
}
