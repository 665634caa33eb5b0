//! Quotients (wᵢ − wⱼ) / (λᵢ − λⱼ), which the second derivatives of functions of eigenvalues and of singular values are made of.

use crate::{Axis, CustomOp, Matrix, MatrixRef, Real, Var, hstack, jvp};

/// Two of the numbers λ, and the sign s of a quotient (wᵢ − s wⱼ) / (λᵢ − s λⱼ).
pub(super) type Pair = (usize, usize, f64);

/// Within which numbers are nearly equal: the rounding of the largest, over the root of the unit roundoff. Beyond, the quotient of two
/// differences has half of its digits left at least.
pub(super) fn distance<T: Real>(values: &[T]) -> f64 {
    T::EPSILON.sqrt() * values.iter().fold(0.0, |max: f64, x| max.max(x.to_f64().abs()))
}

/// The pairs of which λᵢ and s λⱼ are nearly equal.
pub(super) fn near<T: Real>(values: &[T], sign: f64) -> Vec<Pair> {
    let least = distance(values);
    let apart = |(i, j): (usize, usize)| (values[i].to_f64() - sign * values[j].to_f64()).abs();
    let pairs = (0..values.len()).flat_map(|j| (0..j + usize::from(sign < 0.0)).map(move |i| (i, j)));
    pairs.filter(|&pair| apart(pair) <= least).map(|(i, j)| (i, j, sign)).collect()
}

/// What the quotients of nearly equal numbers are, 1 × pairs, if the weights are the gradient w(λ) of a function that does not change when
/// the numbers of a pair are exchanged, or λᵢ and −λⱼ: then w moves along d = eᵢ − s eⱼ by a multiple of it as λ does, and the quotient is
/// that multiple.
///
/// `None` if w does not do so, or depends on anything but λ: that may be another function of the matrix.
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

/// Whether w depends on the variables of its tape through y alone.
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

/// (wᵢ − s wⱼ) / (λᵢ − s λⱼ), n × n, of a row λ and a column w, with the slopes of the pairs that are nearly equal; 0 on the diagonal if
/// it is no pair's.
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

/// 1 / (λᵢ − s λⱼ): 0 for the pairs that were nearly equal, NaN if they no longer are, or others are.
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

/// The gradient of λ, a row, where dᵢⱼ is that of −(λᵢ − s λⱼ).
fn over_gaps<'t, T: Real>(d: Var<'t, T>, sign: f64) -> Var<'t, T> {
    d.sum_over(Axis::Rows) * sign - d.sum_over(Axis::Cols).t()
}

/// x / (λⱼ − s λᵢ) of a skew x, whose diagonal is none, or x / λⱼ if s = 0, of a row λ. Where the divisor is nearly 0, so must x be: it is what a function has to do with
/// vectors that are not determined.
///
/// # Panics
/// If it is not, by the names of the two.
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

/// What entry (i, j) is divided by: nothing on the diagonal of a skew matrix.
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
