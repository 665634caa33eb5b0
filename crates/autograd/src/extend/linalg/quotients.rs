//! Quotients (wᵢ − wⱼ) / (λᵢ − λⱼ), which occur in the second derivatives of functions of eigenvalues and of singular values.

use crate::{Axis, CustomOp, Matrix, MatrixRef, Real, Var, hstack, jvp};

/// Two of the numbers λ, and the sign s of a quotient (wᵢ − s wⱼ) / (λᵢ − s λⱼ).
pub(super) type Pair = (usize, usize, f64);

/// The distance up to which two numbers count as nearly equal: the square root of the unit roundoff times the largest number. At a larger
/// distance, the quotient of two differences keeps at least half of its digits.
pub(super) fn distance<T: Real>(values: &[T]) -> f64 {
    T::EPSILON.sqrt() * values.iter().fold(0.0, |max: f64, x| max.max(x.to_f64().abs()))
}

/// The pairs (i, j) for which λᵢ and s λⱼ are nearly equal.
pub(super) fn near<T: Real>(values: &[T], sign: f64) -> Vec<Pair> {
    let least = distance(values);
    let apart = |(i, j): (usize, usize)| (values[i].to_f64() - sign * values[j].to_f64()).abs();
    let pairs = (0..values.len()).flat_map(|j| (0..j + usize::from(sign < 0.0)).map(move |i| (i, j)));
    pairs.filter(|&pair| apart(pair) <= least).map(|(i, j)| (i, j, sign)).collect()
}

/// The limits of the quotients for nearly equal numbers, 1 × pairs. They exist if w(λ) is the gradient of a function that does not change
/// when λᵢ and s λⱼ are exchanged. If λ moves along d = eᵢ − s eⱼ, then w moves by a multiple of d, and the quotient is that multiple.
///
/// `None` if w moves in another direction, or if it depends on anything but λ, which may be another function of the matrix.
pub(super) fn slopes<'t, T: Real>(values: Var<'t, T>, w: Var<'t, T>, pairs: &[Pair]) -> Option<Var<'t, T>> {
    if !depends_on_nothing_but(values, w) {
        return None;
    }
    let (numbers, weights) = (values.value(), w.value());
    let (numbers, weights) = (numbers.as_slice(), weights.as_slice());
    let largest = |x: &[T]| x.iter().fold(0.0, |max: f64, x| max.max(x.to_f64().abs()));
    let (unit, largest_weight) = (largest(numbers), largest(weights));
    let slope = |&(i, j, sign): &Pair| {
        let mut d = numbers.iter().map(|_| 0.0).collect::<Vec<f64>>();
        d[i] = 1.0;
        d[j] -= sign;
        let length: f64 = d.iter().map(|d| d * d).sum();
        let direction = Matrix::from_fn(numbers.len(), 1, |k, _| T::from_f64(d[k]));
        let direction = values.tape().constant(direction);
        let moved = jvp(w, &[(values, direction)]);
        let found = moved.dot(direction) / length;
        let along = |x: &[T]| x.iter().zip(&d).map(|(x, d)| x.to_f64() * d).sum::<f64>();
        let (tangent, k, apart) = (moved.value(), found.item().to_f64(), along(numbers).abs());
        let rounding = 100.0 * T::EPSILON;
        let beside =
            tangent.as_slice().iter().zip(&d).fold(0.0, |max: f64, (t, d)| max.max((t.to_f64() - k * d).abs()));
        let close = 10.0 * rounding + if unit > 0.0 { 1000.0 * apart / unit } else { 0.0 };
        let fits = (along(weights) - k * along(numbers)).abs() <= rounding * (largest_weight + k.abs() * unit)
            && beside <= close * (largest(tangent.as_slice()) + if unit > 0.0 { largest_weight / unit } else { 0.0 });
        fits.then_some(found)
    };
    let found: Option<Vec<Var<'t, T>>> = pairs.iter().map(slope).collect();
    found.map(|found| hstack(&found))
}

/// Whether w depends on the variables of its tape only through y.
fn depends_on_nothing_but<'t, T: Real>(y: Var<'t, T>, w: Var<'t, T>) -> bool {
    let (mut open, mut seen) = (vec![w], vec![false; w.id as usize + 1]);
    while let Some(x) = open.pop() {
        if x.id == y.id || !x.needs_gradient() || std::mem::replace(&mut seen[x.id as usize], true) {
            continue;
        }
        let operands = x.operands();
        if operands.is_empty() {
            return false;
        }
        open.extend(operands);
    }
    true
}

/// (wᵢ − s wⱼ) / (λᵢ − s λⱼ), n × n, for a row λ and a column w. Pairs that are nearly equal get their slopes. The diagonal is 0 unless it
/// is one of the pairs.
pub(super) fn quotients<'t, T: Real>(
    values: Var<'t, T>,
    w: Var<'t, T>,
    sign: f64,
    slopes: Option<(&[Pair], Var<'t, T>)>,
    diagonal: bool,
) -> Var<'t, T> {
    let (tape, n) = (w.tape(), w.rows());
    let near: Vec<Pair> = slopes.map_or(Vec::new(), |(pairs, _)| pairs.to_vec());
    let gaps = tape.custom(Gaps { sign, near, diagonal }, &[values]);
    let found = (w.repeat(n, n) - w.t().repeat(n, n) * sign) * gaps;
    let Some((pairs, slopes)) = slopes else { return found };
    let place = |x: Var<'t, T>| x.scatter_add((n, n), |_, k| (pairs[k].0, pairs[k].1));
    let (apart, off) = (slopes, slopes.where_entry(|_, k| pairs[k].0 != pairs[k].1));
    found + place(apart) + place(off).t()
}

/// 1 / (λᵢ − s λⱼ). It is 0 for the pairs that were nearly equal when recorded. It is NaN where a pair no longer is nearly equal, or has
/// become so.
struct Gaps {
    sign: f64,
    near: Vec<Pair>,
    diagonal: bool,
}

impl<T: Real> CustomOp<T> for Gaps {
    fn name(&self) -> &str {
        "second derivative of eigenvalues or singular values"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let values = x[0].as_slice();
        let (n, least) = (values.len(), distance(values));
        let mut known = Matrix::full(n, n, false);
        for &(i, j, _) in &self.near {
            (known[(i, j)], known[(j, i)]) = (true, true);
        }
        Matrix::from_fn(n, n, |i, j| {
            let gap = values[i].to_f64() - self.sign * values[j].to_f64();
            match () {
                _ if i == j && !self.diagonal => T::default(),
                _ if known[(i, j)] != (gap.abs() <= least) => T::from_f64(f64::NAN),
                _ if known[(i, j)] => T::default(),
                _ => T::from_f64(1.0 / gap),
            }
        })
    }

    fn pullback<'t>(&self, _: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        vec![Some(over_gaps(dy * y.square(), self.sign))]
    }
}

/// The gradient of the row λ, if dᵢⱼ is the gradient of −(λᵢ − s λⱼ).
fn over_gaps<'t, T: Real>(d: Var<'t, T>, sign: f64) -> Var<'t, T> {
    d.sum_over(Axis::Rows) * sign - d.sum_over(Axis::Cols).t()
}

/// xᵢⱼ / (λⱼ − s λᵢ) for a row λ and a skew-symmetric x, whose diagonal is left out; if s = 0, xᵢⱼ / λⱼ. If a divisor is nearly 0, the
/// vectors are not determined. Then xᵢⱼ must be 0, which means that the function does not depend on them.
///
/// # Panics
/// If xᵢⱼ is not 0 there. The message names the singular values.
pub(super) fn vectors_quotient<'t, T: Real>(x: Var<'t, T>, values: Var<'t, T>, sign: f64) -> Var<'t, T> {
    let (lost, numbers) = (x.value(), values.value());
    let value = |k: usize| numbers.as_slice()[k].to_f64();
    let least = distance(numbers.as_slice());
    for (i, j) in (0..x.cols()).flat_map(|j| (0..x.rows()).map(move |i| (i, j))) {
        let by = divisor(numbers.as_slice(), (i, j), sign);
        if lost[(i, j)] != T::default() && by.is_some_and(|by| by.abs() <= least) {
            let (first, second) = (i.min(j), i.max(j));
            let which = match sign {
                0.0 => format!(
                    "singular value {j} ({:e}) is nearly 0, and its left or right vector is not determined",
                    value(j)
                ),
                _ => format!(
                    "singular values {first} and {second} ({:e} and {:e}) are nearly {}, their vectors are not determined",
                    value(first),
                    value(second),
                    if sign < 0.0 { "0" } else { "equal" }
                ),
            };
            panic!("svd: {which}, and have no derivative; use singular_values, or separate them");
        }
    }
    x.tape().custom(VectorsQuotient(sign), &[x, values])
}

/// The divisor of entry (i, j); `None` on the diagonal of a skew-symmetric matrix.
fn divisor<T: Real>(values: &[T], (i, j): (usize, usize), sign: f64) -> Option<f64> {
    match sign {
        0.0 => Some(values[j].to_f64()),
        _ => (i != j).then(|| values[j].to_f64() - sign * values[i].to_f64()),
    }
}

struct VectorsQuotient(f64);

impl<T: Real> CustomOp<T> for VectorsQuotient {
    fn name(&self) -> &str {
        "derivative of svd"
    }

    fn forward(&self, x: &[MatrixRef<'_, T>]) -> Matrix<T> {
        let (x, values) = (x[0], x[1].as_slice());
        let least = distance(values);
        Matrix::from_fn(x.rows(), x.cols(), |i, j| match divisor(values, (i, j), self.0) {
            Some(by) if x[(i, j)] != T::default() && by.abs() <= least => T::from_f64(f64::NAN),
            Some(by) if x[(i, j)] != T::default() => T::from_f64(x[(i, j)].to_f64() / by),
            _ => T::default(),
        })
    }

    fn pullback<'t>(&self, x: &[Var<'t, T>], y: Var<'t, T>, dy: Var<'t, T>) -> Vec<Option<Var<'t, T>>> {
        let dx = vectors_quotient(dy, x[1], self.0);
        let d = vectors_quotient(dy * y, x[1], self.0);
        let dvalues = if self.0 == 0.0 { -d.sum_over(Axis::Rows) } else { over_gaps(d.t(), self.0) };
        vec![Some(dx), Some(dvalues)]
    }
}
