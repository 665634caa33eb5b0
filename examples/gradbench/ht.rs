//! Tracking of a hand: the distances of measured points to a model of a hand, and their Jacobian by the 26 numbers of a pose and, if the
//! points lie anywhere on triangles, by two numbers (u, v) of each. Source: J. Taylor et al., *User-specific hand modeling from monocular
//! depth sequences*, CVPR 2014; ADBench; GradBench's eval `ht`.
//!
//! Each bone has a transform A_b = A_parent R_b E(angles), where R_b is its place relative to its parent. A vertex x moves with several bones,
//! to Σ_b w_b A_b A_b(at rest)⁻¹ x. A global rotation and a translation follow. This is a product T B for all vertices: T holds the
//! transforms of the bones side by side, and B, which does not depend on the pose, a block w_b A_b(at rest)⁻¹ x for each bone.
//!
//! A direction for each number of the pose gives a column of the Jacobian. A point has its own (u, v), so one direction moves all u, and one
//! all v: the derivatives of every point by them are two columns.

use std::collections::{BTreeSet, HashMap};

use autograd::{Matrix, Tape, Var, hstack, matrix};
use serde::{Deserialize, Serialize};

use crate::input;
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

/// Numbers of a pose: a rotation, a translation, and four angles of each finger.
const POSE: usize = 26;
const FINGERS: usize = 5;
/// The wrist, four bones of each finger, and the forearm.
const BONES: usize = 2 + 4 * FINGERS;

#[derive(Deserialize)]
struct Input {
    theta: Vec<f64>,
    data: Data,
    us: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Data {
    model: Model,
    correspondences: Vec<usize>,
    points: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Model {
    bone_names: Vec<String>,
    parents: Vec<i64>,
    base_relatives: Vec<Vec<Vec<f64>>>,
    inverse_base_absolutes: Vec<Vec<Vec<f64>>>,
    base_positions: Vec<Vec<f64>>,
    weights: Vec<Vec<f64>>,
    triangles: Vec<Vec<usize>>,
    is_mirrored: bool,
}

#[derive(Deserialize)]
#[serde(try_from = "Input")]
struct Hand {
    theta: Matrix<f64>,
    /// u and v of each point, 2 × c, or none if points correspond to vertices.
    on_triangles: Option<Matrix<f64>>,
    /// The parent of each bone, which comes before it.
    parents: Vec<Option<usize>>,
    /// R_b, 4 × 4.
    relatives: Vec<Matrix<f64>>,
    /// B of the vertices that are needed, 4 BONES × n.
    vertices: Matrix<f64>,
    /// Where the vertices of the points are among these: one list, or one for each corner of the triangles.
    corners: Vec<Vec<usize>>,
    /// The points, 3 × c.
    points: Matrix<f64>,
    mirrored: bool,
}

impl TryFrom<Input> for Hand {
    type Error = String;

    fn try_from(Input { theta, data: Data { model, correspondences, points }, us }: Input) -> Result<Self, String> {
        let c = correspondences.len();
        input::count("theta", &theta, POSE)?;
        input::sizes(&[("the number of points", c), ("the columns of the Jacobian", 3 * (POSE + 2))])?;
        input::count("points", &points, c)?;
        input::count("bone_names", &model.bone_names, BONES)?;
        input::count("parents", &model.parents, BONES)?;
        let parent = |(bone, &parent): (usize, &i64)| match usize::try_from(parent) {
            Ok(parent) if parent < bone => Ok(Some(parent)),
            Err(_) if parent == -1 => Ok(None),
            _ => Err(format!("parents[{bone}] is {parent}, and not -1 or an earlier bone")),
        };
        let parents = model.parents.iter().enumerate().map(parent).collect::<Result<_, _>>()?;
        let vertices = input::columns("base_positions", &model.base_positions, 4)?;
        let weights = input::columns("weights", &model.weights, BONES)?;
        input::count("weights", &model.weights, vertices.cols())?;
        let at_rest = transforms("inverse_base_absolutes", &model.inverse_base_absolutes)?;
        let of_vertex = |v: usize| -> Result<Vec<f64>, String> {
            if v >= vertices.cols() {
                return Err(format!("there is no vertex {v}: there are {}", vertices.cols()));
            }
            let moved = |(bone, rest): (usize, &Matrix<f64>)| {
                let (x, w) = (vertices.col(v), weights[(bone, v)]);
                (0..4).map(move |i| w * (0..4).map(|j| rest[(i, j)] * x[j]).sum::<f64>()).collect::<Vec<_>>()
            };
            Ok(at_rest.iter().enumerate().flat_map(moved).collect())
        };
        let (corners, on_triangles) = if us.is_empty() {
            (vec![correspondences], None)
        } else {
            input::count("us", &us, c)?;
            (of_triangles(&model.triangles, &correspondences)?, Some(input::columns("us", &us, 2)?))
        };
        let needed: BTreeSet<usize> = corners.concat().into_iter().collect();
        let columns = needed.iter().map(|&v| of_vertex(v)).collect::<Result<Vec<_>, _>>()?;
        let place: HashMap<usize, usize> = needed.into_iter().enumerate().map(|(place, v)| (v, place)).collect();
        Ok(Hand {
            theta: Matrix::column(&theta),
            on_triangles,
            parents,
            relatives: transforms("base_relatives", &model.base_relatives)?,
            vertices: input::columns("vertices", &columns, 4 * BONES)?,
            corners: corners.iter().map(|corner| corner.iter().map(|v| place[v]).collect()).collect(),
            points: input::columns("points", &points, 3)?,
            mirrored: model.is_mirrored,
        })
    }
}

/// The first, second and third corners of the triangles of the points.
fn of_triangles(triangles: &[Vec<usize>], of_points: &[usize]) -> Result<Vec<Vec<usize>>, String> {
    for (t, corners) in triangles.iter().enumerate() {
        input::count(&format!("triangles[{t}]"), corners, 3)?;
    }
    if let Some(t) = of_points.iter().find(|t| **t >= triangles.len()) {
        return Err(format!("there is no triangle {t}: there are {}", triangles.len()));
    }
    Ok((0..3).map(|k| of_points.iter().map(|&t| triangles[t][k]).collect()).collect())
}

/// One 4 × 4 matrix for each bone, given row by row.
fn transforms(what: &str, matrices: &[Vec<Vec<f64>>]) -> Result<Vec<Matrix<f64>>, String> {
    input::count(what, matrices, BONES)?;
    let one = |(bone, rows): (usize, &Vec<Vec<f64>>)| {
        let what = format!("{what}[{bone}]");
        input::count(&what, rows, 4)?;
        Ok(input::columns(&what, rows, 4)?.t())
    };
    matrices.iter().enumerate().map(one).collect()
}

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
pub mod tests {
    use autograd::check;
    use serde_json::{Value, json};

    use super::*;

    fn number(k: usize) -> f64 {
        (k as f64 * 0.618_034).fract() - 0.4
    }

    /// Five vertices and two triangles, with any numbers for the bones.
    pub fn input(on_triangles: bool) -> Value {
        let list = |n: usize, from: usize| (from..from + n).map(number).collect::<Vec<_>>();
        let transform = |bone: usize| -> Vec<_> {
            let row = |i: usize| {
                (0..4).map(move |j| {
                    if i == j {
                        1.0
                    } else if i == 3 {
                        0.0
                    } else {
                        0.3 * number(bone + 5 * i + j)
                    }
                })
            };
            (0..4).map(|i| row(i).collect::<Vec<_>>()).collect()
        };
        let parents: Vec<i64> = (0..BONES as i64).map(|b| if b % 4 == 1 { 0 } else { b - 1 }).collect();
        let vertices: Vec<Vec<f64>> = (0..5).map(|v| [list(3, 10 * v), vec![1.0]].concat()).collect();
        json!({
            "theta": list(POSE, 100),
            "us": if on_triangles { json!([[0.2, 0.3], [0.5, 0.1], [0.7, 0.2]]) } else { json!([]) },
            "data": {
                "correspondences": [0, 1, if on_triangles { 0 } else { 4 }],
                "points": (0..3).map(|i| list(3, 3 * i)).collect::<Vec<_>>(),
                "model": {
                    "bone_count": BONES,
                    "bone_names": vec!["bone"; BONES],
                    "parents": parents,
                    "base_relatives": (0..BONES).map(transform).collect::<Vec<_>>(),
                    "inverse_base_absolutes": (0..BONES).map(|b| transform(b + 40)).collect::<Vec<_>>(),
                    "base_positions": vertices,
                    "weights": (0..5).map(|v| list(BONES, 7 * v)).collect::<Vec<_>>(),
                    "triangles": [[0, 1, 2], [4, 2, 1]],
                    "is_mirrored": on_triangles,
                },
            },
        })
    }

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

    #[test]
    fn wrong_inputs() {
        let error = |pointer: &str, value: Value| {
            let mut input = input(true);
            *input.pointer_mut(pointer).unwrap() = value;
            (MODULE.prepare)("jacobian", &input.to_string()).err().unwrap()
        };
        assert!(error("/theta", json!([1.0])).contains("theta: 1 entries, and not 26"));
        assert!(error("/us", json!([[0.1, 0.2]])).contains("us: 1 entries, and not 3"));
        assert!(error("/us/1", json!([0.1])).contains("us[1]: 1 entries, and not 2"));
        assert!(error("/data/correspondences/0", json!(2)).contains("there is no triangle 2: there are 2"));
        assert!(error("/data/correspondences", json!([])).contains("the number of points is 0"));
        assert!(error("/data/points/0", json!([1.0])).contains("points[0]: 1 entries, and not 3"));
        assert!(error("/data/model/triangles/0", json!([0, 1])).contains("triangles[0]: 2 entries, and not 3"));
        assert!(error("/data/model/triangles/0/0", json!(5)).contains("there is no vertex 5: there are 5"));
        assert!(error("/data/model/parents/3", json!(3)).contains("parents[3] is 3, and not -1 or an earlier bone"));
        assert!(error("/data/model/parents/3", json!(-2)).contains("parents[3] is -2"));
        assert!(error("/data/model/weights/0", json!([1.0])).contains("weights[0]: 1 entries, and not 22"));
        assert!(
            error("/data/model/base_relatives/2/1", json!([1.0]))
                .contains("base_relatives[2][1]: 1 entries, and not 4")
        );
        assert!(
            error("/data/model/base_positions/2", json!([1.0])).contains("base_positions[2]: 1 entries, and not 4")
        );
        assert!(error("/data/model/bone_names", json!([])).contains("bone_names: 0 entries, and not 22"));
    }
}
