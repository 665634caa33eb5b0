//! Linear regions in the plane: their number, their union, and the affine map of each.

use nn::regions::{ClassRegion, class_regions, linear_regions};
use nn::{Activation, Layer, Linear, Matrix, Mlp, Param, Tape};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

fn value(net: &Mlp<f64>, x: f64, y: f64) -> Vec<f64> {
    let tape = Tape::new();
    net.forward(tape.constant(Matrix::column(&[x, y]))).value().into_vec()
}

/// One hidden layer whose units change along lines with different directions that do not all meet in one point.
fn lines(units: usize) -> Mlp<f64> {
    let angle = |i: usize| (i as f64 + 0.3 * (7.0 * i as f64).sin()) * std::f64::consts::PI / units as f64;
    let weight = Matrix::from_fn(units, 2, |i, j| if j == 0 { angle(i).cos() } else { angle(i).sin() });
    let bias = Matrix::from_fn(units, 1, |i, _| 0.6 + 0.4 * (5.0 * i as f64).cos());
    let hidden = Linear { weight: Param::new(weight), bias: Some(Param::new(bias)) };
    let output = Linear { weight: Param::new(Matrix::full(1, units, 1.0)), bias: None };
    Mlp::from_layers(vec![hidden, output], Activation::Relu)
}

#[test]
fn one_hidden_layer_makes_as_many_regions_as_lines_do() {
    for m in [1, 2, 3, 6, 12] {
        let regions = linear_regions(&lines(m), -50.0..50.0, -50.0..50.0);
        assert_eq!(regions.len(), 1 + m + m * (m - 1) / 2, "{m} units");
    }
}

/// The regions fill the rectangle without overlap, and each map equals the network.
#[track_caller]
fn check(net: &Mlp<f64>, most: usize) -> usize {
    let regions = linear_regions(net, -1.0..2.0, -1.0..1.0);
    let area: f64 = regions.iter().map(|region| region.area()).sum();
    assert!((area - 6.0).abs() < 1e-9, "{area}");
    assert!(regions.len() <= most, "{} regions", regions.len());
    for region in &regions {
        let (x, y) = region.middle();
        for (a, b) in region.at(x, y).into_iter().zip(value(net, x, y)) {
            assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{a} {b}");
        }
    }
    let mut patterns: Vec<_> = regions.iter().map(|region| &region.active).collect();
    patterns.sort();
    patterns.dedup();
    assert_eq!(patterns.len(), regions.len(), "a pattern of activity is one convex region");
    let classes: f64 = class_regions(net, -1.0..2.0, -1.0..1.0).iter().map(ClassRegion::area).sum();
    assert!((classes - 6.0).abs() < 1e-9, "{classes}");
    regions.len()
}

#[test]
fn regions_cover_the_plane_and_are_the_network() {
    let net = |sizes: &[usize], activation, skips| {
        let rng = &mut ChaCha8Rng::seed_from_u64(5);
        let mut net: Mlp<f64> = Mlp::builder(sizes).activation(activation).skips(skips).build(rng);
        for (k, layer) in net.layers.iter_mut().enumerate() {
            let bias = layer.bias.as_mut().unwrap().value_mut().as_mut_slice();
            bias.iter_mut().enumerate().for_each(|(i, b)| *b = 0.3 * ((3 * i + k) as f64).sin());
        }
        net
    };
    // A layer of m units cuts each earlier region into at most 1 + m + m (m − 1) / 2.
    assert!(check(&net(&[2, 8, 3], Activation::Relu, false), 37) > 10);
    assert!(check(&net(&[2, 8, 8, 3], Activation::Relu, false), 37 * 37) > 37, "depth makes more");
    check(&net(&[2, 8, 8, 8, 1], Activation::Relu, true), 37 * 37 * 37);
    assert_eq!(check(&net(&[2, 8, 3], Activation::Identity, false), 1), 1);
}

#[test]
fn regions_of_a_class_can_be_apart_and_not_convex() {
    // Positive where |x| > 1: two stripes, and one between them.
    let layer = |w: Matrix<f64>, b: Matrix<f64>| Linear { weight: Param::new(w), bias: Some(Param::new(b)) };
    let hidden = layer(Matrix::from([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), Matrix::zeros(4, 1));
    let net = |w: [f64; 4]| {
        let output = layer(Matrix::row(&w), Matrix::full(1, 1, -1.0));
        class_regions(&Mlp::from_layers(vec![hidden.clone(), output], Activation::Relu), -2.0..2.0, -2.0..2.0)
    };
    #[track_caller]
    fn check(regions: Vec<ClassRegion>, mut expected: Vec<(usize, f64, bool)>) {
        let mut found: Vec<_> = regions.iter().map(|r| (r.class, r.area(), r.is_convex())).collect();
        found.sort_by(|a, b| a.partial_cmp(b).unwrap());
        expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(found, expected);
    }
    check(net([1.0, 1.0, 0.0, 0.0]), vec![(0, 8.0, true), (1, 4.0, true), (1, 4.0, true)]);
    // |x| + |y| > 1: a square, and the area around it; |x| − |y| > 1: two separate triangles, and a waist.
    check(net([1.0; 4]), vec![(0, 2.0, true), (1, 14.0, false)]);
    check(net([1.0, 1.0, -1.0, -1.0]), vec![(0, 14.0, false), (1, 1.0, true), (1, 1.0, true)]);
}

/// A unit that is 0 everywhere is not active, so it divides nothing.
#[test]
fn units_that_are_0_make_no_regions() {
    let zeros = |inputs, outputs| Linear {
        weight: Param::new(Matrix::<f64>::zeros(outputs, inputs)),
        bias: Some(Param::new(Matrix::zeros(outputs, 1))),
    };
    for skips in [false, true] {
        let net = Mlp { skips, ..Mlp::from_layers(vec![zeros(2, 30), zeros(30, 30), zeros(30, 1)], Activation::Relu) };
        let regions = linear_regions(&net, -1.0..1.0, -1.0..1.0);
        assert_eq!((regions.len(), regions[0].area()), (1, 4.0));
        assert!(regions[0].active.iter().all(|active| !active));
    }
}
