//! The part of a surface above a level: closed loops by marching squares (Lorensen & Cline 1987, in the plane).

use autograd::Matrix;

/// The boundary of { z ≥ level } within the grid, as closed loops around it in grid coordinates: z(i, j) lies at (i, j).
/// The set is on the left of each loop, so outer loops turn left and holes turn right.
pub(super) fn loops(z: &Matrix<f64>, level: f64) -> Vec<Vec<(f64, f64)>> {
    let (m, n) = z.shape();
    // Outside the grid nothing is above the level: with a ring around it every loop is closed.
    let value = |i: usize, j: usize| match (i, j) {
        _ if (1..=m).contains(&i) && (1..=n).contains(&j) => z[(i - 1, j - 1)] - level,
        _ => f64::NEG_INFINITY,
    };
    let inside = |(i, j): (usize, usize)| value(i, j) >= 0.0;

    // The edge from a point to its right is 2 k, to the one above 2 k + 1, where k numbers the points of the ringed grid.
    let edge = |a: (usize, usize), b: (usize, usize)| {
        let (i, j) = a.min(b);
        2 * (i + j * (m + 2)) + usize::from(a.0 == b.0)
    };
    let mut next = vec![usize::MAX; 2 * (m + 2) * (n + 2)];
    for j in 0..=n {
        for i in 0..=m {
            let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
            let crossed: Vec<usize> = (0..4).filter(|&k| inside(corners[k]) != inside(corners[(k + 1) % 4])).collect();
            // At a saddle the mean decides whether opposite corners are joined.
            let joined = crossed.len() == 4 && corners.iter().map(|&(i, j)| value(i, j)).sum::<f64>() >= 0.0;
            let side = |k: usize| edge(corners[k], corners[(k + 1) % 4]);
            for (at, &k) in crossed.iter().enumerate().filter(|(_, k)| inside(corners[**k])) {
                let to = if joined { at + 1 } else { at + crossed.len() - 1 };
                next[side(k)] = side(crossed[to % crossed.len()]);
            }
        }
    }

    let place = |edge: usize| {
        let k = edge / 2;
        let a = (k % (m + 2), k / (m + 2));
        let b = if edge.is_multiple_of(2) { (a.0 + 1, a.1) } else { (a.0, a.1 + 1) };
        let (za, zb) = (value(a.0, a.1), value(b.0, b.1));
        let part = match (za.is_finite(), zb.is_finite()) {
            (true, true) => za / (za - zb),
            (true, false) => 0.0,
            _ => 1.0,
        };
        let mix = |a: usize, b: usize| (1.0 - part) * (a as f64 - 1.0) + part * (b as f64 - 1.0);
        (mix(a.0, b.0), mix(a.1, b.1))
    };
    let mut loops = Vec::new();
    for start in 0..next.len() {
        let (mut points, mut at) = (Vec::new(), start);
        while next[at] != usize::MAX {
            points.push(place(at));
            at = std::mem::replace(&mut next[at], usize::MAX);
        }
        points = simplified(points);
        if points.len() > 2 {
            loops.push(points);
        }
    }
    loops
}

/// Removes points that repeat, or are on the line between their neighbours.
fn simplified(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for p in points {
        while let [.., a, b] = kept[..] {
            let cross = (b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0);
            if cross.abs() > 1e-6 {
                break;
            }
            kept.pop();
        }
        if kept.last() != Some(&p) {
            kept.push(p);
        }
    }
    kept
}

/// One polygon for loops of both orientations: from the first point to each loop and back, which adds no area.
pub(super) fn polygon(loops: &[Vec<(f64, f64)>]) -> Vec<(f64, f64)> {
    let Some(&base) = loops.first().and_then(|first| first.first()) else { return Vec::new() };
    loops.iter().flat_map(|points| points.iter().copied().chain([points[0], base])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(loops: &[Vec<(f64, f64)>]) -> f64 {
        let of = |p: &Vec<(f64, f64)>| -> f64 {
            (0..p.len()).map(|k| (p[k], p[(k + 1) % p.len()])).map(|(a, b)| 0.5 * (a.0 * b.1 - a.1 * b.0)).sum()
        };
        loops.iter().map(of).sum()
    }

    fn surface(f: impl Fn(f64, f64) -> f64) -> Matrix<f64> {
        Matrix::from_fn(81, 81, |i, j| f(i as f64 / 40.0 - 1.0, j as f64 / 40.0 - 1.0))
    }

    #[test]
    fn loops_go_around_what_is_above() {
        // A disk of radius 40 · 0.8, a ring, all, nothing, half.
        let check = |z: Matrix<f64>, level, count, expected: f64| {
            let found = loops(&z, level);
            assert_eq!(found.len(), count);
            assert!((area(&found) - expected).abs() < 0.002 * expected.max(1.0), "{} {expected}", area(&found));
            assert!((area(&[polygon(&found)]) - area(&found)).abs() < 1e-9);
        };
        let pi = std::f64::consts::PI;
        check(surface(|x, y| -x.hypot(y)), -0.8, 1, pi * 32.0 * 32.0);
        check(surface(|x, y| -(x.hypot(y) - 0.6).abs()), -0.2, 2, pi * (32.0 * 32.0 - 16.0 * 16.0));
        check(surface(|_, _| 1.0), 0.5, 1, 80.0 * 80.0);
        check(surface(|_, _| 1.0), 1.5, 0, 0.0);
        check(surface(|x, _| x), 0.0, 1, 40.0 * 80.0);
        check(surface(|x, y| x * y), 1e-9, 2, 2.0 * 40.0 * 40.0);
    }
}
