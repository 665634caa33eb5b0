//! A system of single numbers as a field, and its linear systems.

use std::array::from_fn;

use autograd::{Dual, ScalarTape};

use super::adjoint::Pull;
use super::event::Event;
use super::field::{Field, PlainField, Weight};
use super::system::{Quantity, System};

/// A system over one kind of numbers.
pub struct Scalars<'a, S, N, const D: usize, const P: usize> {
    pub system: &'a S,
    pub p: [N; P],
    /// Numbers of the kind.
    pub like: [N; D],
}

impl<S: System<D, P>, N: Quantity, const D: usize, const P: usize> Field for Scalars<'_, S, N, D, P> {
    type Number = N;
    type State = [N; D];
    type Factors = Elimination<N, D>;

    fn constant(&self, x: f64) -> N {
        self.like[0].constant(x)
    }

    fn slope(&self, t: N, y: &[N; D]) -> [N; D] {
        self.system.slope(t, *y, self.p)
    }

    fn sum(&self, terms: &[(Weight<N>, &[N; D])]) -> [N; D] {
        from_fn(|i| {
            let (w, y) = terms[0];
            terms[1..].iter().fold(w.of(y[i]), |sum, (w, y)| sum + w.of(y[i]))
        })
    }

    fn linearize(&self, t: N, y: &[N; D], c: Weight<N>) -> Option<(Elimination<N, D>, [N; D])> {
        let p = self.p.map(Dual::constant);
        let tangent = |t, y| self.system.slope(t, y, p).map(|slope: Dual<N>| slope.tangent);
        let moved = tangent(Dual::variable(t), y.map(Dual::constant));
        let columns: [[N; D]; D] = from_fn(|j| {
            let y = from_fn(|i| if i == j { Dual::variable(y[i]) } else { Dual::constant(y[i]) });
            tangent(Dual::constant(t), y)
        });
        let matrix = from_fn(|i| from_fn(|j| -c.of(columns[j][i]) + if i == j { 1.0 } else { 0.0 }));
        Some((Elimination::new(matrix)?, moved))
    }

    fn solve(&self, factors: &Elimination<N, D>, x: &[N; D]) -> [N; D] {
        factors.solve(x)
    }

    fn events(&self, t: N, y: &[N; D]) -> Vec<Event<N>> {
        self.system.events(t, *y, self.p)
    }
}

impl<S: System<D, P>, const D: usize, const P: usize> PlainField for Scalars<'_, S, f64, D, P> {
    fn entries<'y>(&self, y: &'y [f64; D]) -> (&'y [f64], usize) {
        (y, D)
    }

    fn event_slope(&self, event: usize, t: f64, y: &[f64; D], dy: &[f64; D]) -> f64 {
        let y = from_fn(|i| Dual { value: y[i], tangent: dy[i] });
        self.system.events(Dual::variable(t), y, self.p.map(Dual::constant))[event].value.tangent
    }
}

impl<S: System<D, P>, const D: usize, const P: usize> Pull for Scalars<'_, S, f64, D, P> {
    fn pull(&self, t: f64, y: &[f64; D], w: &[f64]) -> Vec<f64> {
        let tape = ScalarTape::new();
        let (y, p) = (y.map(|y| tape.variable(y)), self.p.map(|p| tape.variable(p)));
        let outputs: Vec<_> = self.system.slope(tape.constant(t), y, p).into_iter().zip(w.iter().copied()).collect();
        if outputs.iter().any(|(slope, _)| slope.needs_gradient()) {
            tape.backward(&outputs).as_slice().to_vec()
        } else {
            vec![0.0; D + P]
        }
    }
}

/// A matrix as L U with exchanged rows. A pivot is the entry of its column that is largest beside its row, so the units of the rows
/// do not matter: otherwise an equation of large numbers, such as that of a sensitivity, would be subtracted from one of small numbers, which
/// would lose its digits.
pub struct Elimination<N, const D: usize> {
    rows: [usize; D],
    /// L below the diagonal, U on it and above.
    factors: [[N; D]; D],
}

impl<N: Quantity, const D: usize> Elimination<N, D> {
    fn new(mut a: [[N; D]; D]) -> Option<Self> {
        let mut rows: [usize; D] = from_fn(|i| i);
        let largest: [f64; D] = from_fn(|i| a[i].iter().fold(0.0, |max, x| f64::max(max, x.plain().abs())));
        for k in 0..D {
            let size = |i: usize| a[i][k].plain().abs();
            let share = |i: usize| if size(i) > 0.0 { size(i) / largest[rows[i]] } else { size(i) };
            // The first of equal ones.
            let pivot = (k..D).rev().max_by(|&i, &j| share(i).total_cmp(&share(j)))?;
            if !(size(pivot) > 0.0 && size(pivot).is_finite()) {
                return None;
            }
            a.swap(k, pivot);
            rows.swap(k, pivot);
            let (above, below) = a.split_at_mut(k + 1);
            for row in below {
                let factor = row[k] / above[k][k];
                row[k] = factor;
                for (x, &pivot) in row.iter_mut().zip(&above[k]).skip(k + 1) {
                    *x -= factor * pivot;
                }
            }
        }
        Some(Elimination { rows, factors: a })
    }

    fn solve(&self, b: &[N; D]) -> [N; D] {
        let (a, mut x) = (&self.factors, self.rows.map(|row| b[row]));
        for i in 0..D {
            for j in 0..i {
                let known = a[i][j] * x[j];
                x[i] -= known;
            }
        }
        for i in (0..D).rev() {
            for j in i + 1..D {
                let known = a[i][j] * x[j];
                x[i] -= known;
            }
            x[i] /= a[i][i];
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units of rows change no bit, and a row of large numbers takes no digits from the others.
    #[test]
    fn units_of_rows_do_not_matter() {
        let a = [[1.0, 2.0, -1.0, 0.5], [3.0, 0.1, 0.7, 1.0], [0.2, 0.3, 5.0, -2.0], [1.5, -0.4, 0.6, 0.9]];
        let b = [1.0, -2.0, 0.3, 4.0];
        let solve = |units: [i32; 4]| {
            let unit = units.map(|unit| 2f64.powi(unit));
            let scaled: [[f64; 4]; 4] = from_fn(|i| a[i].map(|x| x * unit[i]));
            Elimination::new(scaled).unwrap().solve(&from_fn(|i| b[i] * unit[i]))
        };
        for units in [[60, 0, 0, 0], [0, 0, 0, 60], [-300, 200, 7, -90], [1, -1, 300, 2]] {
            assert_eq!(solve(units), solve([0; 4]), "{units:?}");
        }
        // x = 1 to rounding whatever y is, if y has an equation of large numbers that contains x.
        let of_y = [1e12, 1.0];
        let [x, y] = Elimination::new([[1.0, 0.0], of_y]).unwrap().solve(&[0.1, 0.3]);
        assert_eq!((x, y), (0.1, 0.3 - 1e12 * 0.1));
        assert!(Elimination::new([[1.0, 2.0], [2.0, 4.0]]).is_none() && Elimination::new([[f64::NAN]]).is_none());
        assert!(Elimination::new([[0.0, 0.0], [1.0, 1.0]]).is_none());
    }
}
