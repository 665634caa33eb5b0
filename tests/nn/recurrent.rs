//! Recurrent layers: PyTorch's values and gradients, finite differences, and properties of all of them.

use autograd::check::Check;
use nn::persist::Safetensors;
use nn::{
    Activation, Bidirectional, Embedding, Gates, Gru, GruRule, Init, Layer, Linear, Lstm, LstmRule, Matrix, MatrixRef,
    Module, Param, Recurrent, RecurrentLayer, RecurrentRule, Rnn, RnnRule, Tape, Var, grad, torch_name,
};
use serde_json::Value;

use crate::{normal, rng};

// ---------------------------------------------------------------- PyTorch

/// An array of numbers, or of rows. In a batch a row is a sample, which is a column here.
fn rows(value: &Value) -> Matrix<f64> {
    let number = |x: &Value| x.as_f64().unwrap();
    let rows: Vec<Vec<f64>> = value
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_array().map_or_else(|| vec![number(row)], |row| row.iter().map(number).collect()))
        .collect();
    Matrix::from_vec(rows[0].len(), rows.len(), rows.concat())
}

/// Several of them: for the steps, or for the layers and directions.
fn list(value: &Value) -> Vec<Matrix<f64>> {
    value.as_array().unwrap().iter().map(rows).collect()
}

/// To 10⁻¹², relative to the largest entry.
#[track_caller]
fn close(what: &str, found: MatrixRef<'_, f64>, expected: &Matrix<f64>) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let largest = expected.as_slice().iter().fold(0.0f64, |max, x| max.max(x.abs()));
    let off = found.as_slice().iter().zip(expected.as_slice()).fold(0.0f64, |max, (a, b)| max.max((a - b).abs()));
    assert!(off <= 1e-12 * largest, "{what}: {off:e} off, of {largest:e}\n{found}\n{expected}");
}

/// `num_layers` and `bidirectional` of PyTorch.
enum Net<R> {
    Deep(Vec<RecurrentLayer<f64, R>>),
    Both(Vec<Bidirectional<RecurrentLayer<f64, R>>>),
}

impl<R: RecurrentRule<f64>> Net<R> {
    fn of(case: &Value, rule: &R) -> Self {
        let layer = |l: u64, end: &str| {
            let param = |name: &str| {
                let value = case["params"].get(format!("{name}_l{l}{end}"))?;
                Some(Param::new(rows(value).transpose()))
            };
            let (weight_ih, weight_hh) = (param("weight_ih").unwrap(), param("weight_hh").unwrap());
            let (bias_ih, bias_hh) = (param("bias_ih"), param("bias_hh"));
            RecurrentLayer { weight_ih, weight_hh, bias_ih, bias_hh, rule: rule.clone() }
        };
        let layers = 0..case["layers"].as_u64().unwrap();
        if case["bidirectional"] == true {
            let both = |l| Bidirectional { forward: layer(l, ""), backward: layer(l, "_reverse") };
            Net::Both(layers.map(both).collect())
        } else {
            Net::Deep(layers.map(|l| layer(l, "")).collect())
        }
    }

    /// The parameters by PyTorch's names.
    fn params(&self) -> Vec<(String, &Param<f64>)> {
        let named = match self {
            Net::Deep(layers) => layers.named_params(),
            Net::Both(layers) => layers.named_params(),
        };
        named.into_iter().map(|(name, param)| (torch_name(&name), param)).collect()
    }

    fn run<'t>(
        &'t self,
        xs: &[Var<'t, f64>],
        lengths: &[usize],
        start: Vec<R::State<'t>>,
    ) -> (Vec<Var<'t, f64>>, Vec<R::State<'t>>) {
        match self {
            Net::Deep(layers) => layers.run_padded(xs, lengths, Some(start)),
            Net::Both(layers) => {
                let pairs = start.chunks(2).map(|pair| [pair[0], pair[1]]).collect();
                let (ys, end) = layers.run_padded(xs, lengths, Some(pairs));
                (ys, end.into_iter().flatten().collect())
            }
        }
    }
}

fn check_case<R: RecurrentRule<f64>>(case: &Value, rule: &R) {
    let parts = if R::NAME == "Lstm" { &["h", "c"][..] } else { &["h"] };
    let lengths: Vec<usize> =
        case["lengths"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let net = Net::of(case, rule);

    let tape = Tape::new();
    let variables = |value: &Value| list(value).into_iter().map(|x| tape.variable(x)).collect::<Vec<_>>();
    let xs = variables(&case["x"]);
    let given: Vec<Vec<Var<f64>>> = parts.iter().map(|part| variables(&case["start"][part])).collect();
    let start = (0..given[0].len()).map(|k| {
        let mut state = R::start(given[0][k]);
        state.as_mut().iter_mut().zip(&given).for_each(|(part, given)| *part = given[k]);
        state
    });
    let (ys, end) = net.run(&xs, &lengths, start.collect());

    let mut results = vec![("y", ys)];
    results.extend(parts.iter().enumerate().map(|(k, part)| (*part, end.iter().map(|s| s.as_ref()[k]).collect())));
    let mut loss = tape.constant(0.0);
    for (name, values) in &results {
        let (expected, upstream) = (list(&case["results"][name]), list(&case["upstream"][name]));
        assert_eq!(values.len(), expected.len(), "{name}");
        for ((value, expected), upstream) in values.iter().zip(&expected).zip(upstream) {
            close(name, value.value().view(), expected);
            loss += value.dot(tape.constant(upstream));
        }
    }
    let grads = loss.backward();
    let all = |what: &str, vars: &[Var<f64>], expected: &Value| {
        vars.iter().zip(list(expected)).for_each(|(x, expected)| close(what, grads.wrt(*x), &expected));
    };
    all("grad_x", &xs, &case["grad_x"]);
    parts.iter().zip(&given).for_each(|(part, given)| all("grad_start", given, &case["grad_start"][part]));
    let params = net.params();
    assert_eq!(params.len(), case["params"].as_object().unwrap().len());
    for (name, param) in params {
        close(&name, grads.wrt(param), &rows(&case["grad_params"][&name]).transpose());
    }
}

#[test]
fn values_and_gradients_of_pytorch() {
    let file: Value = serde_json::from_str(include_str!("../oracle/recurrent.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        match case["kind"].as_str().unwrap() {
            "rnn_tanh" => check_case(case, &RnnRule::default()),
            "rnn_relu" => check_case(case, &RnnRule { activation: Activation::Relu }),
            "gru" => check_case(case, &GruRule),
            "lstm" => check_case(case, &LstmRule),
            other => panic!("{other}"),
        }
    }
}

/// A model of PyTorch from its file.
#[derive(Module)]
struct Tagger {
    words: Embedding<f64>,
    rnn: Vec<Bidirectional<Gru<f64>>>,
    head: Linear<f64>,
}

#[test]
fn a_model_of_pytorch_from_its_file() {
    let rng = &mut rng(0);
    let mut both = |inputs| Bidirectional { forward: Gru::new(inputs, 2, rng), backward: Gru::new(inputs, 2, rng) };
    let rnn = vec![both(3), both(4)];
    let mut model = Tagger { words: Embedding::new(5, 3, rng), rnn, head: Linear::new(4, 2, Init::Zeros, rng) };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle/recurrent.safetensors");
    Safetensors::new().rename(torch_name).load(file, &mut model).unwrap();

    let expected: Value = serde_json::from_str(include_str!("../oracle/recurrent.json")).unwrap();
    let tape = Tape::new();
    let words = rows(&expected["tagger"]["words"]);
    let indices = |t| words.col(t).iter().map(|&word| word as usize).collect::<Vec<_>>();
    let xs: Vec<_> = (0..words.cols()).map(|t| model.words.lookup(&tape, &indices(t))).collect();
    let (ys, _) = model.rnn.run(&xs, None);
    for (y, expected) in ys.iter().zip(list(&expected["tagger"]["y"])) {
        close("y", model.head.forward(*y).value().view(), &expected);
    }
}

// ---------------------------------------------------------------- finite differences

/// Three steps as a function of x, h (and c), W, U, b and b', to second order.
fn check_rule<R: RecurrentRule<f64>>(rule: &'static R, states: usize) {
    let (inputs, hidden, batch) = (2, 2, 2);
    let rows = R::GATES * hidden;
    let mut shapes = vec![(rows, inputs), (rows, hidden), (rows, 1), (rows, 1), (inputs, batch)];
    shapes.extend(vec![(hidden, batch); states]);
    let given: Vec<_> = shapes.iter().zip(0..).map(|(&(m, n), seed)| normal(m, n, seed).map(|x| 0.7 * x)).collect();
    Check::new().run(|v| unrolled(rule, v), &given).unwrap();
}

fn unrolled<'t, R: RecurrentRule<f64>>(rule: &'static R, v: &[Var<'t, f64>]) -> Var<'t, f64> {
    let step = rule.step(Gates::new([v[0], v[1]], [Some(v[2]), Some(v[3])]));
    let mut state = R::start(v[5]);
    state.as_mut().copy_from_slice(&v[5..]);
    for k in 0..3 {
        state = step(v[4].scale(1.0 - 0.3 * f64::from(k)), state);
    }
    autograd::vstack(state.as_ref())
}

#[test]
fn derivatives_of_every_rule() {
    static TANH: RnnRule = RnnRule { activation: Activation::Tanh };
    check_rule(&TANH, 1);
    check_rule(&GruRule, 1);
    check_rule(&LstmRule, 2);
}

// ---------------------------------------------------------------- properties

/// A run in two parts equals a run in one; padding changes nothing, whatever it contains; and no first state means zeros.
fn check_runs<R: RecurrentRule<f64>>(layer: &RecurrentLayer<f64, R>) {
    let (steps, lengths) = (6, [6, 0, 3, 5]);
    let data: Vec<_> = (0..steps).map(|t| normal(3, 4, 20 + t)).collect();
    let tape = Tape::new();
    let xs: Vec<_> = data.iter().map(|x| tape.constant(x)).collect();
    let value = |state: &R::State<'_>| state.as_ref().iter().map(|part| part.value()).collect::<Vec<_>>();

    let (ys, end) = layer.run(&xs, None);
    let zeros = R::start(tape.constant(Matrix::zeros(layer.hidden(), 4)));
    assert_eq!(value(&end), value(&layer.run(&xs, Some(zeros)).1));
    let (first, middle) = layer.run(&xs[..2], None);
    let (second, two) = layer.run(&xs[2..], Some(middle));
    let halves = [first, second].concat();
    assert!(ys.iter().zip(&halves).all(|(a, b)| a.value() == b.value()) && value(&end) == value(&two));

    let (padded, end) = layer.run_padded(&xs, &lengths, None);
    for (j, length) in lengths.into_iter().enumerate() {
        for (t, y) in padded.iter().enumerate() {
            let y = y.value();
            let expected = if t < length { ys[t].value().col(j).to_vec() } else { vec![0.0; layer.hidden()] };
            assert_eq!(y.col(j), expected, "sample {j}, step {t}");
        }
        let alone: Vec<_> = xs[..length].iter().map(|x| x.columns(j..j + 1)).collect();
        let parts = if length == 0 {
            vec![Matrix::zeros(layer.hidden(), 1); end.as_ref().len()]
        } else {
            value(&layer.run(&alone, None).1)
        };
        for (part, alone) in value(&end).iter().zip(&parts) {
            close("last state", MatrixRef::new(layer.hidden(), 1, part.col(j)), alone);
        }
    }
    let other: Vec<_> = data
        .iter()
        .zip(0..)
        .map(|(x, t)| Matrix::from_fn(3, 4, |i, j| if t < lengths[j] { x[(i, j)] } else { 1e6 }))
        .collect();
    let others: Vec<_> = other.iter().map(|x| tape.constant(x)).collect();
    assert_eq!(value(&end), value(&layer.run_padded(&others, &lengths, None).1));
}

#[test]
fn runs_in_parts_and_with_padding() {
    check_runs(&Rnn::new(3, 5, &mut rng(1)));
    check_runs(&Gru::new(3, 5, &mut rng(2)));
    check_runs(&Lstm::new(3, 5, &mut rng(3)).without_bias());
}

/// The gradient of a state 100 steps back: it vanishes in a simple layer, but not along the memory of one that does not forget.
#[test]
fn a_memory_keeps_the_gradient() {
    fn through<R: RecurrentRule<f64>>(layer: &RecurrentLayer<f64, R>) -> f64 {
        let tape = Tape::new();
        let start = R::start(tape.variable(Matrix::full(8, 1, 0.1)));
        let xs = vec![tape.constant(Matrix::zeros(1, 1)); 100];
        let (_, end) = layer.run(&xs, Some(start));
        let last = end.as_ref().last().unwrap().sum();
        grad(last, &[start.as_ref()[0]])[0].norm().item()
    }
    assert!(through(&Rnn::new(1, 8, &mut rng(4))) < 1e-12);
    let memory = through(&Lstm::new(1, 8, &mut rng(4)).with_forget_bias(8.0));
    assert!(memory > 0.5, "{memory}");
}

#[test]
fn names_and_initial_weights() {
    let lstm: Lstm<f64> = Lstm::new(3, 16, &mut rng(5));
    let names: Vec<_> = lstm.named_params().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]);
    for (name, param) in lstm.named_params() {
        let largest = param.value().as_slice().iter().fold(0.0f64, |max, w| max.max(w.abs()));
        assert!((0.2..=0.25).contains(&largest), "{name}: {largest}, not up to 1/√16");
    }
    let lstm = lstm.with_init(Init::Xavier, Init::Orthogonal(1.0), &mut rng(6)).with_forget_bias(1.0);
    let tape = Tape::new();
    for gate in 0..4 {
        let u = tape.constant(lstm.weight_hh.value()).rows_in(16 * gate..16 * (gate + 1));
        let off = (u.matmul_tn(u) - tape.identity(16)).norm().item();
        assert!(off < 1e-12, "gate {gate}: {off}");
        let sum: f64 = [&lstm.bias_ih, &lstm.bias_hh].into_iter().flatten().map(|b| b.value()[(16 * gate, 0)]).sum();
        assert_eq!(sum, if gate == 1 { 1.0 } else { 0.0 });
    }
    assert_eq!(lstm.without_bias().count_params(), 4 * 16 * (3 + 16));
}

#[test]
fn a_file_keeps_the_model() {
    let model = (
        vec![Bidirectional { forward: Gru::<f32>::new(2, 3, &mut rng(7)), backward: Gru::new(2, 3, &mut rng(8)) }],
        Rnn::<f32>::new(6, 2, &mut rng(9)).with_activation(Activation::Relu),
    );
    let text = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<(Vec<Bidirectional<Gru<f32>>>, Rnn<f32>)>(&text).unwrap(), model);
}
