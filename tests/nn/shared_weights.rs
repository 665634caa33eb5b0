//! One parameter with several uses: embeddings as inputs and outputs, tied autoencoders.

use autograd::check::Check;
use nn::{
    Activation, Adam, Embedding, Layer, Matrix, Module, Optimizer, Param, Reduction, Tape, TiedAutoencoder, Var,
    affine, loss,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::normal;

// ---------------------------------------------------------------- embeddings

#[test]
fn a_column_gets_the_sum_of_its_uses() {
    let words = Embedding::from(Matrix::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    let tape = Tape::new();
    let y = words.lookup(&tape, &[2, 0, 2]);
    assert_eq!(y.value(), Matrix::from([[3.0, 1.0, 3.0], [6.0, 4.0, 6.0]]));
    let grads = y.backward_with(&Matrix::from([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]]));
    assert_eq!(grads.wrt(&words.weight), Matrix::from([[10.0, 0.0, 101.0], [20.0, 0.0, 202.0]]).view());
    assert_eq!(words.lookup(&tape, &[]).shape(), (2, 0));
}

#[test]
fn padding_is_zero_and_not_trained() {
    let mut words = Embedding::from(Matrix::full(2, 3, 1.0)).with_padding(1);
    assert_eq!(words.weight.value(), &Matrix::from([[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]]));
    words.weight.value_mut().col_mut(1).fill(7.0);
    let tape = Tape::new();
    let y = words.lookup(&tape, &[1, 2, 1]);
    assert_eq!(y.value(), Matrix::from([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]));
    let grads = y.sum().backward();
    assert_eq!(grads.wrt(&words.weight), Matrix::from([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]).view());
    let text = serde_json::to_string(&words).unwrap();
    assert_eq!(serde_json::from_str::<Embedding<f64>>(&text).unwrap(), words);
}

/// Eᵀ tanh(E[:, k]): by an embedding, and as a checked function of E.
#[test]
fn reading_and_writing_add_their_gradients() {
    const INDICES: [usize; 3] = [3, 0, 3];
    fn function<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
        v[0].matmul_tn(v[0].select_columns(&INDICES).tanh())
    }
    let (table, upstream) = (normal(2, 4, 1), normal(4, 3, 2));
    Check::new().run(function, &[&table]).unwrap();

    let tape = Tape::new();
    let e = tape.variable(&table);
    let expected = function(&[e]).backward_with(&upstream);
    let words = Embedding::from(table.clone());
    let tape = Tape::new();
    let grads = words.logits(words.lookup(&tape, &INDICES).tanh()).backward_with(&upstream);
    assert_eq!(grads.wrt(&words.weight), expected.wrt(e));
}

// ---------------------------------------------------------------- autoencoders

/// x = 2, w = 3, b = 1, c = −1: a = w x + b = 7, r = w a + c = 20, E = (r − x)² / 2 = 162. With δr = r − x = 18 and
/// δa = w δr = 54, ∇w = δa x + a δr = 108 + 126, ∇b = 54, ∇c = 18.
#[test]
fn by_hand() {
    let mut net = TiedAutoencoder::<f64>::new(&[1, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(0));
    for (param, value) in [(0, 3.0), (1, 1.0), (2, -1.0)] {
        let layer = &mut net.layers[0];
        *[&mut layer.weight, &mut layer.bias, &mut layer.decoder_bias][param] = Param::new(Matrix::full(1, 1, value));
    }
    let tape = Tape::new();
    let x = tape.constant(2.0);
    let e = loss::mse(net.forward(x), x, Reduction::Sum).scale(0.5);
    assert_eq!(e.item(), 162.0);
    let grads = e.backward();
    let layer = &net.layers[0];
    let found = [&layer.weight, &layer.bias, &layer.decoder_bias].map(|param| grads.wrt(param)[(0, 0)]);
    assert_eq!(found, [108.0 + 126.0, 54.0, 18.0]);
}

/// Two layers as a checked function of all their parameters.
#[test]
fn the_gradient_of_a_weight_is_that_of_both_uses() {
    fn function<'t>(v: &[Var<'t, f64>]) -> Var<'t, f64> {
        let &[w1, b1, c1, w2, b2, c2, x] = v else { panic!("{} variables", v.len()) };
        let code = affine(&[(w2, affine(&[(w1, x)], Some(b1)).tanh())], Some(b2));
        affine(&[(w1.t(), affine(&[(w2.t(), code)], Some(c2)).tanh())], Some(c1))
    }
    let mut net = TiedAutoencoder::<f64>::new(&[4, 3, 2], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
    let names = ["weight", "bias", "decoder_bias"];
    let names = [0, 1].map(|l| names.map(|name| format!("layers.{l}.{name}"))).concat();
    let mut given = Vec::new();
    net.params_mut(&nn::Path::Root, &mut |_, param| {
        let (m, n) = param.value().shape();
        *param.value_mut() = normal(m, n, given.len() as u64);
        given.push(param.value().clone());
    });
    given.push(normal(4, 2, 9));
    let upstream = normal(4, 2, 10);
    Check::new().run(function, &given).unwrap();

    let tape = Tape::new();
    let v: Vec<_> = given.iter().map(|x| tape.variable(x)).collect();
    let y = function(&v);
    let expected = y.backward_with(&upstream);
    let other = Tape::new();
    let x = other.variable(&given[6]);
    let found = net.forward(x);
    let close = |what: &str, a: &[f64], b: &[f64]| {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b.abs())), "{what}: {a:?}, not {b:?}");
    };
    close("value", found.value().as_slice(), y.value().as_slice());
    let grads = found.backward_with(&upstream);
    close("x", grads.wrt(x).as_slice(), expected.wrt(v[6]).as_slice());
    for ((k, (name, param)), expected_name) in net.named_params().into_iter().enumerate().zip(names) {
        assert_eq!(name, expected_name);
        close(&name, grads.wrt(param).as_slice(), expected.wrt(v[k]).as_slice());
    }
}

/// With one layer the smallest error is that of the principal components: the sum of the smallest eigenvalues of the covariance
/// (Baldi & Hornik 1989).
#[test]
fn a_linear_autoencoder_finds_the_principal_components() {
    let (features, code, samples) = (5, 2, 60);
    let (mix, z, shift) = (normal(features, features, 3), normal(features, samples, 4), normal(features, 1, 5));
    let tape = Tape::new();
    let x = (tape.constant(&mix).matmul(tape.constant(&z)) + tape.constant(&shift)).value();
    let data = tape.constant(&x);
    let centered = data - data.mean_over(nn::Axis::Cols);
    let covariance = centered.matmul_nt(centered).scale(1.0 / samples as f64);
    let eigenvalues = covariance.symmetric_eigenvalues().unwrap().value();
    let left: f64 = eigenvalues.as_slice()[..features - code].iter().sum();

    let mut net = TiedAutoencoder::<f64>::new(&[features, code], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(6));
    let mut error = f64::INFINITY;
    let mut state = Adam::new(0.0).init(&net);
    for step in 0..1500 {
        let tape = Tape::new();
        let x = tape.constant(&x);
        let loss = loss::mse(net.forward(x), x, Reduction::Sum).scale(1.0 / samples as f64);
        error = loss.item();
        let grads = loss.backward();
        Adam::new(0.03 * 0.997f64.powi(step)).step(&mut net, &grads, &mut state);
    }
    assert!(error >= left - 1e-9, "{error} is below what is possible, {left}");
    assert!(error <= 1.001 * left, "{error}, not {left}");
}
