//! Models: names, files, the builder's formula, weight-space symmetries, shared weights, averages of weights.

use nn::persist::{Format, from_bytes, to_bytes};
use nn::{
    Activation, BatchNorm, DenseBlock, Dropout, Ema, Init, Layer, LayerNorm, Linear, Matrix, Mlp, Module, Norm, PRelu,
    Param, Path, Residual, RmsNorm, Sequential, Shortcut, Tape, TiedAutoencoder, Var,
};
use proptest::prelude::*;

use crate::{rng, some};

fn linear(inputs: usize, outputs: usize, seed: u64) -> Linear<f64> {
    let bias = Some(Param::new(some(outputs, 1, seed + 1)));
    Linear { weight: Param::new(some(outputs, inputs, seed)), bias }
}

/// The output of a layer on a tape of either kind.
fn outputs(layer: &impl Layer<f64>, x: &Matrix<f64>, training: Option<u64>) -> Matrix<f64> {
    let tape = training.map_or_else(Tape::new, Tape::training);
    layer.forward(tape.constant(x)).value()
}

#[track_caller]
fn check_names(module: &impl Module<f64>, names: &[&str]) {
    let found: Vec<_> = module.named_params().into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, names);
}

#[track_caller]
fn close(a: &Matrix<f64>, b: &Matrix<f64>, digits: f64) {
    assert_eq!(a.shape(), b.shape());
    a.as_slice().iter().zip(b.as_slice()).for_each(|(a, b)| assert!((a - b).abs() <= digits, "{a} and {b}"));
}

// ---------------------------------------------------------------- lists of layers

#[test]
fn lists_and_tuples_are_one_layer_after_the_other() {
    let (first, last, norm) = (linear(3, 5, 1), linear(5, 2, 2), LayerNorm::new(5));
    let list = Sequential::new().then(first.clone()).then(norm.clone()).then(Activation::Tanh).then(last.clone());
    let tuple = (first.clone(), norm.clone(), Activation::Tanh, last.clone());
    let names = ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"];
    check_names(&list, &names);
    check_names(&tuple, &names);
    check_names(&Sequential::new().then(list.clone()), &names.map(|name| format!("0.{name}")).each_ref().map(|n| &**n));
    check_names(
        &Mlp::builder(&[3, 4, 2]).norm(Norm::Rms).build(&mut rng(0)),
        &["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "norms.0.weight"],
    );

    let x = some(3, 4, 3);
    let tape = Tape::new();
    let y = last.forward(norm.forward(first.forward(tape.constant(&x))).tanh()).value();
    assert_eq!(outputs(&list, &x, None), y);
    assert_eq!(outputs(&tuple, &x, None), y);
    assert_eq!(outputs(&list.layers.into_iter().collect::<Sequential<f64>>(), &x, None), y);
    let boxed: Vec<Box<dyn Layer<f64>>> = vec![Box::new((first, norm)), Box::new((Activation::Tanh, last))];
    check_names(&boxed, &["0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias", "1.1.weight", "1.1.bias"]);
    assert_eq!(outputs(&boxed, &x, None), y);
    assert_eq!(outputs(&Sequential::new(), &x, None), x);
}

/// One of each, for 4 features.
fn zoo() -> Sequential<f64> {
    let inner = || Sequential::new().then(linear(4, 4, 5)).then(Activation::LeakyRelu(0.2));
    Sequential::new()
        .then(linear(4, 4, 1))
        .then(linear(4, 4, 1).without_bias())
        .then(Activation::Elu(0.5))
        .then(PRelu::new(4))
        .then(Dropout::new(0.2))
        .then(LayerNorm::new(4))
        .then(BatchNorm::new(4))
        .then(RmsNorm::new(4))
        .then(inner())
        .then(Residual(inner()))
        .then(Shortcut { inner: inner(), shortcut: inner() })
        .then(Mlp::builder(&[4, 4, 4]).norm(Norm::Batch).dropout(0.1).skips(true).build(&mut rng(6)))
        .then(TiedAutoencoder::new(&[4, 3, 2], Activation::Tanh, &mut rng(6)))
        .then(DenseBlock::new(4, 2, 3, Activation::Softsign, &mut rng(7)))
}

#[test]
fn a_file_keeps_every_layer() {
    let mut net = zoo();
    net.freeze(&|name| name.starts_with("0."));
    let x = some(4, 3, 8);
    for format in [Format::Json, Format::Binary] {
        let again: Sequential<f64> = from_bytes(&to_bytes(format, &net).unwrap()).unwrap();
        assert_eq!(again, net);
        for training in [None, Some(3)] {
            assert_eq!(outputs(&again, &x, training), outputs(&net, &x, training));
        }
    }
    let list = r#"[{"activation":"relu"},{"dropout":{"p":0.5}},{"residual":[{"activation":"elu(0.5)"}]}]"#;
    let net: Sequential<f32> = serde_json::from_str(list).unwrap();
    let expected = Sequential::new()
        .then(Activation::Relu)
        .then(Dropout::new(0.5))
        .then(Residual(Sequential::new().then(Activation::Elu(0.5))));
    assert_eq!(net, expected);
    assert_eq!(serde_json::to_string(&net).unwrap(), list);
    let error = serde_json::from_str::<Sequential<f32>>(r#"[{"conv":{}}]"#).unwrap_err().to_string();
    assert!(error.contains("unknown variant `conv`, expected one of `linear`, `activation`, `prelu`"), "{error}");
}

/// The file of a plain network is the same as before norms, dropout and skips were added.
#[test]
fn older_files_can_be_loaded() {
    let param = |rows: usize, cols: usize, data: &str| format!(r#"{{"rows":{rows},"cols":{cols},"data":[{data}]}}"#);
    let layer = |w: String, b: String| format!(r#"{{"weight":{w},"bias":{b}}}"#);
    let layers =
        [layer(param(2, 1, "0.5,-1.0"), param(2, 1, "0.0,0.25")), layer(param(1, 2, "2.0,3.0"), param(1, 1, "1.0"))];
    for name in ["identity", "relu", "tanh", "sigmoid", "softplus"] {
        let text = format!(r#"{{"layers":[{},{}],"activation":"{name}"}}"#, layers[0], layers[1]);
        let net: Mlp<f64> = serde_json::from_str(&text).unwrap();
        assert_eq!((net.layers.len(), net.norms.len(), net.dropout, net.skips), (2, 0, None, false));
        assert_eq!(net.activation.to_string(), name);
        assert_eq!(serde_json::to_string(&net).unwrap(), text);
    }
}

// ---------------------------------------------------------------- composites

#[test]
fn dense_blocks_stack_all_that_came_before() {
    let block = DenseBlock { layers: vec![linear(3, 2, 1), linear(5, 1, 3)] };
    let x = some(3, 4, 5);
    let y = outputs(&block, &x, None);
    let first = outputs(&block.layers[0], &x, None);
    let both = Matrix::from_fn(5, 4, |i, j| if i < 3 { x[(i, j)] } else { first[(i - 3, j)] });
    let second = outputs(&block.layers[1], &both, None);
    assert_eq!(y, Matrix::from_fn(6, 4, |i, j| if i < 5 { both[(i, j)] } else { second[(i - 5, j)] }));
}

/// z ← z + dropout(h(norm(W z + b))), if W is square and skips are on.
#[test]
fn what_the_builder_builds() {
    let x = some(3, 6, 1);
    for (norm, p, skips) in [(None, 0.0, false), (Some(Norm::Batch), 0.4, true), (Some(Norm::Layer), 0.0, true)] {
        let builder = Mlp::<f64>::builder(&[3, 4, 4, 2]).activation(Activation::Gelu).skips(skips).init(Init::Xavier);
        let builder = if p > 0.0 { builder.dropout(p) } else { builder };
        let net = if let Some(norm) = norm { builder.norm(norm) } else { builder }.build(&mut rng(0));
        let dropout = Dropout::new(p);
        for training in [None, Some(9)] {
            let tape = training.map_or_else(Tape::new, Tape::training);
            let block = |k: usize, z| {
                let a = net.layers[k].forward(z);
                let a = net.norms.get(k).map_or(a, |norm| norm.forward(a));
                a.gelu()
            };
            let z = dropout.forward(block(0, tape.constant(&x)));
            let y = dropout.forward(block(1, z));
            let y = net.layers[2].forward(if skips { z + y } else { y });
            assert_eq!(outputs(&net, &x, training), y.value(), "{norm:?}, {training:?}");
        }
    }
    let with = |init| Mlp::<f64>::builder(&[3, 4, 2]).activation(Activation::Tanh).init(init).build(&mut rng(1));
    assert_eq!(Mlp::new(&[3, 4, 2], Activation::Tanh, &mut rng(1)), with(Init::Xavier));
    assert!(with(Init::Zeros).layers.iter().all(|layer| layer.weight.value().as_slice().iter().all(|&w| w == 0.0)));
}

// ---------------------------------------------------------------- weight-space symmetries

/// All orders of 0..n.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else { return vec![Vec::new()] };
    let shorter = permutations(last);
    let insert = |at: usize| shorter.iter().map(move |p| [&p[..at], &[last], &p[at..]].concat());
    (0..n).flat_map(insert).collect()
}

/// M units with tanh: 2ᴹ M! weight vectors, all different, with the same function.
#[test]
fn every_equivalent_weight_vector_of_a_small_net() {
    const M: usize = 4;
    let net = Mlp::from_layers(vec![linear(2, M, 1), linear(M, 3, 3)], Activation::Tanh);
    let x = some(2, 7, 5);
    let y = outputs(&net, &x, None);
    let mut found = std::collections::HashSet::new();
    for permutation in permutations(M) {
        let mut permuted = net.clone();
        permuted.permute_hidden(0, &permutation);
        for signs in 0..1 << M {
            let mut flipped = permuted.clone();
            (0..M).filter(|unit| signs >> unit & 1 == 1).for_each(|unit| flipped.flip_sign(0, unit));
            assert_eq!(outputs(&flipped, &x, None), outputs(&permuted, &x, None), "a sign changes no bit");
            close(&outputs(&flipped, &x, None), &y, 1e-14);
            let weights = flipped.named_params().into_iter().flat_map(|(_, param)| param.value().as_slice().to_vec());
            found.insert(weights.map(f64::to_bits).collect::<Vec<_>>());
        }
    }
    assert_eq!(found.len(), 16 * 24);
}

fn networks() -> impl Strategy<Value = (Mlp<f64>, Vec<(usize, u64)>)> {
    let norm = prop::sample::select(vec![None, Some(Norm::Batch), Some(Norm::Layer), Some(Norm::Rms)]);
    let odd = prop::sample::select(Activation::ALL.iter().copied().filter(|h| h.is_odd()).collect::<Vec<_>>());
    let moves = prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 1..5);
    let hidden = prop::collection::vec(prop_oneof![Just(4), 1usize..6], 1..4);
    (hidden, norm, odd, any::<bool>(), any::<u64>(), moves).prop_map(|(hidden, norm, h, skips, seed, moves)| {
        // More inputs than units, so that no skip ties the units.
        let sizes = [&[7], &hidden[..], &[2]].concat();
        let builder = Mlp::builder(&sizes).activation(h).skips(skips);
        let mut net = if let Some(norm) = norm { builder.norm(norm) } else { builder }.build(&mut rng(seed));
        // No entry is still 0 or 1.
        net.params_mut(&Path::Root, &mut |path, param| {
            let (m, n) = param.value().shape();
            let values = some(m, n, seed ^ param.id());
            let positive = path.to_string().ends_with("var");
            *param.value_mut() = if positive { values.map(|x: f64| x * x + 0.5) } else { values };
        });
        (net, moves.into_iter().map(|(layer, seed)| (layer.index(hidden.len()), seed)).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// With norms, with skips, in training and after it, for several changes in sequence.
    #[test]
    fn other_weights_are_the_same_function((net, moves) in networks()) {
        let x = some(7, 5, 1);
        let trained = |net: &Mlp<f64>| {
            let (mut net, tape) = (net.clone(), Tape::training(0));
            let grads = net.forward(tape.constant(&x)).sum().backward();
            let mut updates = Vec::new();
            net.params(&Path::Root, &mut |_, param| updates.push(grads.updated(param).cloned()));
            let mut updates = updates.into_iter();
            net.params_mut(&Path::Root, &mut |_, param| {
                updates.next().flatten().into_iter().for_each(|value| *param.value_mut() = value);
            });
            net
        };
        let (mut flipped, mut permuted) = (net.clone(), net.clone());
        for (layer, seed) in moves {
            let units = net.layers[layer].outputs();
            flipped.flip_sign(layer, seed as usize % units);
            let all = permutations(units);
            permuted.permute_hidden(layer, &all[seed as usize % all.len()]);
        }
        for training in [None, Some(0)] {
            let y = outputs(&net, &x, training);
            prop_assert_eq!(&outputs(&flipped, &x, training), &y);
            let size = y.as_slice().iter().fold(1.0f64, |max, y| max.max(y.abs()));
            close(&outputs(&permuted, &x, training), &y, 1e-9 * size);
        }
        // The running statistics are permuted too, and so are those after another step.
        let y = outputs(&trained(&net), &x, None);
        prop_assert_eq!(&outputs(&trained(&flipped), &x, None), &y);
        let size = y.as_slice().iter().fold(1.0f64, |max, y| max.max(y.abs()));
        close(&outputs(&trained(&permuted), &x, None), &y, 1e-9 * size);
    }
}

// ---------------------------------------------------------------- shared weights and skips

/// h = tanh(W x + b), z = tanh(W h + b) + x, y = V z: one layer at two depths, and a skip over both.
#[derive(Module)]
struct Shared {
    inner: Linear<f64>,
    output: Linear<f64>,
}

impl Layer<f64> for Shared {
    fn forward<'t>(&'t self, x: Var<'t, f64>) -> Var<'t, f64> {
        let h = self.inner.forward(x).tanh();
        self.output.forward(self.inner.forward(h).tanh() + x)
    }
}

/// E = ½ Σ (y − t)²: the lecture's rules as loops, y += w x ⇒ δx += w δy, ∇w += δy x, for every single connection.
#[test]
fn a_shared_weight_and_a_skip_by_hand() {
    const D: usize = 3;
    let net = Shared { inner: linear(D, D, 1), output: linear(D, 2, 3).without_bias() };
    let (x, t) = (some::<f64>(D, 4, 5), some::<f64>(2, 4, 6));
    let (w, b, v) = (net.inner.weight.value(), net.inner.bias.as_ref().unwrap().value(), net.output.weight.value());
    // For the first use, and for the second use.
    let (mut dw, mut db) = ([[[0.0; D]; D]; 2], [[0.0; D]; 2]);
    let (mut dv, mut dx) = (Matrix::zeros(2, D), Matrix::zeros(D, 4));
    for n in 0..4 {
        let (mut h, mut g, mut y) = ([0.0; D], [0.0; D], [0.0; 2]);
        for i in 0..D {
            h[i] = (b[(i, 0)] + (0..D).map(|j| w[(i, j)] * x[(j, n)]).sum::<f64>()).tanh();
        }
        for i in 0..D {
            g[i] = (b[(i, 0)] + (0..D).map(|j| w[(i, j)] * h[j]).sum::<f64>()).tanh();
        }
        for k in 0..2 {
            y[k] = (0..D).map(|j| v[(k, j)] * (g[j] + x[(j, n)])).sum();
        }
        let (mut dz, mut dh) = ([0.0; D], [0.0; D]);
        for k in 0..2 {
            let dy = y[k] - t[(k, n)];
            for j in 0..D {
                dz[j] += v[(k, j)] * dy;
                dv[(k, j)] += dy * (g[j] + x[(j, n)]);
            }
        }
        for i in 0..D {
            dx[(i, n)] += dz[i]; // the skip
            let da = (1.0 - g[i] * g[i]) * dz[i];
            db[1][i] += da;
            for j in 0..D {
                dh[j] += w[(i, j)] * da;
                dw[1][i][j] += da * h[j];
            }
        }
        for i in 0..D {
            let da = (1.0 - h[i] * h[i]) * dh[i];
            db[0][i] += da;
            for j in 0..D {
                dx[(j, n)] += w[(i, j)] * da;
                dw[0][i][j] += da * x[(j, n)];
            }
        }
    }

    let tape = Tape::new();
    let input = tape.variable(&x);
    let grads = ((net.forward(input) - tape.constant(&t)).square().sum() / 2.0).backward();
    let sum = |uses: [f64; 2]| uses[0] + uses[1];
    close(&grads.wrt(&net.inner.weight).to_owned(), &Matrix::from_fn(D, D, |i, j| sum(dw.map(|dw| dw[i][j]))), 1e-13);
    let bias = grads.wrt(net.inner.bias.as_ref().unwrap()).to_owned();
    close(&bias, &Matrix::from_fn(D, 1, |i, _| sum(db.map(|db| db[i]))), 1e-13);
    close(&grads.wrt(&net.output.weight).to_owned(), &dv, 1e-13);
    close(&grads.wrt(input).to_owned(), &dx, 1e-13);
    assert!(dw.iter().flatten().flatten().all(|&dw| dw.abs() > 1e-3), "both uses count");
}

// ---------------------------------------------------------------- averages of weights

/// The averages after k = 1, 2, … of weights 1, 2, … from 10.
#[track_caller]
fn check_ema(start: fn(Ema<f64>) -> Ema<f64>, expected: impl Fn(usize, f64) -> f64) {
    let mut model = (Param::new(Matrix::full(2, 3, 10.0)), Param::buffer(Matrix::full(1, 1, 10.0)));
    let mut ema = start(Ema::new(0.9, &model));
    let mut average = 10.0;
    for k in 1..=40 {
        *model.0.value_mut() = Matrix::full(2, 3, k as f64);
        *model.1.value_mut() = Matrix::full(1, 1, -(k as f64));
        ema.update(&model);
        average = expected(k, average);
        // Stored and loaded at any time, it continues unchanged.
        ema = serde_json::from_str(&serde_json::to_string(&ema).unwrap()).unwrap();
        let (found, buffer) = ema.evaluate(&mut model, |model| (model.0.value()[(1, 2)], model.1.value()[(0, 0)]));
        assert!((found - average).abs() < 1e-12, "{found}, not {average} after {k}");
        assert_eq!(buffer, -(k as f64), "buffers are copied");
        assert_eq!(model.0.value()[(0, 0)], k as f64, "the weights are back");
    }
    assert_eq!(ema.steps(), 40);
    let text = serde_json::to_string(&ema).unwrap().replace(r#""decay":0.9"#, r#""decay":1.0"#);
    let error = serde_json::from_str::<Ema<f64>>(&text).unwrap_err().to_string();
    assert!(error.contains("Ema: the decay must be at least 0 and below 1, and is 1"), "{error}");
}

#[test]
fn averages_are_those_of_the_formula() {
    check_ema(|ema| ema, |k, average| 0.9 * average + 0.1 * k as f64);
    // Kingma and Ba: the average from 0, divided by 1 − dᵏ.
    check_ema(Ema::corrected, |k, _| {
        let sum: f64 = (1..=k).map(|i| 0.1 * 0.9f64.powi((k - i) as i32) * i as f64).sum();
        sum / (1.0 - 0.9f64.powi(k as i32))
    });
    check_ema(Ema::warm_up, |k, average| {
        let d = f64::min(0.9, (1.0 + k as f64) / (10.0 + k as f64));
        d * average + (1.0 - d) * k as f64
    });
}

#[test]
fn what_is_frozen_is_not_averaged() {
    let mut net: Mlp<f32> = Mlp::new(&[2, 3, 1], Activation::Tanh, &mut rng(0));
    net.freeze(&|name| name.starts_with("layers.0."));
    let before = net.layers[0].clone();
    let mut ema = Ema::new(0.3, &net);
    (0..5).for_each(|_| ema.update(&net));
    ema.swap(&mut net);
    assert_eq!(net.layers[0], before);
}
