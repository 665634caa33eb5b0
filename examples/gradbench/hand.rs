//! What `ht.rs` reads: a pose of a hand, a model of it, and measured points. Everything that does not depend on the pose is computed here.

use std::collections::{BTreeSet, HashMap};

use autograd::Matrix;
use serde::Deserialize;

use crate::input;

/// Numbers of a pose: a rotation, a translation, and four angles of each finger.
pub const POSE: usize = 26;
pub const FINGERS: usize = 5;
/// The wrist, four bones of each finger, and the forearm.
pub const BONES: usize = 2 + 4 * FINGERS;

/// A pose of a hand, and measured points.
#[derive(Deserialize)]
#[serde(try_from = "Input")]
pub struct Hand {
    pub theta: Matrix<f64>,
    /// u and v of each point, 2 × c, or none if points correspond to vertices.
    pub on_triangles: Option<Matrix<f64>>,
    /// The parent of each bone, which comes before it.
    pub parents: Vec<Option<usize>>,
    /// R_b, 4 × 4.
    pub relatives: Vec<Matrix<f64>>,
    /// B of the vertices that are needed, 4 BONES × n.
    pub vertices: Matrix<f64>,
    /// Where the vertices of the points are among these: one list, or one for each corner of the triangles.
    pub corners: Vec<Vec<usize>>,
    /// The points, 3 × c.
    pub points: Matrix<f64>,
    pub mirrored: bool,
}

/// A model of a hand.
#[derive(Deserialize)]
pub struct Model {
    pub bone_names: Vec<String>,
    pub parents: Vec<i64>,
    pub base_relatives: Vec<Vec<Vec<f64>>>,
    pub inverse_base_absolutes: Vec<Vec<Vec<f64>>>,
    pub base_positions: Vec<Vec<f64>>,
    pub weights: Vec<Vec<f64>>,
    pub triangles: Vec<Vec<usize>>,
    pub is_mirrored: bool,
}

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

#[cfg(test)]
pub mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::ht::MODULE;

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
