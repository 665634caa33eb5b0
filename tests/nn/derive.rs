//! `#[derive(Module)]`: the parameters of a type and their names.

use std::marker::PhantomData;

use nn::{Matrix, Module, Param, Real};

fn param<T: Real>() -> Param<T> {
    Param::new(Matrix::zeros(1, 1))
}

/// The same names by reference and by mutable reference.
#[track_caller]
fn check<T: Real>(module: &mut impl Module<T>, names: &[&str]) {
    let found: Vec<_> = module.named_params().into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, names);
    let mut found = Vec::new();
    module.params_mut(&nn::Path::Root, &mut |path, _| found.push(path.to_string()));
    assert_eq!(found, names);
}

#[derive(Module)]
struct Dense<T> {
    weight: Param<T>,
    bias: Param<T>,
    #[module(skip)]
    _size: usize,
}

fn dense<T: Real>() -> Dense<T> {
    Dense { weight: param(), bias: param(), _size: 1 }
}

#[derive(Module)]
struct Relu;

#[test]
fn fields_in_order_and_by_name() {
    // Fields with the names of the arguments of `params`, and one whose name is a keyword.
    #[derive(Module)]
    struct Net {
        path: Dense<f32>,
        r#type: Relu,
        f: Vec<Dense<f32>>,
        r#fn: Param<f32>,
        list: [Param<f32>; 2],
    }
    let mut net =
        Net { path: dense(), r#type: Relu, f: vec![dense(), dense()], r#fn: param(), list: [param(), param()] };
    let names =
        ["path.weight", "path.bias", "f.0.weight", "f.0.bias", "f.1.weight", "f.1.bias", "fn", "list.0", "list.1"];
    check(&mut net, &names);
}

#[test]
fn tuples_have_numbers() {
    #[derive(Module)]
    struct Pair<M, const N: usize>(M, #[module(skip)] [u8; N], M)
    where
        M: Sized;
    check(&mut Pair(dense::<f64>(), [0; 3], dense()), &["0.weight", "0.bias", "2.weight", "2.bias"]);
}

#[test]
fn empty_types_have_no_parameters_of_any_number_type() {
    #[derive(Module)]
    struct Empty {}
    #[derive(Module)]
    enum Never {}
    check::<f32>(&mut Relu, &[]);
    check::<f64>(&mut Relu, &[]);
    check::<f32>(&mut Empty {}, &[]);
    check::<f32>(&mut Vec::<Never>::new(), &[]);
}

#[test]
fn an_enum_has_those_of_its_variant() {
    #[derive(Module)]
    enum Layer {
        Dense(Dense<f32>),
        Scaled {
            f: Dense<f32>,
            #[module(skip)]
            _path: f64,
            scale: Param<f32>,
        },
        Relu,
    }
    check(&mut Layer::Dense(dense()), &["0.weight", "0.bias"]);
    check(&mut Layer::Scaled { f: dense(), _path: 0.5, scale: param() }, &["f.weight", "f.bias", "scale"]);
    check(&mut Layer::Relu, &[]);
}

#[test]
fn a_type_may_contain_itself() {
    #[derive(Module)]
    enum Tree<T> {
        Leaf(Param<T>),
        Node(Vec<Tree<T>>),
    }
    let mut tree = Tree::Node(vec![Tree::Leaf(param::<f32>()), Tree::Node(vec![Tree::Leaf(param())])]);
    check(&mut tree, &["0.0.0", "0.1.0.0.0"]);
}

#[test]
fn generics_are_kept() {
    #[derive(Module)]
    struct Net<'a, T: Real + 'a, A = Relu> {
        weight: Param<T>,
        activation: A,
        #[module(skip)]
        _borrowed: PhantomData<&'a T>,
    }
    check(&mut Net { weight: param::<f64>(), activation: Relu, _borrowed: PhantomData }, &["weight"]);
}
