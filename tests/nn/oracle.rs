//! Compared with values of PyTorch and Optax in double precision; `oracle/README.md` says how they were made.

use autograd::{Unary, vstack};
use nn::loss::{BinaryCrossEntropy, CrossEntropy, Loss, bce_with_logits, softmax_cross_entropy};
use nn::{
    Activation, Adadelta, Adagrad, Adam, Adamax, Layer, Lion, Matrix, Momentum, NAdam, Optimizer, Param, RAdam,
    Reduction, RmsProp, Rprop, Sgd, Tape, Var, grad,
};
use serde_json::Value;
use tape_tests::oracle::{TOLERANCE, close, close_all, is_close, number, numbers, parse, samples};

// ---------------------------------------------------------------- elementwise functions

/// f, f', f'' at x, the derivatives from recorded gradients.
fn derivatives(f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>, x: f64) -> [f64; 3] {
    let tape = Tape::new();
    let x = tape.variable(x);
    let y = f(x);
    let dy = grad(y, &[x])[0];
    [y, dy, grad(dy, &[x])[0]].map(Var::item)
}

/// The allowed absolute error of a derivative, in units of 2⁻⁵², where its formula in y = f(x) cancels.
///
/// If y has a relative error of k units, then
/// - s = y (1 − y) of the sigmoid is off by k y² units, as 1 − y is off by k y, beside roundings relative to s; its
///   slope (1 − 2 y) s is off by as much again and by 2 (k y + 1) s, where s ≤ y;
/// - 1 − y² of tanh is off by (2 k + 1) y² units, beside a relative rounding, and its slope −2 y (1 − y²) by
///   2 |y| ≤ 2 times that;
///
/// and with k ≤ 2 (`Real` promises 2 ulp) all are below 16 y or 16 y² units. So they are as good as TOLERANCE where y
/// is small, whatever x, and lose digits only where the slope vanishes for y near ±1.
fn cancelled(name: &str, order: usize, x: f64) -> f64 {
    let sigmoid = |x: f64| 16.0 / (1.0 + (-x).exp());
    let square = 16.0 * x.tanh().powi(2);
    match (name, order) {
        ("sigmoid", 1 | 2) | ("softplus", 2) => sigmoid(x),
        ("log_sigmoid", 2) => sigmoid(-x),
        // Their second derivatives contain that of the sigmoid, times u' of its argument.
        ("silu", 2) => sigmoid(x),
        ("gelu_tanh", 2) => sigmoid(x) * (1.0 + x * x),
        ("tanh", 1 | 2) | ("tanhshrink", 2) => square,
        ("mish", 2) => square * (1.0 + x.abs()),
        _ => 0.0,
    }
}

/// The function at every point of the grid: compared with exact values, which are compared with PyTorch's where those are exact.
fn check_function(
    wrong: &mut Vec<String>,
    name: &str,
    [exact, torch]: [&Value; 2],
    f: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>,
) {
    for (exact, torch) in exact.as_array().unwrap().iter().zip(torch.as_array().unwrap()) {
        let exacts = numbers(exact);
        let (x, found) = (exacts[0], derivatives(&f, exacts[0]));
        for (order, (&found, &exact)) in found.iter().zip(&exacts[1..]).enumerate() {
            // An undefined value has no slope, whatever PyTorch's formula gives.
            if order > 0 && exacts[1].is_nan() {
                continue;
            }
            let allowed = TOLERANCE * exact.abs() + cancelled(name, order, x) * f64::EPSILON;
            if !is_close(found, exact, allowed) {
                wrong.push(format!("{name} at {x}, order {order}: {found:e}, not {exact:e} ± {allowed:.1e}"));
            }
            // PyTorch's value has rounding errors beside numbers of size 1, but belongs to the same function. PyTorch has
            // no second derivative for some functions, and 1/6 in single precision.
            let Some(torch) = torch.as_array().unwrap().get(order + 1).filter(|value| !value.is_null()) else {
                continue;
            };
            let (torch, digits) = (number(torch), if name == "hard_sigmoid" { 1e-7 } else { TOLERANCE });
            if !is_close(found, torch, digits * torch.abs().max(1.0) + allowed) {
                wrong.push(format!("{name} at {x}, order {order}: {found:e}, in PyTorch {torch:e}"));
            }
        }
    }
}

#[test]
fn functions() {
    let [exact, torch] =
        [include_str!("../oracle/exact_functions.json"), include_str!("../oracle/functions.json")].map(parse);
    let rows = |name: &str| [&exact["functions"][name], &torch["functions"][name]];
    let mut wrong = Vec::new();
    check_function(&mut wrong, "neg", rows("neg"), |x| -x);
    let mut found = vec!["neg".to_string()];
    for f in Unary::all() {
        let name = match f {
            Unary::Powi(n) if n < 0 => format!("powi_m{}", -n),
            Unary::Powi(n) => format!("powi{n}"),
            Unary::Powf(p) => format!("powf{p}"),
            Unary::LeakyRelu(c) => format!("leaky_relu{c}"),
            Unary::Elu(a) | Unary::Celu(a) if a != 1.0 => continue,
            Unary::ExpM1 => "expm1".to_string(),
            f => f.name().to_string(),
        };
        if torch["functions"].get(&name).is_none() {
            continue;
        }
        check_function(&mut wrong, &name, rows(&name), |x| x.unary(f));
        found.push(name);
    }
    for name in torch["functions"].as_object().unwrap().keys() {
        assert!(found.contains(name), "{name} was not compared: {found:?}");
    }
    for activation in Activation::ALL {
        let name = activation.to_string().replace("(1)", "").replace(['(', ')'], "");
        if torch["functions"].get(&name).is_some() {
            check_function(&mut wrong, &name, rows(&name), |x| activation.forward(x));
            found.push(format!("activation {name}"));
        }
    }
    // All but the identity and two that are of layers.json.
    assert_eq!(found.iter().filter(|name| name.starts_with("activation")).count(), Activation::ALL.len() - 3);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

// ---------------------------------------------------------------- losses

/// The losses with this name, and the weights of the samples if it has some.
fn loss(name: &str, weights: &Value) -> (Loss, bool) {
    let class_weights = Some(weights).filter(|w| !w.is_null()).map(numbers);
    let entropy = |label_smoothing, class_weights| CrossEntropy { class_weights, label_smoothing };
    let plain = |loss: Loss| (loss, false);
    match name {
        "mse" => plain(Loss::Mse),
        "mse_samples" => (Loss::Mse, true),
        "l1" => plain(Loss::L1),
        "huber_delta0.7" => plain(Loss::Huber { delta: 0.7 }),
        "smooth_l1_beta0.5" => plain(Loss::SmoothL1 { beta: 0.5 }),
        "bce_with_logits" => plain(BinaryCrossEntropy::default().into()),
        "bce_pos_weight" | "bce_pos_weight_share" => {
            plain(BinaryCrossEntropy { pos_weight: class_weights, label_smoothing: 0.0 }.into())
        }
        "softmax_cross_entropy" | "softmax_cross_entropy_soft_targets" => plain(entropy(0.0, None).into()),
        "softmax_cross_entropy_smoothed0.1" => plain(entropy(0.1, None).into()),
        "softmax_cross_entropy_weighted" | "cross_entropy_soft_weights" => plain(entropy(0.0, class_weights).into()),
        "cross_entropy_soft_smoothing" => plain(entropy(0.2, None).into()),
        "cross_entropy_weights_smoothing" => plain(entropy(0.2, class_weights).into()),
        "cross_entropy_weights_smoothing_samples" => (entropy(0.2, class_weights).into(), true),
        "kl_div_log_softmax" => plain(Loss::KlDivergence),
        "poisson_nll_log_input" => plain(Loss::PoissonNll),
        "gaussian_nll" | "gaussian_nll_unit_var" => plain(Loss::GaussianNll),
        "hinge_multi_margin" => plain(Loss::MultiMargin { margin: 1.0 }),
        "multi_margin_half" => plain(Loss::MultiMargin { margin: 0.5 }),
        _ => panic!("no loss {name}"),
    }
}

fn check_losses(cases: &Value, weights: &Value, samples_weights: &Value) {
    for case in cases.as_array().unwrap() {
        let (name, reduction) = (case["loss"].as_str().unwrap(), case["reduction"].as_str().unwrap());
        let weights = if case["class_weight"].is_null() { weights } else { &case["class_weight"] };
        let (loss, of_samples) = loss(name, weights);
        let tape = Tape::new();
        let y = tape.variable(samples(&case["prediction"]));
        // A variance of 1 has the logarithm 0.
        let input = if name.ends_with("unit_var") { vstack(&[y, y.scale(0.0)]) } else { y };
        let losses = match &case["target"][0] {
            Value::Array(_) => loss.each(input, tape.constant(samples(&case["target"]))),
            _ => loss.each(input, &numbers(&case["target"]).into_iter().map(|c| c as usize).collect::<Vec<_>>()),
        };
        let weighted = || losses.weighted(tape.constant(Matrix::row(&numbers(samples_weights))));
        let losses = if of_samples { weighted() } else { losses };
        let e = losses.reduce(serde_json::from_value(case["reduction"].clone()).unwrap());
        let what = format!("{name}, {reduction}");
        close_all(&what, &[e.item()], &[number(&case["value"])]);
        close_all(&what, e.backward().wrt(y).as_slice(), samples(&case["gradient"]).as_slice());
    }
}

#[test]
fn losses() {
    check_losses(&parse(include_str!("../oracle/losses.json")), &Value::Null, &Value::Null);
    let options = parse(include_str!("../oracle/losses_options.json"));
    check_losses(&options["cases"], &options["weights"], &options["samples"]);
}

/// Value and gradient of a loss of the logits in one column.
#[track_caller]
fn check_extreme<const N: usize>(
    logits: [f64; N],
    loss: impl for<'t> Fn(Var<'t, f64>) -> Var<'t, f64>,
    value: f64,
    gradient: [f64; N],
) {
    let tape = Tape::new();
    let x = tape.variable(Matrix::column(&logits));
    let e = loss(x);
    close("value", e.item(), value, TOLERANCE * value);
    let grads = e.backward();
    (0..N).for_each(|i| close("gradient", grads.wrt(x)[(i, 0)], gradient[i], TOLERANCE * gradient[i].abs()));
}

#[test]
fn losses_of_extreme_logits() {
    fn entropy(x: Var<'_, f64>, class: usize) -> Var<'_, f64> {
        softmax_cross_entropy(x, &[class][..], Reduction::Sum)
    }
    check_extreme([1e3, -1e3], |x| entropy(x, 0), 0.0, [0.0, 0.0]);
    check_extreme([1e3, -1e3], |x| entropy(x, 1), 2e3, [1.0, -1.0]);
    check_extreme([1e3, 1e3], |x| entropy(x, 0), 2f64.ln(), [-0.5, 0.5]);
    check_extreme([-1e3, -1e3], |x| entropy(x, 0), 2f64.ln(), [-0.5, 0.5]);

    fn bce(x: Var<'_, f64>, t: [f64; 2]) -> Var<'_, f64> {
        bce_with_logits(x, x.tape().constant(Matrix::column(&t)), Reduction::Sum)
    }
    check_extreme([1e3, -1e3], |x| bce(x, [1.0, 0.0]), 0.0, [0.0, 0.0]);
    check_extreme([1e3, -1e3], |x| bce(x, [0.0, 1.0]), 2e3, [1.0, -1.0]);
    // ln(1 + e⁻²⁰) + ln(1 + e⁻¹¹⁰), and 20 + 110 more for the other targets
    let (small, slope) = ((-20f64).exp().ln_1p(), 1.0 / (1.0 + 20f64.exp()));
    check_extreme([20.0, -110.0], |x| bce(x, [1.0, 0.0]), small, [-slope, (-110f64).exp()]);
    check_extreme([20.0, -110.0], |x| bce(x, [0.0, 1.0]), 130.0 + small, [1.0 - slope, -1.0]);
}

// ---------------------------------------------------------------- optimizers

/// The optimizer with this name and the options of the file.
fn optimizer(name: &str, options: &Value) -> Box<dyn Optimizer<f64>> {
    let option = |name: &str| number(&options[name]);
    let lr = option("lr");
    match name {
        "sgd" => Box::new(Sgd { lr }),
        "sgd_weight_decay" => Box::new(Sgd { lr }.with().l2(option("weight_decay"))),
        "momentum" => Box::new(Momentum::new(lr, option("momentum"))),
        "momentum_dampening" => {
            Box::new(Momentum { dampening: option("dampening"), ..Momentum::new(lr, option("momentum")) })
        }
        "nesterov" => Box::new(Momentum::nesterov(lr, option("momentum"))),
        "rmsprop_torch" => {
            Box::new(RmsProp { decay: option("alpha"), eps_outside: option("eps"), ..RmsProp::torch(lr) })
        }
        "rmsprop_torch_momentum_centered" => Box::new(RmsProp {
            decay: option("alpha"),
            momentum: option("momentum"),
            centered: true,
            ..RmsProp::torch(lr)
        }),
        "rmsprop_lecture" => {
            Box::new(RmsProp { decay: option("decay"), eps_inside: option("eps_root"), ..RmsProp::optax(lr) })
        }
        "adagrad" => Box::new(Adagrad::new(lr)),
        "adadelta" => Box::new(Adadelta { decay: option("rho"), eps: option("eps"), ..Adadelta::new(lr) }),
        "adam" => Box::new(Adam::new(lr)),
        "adam_l2" => Box::new(Adam::new(lr).with().l2(option("weight_decay"))),
        "amsgrad" => Box::new(Adam::amsgrad(lr)),
        "adamw" => Box::new(Adam::adamw(lr, option("weight_decay"))),
        "adam_lecture" => Box::new(Adam {
            beta1: option("b1"),
            beta2: option("b2"),
            eps_inside: option("eps_root"),
            bias_correction: options["bias_correction"].as_bool().unwrap(),
            ..Adam::lecture(lr)
        }),
        "adamax" => Box::new(Adamax::new(lr)),
        "nadam" => Box::new(NAdam::new(lr)),
        "radam" => Box::new(RAdam::new(lr)),
        "rprop" => Box::new(Rprop::new(lr)),
        "lion" => Box::new(
            Lion { beta1: option("b1"), beta2: option("b2"), ..Lion::new(lr) }
                .with()
                .decoupled_decay(option("weight_decay")),
        ),
        _ => panic!("no optimizer {name}"),
    }
}

/// wᵀ A w / 2 − bᵀ w or 100 (w₁ − w₀²)² + (1 − w₀)².
fn problem<'t>(name: &str, file: &Value, w: Var<'t, f64>) -> Var<'t, f64> {
    let constant = |m| w.tape().constant(m);
    if name == "quadratic" {
        let a = constant(samples(&file["quadratic"]["a"])); // symmetric
        let b = constant(Matrix::column(&numbers(&file["quadratic"]["b"])));
        return w.matmul_tn(a.matmul(w)) / 2.0 - b.matmul_tn(w);
    }
    let [w0, w1] = [[1.0, 0.0], [0.0, 1.0]].map(|pick| constant(Matrix::row(&pick)).matmul(w));
    (w1 - w0.square()).square() * 100.0 + (1.0 - w0).square()
}

#[test]
fn optimizers() {
    let file = parse(include_str!("../oracle/optimizers.json"));
    let mut compared = 0;
    for case in file["cases"].as_array().unwrap() {
        let (name, on) = (case["optimizer"].as_str().unwrap(), case["problem"].as_str().unwrap());
        let optimizer = optimizer(name, &case["options"]);
        let mut w = Param::new(Matrix::column(&numbers(&case["start"])));
        let mut state = optimizer.init(&w);
        let trajectory = case["trajectory"].as_array().unwrap();
        assert_eq!(trajectory.len(), 25);
        for (k, expected) in trajectory.iter().enumerate() {
            let tape = Tape::new();
            let grads = problem(on, &file, tape.param(&w)).backward();
            optimizer.step(&mut w, &grads, &mut state);
            for (&found, expected) in w.value().as_slice().iter().zip(numbers(expected)) {
                close(&format!("{name} on {on}, step {}", k + 1), found, expected, TOLERANCE * expected.abs());
            }
        }
        compared += 1;
    }
    assert_eq!(compared, 20 * 2);
}
