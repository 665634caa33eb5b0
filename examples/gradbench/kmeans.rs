//! The sum of squared distances of points to their nearest centroid, f(C) = Σᵢ minⱼ ‖cⱼ − pᵢ‖², and Newton's direction g / h, where g is
//! the gradient and h the diagonal of the Hessian, which has no other entries. Source: L. Bottou, Y. Bengio, *Convergence properties of the
//! k-means algorithms*, NIPS 1994; GradBench's eval `kmeans`.
//!
//! The minimum has the derivative of the distance that is the least. So plain numbers choose it, and only this distance is recorded.
//! The Hessian times a vector of ones is its diagonal.

use autograd::{LinearAlgebra, Matrix, Var, gradient, hvp};
use serde::Deserialize;

use crate::input;
use crate::protocol::{Module, function, read};

pub const MODULE: Module = Module {
    name: "kmeans",
    functions: &["cost", "dir"],
    prepare: |name, input| {
        let clusters: Clusters = read(input)?;
        Ok(match name {
            "cost" => function(move || clusters.cost()),
            _ => {
                clusters.all_have_points()?;
                function(move || input::lists(&clusters.direction()))
            }
        })
    },
};

/// Points that are taken at once, so that all of them stay in cache.
const BLOCK: usize = 512;

#[derive(Deserialize)]
struct Input {
    points: Vec<Vec<f64>>,
    centroids: Vec<Vec<f64>>,
}

/// Points and centroids, as columns.
#[derive(Deserialize)]
#[serde(try_from = "Input")]
struct Clusters {
    points: Matrix<f64>,
    centroids: Matrix<f64>,
}

impl TryFrom<Input> for Clusters {
    type Error = String;

    fn try_from(Input { points, centroids }: Input) -> Result<Self, String> {
        let d = points.first().map_or(0, Vec::len);
        let sizes = [("the number of points", points.len()), ("the dimension", d)];
        input::sizes(&sizes)?;
        input::sizes(&[("the number of centroids", centroids.len())])?;
        if points.iter().chain(&centroids).flatten().any(|x| x.abs() > 1e140) {
            return Err("a number is above 1e140, so squares of distances would overflow".to_owned());
        }
        Ok(Clusters {
            points: input::columns("points", &points, d)?,
            centroids: input::columns("centroids", &centroids, d)?,
        })
    }
}

impl Clusters {
    fn cost(&self) -> f64 {
        let square = |c: &[f64], p: &[f64]| c.iter().zip(p).map(|(c, p)| (c - p) * (c - p)).sum::<f64>();
        let pairs = self.nearest().into_iter().enumerate();
        pairs.map(|(i, j)| square(self.centroids.col(j), self.points.col(i))).sum()
    }

    /// Gradient and diagonal are sums over blocks of points.
    fn direction(&self) -> Matrix<f64> {
        let (d, k) = self.centroids.shape();
        let (mut slope, mut diagonal, ones) = (Matrix::zeros(d, k), Matrix::zeros(d, k), Matrix::full(d, k, 1.0));
        for (block, nearest) in self.nearest().chunks(BLOCK).enumerate() {
            let points = self.block(block);
            slope = slope + gradient(|c| squares(c, &points, nearest), &self.centroids);
            diagonal = diagonal + hvp(|c| squares(c, &points, nearest), &self.centroids, &ones);
        }
        Matrix::from_fn(d, k, |i, j| slope[(i, j)] / diagonal[(i, j)])
    }

    fn block(&self, block: usize) -> Matrix<f64> {
        self.points.columns(BLOCK * block..self.points.cols().min(BLOCK * (block + 1)))
    }

    /// The nearest centroid of each point. ½ ‖c − p‖² is ½ ‖c‖² − cᵀp and a number that does not depend on the centroid. Far from 0 its
    /// digits would cancel, so 0 is moved to the middle of the centroids.
    fn nearest(&self) -> Vec<usize> {
        let (d, k) = self.centroids.shape();
        let middle: Vec<f64> = (0..d).map(|i| (0..k).map(|j| self.centroids[(i, j)]).sum::<f64>() / k as f64).collect();
        let middle = Matrix::column(&middle);
        let c = &self.centroids - &middle;
        let mut nearest = vec![0; self.points.cols()];
        for (block, nearest) in nearest.chunks_mut(BLOCK).enumerate() {
            let products = (self.block(block) - &middle).matmul_tn(&c);
            let mut least = vec![f64::INFINITY; nearest.len()];
            for j in 0..k {
                let half = 0.5 * c.col(j).iter().map(|c| c * c).sum::<f64>();
                for ((least, nearest), product) in least.iter_mut().zip(&mut *nearest).zip(products.col(j)) {
                    let score = half - product;
                    *nearest = if score < *least { j } else { *nearest };
                    *least = if score < *least { score } else { *least };
                }
            }
        }
        nearest
    }

    /// A centroid that is the nearest of no point has no second derivative to divide by.
    fn all_have_points(&self) -> Result<(), String> {
        let mut found = vec![false; self.centroids.cols()];
        self.nearest().into_iter().for_each(|j| found[j] = true);
        match found.iter().position(|found| !found) {
            Some(j) => Err(format!("centroids[{j}] is the nearest of no point, so there is no direction")),
            None => Ok(()),
        }
    }
}

/// Σ ‖c − p‖² of points and their nearest centroids.
fn squares<'t>(centroids: Var<'t, f64>, points: &Matrix<f64>, nearest: &[usize]) -> Var<'t, f64> {
    (centroids.select_columns(nearest) - centroids.tape().constant(points.clone())).square().sum()
}

#[cfg(test)]
mod tests {
    use autograd::{Axis, check, hessian, value_and_gradient};

    use super::*;

    fn clusters(shift: f64) -> Clusters {
        let number = |k: usize| (k as f64 * 0.618_034).fract() - 0.4 + shift;
        let points = Matrix::from_fn(2, 2 * BLOCK + 3, |i, j| number(i + 2 * j));
        Clusters { centroids: points.columns(5..8), points }
    }

    /// The direction leads to the mean of the points of a cluster: c − g / h is the mean.
    #[test]
    fn to_the_means() {
        let clusters = clusters(0.0);
        let (nearest, direction) = (clusters.nearest(), clusters.direction());
        for j in 0..3 {
            let own: Vec<_> = (0..nearest.len()).filter(|&i| nearest[i] == j).collect();
            for i in 0..2 {
                let mean = own.iter().map(|&p| clusters.points[(i, p)]).sum::<f64>() / own.len() as f64;
                assert!((clusters.centroids[(i, j)] - direction[(i, j)] - mean).abs() < 1e-14);
            }
        }
    }

    fn recorded<'t>(c: Var<'t, f64>, points: &Matrix<f64>) -> Var<'t, f64> {
        c.squared_distances(c.tape().constant(points.clone())).min_over(Axis::Rows).sum()
    }

    /// The function with its minimum recorded has the same value, gradient and Hessian, whose only entries are on the diagonal.
    #[test]
    fn the_minimum_is_recorded() {
        let clusters = clusters(0.0);
        let nearest = clusters.nearest();
        check(|c| squares(c[0], &clusters.points, &nearest), std::slice::from_ref(&clusters.centroids));
        let (value, gradient) = value_and_gradient(|c| recorded(c, &clusters.points), &clusters.centroids);
        assert!((value - clusters.cost()).abs() < 1e-12 * value);
        let h = hessian(|c| recorded(c, &clusters.points), &clusters.centroids);
        let direction = clusters.direction();
        for k in 0..6 {
            assert!((0..6).all(|l| l == k || h[(k, l)] == 0.0));
            assert!((direction.as_slice()[k] - gradient.as_slice()[k] / h[(k, k)]).abs() < 1e-14);
        }
    }

    #[test]
    fn far_from_0() {
        assert_eq!(clusters(1e9).nearest(), clusters_by_differences(&clusters(1e9)));
    }

    fn clusters_by_differences(clusters: &Clusters) -> Vec<usize> {
        let square = |i: usize, j: usize| -> f64 {
            clusters.points.col(i).iter().zip(clusters.centroids.col(j)).map(|(p, c)| (p - c) * (p - c)).sum()
        };
        let nearest = |i| (0..3).min_by(|&a, &b| square(i, a).total_cmp(&square(i, b))).unwrap();
        (0..clusters.points.cols()).map(nearest).collect()
    }

    #[test]
    fn wrong_inputs() {
        let error = |input: &str| (MODULE.prepare)("dir", input).err().unwrap();
        assert!(error(r#"{"points": [], "centroids": [[1.0]]}"#).contains("the number of points is 0"));
        assert!(error(r#"{"points": [[1.0]], "centroids": []}"#).contains("the number of centroids is 0"));
        assert!(error(r#"{"points": [[1.0], [1.0, 2.0]], "centroids": [[1.0]]}"#).contains("points[1]: 2 entries"));
        assert!(error(r#"{"points": [[1.0]], "centroids": [[1.0, 2.0]]}"#).contains("centroids[0]: 2 entries"));
        assert!(
            error(r#"{"points": [[1.0]], "centroids": [[1.0], [9.0]]}"#).contains("centroids[1] is the nearest of no")
        );
    }
}
