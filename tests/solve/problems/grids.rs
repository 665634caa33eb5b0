//! Functions of Cartis and Roberts whose variables are numbered by their places: Bratu's equation on grids, Powell's function of each four,
//! and Yatsutsko's equations.

use super::{Function, Number, sum};

/// The function of this name.
pub fn function(name: &str) -> Option<Function> {
    Some(match name {
        "bratu_2d" => |x| bratu::<2>(x, 4.0),
        "bratu_2d_t" => |x| bratu::<2>(x, 6.80812),
        "bratu_3d" => |x| bratu::<3>(x, 6.80812),
        "cbratu_2d" => |x| {
            // The equation of a complex function u + i v.
            let (u, v) = x.split_at(x.len() / 2);
            let (side, c) = size::<2>(u, 5.0);
            let real = (0..u.len()).map(|k| laplacian::<2>(u, side, k) - u[k].exp() * v[k].cos() * c);
            let imaginary = (0..u.len()).map(|k| laplacian::<2>(v, side, k) - u[k].exp() * v[k].sin() * c);
            real.chain(imaginary).collect()
        },
        "powellse" => powell,
        "yatpsq_1" => {
            |x| yatsutsko(x, |x, y| x.powi(3) - x.square() * 10.0 - y * (x * x.cos() - x.sin()), |x| x.sin() / x)
        }
        "yatpsq_2" => |x| yatsutsko(x, |x, y| x - y * (x.cos() + 1.0) - 1.0, |x| x.sin() + x),
        _ => return None,
    })
}

/// The number of points of a side and c = α h², for −Δu = α eᵘ on a cube of D dimensions with u = 0 around it.
fn size<const D: usize>(x: &[Number<'_>], alpha: f64) -> (usize, f64) {
    let side = (x.len() as f64).powf(1.0 / D as f64).round() as usize;
    (side, alpha / ((side + 1) * (side + 1)) as f64)
}

fn bratu<'t, const D: usize>(x: &[Number<'t>], alpha: f64) -> Vec<Number<'t>> {
    let (side, c) = size::<D>(x, alpha);
    (0..x.len()).map(|k| laplacian::<D>(x, side, k) - x[k].exp() * c).collect()
}

/// −h² Δu: 2 D u less the neighbours.
fn laplacian<'t, const D: usize>(u: &[Number<'t>], side: usize, k: usize) -> Number<'t> {
    let near = (0..D as u32).flat_map(|axis| {
        let step = side.pow(axis);
        let at = k / step % side;
        [(at > 0).then(|| k - step), (at + 1 < side).then_some(k + step)]
    });
    u[k] * (2 * D) as f64 - sum(near.flatten().map(|k| u[k]))
}

/// Powell's singular function of each four variables, with other weights.
fn powell<'t>(x: &[Number<'t>]) -> Vec<Number<'t>> {
    let four = |x: &[Number<'t>]| {
        let (middle, ends) = ((x[1] - x[2] * 2.0).square(), (x[0] - x[3]).square());
        [x[0] + x[1] * 10.0, (x[2] - x[3]) * 5.0, middle, ends * 10.0]
    };
    x.chunks(4).flat_map(four).collect()
}

/// Equations f(xᵢⱼ, yᵢ + zⱼ) = 0, and sums of g(xᵢⱼ) over columns and rows that are 1.
fn yatsutsko<'t>(
    x: &[Number<'t>],
    f: fn(Number<'t>, Number<'t>) -> Number<'t>,
    g: fn(Number<'t>) -> Number<'t>,
) -> Vec<Number<'t>> {
    let n = 10;
    let (x, yz) = x.split_at(n * n);
    let (y, z) = yz.split_at(n);
    let each = (0..n * n).map(|k| f(x[k], y[k / n] + z[k % n]));
    let columns = (0..n).map(|j| sum((0..n).map(|i| g(x[i * n + j]))) - 1.0);
    each.chain(columns).chain((0..n).map(|i| sum((0..n).map(|j| g(x[i * n + j]))) - 1.0)).collect()
}
