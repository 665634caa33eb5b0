//! "RELU activation function: piecewise-linear decision regions and piecewise-linear function", and "input space is
//! divided into non-linear regions (regions could be disjoint and non-convex)".
//!
//! ```text
//! cargo run --release --example linear_regions
//! ```
//!
//! The regions are computed exactly, as polygons: first those of one hidden layer, of which there are at most as many as M
//! lines make; then those of deeper networks; then those of a network that has learnt to classify rings, with its
//! linear pieces.

use std::error::Error;

use nn::data::Dataset;
use nn::loss::CrossEntropy;
use nn::plot::{Chart, Figure};
use nn::regions::{ClassRegion, class_regions, linear_regions};
use nn::train::Trainer;
use nn::{Activation, Adam, Init, Linear, Matrix, Mlp, Param};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tape_examples::{options, wrote};

/// A network whose biases are as large as its weights, so that the lines do not all go through 0.
fn random(sizes: &[usize], rng: &mut ChaCha8Rng) -> Mlp<f64> {
    let layer = |s: &[usize]| {
        let bias = Param::new(Init::Uniform(1.0).sample(s[1], 1, rng));
        Linear { bias: Some(bias), ..Linear::new(s[0], s[1], Init::He, rng) }
    };
    Mlp::from_layers(sizes.windows(2).map(layer).collect(), Activation::Relu)
}

/// Three classes: a disk and two rings around it. The outer ring has the class of the disk, and the corners are the third class.
fn rings(n: usize, rng: &mut ChaCha8Rng) -> Dataset<f64> {
    let x: Matrix<f64> = Matrix::from_fn(2, n, |_, _| rng.random_range(-1.0..1.0));
    let class = |k: usize| match x[(0, k)].hypot(x[(1, k)]) {
        r if r < 0.3 => 0,
        r if r < 0.6 => 1,
        r if r < 0.9 => 0,
        _ => 2,
    };
    let t = (0..n).map(class).collect();
    Dataset::new(x, t)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options::options("linear_regions");
    let rng = &mut ChaCha8Rng::seed_from_u64(2);

    println!("one hidden layer of M units: regions of the plane\n");
    println!("  M   counted   1 + M + M (M - 1) / 2");
    let bound = |m: usize| 1 + m + m * (m - 1) / 2;
    let mut counted = Vec::new();
    let widths: &[usize] = if options.quick { &[1, 2, 4, 8] } else { &[1, 2, 3, 4, 6, 8, 12, 16, 24, 32] };
    for &m in widths {
        // Lines can intersect far away.
        let regions = linear_regions(&random(&[2, m, 1], rng), -1e3..1e3, -1e3..1e3).len();
        println!("{m:>3} {regions:>9} {:>12}", bound(m));
        assert!(regions <= bound(m));
        counted.push((m as f64, regions as f64));
    }

    println!("\n32 hidden units in one layer and in several: regions of the square from -1 to 1\n");
    for hidden in [&[32][..], &[16, 16], &[8, 8, 8, 8]] {
        let sizes = [&[2], hidden, &[1]].concat();
        let counts: Vec<usize> = (0..if options.quick { 2 } else { 20 })
            .map(|_| linear_regions(&random(&sizes, rng), -1.0..1.0, -1.0..1.0).len())
            .collect();
        let mean = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        println!("  {:<15} {mean:>6.0} on average", format!("{hidden:?}"));
    }

    let data = rings(1000, rng);
    let mut net = Mlp::new(&[2, 10, 10, 3], Activation::Relu, rng);
    Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.01))
        .epochs(if options.quick { 10 } else { 150 })
        .fit(&mut net, &data)?;
    let linear = linear_regions(&net, -1.0..1.0, -1.0..1.0);
    let mut classes = class_regions(&net, -1.0..1.0, -1.0..1.0);
    classes.sort_by(|a, b| a.class.cmp(&b.class).then(b.area().total_cmp(&a.area())));
    println!("\na network 2-10-10-3 that has learnt to classify rings: {} linear regions\n", linear.len());
    println!("  class    area   pieces   convex");
    let large = |region: &&ClassRegion| region.area() > 1e-3;
    for region in classes.iter().filter(large) {
        let (class, area, pieces) = (region.class, region.area(), region.pieces.len());
        println!("  {class:>5} {area:>7.3} {pieces:>8}   {}", if region.is_convex() { "yes" } else { "no" });
    }

    let lines = Chart::new("Regions of one hidden layer")
        .axes("hidden units M", "regions")
        .log_x()
        .log_y()
        .dashed("1 + M + M (M − 1) / 2", (1..=32).map(|m| (m as f64, bound(m) as f64)))
        .dots("counted", counted);
    // Shaded by the rank of their slope.
    let slope = |k: &usize| linear[*k].map[0][0].hypot(linear[*k].map[0][1]);
    let mut order: Vec<usize> = (0..linear.len()).collect();
    order.sort_by(|a, b| slope(a).total_cmp(&slope(b)));
    let mut pieces = Chart::new(&format!("{} linear regions", linear.len())).axes("x₁", "x₂").square();
    for (rank, &k) in order.iter().enumerate() {
        pieces = pieces.polygon(linear[k].corners.clone(), rank as f64 / linear.len() as f64);
    }
    let mut decisions = Chart::new("Decision regions").axes("x₁", "x₂").square();
    for region in &classes {
        for piece in &region.pieces {
            decisions = decisions.class_polygon(piece.clone(), region.class);
        }
    }
    for class in 0..3 {
        let of_class = (0..data.len()).step_by(5).filter(|&k| data.t[k] == class);
        let points = of_class.map(|k| (data.x[(0, k)], data.x[(1, k)]));
        decisions = decisions.dots(&format!("class {class}"), points).color(class);
    }
    let path = options.out.join("regions.svg");
    Figure::new().with(lines).with(pieces).with(decisions).panel_size(420, 420).save(&path)?;
    println!();
    wrote(&path, "the count, the trained regions shaded by slope, the decisions");
    Ok(())
}
