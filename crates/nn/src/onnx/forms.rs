//! Compositions of several operators that are one layer, as PyTorch and this library write them.

use std::sync::LazyLock;

use super::read::{Node, Nodes, Operand};
use crate::Activation;

/// What a composition is.
pub enum Composed {
    Activation(Activation),
    /// The weights are input 1 of the node; the mean of the squares is taken over this many features, or over all if it is not said.
    RmsNorm {
        node: Node,
        eps: f64,
        features: Option<f64>,
    },
}

/// The activation with the number `a`.
type Made = fn(f64) -> Activation;

/// The activations, in terms of an input `x` and a number `a`. `Add` and `Mul` may have their operands in either order.
const FORMS: &[(&str, Made)] = &[
    ("Mul(x,Sigmoid(x))", |_| Activation::Silu),
    ("Mul(x,Tanh(Softplus(x)))", |_| Activation::Mish),
    ("Mul(x,Tanh(Add(Relu(x),Log(Add(Exp(Neg(Abs(x))),1)))))", |_| Activation::Mish),
    ("Sub(x,Tanh(x))", |_| Activation::Tanhshrink),
    ("Div(x,Add(Abs(x),1))", |_| Activation::Softsign),
    ("Log(Sigmoid(x))", |_| Activation::LogSigmoid),
    ("Neg(Softplus(Neg(x)))", |_| Activation::LogSigmoid),
    ("Neg(Add(Relu(Neg(x)),Log(Add(Exp(Neg(Abs(Neg(x)))),1))))", |_| Activation::LogSigmoid),
    ("Where(Greater(x,20),x,Softplus(x))", |_| Activation::Softplus),
    ("Add(Relu(x),Log(Add(Exp(Neg(Abs(x))),1)))", |_| Activation::Softplus),
    ("Mul(0.5,Mul(x,Add(1,Erf(Div(x,1.4142135623730951)))))", |_| Activation::Gelu),
    ("Mul(x,Mul(0.5,Add(1,Erf(Div(x,1.4142135623730951)))))", |_| Activation::Gelu),
    ("Mul(0.5,Mul(x,Add(1,Tanh(Mul(0.7978845608028654,Add(x,Mul(0.044715,Mul(x,Mul(x,x)))))))))", |_| {
        Activation::GeluTanh
    }),
    ("Sub(Relu(x),Mul(Relu(Neg(x)),a))", Activation::LeakyRelu),
    ("Add(Relu(x),Mul(Sub(Exp(Neg(Relu(Neg(x)))),1),a))", Activation::Elu),
    ("Add(Relu(x),Mul(Sub(Exp(Div(Neg(Relu(Neg(x))),a)),1),a))", Activation::Celu),
    ("Sub(Mul(Relu(x),1.0507009873554805),Mul(Sub(Exp(Neg(Relu(Neg(x)))),1),-1.7580993408473766))", |_| {
        Activation::Selu
    }),
    ("Clip(Add(Div(x,6),0.5),0,1)", |_| Activation::HardSigmoid),
    ("Mul(x,Clip(Add(Div(x,6),0.5),0,1))", |_| Activation::HardSwish),
];

/// Root mean squares, with weights `w`, of which the first is that of this library: it divides by the norm times `c` = 1/√n and the root `e`
/// of epsilon without overflow. In the others `a` is epsilon. Other letters are values that are used several times, with their own forms.
const RMS_NORMS: &[&str] = &[
    "Mul(x,MatMul(r,w));r=Reciprocal(Mul(h,Sqrt(Add(Mul(q,q),1))));q=Where(Equal(l,h),1,Div(l,h));l=Min(d,s);h=Max(d,s);\
     d=Abs(Mul(Mul(m,ReduceL2(Div(x,t))),c));s=Abs(e);t=Where(Equal(m,0),1,m);m=ReduceMax(Abs(x))",
    "Mul(Mul(x,Reciprocal(Sqrt(Add(ReduceMean(Mul(x,x)),a)))),w)",
    "Mul(Mul(x,Reciprocal(Sqrt(Add(ReduceMean(Pow(x,2)),a)))),w)",
    "Mul(Div(x,Sqrt(Add(ReduceMean(Pow(x,2)),a))),w)",
];

static PARSED: LazyLock<Vec<Composition>> = LazyLock::new(|| {
    let activations = FORMS.iter().map(|&(text, made)| Composition { forms: parsed(text), made: Some(made) });
    let norms = RMS_NORMS.iter().map(|&text| Composition { forms: parsed(text), made: None });
    activations.chain(norms).collect()
});

struct Composition {
    /// That of the result, and those of letters.
    forms: Vec<(char, Form)>,
    /// The activation with the number `a`; otherwise it is a norm.
    made: Option<Made>,
}

/// What a value is by its composition, and the value to which it is applied.
pub fn composed(nodes: &Nodes, value: usize) -> Option<(Composed, usize)> {
    PARSED.iter().find_map(|composition| composition.found(nodes, value))
}

impl Composition {
    fn found(&self, nodes: &Nodes, value: usize) -> Option<(Composed, usize)> {
        let mut forms = self.forms.iter();
        let mut bound = forms.next()?.1.fits(nodes, Operand::Value(value), Bound::default())?;
        for (letter, form) in forms {
            bound = form.fits(nodes, bound.of(*letter)?, bound)?;
        }
        let number = |letter| nodes.scalar(bound.of(letter)?);
        let Operand::Value(x) = bound.of('x')? else { return None };
        if let Some(made) = self.made {
            let activation = made(number('a').unwrap_or_default());
            activation.check().ok()?;
            return Some((Composed::Activation(activation), x));
        }
        let name = nodes.node(value)?.name.clone();
        let node = Node { name, op: "RmsNorm".into(), inputs: vec![bound.of('x')?, bound.of('w')?], ..Node::default() };
        let eps = number('a').or_else(|| number('e').map(|root| root * root))?;
        let features = number('c').map(|share| share.powi(-2));
        Some((Composed::RmsNorm { node, eps: rounded(eps), features }, x))
    }
}

/// A number that is the square of a rounded root: the short decimal beside it, if there is one.
fn rounded(x: f64) -> f64 {
    let short: f64 = format!("{x:.3e}").parse().unwrap_or(x);
    if (short - x).abs() <= 2.0 * f64::from(f32::EPSILON) * x { short } else { x }
}

/// A composition of operators.
enum Form {
    Letter(char),
    Number(f64),
    Op(&'static str, Vec<Form>),
}

/// What the letters of a form stand for.
#[derive(Clone, Copy, Default)]
struct Bound([Option<Operand>; 26]);

impl Bound {
    fn of(&self, letter: char) -> Option<Operand> {
        self.0[letter as usize - 'a' as usize]
    }

    fn with(mut self, letter: char, operand: Operand) -> Self {
        self.0[letter as usize - 'a' as usize] = Some(operand);
        self
    }
}

/// The form of the result, and those of letters, which have names of their own in it.
fn parsed(text: &'static str) -> Vec<(char, Form)> {
    let forms = text.split(';').map(|form| form.trim().split_once('=').unwrap_or(("y", form)));
    let letter = |name: &str| name.chars().next().expect("a form has a letter");
    forms.map(|(name, mut form)| (letter(name), Form::parse(&mut form))).collect()
}

impl Form {
    fn parse(text: &mut &'static str) -> Form {
        let end = text.find(['(', ')', ',']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        *text = rest;
        let mut operands = Vec::new();
        while text.starts_with(if operands.is_empty() { '(' } else { ',' }) {
            *text = &text[1..];
            operands.push(Form::parse(text));
        }
        if !operands.is_empty() {
            *text = &text[1..];
            return Form::Op(word, operands);
        }
        match word.chars().next() {
            Some(letter @ 'a'..='z') => Form::Letter(letter),
            _ => Form::Number(word.parse().expect("a form has operators, letters and numbers")),
        }
    }

    /// What the letters stand for if the operand is of this form.
    fn fits(&self, nodes: &Nodes, operand: Operand, bound: Bound) -> Option<Bound> {
        match (self, operand) {
            (Form::Letter(letter), _) => {
                let number = nodes.scalar(operand);
                let fits = match bound.of(*letter) {
                    Some(known) => known == operand || (number.is_some() && nodes.scalar(known) == number),
                    None => match letter {
                        'a' | 'c' | 'e' => number.is_some(),
                        'w' => matches!(operand, Operand::Constant(_)),
                        _ => matches!(operand, Operand::Value(_)),
                    },
                };
                fits.then(|| bound.with(*letter, operand))
            }
            (Form::Number(c), Operand::Constant(_)) => {
                let number = nodes.scalar(operand)?;
                // The nearest f32 is enough.
                ((number - c).abs() <= f64::from(f32::EPSILON) * c.abs()).then_some(bound)
            }
            (Form::Op(op, forms), Operand::Value(value)) => {
                let node = nodes.node(value)?;
                if node.op != *op || node.state > 0 {
                    return None;
                }
                let inputs = if op.starts_with("Reduce") { reduced(nodes, node)? } else { &node.inputs[..] };
                if inputs.len() != forms.len() {
                    return None;
                }
                let all = |order: &[usize]| {
                    let mut pairs = forms.iter().zip(order);
                    pairs.try_fold(bound, |bound, (form, &k)| form.fits(nodes, inputs[k], bound))
                };
                let straight: Vec<usize> = (0..forms.len()).collect();
                let turned = matches!(*op, "Add" | "Mul").then_some([1, 0]);
                all(&straight).or_else(|| turned.and_then(|order| all(&order)))
            }
            _ => None,
        }
    }
}

/// The input of a reduction of the features to a single one.
fn reduced<'n>(nodes: &Nodes, node: &'n Node) -> Option<&'n [Operand]> {
    let axes = nodes.ints(node, "axes", 1).ok()??;
    let keeps = nodes.int(node, "keepdims", 1).ok()? == 1;
    let [axis] = axes[..] else { return None };
    node.inputs.get(..1).filter(|_| keeps && nodes.is_last_axis(node, axis).is_ok())
}
