//! Tracking of a hand: the distances of measured points to a model of a hand, and their Jacobian by the 26 numbers of a pose and, if the
//! points lie anywhere on triangles, by two numbers (u, v) of each. Source: J. Taylor et al., *User-specific hand modeling from monocular
//! depth sequences*, CVPR 2014; ADBench; GradBench's eval `ht`.
//!
//! Each bone has a transform A_b = A_parent R_b E(angles), where R_b is its place relative to its parent. A vertex x moves with several bones,
//! to Σ_b w_b A_b A_b(at rest)⁻¹ x. A global rotation and a translation follow. This is a product T B for all vertices: T holds the
//! transforms of the bones side by side, and B, which does not depend on the pose, a block w_b A_b(at rest)⁻¹ x for each bone. `hand.rs` reads
//! them.
//!
//! A direction for each number of the pose gives a column of the Jacobian. A point has its own (u, v), so one direction moves all u, and one
//! all v: the derivatives of every point by them are two columns.

use autograd::{Matrix, Tape, Var, hstack, matrix};
use serde::Serialize;

use crate::hand::{BONES, FINGERS, Hand, POSE};
use crate::protocol::{Module, function, read};
use crate::rotation::rotated;

pub const MODULE: Module = Module {
    name: "ht",
    functions: &["objective", "jacobian"],
    prepare: |name, input| {
        let hand: Hand = read(input)?;
        Ok(match name {
            "objective" => function(move || hand.objective()),
            _ => function(move || hand.jacobian()),
        })
    },
};

/// A matrix as its columns, which is answered row by row.
struct Columns(Vec<Matrix<f64>>);

impl Serialize for Columns {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let row = |row: usize| self.0.iter().map(|column| column.as_slice()[row]).collect::<Vec<_>>();
        s.collect_seq((0..self.0[0].as_slice().len()).map(row))
    }
}

impl Hand {
    fn objective(&self) -> Vec<f64> {
        let tape = Tape::new();
        let uv = self.on_triangles.as_ref().map(|uv| tape.constant(uv));
        self.residuals(tape.constant(&self.theta), uv).value().into_vec()
    }

    fn jacobian(&self) -> Columns {
        let tape = Tape::new();
        let theta = tape.variable(&self.theta);
        let uv = self.on_triangles.as_ref().map(|uv| tape.variable(uv));
        let y = self.residuals(theta, uv);
        // The row k of x moves.
        let along = |x, k| {
            let (rows, cols) = Var::shape(x);
            let direction = Matrix::from_fn(rows, cols, |i, _| f64::from(u8::from(i == k)));
            tape.tangents(&[(x, direction.view())]).of(y)
        };
        let of_places = uv.into_iter().flat_map(|uv| [along(uv, 0), along(uv, 1)]);
        Columns(of_places.chain((0..POSE).map(|k| along(theta, k))).collect())
    }

    /// The points minus where they are on the model, 3 × c.
    fn residuals<'t>(&'t self, theta: Var<'t, f64>, uv: Option<Var<'t, f64>>) -> Var<'t, f64> {
        let tape = theta.tape();
        let vertices = self.transform(theta).matmul(tape.constant(&self.vertices)) + theta.rows_in(3..6);
        let corner = |k: usize| vertices.select_columns(&self.corners[k]);
        let on_model = match uv {
            None => corner(0),
            Some(uv) => {
                let (u, v) = (uv.rows_in(0..1), uv.rows_in(1..2));
                corner(0) * u + corner(1) * v + corner(2) * (-u - v + 1.0)
            }
        };
        tape.constant(&self.points) - on_model
    }

    /// T, 3 × 4 BONES.
    fn transform<'t>(&'t self, theta: Var<'t, f64>) -> Var<'t, f64> {
        let tape = theta.tape();
        let mut bones: Vec<Var<'t, f64>> = Vec::with_capacity(BONES);
        for (bone, relative) in self.relatives.iter().enumerate() {
            let relative = tape.constant(relative);
            let local = match bend(theta, bone) {
                Some(bend) => relative.matmul(bend),
                None => relative,
            };
            bones.push(self.parents[bone].map_or(local, |parent| bones[parent].matmul(local)));
        }
        let mirrored = tape.constant(Matrix::column(&[if self.mirrored { -1.0 } else { 1.0 }, 1.0, 1.0]));
        let r = [0, 1, 2].map(|k| theta.at(k, 0));
        let axes = [0, 1, 2].map(|k| rotated(r, std::array::from_fn(|i| tape.constant(f64::from(u8::from(i == k))))));
        matrix(3, 3, |i, j| axes[j][i]).matmul(hstack(&bones).rows_in(0..3) * mirrored)
    }
}

/// The rotation of a bone by its angles, if it has any: Z(b) X(a), 4 × 4. The first bone of a finger has none, the second two, and the others
/// one.
fn bend<'t>(theta: Var<'t, f64>, bone: usize) -> Option<Var<'t, f64>> {
    let (finger, joint) = (bone.checked_sub(1)? / 4, (bone - 1) % 4);
    if finger == FINGERS || joint == 0 {
        return None;
    }
    let [zero, one] = [0.0, 1.0].map(|c| theta.tape().constant(c));
    let angle = |k: usize| theta.at(6 + 4 * finger + k, 0);
    let (a, b) = if joint == 1 { (angle(0), angle(1)) } else { (angle(joint), zero) };
    let ([sa, ca], [sb, cb]) = ([a.sin(), a.cos()], [b.sin(), b.cos()]);
    let rows =
        [[cb, -sb * ca, sb * sa, zero], [sb, cb * ca, -cb * sa, zero], [zero, sa, ca, zero], [zero, zero, zero, one]];
    Some(matrix(4, 4, |i, j| rows[i][j]))
}

#[cfg(test)]
mod tests {
    use autograd::check;
    use serde_json::{Value, json};

    use super::*;
    use crate::hand::Model;
    use crate::hand::tests::input;

    fn hand(on_triangles: bool) -> Hand {
        read(&input(on_triangles).to_string()).unwrap()
    }

    /// A vertex by its definition, in plain numbers.
    fn vertex(input: &Value, v: usize) -> [f64; 3] {
        let theta: Vec<f64> = serde_json::from_value(input["theta"].clone()).unwrap();
        let model: Model = serde_json::from_value(input["data"]["model"].clone()).unwrap();
        type Square = [[f64; 4]; 4];
        let square = |m: &Vec<Vec<f64>>| -> Square { std::array::from_fn(|i| std::array::from_fn(|j| m[i][j])) };
        let product = |a: Square, b: Square| -> Square {
            std::array::from_fn(|i| std::array::from_fn(|j| (0..4).map(|k| a[i][k] * b[k][j]).sum()))
        };
        let mut absolutes: Vec<Square> = Vec::new();
        let mut y = [0.0; 4];
        for bone in 0..BONES {
            let mut angles = [0.0; 2];
            for finger in 0..5 {
                match bone as i64 - 4 * finger - 2 {
                    0 => angles = [theta[6 + 4 * finger as usize], theta[7 + 4 * finger as usize]],
                    1 => angles[0] = theta[8 + 4 * finger as usize],
                    2 => angles[0] = theta[9 + 4 * finger as usize],
                    _ => (),
                }
            }
            let ([sx, sz], [cx, cz]) = (angles.map(f64::sin), angles.map(f64::cos));
            let x = [[1.0, 0.0, 0.0, 0.0], [0.0, cx, -sx, 0.0], [0.0, sx, cx, 0.0], [0.0, 0.0, 0.0, 1.0]];
            let z = [[cz, -sz, 0.0, 0.0], [sz, cz, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
            let local = product(square(&model.base_relatives[bone]), product(z, x));
            let absolute =
                if model.parents[bone] < 0 { local } else { product(absolutes[model.parents[bone] as usize], local) };
            absolutes.push(absolute);
            let moved = product(absolute, square(&model.inverse_base_absolutes[bone]));
            for (y, row) in y.iter_mut().zip(moved) {
                *y += model.weights[v][bone] * (0..4).map(|k| row[k] * model.base_positions[v][k]).sum::<f64>();
            }
        }
        let mirrored = [if model.is_mirrored { -y[0] } else { y[0] }, y[1], y[2]];
        let turned = rotated([theta[0], theta[1], theta[2]], mirrored);
        std::array::from_fn(|i| turned[i] + theta[3 + i])
    }

    #[test]
    fn residuals_by_their_definition() {
        let expect = |found: &[f64], points: &Matrix<f64>, at: [[f64; 3]; 3]| {
            for (i, found) in found.iter().enumerate() {
                assert!((found - (points.as_slice()[i] - at[i / 3][i % 3])).abs() < 1e-13, "{i}");
            }
        };
        let (alone, all) = (input(false), input(true));
        let on_vertices = hand(false);
        expect(&on_vertices.objective(), &on_vertices.points, [0, 1, 4].map(|v| vertex(&alone, v)));
        let on_triangle = |[a, b, c]: [usize; 3], u: f64, v: f64| -> [f64; 3] {
            let [a, b, c] = [a, b, c].map(|k| vertex(&all, k));
            std::array::from_fn(|i| u * a[i] + v * b[i] + (1.0 - u - v) * c[i])
        };
        let at = [on_triangle([0, 1, 2], 0.2, 0.3), on_triangle([4, 2, 1], 0.5, 0.1), on_triangle([0, 1, 2], 0.7, 0.2)];
        let hand = hand(true);
        expect(&hand.objective(), &hand.points, at);
    }

    #[test]
    fn derivatives() {
        // The checker's tapes may live for any time.
        let hand: &'static Hand = Box::leak(Box::new(hand(true)));
        let uv = hand.on_triangles.clone().unwrap();
        check(|x| hand.residuals(x[0], Some(x[1])), &[hand.theta.clone(), uv]);
    }

    /// The directions give the entries of the whole Jacobian.
    #[test]
    fn entries_of_the_jacobian() {
        for on_triangles in [false, true] {
            let hand = hand(on_triangles);
            let Columns(columns) = hand.jacobian();
            let extra = if on_triangles { 2 } else { 0 };
            assert_eq!(columns.len(), POSE + extra);
            let step = 1e-6;
            for k in 0..POSE {
                let moved = |by: f64| {
                    let mut input = input(on_triangles);
                    input["theta"][k] = json!(hand.theta.as_slice()[k] + by);
                    read::<Hand>(&input.to_string()).unwrap().objective()
                };
                for ((up, down), found) in moved(step).iter().zip(moved(-step)).zip(columns[k + extra].as_slice()) {
                    assert!(((up - down) / (2.0 * step) - found).abs() < 1e-7 * found.abs().max(1.0), "{k}");
                }
            }
            if on_triangles {
                let all = input(true);
                let (a, c) = (vertex(&all, 4), vertex(&all, 1));
                (0..3).for_each(|i| assert!((columns[0].as_slice()[3 + i] + a[i] - c[i]).abs() < 1e-13));
            }
        }
    }
}
