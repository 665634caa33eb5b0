//! Bundle adjustment: cameras and points from their pictures. The residuals of an observation are w (π(camera, X) − feature), where π is the
//! projection, and 1 − w². The Jacobian is sparse: 15 numbers in each of two rows, and one in the third. Source: ADBench
//! (F. Šrajer, Z. Kukelova, A. Fitzgibbon, *Optim. Methods Softw.* 33, 2018); GradBench's eval `ba`.
//!
//! A camera is r, C, f, (u, v), (k₁, k₂): a rotation, a centre, a focal length, a principal point and the distortion.
//!
//! ```text
//! Y = R(r) (X − C),   p = (Y₀, Y₁) / Y₂,   π = f (1 + k₁ ‖p‖² + k₂ ‖p‖⁴) p + (u, v)
//! ```
//!
//! `rotation.rs` has R.
//!
//! Residuals of different observations share no number once each has its own copy of its camera and its point. So observations are the
//! entries of rows, and one sweep for each kind of residual, with the weight 1 at every observation, gives all rows of the
//! Jacobian of that kind.

use autograd::{Matrix, Number, Tape, Var};
use serde::{Deserialize, Serialize};

use crate::input;
use crate::protocol::{Module, function, read};
use crate::rotation::rotated;

pub const MODULE: Module = Module {
    name: "ba",
    functions: &["objective", "jacobian"],
    prepare: |name, input| {
        let scene: Scene = read(input)?;
        Ok(match name {
            "objective" => function(move || scene.objective()),
            _ => function(move || scene.jacobian()),
        })
    },
};

/// Numbers of a camera.
const CAMERA: usize = 11;
/// Numbers on which a residual depends: a camera, a point, a weight.
const INPUTS: usize = CAMERA + 3 + 1;
/// Observations that are recorded at once.
const BLOCK: usize = 512;

#[derive(Deserialize)]
struct Input {
    n: usize,
    m: usize,
    p: usize,
    cam: Vec<f64>,
    x: Vec<f64>,
    w: f64,
    feat: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(try_from = "Input")]
struct Scene {
    /// Columns.
    cameras: Matrix<f64>,
    /// Columns.
    points: Matrix<f64>,
    weights: Vec<f64>,
    features: Vec<[f64; 2]>,
    /// The camera and the point of each observation.
    observed: Vec<(usize, usize)>,
}

/// The input has one camera, one point and one observation, and says how often each is repeated.
impl TryFrom<Input> for Scene {
    type Error = String;

    fn try_from(Input { n, m, p, cam, x, w, feat }: Input) -> Result<Self, String> {
        input::sizes(&[("n", n), ("the numbers of a camera", CAMERA)])?;
        input::sizes(&[("m", m), ("the numbers of a point", 3)])?;
        input::sizes(&[("p", p), ("the numbers of its rows", 2 * INPUTS)])?;
        input::count("cam", &cam, CAMERA)?;
        input::count("x", &x, 3)?;
        let feature = <[f64; 2]>::try_from(feat).map_err(|feat| format!("feat: {} entries, and not 2", feat.len()))?;
        Ok(Scene {
            cameras: Matrix::from_vec(CAMERA, n, cam.repeat(n)),
            points: Matrix::from_vec(3, m, x.repeat(m)),
            weights: vec![w; p],
            features: vec![feature; p],
            observed: (0..p).map(|i| (i % n, i % m)).collect(),
        })
    }
}

/// All residuals. They are answered by the first ones and their number.
struct Residuals {
    /// Two of each observation.
    reprojection: Vec<f64>,
    weights: Vec<f64>,
}

impl Serialize for Residuals {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let p = self.weights.len();
        let reprojection = serde_json::json!({ "elements": self.reprojection[..2], "repeated": p });
        let weights = serde_json::json!({ "element": self.weights[0], "repeated": p });
        serde_json::json!({ "reproj_error": reprojection, "w_err": weights }).serialize(s)
    }
}

/// A matrix row by row: entries `starts[i]..starts[i + 1]` of `columns` and `values` are row i.
struct Sparse {
    starts: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

/// Only the first entries and the last one are answered.
impl Serialize for Sparse {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        fn some<T: Copy>(list: &[T]) -> Vec<T> {
            [&list[..list.len().min(2 * INPUTS)], &list[list.len() - 1..]].concat()
        }
        let (rows, cols, vals) = (some(&self.starts), some(&self.columns), some(&self.values));
        serde_json::json!({ "rows": rows, "cols": cols, "vals": vals }).serialize(s)
    }
}

impl Scene {
    fn objective(&self) -> Residuals {
        let (mut reprojection, mut weights) = (Vec::with_capacity(2 * self.weights.len()), Vec::new());
        for (i, &(camera, point)) in self.observed.iter().enumerate() {
            let (camera, x): (_, [f64; 3]) =
                (self.cameras.col(camera), self.points.col(point).try_into().expect("three"));
            reprojection.extend(reprojected(camera, x, self.weights[i], self.features[i]));
            weights.push(of_weight(self.weights[i]));
        }
        Residuals { reprojection, weights }
    }

    /// Rows of the reprojections, two of each observation, then those of the weights. Columns of the cameras, of the points, of the weights.
    fn jacobian(&self) -> Sparse {
        let p = self.observed.len();
        let (to_points, to_weights) =
            (self.cameras.as_slice().len(), self.cameras.as_slice().len() + self.points.as_slice().len());
        let mut columns = Vec::with_capacity((2 * INPUTS + 1) * p);
        let mut values = vec![0.0; (2 * INPUTS + 1) * p];
        let (reprojection, weights) = values.split_at_mut(2 * INPUTS * p);
        for first in (0..p).step_by(BLOCK) {
            let block = first..p.min(first + BLOCK);
            self.rows(block.clone(), &mut reprojection[2 * INPUTS * first..], &mut weights[first..]);
            for i in block {
                let (camera, point) = self.observed[i];
                for _ in 0..2 {
                    columns.extend((0..CAMERA).map(|k| (CAMERA * camera + k) as u32));
                    columns.extend((0..3).map(|k| (to_points + 3 * point + k) as u32));
                    columns.push((to_weights + i) as u32);
                }
            }
        }
        columns.extend((0..p).map(|i| (to_weights + i) as u32));
        let of_reprojections = (0..=2 * p).map(|row| row * INPUTS);
        let starts =
            of_reprojections.chain((1..=p).map(|row| 2 * p * INPUTS + row)).map(|start| start as u32).collect();
        Sparse { starts, columns, values }
    }

    /// The rows of some observations.
    fn rows(&self, block: std::ops::Range<usize>, reprojection: &mut [f64], weights: &mut [f64]) {
        let (count, tape) = (block.len(), Tape::new());
        let row = |entry: &dyn Fn(usize) -> f64| Matrix::from_fn(1, count, |_, j| entry(block.start + j));
        let camera = |k: usize| row(&|i| self.cameras[(k, self.observed[i].0)]);
        let point = |k: usize| row(&|i| self.points[(k, self.observed[i].1)]);
        let x: [Var<'_, f64>; INPUTS] = std::array::from_fn(|k| {
            tape.variable(match k {
                0..CAMERA => camera(k),
                CAMERA..14 => point(k - CAMERA),
                _ => row(&|i| self.weights[i]),
            })
        });
        let features = [0, 1].map(|k| tape.constant(row(&|i| self.features[i][k])));
        let residuals = reprojected(&x[..CAMERA], [x[11], x[12], x[13]], x[14], features);
        let ones = Matrix::full(1, count, 1.0);
        for (k, residual) in residuals.into_iter().enumerate() {
            let grads = residual.backward_with(&ones);
            for (l, &x) in x.iter().enumerate() {
                let places = reprojection[k * INPUTS + l..].iter_mut().step_by(2 * INPUTS);
                places.zip(grads.wrt(x).as_slice()).for_each(|(place, g)| *place = *g);
            }
        }
        weights[..count].copy_from_slice(of_weight(x[14]).backward_with(&ones).wrt(x[14]).as_slice());
    }
}

/// w (π(camera, x) − feature).
fn reprojected<N: Number>(camera: &[N], x: [N; 3], w: N, feature: [N; 2]) -> [N; 2] {
    let &[r0, r1, r2, c0, c1, c2, f, u, v, k1, k2] = camera else { unreachable!("a camera has 11 numbers") };
    let [y0, y1, y2] = rotated([r0, r1, r2], [x[0] - c0, x[1] - c1, x[2] - c2]);
    let p = [y0 / y2, y1 / y2];
    let square = p[0].square() + p[1].square();
    let scale = f * ((k2 * square + k1) * square + 1.0);
    [w * (scale * p[0] + u - feature[0]), w * (scale * p[1] + v - feature[1])]
}

/// 1 − w².
fn of_weight<N: Number>(w: N) -> N {
    -w.square() + 1.0
}

#[cfg(test)]
mod tests {
    use autograd::{Dual, check};

    use super::*;

    fn number(k: usize) -> f64 {
        (k as f64 * 0.618_034).fract() - 0.4
    }

    /// Different cameras, points and weights, in more than a block.
    fn scene() -> Scene {
        let p = BLOCK + 3;
        let points = Matrix::from_fn(3, 5, |i, j| if i == 2 { 4.0 } else { number(i + 3 * j) });
        Scene {
            cameras: Matrix::from_fn(CAMERA, 2, |i, j| number(i + CAMERA * j + 7)),
            points,
            weights: (0..p).map(|i| number(i) + 1.0).collect(),
            features: (0..p).map(|i| [number(2 * i), number(2 * i + 1)]).collect(),
            observed: (0..p).map(|i| (i % 2, i % 5)).collect(),
        }
    }

    /// Every entry is the derivative by dual numbers, at its place, and no other entry exists.
    #[test]
    fn entries_of_the_jacobian() {
        let scene = scene();
        let Sparse { starts, columns, values } = scene.jacobian();
        let p = scene.observed.len();
        assert_eq!((starts.len(), columns.len(), values.len()), (3 * p + 1, 31 * p, 31 * p));
        for i in [0, 1, BLOCK - 1, BLOCK, p - 1] {
            let (camera, point) = scene.observed[i];
            let numbers = [scene.cameras.col(camera), scene.points.col(point), &[scene.weights[i]]].concat();
            for l in 0..INPUTS {
                let x: Vec<_> =
                    (0..INPUTS).map(|k| Dual { value: numbers[k], tangent: f64::from(u8::from(k == l)) }).collect();
                let feature = scene.features[i].map(Dual::constant);
                let expected = reprojected(&x[..CAMERA], [x[11], x[12], x[13]], x[14], feature).map(|e| e.tangent);
                for (k, expected) in expected.into_iter().enumerate() {
                    let at = starts[2 * i + k] as usize + l;
                    assert!((values[at] - expected).abs() <= 1e-13 * expected.abs().max(1.0), "{i} {k} {l}");
                    let column = [camera * CAMERA + l, 22 + 3 * point + l.saturating_sub(CAMERA), 22 + 15 + i];
                    assert_eq!(columns[at] as usize, column[usize::from(l >= CAMERA) + usize::from(l == 14)]);
                }
            }
            let at = starts[2 * p + i] as usize;
            assert_eq!((values[at], columns[at] as usize), (-2.0 * scene.weights[i], 37 + i));
        }
    }

    #[test]
    fn derivatives() {
        let scene = scene();
        let x: Vec<_> = [scene.cameras.col(0), scene.points.col(0), &[0.7]].concat();
        let x: Vec<_> = x.iter().map(|&x| Matrix::full(1, 1, x)).collect();
        for k in 0..2 {
            check(
                |x| {
                    let feature = [0.1, 0.2].map(|c| x[0].tape().constant(c));
                    reprojected(&x[..CAMERA], [x[11], x[12], x[13]], x[14], feature)[k]
                },
                &x,
            );
        }
    }

    #[test]
    fn wrong_inputs() {
        let cam = "[1,2,3,4,5,6,7,8,9,10,11]";
        let input = |n: &str, p: &str, cam: &str, x: &str, feat: &str| {
            format!(r#"{{"n": {n}, "m": 1, "p": {p}, "cam": {cam}, "x": {x}, "w": 1.0, "feat": {feat}}}"#)
        };
        let error = |input: String| (MODULE.prepare)("jacobian", &input).err().unwrap();
        assert!((MODULE.prepare)("jacobian", &input("1", "1", cam, "[1,2,3]", "[1,2]")).is_ok());
        assert!(error(input("0", "1", cam, "[1,2,3]", "[1,2]")).contains("n is 0"));
        assert!(error(input("1", "1000000000000", cam, "[1,2,3]", "[1,2]")).contains("more than"));
        assert!(error(input("1", "1", "[1]", "[1,2,3]", "[1,2]")).contains("cam: 1 entries, and not 11"));
        assert!(error(input("1", "1", cam, "[1,2]", "[1,2]")).contains("x: 2 entries, and not 3"));
        assert!(error(input("1", "1", cam, "[1,2,3]", "[]")).contains("feat: 0 entries, and not 2"));
    }
}
