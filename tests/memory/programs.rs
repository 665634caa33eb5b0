//! The memory of a scalar program: few bytes a node, and no allocation after its first run.

use autograd::{Arithmetic, Tape, Var};
use tape_tests::adbench::gmm::Gmm;
use tape_tests::adbench::lstm::Lstm;

use crate::{HEAP, alone, peak};

/// The bytes that a program holds for each node of the tape. Its second run allocates nothing.
fn bytes_per_node(params: &[f64], f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>) -> f64 {
    let tape = Tape::new();
    let x: Vec<_> = params.iter().map(|&x| tape.variable(x)).collect();
    let mut program = f(&x).program(&x);
    let nodes = tape.len() as f64;
    let mut gradient = vec![0.0; params.len()];
    for pass in 0..3 {
        let ((), bytes) = peak(|| {
            program.run_entries(params).unwrap();
            program.gradient_into(&mut gradient);
        });
        assert!(pass == 0 || bytes == 0, "pass {pass} allocates");
    }
    let before = HEAP.current_usage();
    drop(program);
    (before - HEAP.current_usage()) as f64 / nodes
}

#[test]
fn programs_take_a_few_bytes_a_node() {
    let _alone = alone();
    let gmm = Gmm::parse(include_str!("../adbench/gmm_d10_K25.txt")).unwrap();
    let lstm = Lstm::parse(include_str!("../adbench/lstm_l2_c1024.txt")).unwrap();
    let x: Vec<f64> = (0..100_000).map(|k| (f64::from(k) * 0.618_034).fract()).collect();
    // One chain: no nodes run side by side, and every node has separate tables.
    let chain = bytes_per_node(&x[..1], |x| (0..100_000).fold(x[0], |y, _| y.sin()));
    let wide = bytes_per_node(&x, |x| {
        <Var<'_, f64> as Arithmetic>::sum(&x.iter().map(|x| (*x * *x).sin()).collect::<Vec<_>>())
    });
    let gmm = bytes_per_node(&gmm.params, |x| gmm.scalars(x));
    let lstm = bytes_per_node(&lstm.params, |x| lstm.scalars(x));
    println!("bytes a node: mixture {gmm:.1}, recurrent net {lstm:.1}, one wide sum {wide:.1}, one chain {chain:.0}");
    assert!(gmm < 8.0 && lstm < 12.0 && wide < 40.0 && chain < 160.0);
}
