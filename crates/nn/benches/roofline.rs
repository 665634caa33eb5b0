//! A plot of the time of a training step against width and against batch size, with two lower bounds from the same run: its
//! fastest product, and a copy. It uses minimum times on one thread and writes `out/roofline.svg`.
//!
//! ```text
//! cargo bench -p tape-nn --features plot --bench roofline -- [--seconds S] [--width W]
//! ```
//!
//! A step of w-w-w with a batch of n takes 10 w² n multiplications and additions: 2 w² n for each of two products forward,
//! two gradients of weights and one of a hidden layer. It moves at least 24 bytes for each of 2 w² weights: a weight and
//! two moments of Adam, read and written. Data that stays in cache may move faster.

mod common {
    pub mod machine;
    pub mod network;
    pub mod step;
    pub mod timing;
}

use std::path::Path;

use common::machine::{copy, faer_product};
use common::network::network;
use common::step::training_step;
use common::timing::{one_thread, options, turns};
use faer::Mat;
use nn::Activation;
use nn::plot::{Chart, Figure};

/// The numbers in a copy: 64 MiB, more than fits in cache.
const COPIED: usize = 1 << 24;

fn main() {
    let [seconds, most] = options([("--seconds", 1.0), ("--width", 2048.0)]);
    one_thread(|| {
        let most = most as usize;
        let side = most.min(512);
        let x = Mat::full(side, side, 0.5);
        let flops = 2.0 * (side as f64).powi(3) / least(seconds, faer_product(x.as_ref(), x.as_ref()));
        let bytes = 8.0 * COPIED as f64 / least(seconds, copy(COPIED)); // as many read as written
        println!("product {:.1} Gflop/s, copy {:.1} GB/s", flops / 1e9, bytes / 1e9);
        let sizes: Vec<usize> = std::iter::successors(Some(64), |n| Some(n * 2)).take_while(|&n| n <= most).collect();
        let ceilings = |(width, batch): (usize, usize)| {
            let (w, n) = (width as f64, batch as f64);
            (10.0 * w * w * n / flops, 24.0 * 2.0 * w * w / bytes)
        };
        let chart = |title: &str, name: &str, shape: fn(usize) -> (usize, usize)| {
            let points = |of: &dyn Fn((usize, usize)) -> f64| -> Vec<(f64, f64)> {
                sizes.iter().map(|&n| (n as f64, 1e3 * of(shape(n)))).collect()
            };
            let step = |(width, batch)| {
                let net = network(&[width; 3], Activation::Relu, false);
                let time = least(seconds, training_step(net, batch));
                let (product, copy) = ceilings((width, batch));
                println!(
                    "width {width}, batch {batch}: {:.3} ms, over the ceilings {:.2}",
                    1e3 * time,
                    time / product.max(copy)
                );
                time
            };
            Chart::new(title)
                .axes(name, "ms per step")
                .log_x()
                .log_y()
                .dots("step", points(&step))
                .dashed("all products at the speed of the fastest", points(&|shape| ceilings(shape).0))
                .dashed("weights and moments at the speed of a copy", points(&|shape| ceilings(shape).1))
        };
        let width = chart("A step of w-w-w, batch 128", "width w", |n| (n, 128));
        let batch = chart("A step of 1024-1024-1024", "batch", |n| (1024, n));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../out/roofline.svg");
        Figure::new().with(width).with(batch).save(&path).expect("the picture is written");
        println!("out/roofline.svg   step time against width and batch, and the ceilings");
    });
}

/// The minimum time of one function, in seconds: the speed of the machine without other load.
fn least(seconds: f64, mut run: impl FnMut()) -> f64 {
    let [times] = turns(seconds, [&mut run]);
    times[0]
}
