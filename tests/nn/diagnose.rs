//! A network with each problem, and its diagnosis.

use nn::diagnose::Finding;
use nn::loss::{mse, softmax_cross_entropy};
use nn::{
    Activation, Adam, Diagnosis, Group, Init, Layer, Linear, Matrix, Mlp, Module, Optimizer, Param, Reduction,
    Residual, Sgd, Tape, Var, affine, diagnose, diagnose_step,
};
use rand::rngs::ChaCha8Rng;

use crate::rng;

fn mlp(sizes: &[usize], activation: Activation) -> Mlp<f64> {
    Mlp::new(sizes, activation, &mut rng(3))
}

/// Inputs with mean 0 and variance 1, and three classes.
fn data(features: usize) -> (Matrix<f64>, Vec<usize>) {
    let x: Matrix<f64> = Init::Uniform(3f64.sqrt()).sample(features, 40, &mut rng(3));
    let t = (0..40).map(|n| usize::from(x[(0, n)] > 0.0) + usize::from(x[(1, n)] > 0.5)).collect();
    (x, t)
}

fn classify<L: Layer<f64>>(net: &L) -> Diagnosis {
    let (x, t) = data(4);
    let tape = Tape::new();
    diagnose(net, softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean))
}

/// These findings are made, in this order; each is identified by a word.
#[track_caller]
fn check(diagnosis: &Diagnosis, expected: &[&str]) {
    let found = diagnosis.findings.iter().map(Finding::to_string);
    let found: Vec<String> = found.collect();
    let fits = found.len() == expected.len() && found.iter().zip(expected).all(|(found, word)| found.contains(word));
    assert!(fits, "expected {expected:?}, found\n{diagnosis:#}");
}

#[test]
fn a_healthy_network_has_no_findings() {
    check(&classify(&mlp(&[4, 16, 16, 3], Activation::Relu)), &[]);
    check(&classify(&mlp(&[4, 16, 16, 3], Activation::Tanh)), &[]);
}

#[test]
fn numbers_are_those_of_the_definition() {
    // z = relu(W x), y = v z, E = mean y² over two samples, by hand.
    #[derive(Module)]
    struct Net {
        w: Param<f64>,
        v: Linear<f64>,
    }
    let weight = Param::new(Matrix::row(&[3.0, 1.0]));
    let net = Net { w: Param::new(Matrix::from([[1.0], [-2.0]])), v: Linear { weight, bias: None } };
    let tape = Tape::new();
    let x = tape.constant(Matrix::row(&[1.0, 2.0]));
    let loss = net.v.forward(tape.param(&net.w).matmul(x).relu()).square().mean();
    let diagnosis = diagnose_step(&net, loss, &Sgd { lr: 0.1 }, &Sgd { lr: 0.1 }.init(&net));

    // a = [1 2; −2 −4], z = [1 2; 0 0], y = [3 6], δy = y, δz = [9 18; 3 6], δa = [9 18; 0 0].
    assert_eq!(diagnosis.loss, 22.5);
    let [w, v] = &diagnosis.layers[..] else { panic!("{diagnosis}") };
    assert_eq!((&*w.name, w.units, &*v.name, v.units), ("w", 2, "v", 1));
    assert_eq!((w.mean, w.rms), (0.75, (5.0f64 / 4.0).sqrt()));
    assert_eq!((w.dead, v.dead, w.saturated), (Some(0.5), None, None));
    assert_eq!(w.spread, Some((0.5f64 / 5.0).sqrt())); // z̄ = 1.5
    assert_eq!((w.delta, v.delta), (Some((405.0f64 / 4.0).sqrt()), Some((45.0f64 / 2.0).sqrt())));
    // ∇w = δa xᵀ = [45; 0], ∇v = δy zᵀ = [15 0].
    assert_eq!((w.weight, w.weight_gradient), (2.5f64.sqrt(), Some(1012.5f64.sqrt())));
    assert_eq!((v.weight, v.weight_gradient), (5.0f64.sqrt(), Some(112.5f64.sqrt())));
    assert_eq!(diagnosis.gradient, (45.0f64.powi(2) + 15.0f64.powi(2)).sqrt());
    let close = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-12, "{a:?} {b}");
    close(w.update, 4.5 / 5f64.sqrt());
    close(v.update, 1.5 / 10f64.sqrt());
}

/// The step that is foreseen is that of the groups, into which a parameter is put by the mark of its field and not by its name.
#[test]
fn a_marked_parameter_moves_as_its_group() {
    #[derive(Module)]
    struct Net {
        #[module(embedding)]
        words: Param<f64>,
        plain: Param<f64>,
    }
    let net = Net { words: Param::new(Matrix::column(&[1.0, -2.0])), plain: Param::new(Matrix::row(&[3.0, 1.0])) };
    let tape = Tape::new();
    let h = tape.param(&net.words).matmul(tape.constant(Matrix::row(&[1.0, 2.0]))).tanh();
    let loss = tape.param(&net.plain).matmul(h).square().mean();
    let sgd = Sgd { lr: 0.1 }.with().group(":embedding", Group { lr_factor: 0.0, decay_factor: 1.0 });
    let diagnosis = diagnose_step(&net, loss, &sgd, &sgd.init(&net));
    let updates: Vec<_> = diagnosis.layers.iter().map(|layer| (&*layer.name, layer.update > Some(0.0))).collect();
    assert_eq!(updates, [("words", false), ("plain", true)]);
}

#[test]
fn zeros_do_not_train() {
    let mut net = mlp(&[4, 8, 8, 3], Activation::Tanh);
    net.layers.iter_mut().for_each(|layer| layer.weight.value_mut().as_mut_slice().fill(0.0));
    let diagnosis = classify(&net);
    check(&diagnosis, &["all units of `layers.0`, `layers.1` are alike"]);
    // Any other constant is no better. But one layer of zeros before random ones does no harm.
    let mut net = mlp(&[4, 8, 3], Activation::Tanh);
    net.layers.iter_mut().for_each(|layer| layer.weight.value_mut().as_mut_slice().fill(0.3));
    check(&classify(&net), &["all units of `layers.0` are alike"]);
    let mut net = mlp(&[4, 8, 3], Activation::Tanh);
    net.layers[1].weight.value_mut().as_mut_slice().fill(0.0);
    assert!(!classify(&net).layers.iter().any(|layer| layer.alike));
}

#[test]
fn gradients_vanish_and_explode_with_depth() {
    let deep = |scale: f64, activation| {
        let mut net = mlp(&[[4].as_slice(), &[16; 30], &[3]].concat(), activation);
        let weights = net.layers.iter_mut().flat_map(|layer| layer.weight.value_mut().as_mut_slice());
        weights.for_each(|w| *w *= scale);
        classify(&net)
    };
    let vanishing = deep(0.5, Activation::Tanh);
    assert!(
        matches!(&vanishing.findings[0], Finding::Vanishing { first, last, ratio }
        if first == "layers.0" && last == "layers.30" && *ratio < 1e-6),
        "{vanishing:#}"
    );
    let exploding = deep(2.5, Activation::Relu);
    assert!(matches!(exploding.findings[0], Finding::Exploding { ratio, .. } if ratio > 1e6), "{exploding:#}");

    // The same depth with skips.
    #[derive(Module)]
    struct Skips {
        first: Linear<f64>,
        blocks: Vec<Residual<Mlp<f64>>>,
        last: Linear<f64>,
    }
    impl Layer<f64> for Skips {
        fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
            self.last.forward(self.blocks.forward(self.first.forward(x)))
        }
    }
    let rng = &mut rng(3);
    let block = |rng: &mut ChaCha8Rng| {
        let mut block = Mlp::new(&[16, 16, 16], Activation::Relu, rng);
        block.layers[1].weight.value_mut().as_mut_slice().iter_mut().for_each(|w| *w *= 0.1);
        Residual(block)
    };
    let first = Linear::new(4, 16, Init::Xavier, rng);
    let net =
        Skips { first, blocks: (0..15).map(|_| block(rng)).collect(), last: Linear::new(16, 3, Init::Xavier, rng) };
    let diagnosis = classify(&net);
    check(&diagnosis, &[]);
    assert_eq!(diagnosis.layers.len(), 32);
    assert_eq!(diagnosis.layers[1].name, "blocks.0.0.layers.0");
}

#[test]
fn samples_that_all_look_the_same() {
    let mut net = mlp(&[4, 16, 16, 3], Activation::Relu);
    net.layers[0].weight.value_mut().as_mut_slice().iter_mut().for_each(|w| *w *= 1e-5);
    net.layers[0].bias.as_mut().unwrap().value_mut().as_mut_slice().fill(1.0);
    assert!(matches!(&classify(&net).findings[0], Finding::Collapsed { layer, .. } if layer == "layers.0"));
}

#[test]
fn dead_and_saturated_units() {
    let mut net = mlp(&[4, 16, 3], Activation::Relu);
    let bias = net.layers[0].bias.as_mut().unwrap().value_mut();
    bias.as_mut_slice()[..8].fill(-1e3);
    let diagnosis = classify(&net);
    assert_eq!(diagnosis.layers[0].dead, Some(0.5));
    check(&diagnosis, &["50 % of the ReLU units of `layers.0`"]);

    let mut net = mlp(&[4, 16, 3], Activation::Tanh);
    net.layers[0].weight.value_mut().as_mut_slice().iter_mut().for_each(|w| *w *= 50.0);
    check(&classify(&net), &["of the outputs of `layers.0` are saturated"]);
    net.activation = Activation::Sigmoid;
    check(&classify(&net), &["of the outputs of `layers.0` are saturated"]);
}

#[test]
fn a_plateau() {
    // Targets far away, and a sigmoid that is flat there.
    let net =
        Linear { weight: Param::new(Matrix::row(&[1.0, 1.0])), bias: Some(Param::new(Matrix::full(1, 1, -20.0))) };
    let tape = Tape::new();
    let y = net.forward(tape.constant(data(2).0)).sigmoid();
    let diagnosis = diagnose(&net, mse(y, tape.constant(Matrix::full(1, 40, 1.0)), Reduction::Mean));
    check(&diagnosis, &["100 % of the outputs", "a flat place"]);
}

#[test]
fn steps_and_inputs() {
    let net = mlp(&[4, 16, 3], Activation::Tanh);
    let run = |lr: f64, scale: f64| {
        let (x, t) = data(4);
        let x = x.map(|x| scale * x);
        let tape = Tape::new();
        let loss = softmax_cross_entropy(net.forward(tape.constant(&x)), &t, Reduction::Mean);
        let adam = Adam::new(lr);
        diagnose_step(&net, loss, &adam, &adam.init(&net))
    };
    check(&run(0.001, 1.0), &[]);
    check(&run(0.5, 1.0), &["Lower the learning rate"]);
    check(&run(1e-9, 1.0), &["Raise the learning rate"]);
    check(&run(0.001, 1e3), &["vanishing", "saturated", "Standardise them"]);
}

#[test]
fn what_is_not_used_or_not_finite() {
    let net = vec![Linear::new(4, 3, Init::Xavier, &mut rng(3)), Linear::new(4, 3, Init::Xavier, &mut rng(3))];
    let (x, t) = data(4);
    let tape = Tape::new();
    let loss = softmax_cross_entropy(net[0].forward(tape.constant(&x)), &t, Reduction::Mean);
    check(&diagnose(&net, loss), &["no gradient reaches `1.weight`, `1.bias`"]);

    let mut net = mlp(&[4, 8, 3], Activation::Relu);
    net.layers[1].weight.value_mut()[(0, 0)] = f64::INFINITY;
    let diagnosis = classify(&net);
    check(&diagnosis, &["not finite, near `layers.1.weight`"]);
    diagnosis.figure().to_svg();
}

/// What counts as a layer: a cell used three times, tied weights, a scale in two nodes, a penalty.
#[test]
fn layers_are_where_parameters_meet_data() {
    #[derive(Module)]
    struct Net {
        cell: Cell,
        decoder: Param<f64>,
        norm: Norm,
    }
    #[derive(Module)]
    struct Cell {
        w: Param<f64>,
        u: Param<f64>,
        b: Param<f64>,
    }
    #[derive(Module)]
    struct Norm {
        gamma: Param<f64>,
        beta: Param<f64>,
    }
    let rng = &mut rng(3);
    let mut draw = |m, n| Param::new(Init::Uniform(0.5).sample(m, n, rng));
    let cell = Cell { w: draw(5, 5), u: draw(5, 4), b: draw(5, 1) };
    let net = Net { cell, decoder: draw(4, 1), norm: Norm { gamma: draw(5, 1), beta: draw(5, 1) } };
    let tape = Tape::new();
    let [w, u, b] = [&net.cell.w, &net.cell.u, &net.cell.b].map(|param| tape.param(param));
    let x = tape.constant(data(4).0);
    let mut h = tape.constant(Matrix::zeros(5, 40));
    for _ in 0..3 {
        h = affine(&[(w, h), (u, x)], Some(b)).tanh();
    }
    let h = h.standardize_for_test() * tape.param(&net.norm.gamma) + tape.param(&net.norm.beta);
    let y = u.matmul_tn(h) + tape.param(&net.decoder);
    let loss = (y - x).square().mean() + w.square().sum() * 1e-3;
    let diagnosis = diagnose(&net, loss);
    let names: Vec<&str> = diagnosis.layers.iter().map(|layer| &*layer.name).collect();
    assert_eq!(names, ["cell", "norm", "cell + decoder"], "{diagnosis}");
    assert_eq!(diagnosis.layers[0].saturated, Some(0.0), "over three uses");
    check(&diagnosis, &[]);
}

trait StandardizeForTest {
    fn standardize_for_test(self) -> Self;
}

impl StandardizeForTest for Var<'_, f64> {
    /// Each sample with mean 0 and variance 1.
    fn standardize_for_test(self) -> Self {
        let centred = self - self.mean_over(nn::Axis::Rows);
        centred / centred.square().mean_over(nn::Axis::Rows).sqrt()
    }
}

#[test]
fn the_table_is_aligned_and_short() {
    let text = classify(&mlp(&[[4].as_slice(), &[8; 40], &[3]].concat(), Activation::Tanh)).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("layer"), "{text}");
    assert!(text.contains("… 25 more"), "{text}");
    let widths: Vec<usize> = lines[1..9].iter().map(|line| line.chars().count()).collect();
    assert!(widths.iter().all(|w| *w == lines[0].chars().count()), "{text}");
    assert!(!lines[0].contains("dead"), "no ReLU, no column: {text}");
}
