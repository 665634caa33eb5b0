//! The cost of single operations on one thread, f32: elementwise functions, reductions, products, nodes, optimizers, data.
//!
//! ```text
//! cargo bench -p tape-nn --bench ops -- [--seconds S]
//! ```

mod common {
    pub mod machine;
    pub mod median;
    pub mod single;
    pub mod timing;
}

use std::cell::RefCell;
use std::fmt::Write;
use std::hint::black_box;

use autograd::Unary;
use common::machine::{copy, faer_product};
use common::median::in_turns;
use common::single::time;
use common::timing::{one_thread, options};
use faer::MatRef;
use nn::data::Csv;
use nn::{
    Adadelta, Adagrad, Adam, Adamax, Axis, Lion, Matrix, Momentum, NAdam, Optimizer, Param, RAdam, RmsProp, Rprop, Sgd,
    Tape, Var,
};

type V<'t> = Var<'t, f32>;

fn main() {
    let [seconds] = options([("--seconds", 0.05)]);
    one_thread(|| {
        functions(seconds);
        reductions(seconds);
        products(seconds);
        nodes(seconds);
        optimizers(seconds);
        data(seconds);
    });
}

/// Nanoseconds per entry of x to record f(x) on a tape, and to record f(x) and sweep Σ f(x).
fn per_entry(seconds: f64, x: &Matrix<f32>, f: impl for<'t> Fn(V<'t>) -> V<'t>) -> [f64; 2] {
    let mut record = || {
        let tape = Tape::new();
        black_box(f(tape.variable(x)).shape());
    };
    let mut sweep = || {
        let tape = Tape::new();
        black_box(f(tape.variable(x)).sum().backward());
    };
    in_turns(seconds, [&mut record, &mut sweep]).map(|time| 1e9 * time / x.as_slice().len() as f64)
}

fn functions(seconds: f64) {
    println!("function,ns per entry,with its sum swept");
    for f in Unary::all() {
        let (low, high) = (f.domain().0.max(-3.0), f.domain().1.min(3.0));
        let x = Matrix::from_fn(128, 128, |i, j| {
            (low + (high - low) * ((i * 37 + j * 11) % 127 + 1) as f64 / 129.0) as f32
        });
        let [record, sweep] = per_entry(seconds, &x, |x| x.unary(f));
        println!("{f:?},{record:.2},{sweep:.2}");
    }
}

fn reductions(seconds: f64) {
    println!("\nreduction of 256 × 256,ns per entry,with its sum swept");
    let x = Matrix::from_fn(256, 256, |i, j| 0.9 + ((i * 37 + j * 11) % 127) as f32 / 635.0);
    let line = |name: &str, f: &dyn for<'t> Fn(V<'t>) -> V<'t>| {
        let [record, sweep] = per_entry(seconds, &x, f);
        println!("{name},{record:.3},{sweep:.3}");
    };
    line("sum", &|x| x.sum());
    line("norm", &|x| x.norm());
    line("max_entry", &|x| x.max_entry());
    for axis in [Axis::Rows, Axis::Cols] {
        line(&format!("sum_over {axis:?}"), &|x| x.sum_over(axis));
        line(&format!("max_over {axis:?}"), &|x| x.max_over(axis));
        line(&format!("product_over {axis:?}"), &|x| x.product_over(axis));
        line(&format!("variance_over {axis:?}"), &|x| x.variance_over(axis));
        line(&format!("log_sum_exp {axis:?}"), &|x| x.log_sum_exp(axis));
        line(&format!("softmax {axis:?}"), &|x| x.softmax(axis));
    }
}

fn products(seconds: f64) {
    println!("\nproduct m × k by k × n,Gflop/s,of faer's time");
    let entries = |rows, cols| Matrix::from_fn(rows, cols, |i, j| ((i * 7 + j * 3) % 11) as f32 - 5.0);
    fn faer(x: &Matrix<f32>) -> MatRef<'_, f32> {
        MatRef::from_column_major_slice(x.as_slice(), x.rows(), x.cols())
    }
    for (m, k, n) in [
        (8, 8, 8),
        (32, 32, 32),
        (64, 64, 100),
        (128, 64, 100),
        (256, 784, 1),
        (256, 784, 128),
        (512, 512, 256),
        (1024, 1024, 1),
        (1024, 1024, 256),
        (1024, 1024, 1024),
        (4096, 4096, 512),
    ] {
        let line = |name: &str, ours: &mut dyn FnMut(), theirs: &mut dyn FnMut()| {
            let [ours, theirs] = in_turns(seconds, [ours, theirs]);
            println!("{name} {m} × {k} × {n},{:.1},{:.2}", (2 * m * k * n) as f64 / ours / 1e9, ours / theirs);
        };
        let (a, b, at, bt) = (entries(m, k), entries(k, n), entries(k, m), entries(n, k));
        line("A B", &mut product(&a, &b, |a, b| a.matmul(b)), &mut faer_product(faer(&a), faer(&b)));
        line("Aᵀ B", &mut product(&at, &b, |a, b| a.matmul_tn(b)), &mut faer_product(faer(&at).transpose(), faer(&b)));
        line("A Bᵀ", &mut product(&a, &bt, |a, b| a.matmul_nt(b)), &mut faer_product(faer(&a), faer(&bt).transpose()));
    }
}

/// A product on a tape.
fn product<'a>(a: &'a Matrix<f32>, b: &'a Matrix<f32>, f: for<'t> fn(V<'t>, V<'t>) -> V<'t>) -> impl FnMut() + use<'a> {
    move || {
        let tape = Tape::new();
        black_box(f(tape.constant(a), tape.constant(b)).shape());
    }
}

fn nodes(seconds: f64) {
    println!("\nnodes of 1 × 1,ns to record,ns with the sweep");
    let line = |name: &str, f: for<'t> fn(V<'t>, V<'t>) -> V<'t>| {
        let mut record = || {
            let tape = Tape::new();
            let x = tape.variable(0.5);
            black_box((0..1000).fold(x, |y, _| f(y, x)).item());
        };
        let mut sweep = || {
            let tape = Tape::new();
            let x = tape.variable(0.5);
            black_box((0..1000).fold(x, |y, _| f(y, x)).backward());
        };
        let [record, sweep] = in_turns(seconds, [&mut record, &mut sweep]);
        println!("{name},{:.1},{:.1}", 1e6 * record, 1e6 * sweep);
    };
    line("y + x", |y, x| y + x);
    line("y x", |y, x| y * x);
    line("tanh y", |y, _| y.tanh());
}

fn optimizers(seconds: f64) {
    const SIDE: usize = 1024;
    println!("\noptimizer of {SIDE} × {SIDE} weights,ns per weight,of Adam's,of a copy's");
    let mut model = Param::new(Matrix::full(SIDE, SIDE, 0.5f32));
    let grads = {
        let tape = Tape::new();
        let gradient = Matrix::from_fn(SIDE, SIDE, |i, j| ((i * 7 + j * 3) % 11) as f32 - 5.0);
        tape.param(&model).dot(tape.constant(gradient)).backward()
    };
    let mut copy = copy(SIDE * SIDE);
    let all: [Box<dyn Optimizer<f32>>; 13] = [
        Box::new(Adam::new(1e-6)),
        Box::new(Adam::amsgrad(1e-6)),
        Box::new(Adam::adamw(1e-6, 1e-2)),
        Box::new(Adamax::new(1e-6)),
        Box::new(NAdam::new(1e-6)),
        Box::new(RAdam::new(1e-6)),
        Box::new(Sgd { lr: 1e-6 }),
        Box::new(Momentum::new(1e-6, 0.9)),
        Box::new(RmsProp::lecture(1e-6)),
        Box::new(Adagrad::new(1e-6)),
        Box::new(Adadelta::new(1e-6)),
        Box::new(Rprop::new(1e-6)),
        Box::new(Lion::new(1e-6)),
    ];
    let adam = Adam::new(1e-6);
    let (mut state_of_adam, suffixes) = (adam.init(&model), ["", " amsgrad", "W"]);
    for (k, optimizer) in all.iter().enumerate() {
        let mut state = optimizer.init(&model);
        let model = RefCell::new(&mut model); // one model for both
        let mut step = || optimizer.step(&mut **model.borrow_mut(), &grads, &mut state);
        let mut reference = || adam.step(&mut **model.borrow_mut(), &grads, &mut state_of_adam);
        let [step, reference, copied] = in_turns(seconds, [&mut step, &mut reference, &mut copy]);
        let name = format!("{}{}", optimizer.name(), suffixes.get(k).unwrap_or(&""));
        println!("{name},{:.3},{:.2},{:.2}", 1e9 * step / (SIDE * SIDE) as f64, step / reference, step / copied);
    }
}

fn data(seconds: f64) {
    const ROWS: usize = 2000;
    let mut text = String::new();
    for row in 0..ROWS {
        (0..64).for_each(|column| {
            write!(text, "{:.3},", ((row * 7 + column * 3) % 1000) as f64 / 37.0).expect("a string")
        });
        writeln!(text, "{}", row % 10).expect("a string");
    }
    let read = || Csv::new().from_reader::<f32>(text.as_bytes(), "table").expect("a table");
    let table = read();
    println!("\ndata of 64 features,per second");
    println!("rows of CSV,{:.0}", ROWS as f64 / time(seconds, || drop(black_box(read()))));
    let order: Vec<usize> = (0..128).map(|k| (k * 997) % ROWS).collect();
    let select = || drop(black_box(table.x.select_cols(&order)));
    println!("columns by select_cols,{:.0}", order.len() as f64 / time(seconds, select));
}
