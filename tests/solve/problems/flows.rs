//! Functions of Cartis and Roberts that are flows of liquids in two dimensions, by the stream function ψ: a driven cavity, and natural
//! convection. Both are differences on a square grid.

use autograd::Matrix;

use super::{Function, Number, sum};

/// The function of this name.
pub fn function(name: &str) -> Option<Function> {
    // Of a wall: what multiplies the slope of the temperature, what multiplies the temperature, and what is added.
    const RIGHT: [f64; 3] = [0.0, 1.0, 0.0];
    const LEFT: [f64; 3] = [0.0, 1.0, 1.0];
    const HEATED: [f64; 3] = [1.0, 0.0, -1.0];
    Some(match name {
        "drcavty1" => |x| driven_cavity(x, 500.0),
        "drcavty2" => |x| driven_cavity(x, 1000.0),
        "drcavty3" => |x| driven_cavity(x, 4500.0),
        "flosp2hh" => |x| convection(x, 1e7, HEATED, HEATED),
        "flosp2hm" => |x| convection(x, 1e5, HEATED, HEATED),
        "flosp2hl" => |x| convection(x, 1e3, HEATED, HEATED),
        "flosp2th" => |x| convection(x, 1e7, LEFT, RIGHT),
        "flosp2tm" => |x| convection(x, 1e5, LEFT, RIGHT),
        "flosp2tl" => |x| convection(x, 1e3, LEFT, RIGHT),
        _ => return None,
    })
}

/// A function of the points of a grid.
type Field<'a, 't> = &'a dyn Fn(usize, usize) -> Number<'t>;

/// Δu times the square of the grid's width, of five points.
fn laplacian<'t>(u: Field<'_, 't>, i: usize, j: usize) -> Number<'t> {
    u(i + 1, j) + u(i - 1, j) + u(i, j + 1) + u(i, j - 1) - u(i, j) * 4.0
}

/// uᵢ vⱼ − uⱼ vᵢ times four squares of the grid's width, in central differences.
fn jacobian<'t>(u: Field<'_, 't>, v: Field<'_, 't>, i: usize, j: usize) -> Number<'t> {
    let along = |w: Field<'_, 't>| w(i + 1, j) - w(i - 1, j);
    let across = |w: Field<'_, 't>| w(i, j + 1) - w(i, j - 1);
    along(u) * across(v) - across(u) * along(v)
}

/// Δ²ψ + R (ψᵢ Δψⱼ − ψⱼ Δψᵢ) = 0 of the inner points, row by row (Brown and Saad, *Hybrid Krylov methods for nonlinear systems of
/// equations*, 1990). Two lines of points around them have ψ = 0. On the side of the lid, which moves with speed 1, they have −h / 2 and
/// h / 2, so that ψ is 0 between them and its slope is 1.
fn driven_cavity<'t>(x: &[Number<'t>], reynolds: f64) -> Vec<Number<'t>> {
    let m = x.len().isqrt();
    let h = 1.0 / (m + 2) as f64;
    let constant = |value: f64| x[0].tape().constant(Matrix::row(&[value]));
    let outside = [0.0, -h / 2.0, h / 2.0].map(constant);
    let is_inner = |k: usize| (2..m + 2).contains(&k);
    let psi = |i: usize, j: usize| match i {
        _ if is_inner(i) && is_inner(j) => x[(i - 2) * m + j - 2],
        _ if i < m + 2 => outside[0],
        _ => outside[i - m - 1],
    };
    let vorticity = |i: usize, j: usize| laplacian(&psi, i, j);
    let residual =
        |i: usize, j: usize| laplacian(&vorticity, i, j) + jacobian(&psi, &vorticity, i, j) * (reynolds / 4.0);
    (0..m * m).map(|k| residual(2 + k / m, 2 + k % m)).collect()
}

/// Natural convection in a square of 5 × 5 points that is heated from its sides: vorticity ω and temperature φ at all points, and ψ at the
/// inner ones; ψ = 1 around them (Gould, from Hiebert's and others' flows by a stream function):
///
/// Δω − ½ Ra φⱼ = 0, Δψ + ¼ ω = 0, Δφ + ψᵢ φⱼ − ψⱼ φᵢ = 0,
///
/// a slope of φ and of ψ at each point of the walls, and for φ left and right the condition of three numbers. A corner adds what
/// its two walls have.
fn convection<'t>(x: &[Number<'t>], rayleigh: f64, left: [f64; 3], right: [f64; 3]) -> Vec<Number<'t>> {
    const INSULATED: [f64; 3] = [1.0, 0.0, 0.0];
    let (n, h) = (5, 0.5);
    let wall = x[0].tape().constant(Matrix::row(&[1.0]));
    let is_inner = |k: usize| (1..n - 1).contains(&k);
    let omega = |i: usize, j: usize| x[i * n + j];
    let phi = |i: usize, j: usize| x[(n + i) * n + j];
    let psi = |i: usize, j: usize| {
        if is_inner(i) && is_inner(j) { x[2 * n * n + (i - 1) * (n - 2) + j - 1] } else { wall }
    };

    let inside = || (1..n - 1).flat_map(|i| (1..n - 1).map(move |j| (i, j)));
    let momentum = inside().map(|(i, j)| {
        laplacian(&omega, i, j) / (h * h) - (phi(i, j + 1) - phi(i, j - 1)) * (rayleigh / 2.0 / (2.0 * h))
    });
    let stream = inside().map(|(i, j)| laplacian(&psi, i, j) / (h * h) + omega(i, j) / 4.0);
    let heat = inside().map(|(i, j)| (laplacian(&phi, i, j) + jacobian(&psi, &phi, i, j) * 0.25) / (h * h));

    // The point beside a point of a wall, whether the wall is at the lower end of its axis, and the condition for φ.
    let walls = |i: usize, j: usize| {
        let all = [
            (i == 0, (1, j), -1.0, INSULATED),
            (i == n - 1, (n - 2, j), 1.0, INSULATED),
            (j == 0, (i, 1), -1.0, left),
            (j == n - 1, (i, n - 2), 1.0, right),
        ];
        all.into_iter().filter(|(here, ..)| *here)
    };
    let temperature = |(i, j)| {
        let terms = walls(i, j).map(|(_, (k, l), sign, [slope, value, _])| {
            (phi(i, j) - phi(k, l)) * (sign * slope * 2.0 / h) + phi(i, j) * value
        });
        // In one corner the constant is that of the left wall, in the others it is 0.
        let constant = match j {
            0 if i > 0 => left[2],
            _ if j == n - 1 && is_inner(i) => right[2],
            _ => 0.0,
        };
        sum(terms) + constant
    };
    let no_slip = |(i, j)| sum(walls(i, j).map(|(_, (k, l), ..)| (psi(k, l) - psi(i, j)) * (2.0 / h)));
    let edges = || {
        let rows = [0, n - 1].into_iter().flat_map(|i| (0..n).map(move |j| (i, j)));
        rows.chain([0, n - 1].into_iter().flat_map(|j| (1..n - 1).map(move |i| (i, j))))
    };
    momentum.chain(stream).chain(heat).chain(edges().map(temperature)).chain(edges().map(no_slip)).collect()
}
