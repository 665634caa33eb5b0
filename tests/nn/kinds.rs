//! A layer sets the kind of a parameter, and rules use the kind, whatever the name.

use nn::{
    Activation, BatchNorm, Bidirectional, Embedding, Group, Gru, Init, LayerNorm, Linear, Lstm, Matrix, Mlp, Module,
    Norm, Optimizer, PRelu, Param, ParamKind, Path, RmsNorm, Rnn, Sequential, Sgd, Tape, TiedAutoencoder,
};

use crate::rng;
use crate::wrong_input::panics;

/// After a step with rate 1/8, gradients of 0, and a decoupled decay of 1: a parameter without decay keeps its value.
fn decays(net: &mut impl Module<f64>) -> Vec<(String, bool)> {
    let sgd = Sgd { lr: 0.125 }.with().decoupled_decay(1.0).no_decay_of_biases_and_norms();
    net.params_mut(&Path::Root, &mut |_, param| param.value_mut().as_mut_slice().fill(1.0));
    let mut state = sgd.init(net);
    let grads = {
        let tape = Tape::new();
        let params = net.named_params().into_iter().filter(|(_, param)| param.is_trained());
        params.map(|(_, param)| tape.param(param).sum() * 0.0).reduce(|a, b| a + b).unwrap().backward()
    };
    sgd.step(net, &grads, &mut state);
    let trained = net.named_params().into_iter().filter(|(_, param)| param.is_trained());
    trained.map(|(name, param)| (name, param.value()[(0, 0)] != 1.0)).collect()
}

#[track_caller]
fn check_decay(mut net: impl Module<f64>, decaying: &[&str]) {
    let found: Vec<String> = decays(&mut net).into_iter().filter(|(_, decays)| *decays).map(|(name, _)| name).collect();
    assert_eq!(found, decaying);
}

#[test]
fn biases_and_norms_do_not_decay_in_any_layer() {
    let rng = &mut rng(1);
    let net = Sequential::new()
        .then(Linear::new(2, 3, Init::He, rng))
        .then(BatchNorm::new(3))
        .then(LayerNorm::new(3))
        .then(RmsNorm::new(3))
        .then(PRelu::new(3))
        .then(Mlp::builder(&[3, 4, 2]).norm(Norm::Batch).build(rng))
        .then(TiedAutoencoder::new(&[2, 1], Activation::Tanh, rng));
    check_decay(net, &["0.weight", "4.weight", "5.layers.0.weight", "5.layers.1.weight", "6.layers.0.weight"]);
    let recurrent = ["weight_ih", "weight_hh"];
    check_decay(Rnn::new(2, 3, rng), &recurrent);
    check_decay(Gru::new(2, 3, rng), &recurrent);
    check_decay(Lstm::new(2, 3, rng), &recurrent);
    let both = Bidirectional { forward: Lstm::new(2, 3, rng), backward: Lstm::new(2, 3, rng) };
    check_decay(both, &["forward.weight_ih", "forward.weight_hh", "backward.weight_ih", "backward.weight_hh"]);
    check_decay(Embedding::new(5, 2, rng), &["weight"]);
    assert_eq!(Sgd { lr: 0.1 }.with().no_decay_of_biases_and_norms().rules.group_of("bias_ih").decay_factor, 0.0);
}

/// A kind that a layer sets decides. Where no layer has set one, the name of the parameter decides.
#[test]
fn a_custom_model_sets_kinds_too() {
    fn one() -> Param<f64> {
        Param::new(Matrix::full(1, 1, 1.0))
    }
    #[derive(Module)]
    struct Own {
        #[module(norm_scale)]
        gamma: Param<f64>,
        #[module(bias)]
        offsets: Vec<Param<f64>>,
        #[module(weight)]
        debiased: Param<f64>,
        #[module(transposed, embedding)]
        words: Param<f64>,
        normalised: Linear<f64>,
        bias: Param<f64>,
        plain: Param<f64>,
    }
    let own = Own {
        gamma: one(),
        offsets: vec![one(), one()],
        debiased: one(),
        words: one(),
        normalised: Linear { weight: one(), bias: Some(one()) },
        bias: one(),
        plain: one(),
    };
    let mut kinds = Vec::new();
    own.params(&Path::Root, &mut |path, _| kinds.push(path.kind()));
    use ParamKind::*;
    assert_eq!(kinds, [NormScale, Bias, Bias, Weight, Embedding, Weight, Bias, Bias, Weight]);
    check_decay(own, &["debiased", "words", "normalised.weight", "plain"]);
}

#[test]
fn groups_name_kinds_and_fit_something() {
    let net = Sequential::<f64>::new().then(Linear::new(2, 1, Init::He, &mut rng(1))).then(BatchNorm::new(1));
    let with = |pattern: &str| Sgd { lr: 0.1 }.with().group(pattern, Group::default());
    for fits in ["*", "0.*", "0.bias|1.weight", ":bias", ":embedding", "0.bias|:slope"] {
        with(fits).init(&net);
    }
    panics(&["group `:biases`", "no kind `:biases`", "`:norm_scale`"], || with(":biases"));
    for misses in ["weight", "0.weihgt", "x|:slope", "none|1.weight", "1.running_mean"] {
        panics(&[misses, "no parameter of the model", "`0.weight`, `0.bias`, `1.weight`, `1.bias`"], || {
            with(misses).init(&net)
        });
    }
}
