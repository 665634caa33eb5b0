//! Functions from outside the table: formulas, custom ops with WGSL and without, and what a device does not compute.

use autograd::{CustomOp, Formula, Matrix, MatrixRef, Param, Tape, Var, Wgsl, checkpoint, formula, map};
use gpu::{DeviceNumber, GpuError, OnDevice, Weights};
use nn::{Optimizer, Sgd};

use crate::{Records, compare, device, expect_all};

/// x σ(βx), with its slope by dual numbers.
#[derive(Clone)]
struct Swish(f64);

impl Formula<1> for Swish {
    fn name(&self) -> &str {
        "swish"
    }
    fn value<N: autograd::Number>(&self, [x]: [N; 1]) -> N {
        x * (x * self.0).sigmoid()
    }
}

/// A sum of K numbers.
struct SumOf<const K: usize>;

impl<const K: usize> Formula<K> for SumOf<K> {
    fn name(&self) -> &str {
        "sum of numbers"
    }
    fn value<N: autograd::Number>(&self, x: [N; K]) -> N {
        x.into_iter().reduce(|a, b| a * 0.5 + b).expect("a number")
    }
}

/// Y = A Aᵀ B, by loops over the entries.
#[derive(Clone)]
struct Gram {
    text: Option<Wgsl>,
}

impl Gram {
    fn new() -> Self {
        let sum = |term: &str| {
            format!(
                "var sum = T(0.0);
                for (var k = 0u; k < x0_cols(); k++) {{ for (var m = 0u; m < x0_rows(); m++) {{ sum += {term}; }} }}
                return sum;"
            )
        };
        let of_a = "var sum = T(0.0);
            for (var k = 0u; k < x1_cols(); k++) { for (var m = 0u; m < x0_rows(); m++) {
              sum += (dy(i, k) * x1(m, k) + x1(i, k) * dy(m, k)) * x0(m, j);
            } }
            return sum;";
        let value = sum("x0(i, k) * x0(m, k) * x1(m, j)");
        let of_b = sum("x0(i, k) * x0(m, k) * dy(m, j)");
        Gram { text: Some(Wgsl { value, pullback: vec![Some(of_a.to_owned()), Some(of_b)] }) }
    }
}

impl<T: DeviceNumber> CustomOp<T> for Gram {
    fn name(&self) -> &str {
        "gram"
    }
    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let tape = Tape::new();
        let [a, b] = [0, 1].map(|k| tape.constant(x[k]));
        a.matmul(a.matmul_tn(b)).value()
    }
    fn pullback<'t>(&self, x: &[Var<'t, T>], _y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let (a, b) = (x[0], x[1]);
        vec![Some((dy.matmul_nt(b) + b.matmul_nt(dy)).matmul(a)), Some(a.matmul(a.matmul_tn(dy)))]
    }
    fn wgsl(&self) -> Option<Wgsl> {
        self.text.clone()
    }
}

/// y = eˣ, whose gradient reads the value.
struct Exp;

impl<T: DeviceNumber> CustomOp<T> for Exp {
    fn name(&self) -> &str {
        "own_exp"
    }
    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        x[0].to_owned().map(autograd::Float::exp)
    }
    fn pullback<'t>(&self, _x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        vec![Some(y * dy)]
    }
    fn wgsl(&self) -> Option<Wgsl> {
        Some(Wgsl { value: "return exp_(x0(i, j));".into(), pullback: vec![Some("return y(i, j) * dy(i, j);".into())] })
    }
}

/// A function by its name. The operands are m × n, m × n and m × 1.
#[derive(Clone, Copy)]
pub struct Which(pub &'static str);

impl Records for Which {
    fn record<'t, T: DeviceNumber>(&self, x: &[Var<'t, T>]) -> Var<'t, T> {
        let (a, b, c) = (x[0], x[1], x[2]);
        let tape = a.tape();
        let y = match self.0 {
            "one" => a.map(formula!(|x| x / (x.square() + 1.0).sqrt())),
            "slope" => a.map(formula!(|x| (-x.square()).exp(), |y| [x * y * -2.0])),
            "parameter" => a.map(Swish(1.5)) + b,
            "two" => map(formula!(|a, b| a.tanh() * b - 2.0 + a / 3.0), [a, b]),
            "repeated" => map(formula!(|a, c| (a * c).sin() + 1.0), [a, c]),
            "twice" => map(formula!(|a, b| a * a * b), [a, a]),
            "many" => map(SumOf::<56>, std::array::from_fn(|k| a * T::from_f64(1.0 + k as f64))),
            "identity" => a.map(formula!(|x| x)) * b,
            "constant" => a.map(formula!(|x| x.zero() + 2.0)) * b,
            "among others" => (a.tanh() * b).map(formula!(|x| x * x.sigmoid())).exp() + c,
            "wgsl" => tape.custom(Gram::new(), &[a, b]).sin(),
            "wgsl of a value" => tape.custom(Exp, &[a * b]) + a,
            "wgsl twice" => tape.custom(Gram::new(), &[a, a]) * b,
            other => unreachable!("{other}"),
        };
        let (m, n) = y.shape();
        let w = Matrix::from_fn(m, n, |i, j| T::from_f64(((3 * i + 5 * j) % 7) as f64 / 4.0 - 0.75));
        (y * tape.constant(w)).sum() + (a * b * c).sum()
    }
}

pub const NAMES: [&str; 13] = [
    "one",
    "slope",
    "parameter",
    "two",
    "repeated",
    "twice",
    "many",
    "identity",
    "constant",
    "among others",
    "wgsl",
    "wgsl of a value",
    "wgsl twice",
];

pub fn operands((m, n): (usize, usize)) -> [Matrix<f64>; 3] {
    let of = |m, n, k: usize| Matrix::from_fn(m, n, |i, j| ((i * 13 + j * 29 + k * 7) % 41) as f64 / 16.0 - 1.25);
    [of(m, n, 0), of(m, n, 1), of(m, 1, 2)]
}

#[test]
fn formulas_and_custom_ops_with_wgsl() {
    let cases = [(1, 1), (3, 5), (67, 30), (3, 300)]
        .into_iter()
        .flat_map(|shape| NAMES.map(|name| compare(&format!("{name} of {shape:?}"), &Which(name), &operands(shape))));
    expect_all(cases);
}

/// What is said about a plan, or about a recording that cannot be one.
fn refused(record: impl for<'t> Fn(Var<'t, f32>) -> (Var<'t, f32>, u32)) -> Option<String> {
    let device = device()?;
    let x = Param::new(Matrix::from([[2.0f32, 0.5], [0.25, 1.0]]));
    let sgd = Sgd { lr: 0.1 };
    let weights = Weights::new(device, &x, &sgd, &mut sgd.init(&x)).unwrap();
    let tape = Tape::new();
    let (y, line) = record(tape.param(&x));
    let text = match y.sum().plan(&[]) {
        Ok(plan) => match plan.on(&weights).err().expect("it does not run on a device") {
            error @ GpuError::Unsupported { .. } => error.to_string(),
            error => panic!("{error}"),
        },
        Err(error) => error.to_string(),
    };
    let at = format!("{}:{line}:", file!());
    assert!(text.contains(&at), "{text} is not at {at}");
    Some(text)
}

#[test]
fn what_has_no_code_for_devices_is_an_error_that_names_op_and_line() {
    type Case = (&'static str, &'static str, Box<dyn for<'t> Fn(Var<'t, f32>) -> (Var<'t, f32>, u32)>);
    let cases: Vec<Case> = vec![
        ("gram", "bring WGSL", Box::new(|x| (x.tape().custom(Gram { text: None }, &[x, x]), line!()))),
        ("determinant", "plan", Box::new(|x| (x.determinant().unwrap(), line!()))),
        ("solve", "plan", Box::new(|x| (x.solve(x).unwrap(), line!()))),
        ("cholesky", "plan", Box::new(|x| (x.matmul_nt(x).cholesky().unwrap(), line!()))),
        ("checkpoint", "processor", Box::new(|x| (checkpoint(|v| v[0].sin(), &[x]), line!()))),
        ("sum of numbers", "at most 56", Box::new(|x| (map(SumOf::<60>, [x; 60]), line!()))),
        ("sum of numbers", "at most 56", Box::new(|x| (map(SumOf::<57>, [x; 57]), line!()))),
        ("if x", "comparisons", Box::new(|x| (x.map(formula!(|x| if x > 0.0 { x } else { -x })), line!()))),
    ];
    for (name, why, record) in cases {
        let Some(text) = refused(record) else { return };
        assert!(text.contains(&format!("`{name}")) && text.contains(why), "{name}: {text}");
    }
}

#[test]
fn wgsl_that_is_wrong_or_incomplete_is_an_error_that_names_op_and_line() {
    let broken = |change: fn(&mut Wgsl)| {
        let mut gram = Gram::new();
        change(gram.text.as_mut().expect("it has a text"));
        refused(move |x| (x.tape().custom(gram.clone(), &[x, x]), line!()))
    };
    for (change, why) in [
        ((|text| text.value = "return x0(i, j) + nothing;".into()) as fn(&mut Wgsl), "nothing"),
        (|text| text.pullback[1] = Some("return 1u".into()), "refused"),
        (|text| text.pullback[1] = None, "lacks the gradient"),
        (|text| text.pullback.truncate(1), "lacks the gradient"),
    ] {
        let Some(text) = broken(change) else { return };
        assert!(text.contains("`gram`") && text.contains(why), "{why}: {text}");
    }
}
