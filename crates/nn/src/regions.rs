//! The linear regions of a ReLU network in the plane, and the regions of its classes, as exact polygons.
//!
//! A ReLU network is piecewise linear. Within a region every hidden unit is either active or not, and the network is one
//! affine map. Each unit of the next layer cuts the region along a line. One hidden layer of M units makes at most
//! 1 + M + M (M − 1) / 2 regions of the plane, like M lines in general position (Montúfar, Pascanu, Cho, Bengio, "On
//! the number of linear regions of deep neural networks", 2014).
//!
//! ```
//! use nn::regions::linear_regions;
//! use nn::{Activation, Linear, Matrix, Mlp, Param};
//! let layer = |w: Matrix<f64>, b| Linear { weight: Param::new(w), bias: Some(Param::new(b)) };
//! // y = relu(x₁) + relu(x₂) + relu(x₁ + x₂ − 1): three lines give a triangle and six regions around it.
//! let hidden = layer(Matrix::from([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), Matrix::column(&[0.0, 0.0, -1.0]));
//! let output = layer(Matrix::row(&[1.0, 1.0, 1.0]), Matrix::zeros(1, 1));
//! let regions = linear_regions(&Mlp::from_layers(vec![hidden, output], Activation::Relu), -2.0..2.0, -2.0..2.0);
//! assert_eq!(regions.len(), 1 + 3 + 3);
//! let triangle = regions.iter().find(|region| region.active == [true, true, false]).unwrap();
//! assert_eq!((triangle.area(), triangle.at(0.25, 0.5)), (0.5, vec![0.75]));
//! ```

use std::ops::Range;

use autograd::compiled_once;

use crate::{Activation, Linear, Matrix, Mlp, Real};

/// A point of the plane.
pub type Point = (f64, f64);

/// A region where a network is one affine map: a convex polygon.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its corners, counterclockwise.
    pub corners: Vec<Point>,
    /// The active hidden units, layer by layer.
    pub active: Vec<bool>,
    /// A and b of y = A x + b: for each output the slopes along both axes, and the offset.
    pub map: Vec<[f64; 3]>,
}

/// A connected part of the plane in which a network predicts the same class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassRegion {
    /// The class.
    pub class: usize,
    /// Its convex polygons, one in each linear region that it intersects.
    pub pieces: Vec<Vec<Point>>,
}

/// The linear regions of a network with two inputs in a rectangle.
///
/// Regions differ in which units are active. Parts smaller than 10⁻¹² of the rectangle are left out.
///
/// # Panics
/// If the network does not have two inputs, or if its hidden layers are not relu or identity, or have norms.
#[compiled_once]
#[track_caller]
pub fn linear_regions<T: Real>(net: &Mlp<T>, x: Range<f64>, y: Range<f64>) -> Vec<Region> {
    let inputs = net.layers.first().map_or(2, Linear::inputs);
    assert!(inputs == 2, "linear_regions: a network with {inputs} inputs is not drawn in the plane");
    assert!(
        matches!(net.activation, Activation::Relu | Activation::Identity) && net.norms.is_empty(),
        "linear_regions: a network of relu without norms expected, this has {}",
        net.activation
    );
    let corners = vec![(x.start, y.start), (x.end, y.start), (x.end, y.end), (x.start, y.end)];
    let smallest = 1e-12 * area(&corners);
    let mut regions = vec![Region { corners, active: Vec::new(), map: vec![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] }];
    for (k, layer) in net.layers.iter().enumerate() {
        let (w, b) = (layer.weight.value(), layer.bias.as_ref().map(|b| b.value()));
        regions.iter_mut().for_each(|region| region.map = affine(w, b, region, net.has_skip(k)));
        if k + 1 == net.layers.len() || net.activation == Activation::Identity {
            continue;
        }
        for unit in 0..w.rows() {
            let cut = |region: Region| {
                [true, false].into_iter().filter_map(move |active| {
                    let side = region.map[unit].map(|c| if active { c } else { -c });
                    let corners = clip(&region.corners, side);
                    let mut part = Region { corners, ..region.clone() };
                    part.active.push(active);
                    // A unit that is 0 in the whole region, as with weights of 0, is not active.
                    let nowhere = active && side.iter().all(|c| *c == 0.0);
                    (!nowhere && area(&part.corners) > smallest).then_some(part)
                })
            };
            regions = regions.into_iter().flat_map(cut).collect();
        }
        for region in &mut regions {
            let active = region.active.len() - w.rows();
            region.settle(active, net.has_skip(k));
        }
    }
    regions
}

/// The connected regions of a rectangle in which a network predicts the same class: that of the largest output, or for a
/// single output class 1 if it is positive.
///
/// They need not be convex, and a class can have several.
///
/// # Panics
/// Under the same conditions as [`linear_regions`].
#[compiled_once]
#[track_caller]
pub fn class_regions<T: Real>(net: &Mlp<T>, x: Range<f64>, y: Range<f64>) -> Vec<ClassRegion> {
    let size = (x.end - x.start).hypot(y.end - y.start);
    let smallest = 1e-12 * (x.end - x.start) * (y.end - y.start);
    let mut found: Vec<ClassRegion> = Vec::new();
    for region in linear_regions(net, x, y) {
        for (class, piece) in region.classes().into_iter().filter(|(_, piece)| area(piece) > smallest) {
            // It joins all regions that it touches.
            let touches = |other: &ClassRegion| {
                other.class == class && other.pieces.iter().any(|other| share_an_edge(other, &piece, 1e-9 * size))
            };
            let (joined, apart): (Vec<_>, Vec<_>) = found.into_iter().partition(touches);
            let mut pieces: Vec<Vec<Point>> = joined.into_iter().flat_map(|region| region.pieces).collect();
            pieces.push(piece);
            found = apart;
            found.push(ClassRegion { class, pieces });
        }
    }
    found
}

impl Region {
    /// Its area.
    pub fn area(&self) -> f64 {
        area(&self.corners)
    }

    /// The mean of its corners.
    pub fn middle(&self) -> Point {
        let n = self.corners.len() as f64;
        let sum = self.corners.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
        (sum.0 / n, sum.1 / n)
    }

    /// The outputs of its affine map at a point.
    pub fn at(&self, x: f64, y: f64) -> Vec<f64> {
        self.map.iter().map(|[a, b, c]| a * x + b * y + c).collect()
    }

    /// The part of each class.
    fn classes(&self) -> Vec<(usize, Vec<Point>)> {
        if let [y] = self.map[..] {
            return vec![(0, clip(&self.corners, y.map(|c| -c))), (1, clip(&self.corners, y))];
        }
        let part = |k: usize| {
            let others = self.map.iter().enumerate().filter(|(l, _)| *l != k).map(|(_, other)| other);
            let margins = others.map(|other| std::array::from_fn(|i| self.map[k][i] - other[i]));
            (k, margins.fold(self.corners.clone(), |corners, margin| clip(&corners, margin)))
        };
        (0..self.map.len()).map(part).collect()
    }

    /// Keeps the active units of the pre-activations in `map`; with a skip, the inputs of the layer follow them.
    fn settle(&mut self, first: usize, skip: bool) {
        let units = self.active.len() - first;
        let inputs = self.map.split_off(units);
        for (k, (z, active)) in self.map.iter_mut().zip(&self.active[first..]).enumerate() {
            *z = if *active { *z } else { [0.0; 3] };
            if skip {
                *z = std::array::from_fn(|i| z[i] + inputs[k][i]);
            }
        }
    }
}

impl ClassRegion {
    /// Its area.
    pub fn area(&self) -> f64 {
        self.pieces.iter().map(|piece| area(piece)).sum()
    }

    /// Whether it fills its convex hull, up to 10⁻⁶ of it.
    pub fn is_convex(&self) -> bool {
        let hull = area(&hull(self.pieces.iter().flatten().copied().collect()));
        hull - self.area() <= 1e-6 * hull
    }
}

/// W z + b as a map of the plane, where z is that of the region; with a skip, z itself follows.
fn affine<T: Real>(w: &Matrix<T>, b: Option<&Matrix<T>>, region: &Region, skip: bool) -> Vec<[f64; 3]> {
    let unit = |i: usize| {
        let mut sum = [0.0, 0.0, b.map_or(0.0, |b| b[(i, 0)].to_f64())];
        for (j, z) in region.map.iter().enumerate() {
            let w = w[(i, j)].to_f64();
            (0..3).for_each(|c| sum[c] += w * z[c]);
        }
        sum
    };
    (0..w.rows()).map(unit).chain(region.map.iter().copied().filter(|_| skip)).collect()
}

/// The part of a convex polygon where a x + b y + c ≥ 0 (Sutherland & Hodgman 1974).
fn clip(corners: &[Point], [a, b, c]: [f64; 3]) -> Vec<Point> {
    let height = |p: Point| a * p.0 + b * p.1 + c;
    let mut kept = Vec::with_capacity(corners.len() + 1);
    for (k, &p) in corners.iter().enumerate() {
        let q = corners[(k + 1) % corners.len()];
        let (hp, hq) = (height(p), height(q));
        if hp >= 0.0 {
            kept.push(p);
        }
        if (hp > 0.0 && hq < 0.0) || (hp < 0.0 && hq > 0.0) {
            let part = hp / (hp - hq);
            kept.push((p.0 + part * (q.0 - p.0), p.1 + part * (q.1 - p.1)));
        }
    }
    kept
}

fn area(corners: &[Point]) -> f64 {
    let edges = (0..corners.len()).map(|k| (corners[k], corners[(k + 1) % corners.len()]));
    0.5 * edges.map(|(p, q)| p.0 * q.1 - p.1 * q.0).sum::<f64>()
}

/// Whether two polygons have a part of an edge in common that is longer than `least`.
fn share_an_edge(a: &[Point], b: &[Point], least: f64) -> bool {
    let edges = |p: &[Point]| (0..p.len()).map(|k| (p[k], p[(k + 1) % p.len()])).collect::<Vec<_>>();
    let others = edges(b);
    edges(a).into_iter().any(|(p, q)| {
        let length = (q.0 - p.0).hypot(q.1 - p.1);
        let (dx, dy) = ((q.0 - p.0) / length, (q.1 - p.1) / length);
        let beside = |r: Point| (dx * (r.1 - p.1) - dy * (r.0 - p.0)).abs() <= least;
        let along = |r: Point| dx * (r.0 - p.0) + dy * (r.1 - p.1);
        length > least
            && others.iter().any(|&(r, s)| {
                let (low, high) = (along(r).min(along(s)), along(r).max(along(s)));
                beside(r) && beside(s) && high.min(length) - low.max(0.0) > least
            })
    })
}

/// The convex hull, counterclockwise (Andrew 1979).
fn hull(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let half = |points: &mut dyn Iterator<Item = Point>| {
        let mut kept: Vec<Point> = Vec::new();
        for p in points {
            while let [.., a, b] = kept[..]
                && (b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0) <= 0.0
            {
                kept.pop();
            }
            kept.push(p);
        }
        kept.pop();
        kept
    };
    let lower = half(&mut points.iter().copied());
    let upper = half(&mut points.iter().rev().copied());
    [lower, upper].concat()
}
