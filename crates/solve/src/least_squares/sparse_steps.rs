//! The steps of a sparse model, from factors of its normal equations.

use std::sync::Arc;

use linalg::SparseCholesky;

use super::model::{Step, dot, norm};
use super::region::{self, Damped};
use crate::{Pattern, SparseMatrix};

/// Whether there are such steps.
pub const HAS_STEPS: bool = true;

/// The places of Jᵀ J on and below the diagonal, and the order in which it is eliminated. It is kept as long as the pattern of J stays.
pub struct Structure {
    pattern: Arc<Pattern>,
    /// Jᵀ, and where each of its entries is in J.
    turned: Pattern,
    place: Vec<usize>,
    starts: Vec<usize>,
    indices: Vec<usize>,
    order: SparseCholesky,
}

/// The model of residuals r + J p in scaled parameters: A = D⁻¹ Jᵀ J D⁻¹ and g = D⁻¹ Jᵀ r.
pub struct SparseModel<'a> {
    structure: &'a Structure,
    scales: Vec<f64>,
    a: Vec<f64>,
    g: Vec<f64>,
    free: Vec<bool>,
    /// The step for λ = 0, if A is positive definite to rounding.
    whole: Option<Damped>,
}

impl Structure {
    /// That of a pattern of J; the old one if it has it. `None` if memory is short.
    pub fn of(old: Option<Structure>, pattern: &Arc<Pattern>) -> Option<Structure> {
        if let Some(old) = old.filter(|old| old.pattern == *pattern) {
            return Some(old);
        }
        let turned = pattern.t();
        let place = turned.places().map(|(k, i)| pattern.place(i, k).expect("it is an entry")).collect();
        let (mut starts, mut indices) = (vec![0], Vec::new());
        let mut seen = vec![usize::MAX; pattern.cols()];
        for c in 0..pattern.cols() {
            let first = indices.len();
            seen[c] = c;
            indices.push(c);
            for &k in pattern.column(c).iter().flat_map(|&i| turned.column(i)) {
                if k > c && std::mem::replace(&mut seen[k], c) != c {
                    indices.push(k);
                }
            }
            indices[first..].sort_unstable();
            starts.push(indices.len());
        }
        let order = SparseCholesky::new(starts.clone(), indices.clone())?;
        Some(Structure { pattern: pattern.clone(), turned, place, starts, indices, order })
    }

    /// D⁻¹ Jᵀ J D⁻¹, with 1 on the diagonal and 0 beside it for parameters that are held.
    fn matrix(&self, j: &SparseMatrix, scales: &[f64], free: &[bool]) -> Vec<f64> {
        let (values, of_row) = (j.values(), self.turned.column_starts());
        let mut sums = vec![0.0; self.pattern.cols()];
        let mut a = Vec::with_capacity(self.indices.len());
        for c in 0..self.pattern.cols() {
            if free[c] {
                for (&i, v) in self.pattern.column(c).iter().zip(j.column(c)) {
                    for at in of_row[i]..of_row[i + 1] {
                        sums[self.turned.row_indices()[at]] += v * values[self.place[at]];
                    }
                }
            }
            for &k in &self.indices[self.starts[c]..self.starts[c + 1]] {
                a.push(match (free[c] && free[k], k == c) {
                    (true, _) => sums[k] / scales[c] / scales[k],
                    (false, diagonal) => f64::from(u8::from(diagonal)),
                });
            }
            for &i in self.pattern.column(c) {
                self.turned.column(i).iter().for_each(|&k| sums[k] = 0.0);
            }
        }
        a
    }
}

impl<'a> SparseModel<'a> {
    /// From Jᵀ r and J, of the parameters that are free.
    pub fn new(structure: &'a Structure, gradient: &[f64], j: &SparseMatrix, scales: &[f64], free: &[usize]) -> Self {
        let mut is_free = vec![false; scales.len()];
        free.iter().for_each(|&k| is_free[k] = true);
        let g = (0..scales.len()).map(|k| if is_free[k] { gradient[k] / scales[k] } else { 0.0 }).collect();
        let a = structure.matrix(j, scales, &is_free);
        let mut model = SparseModel { structure, scales: scales.to_vec(), a, g, free: is_free, whole: None };
        model.whole = model.damped(0.0);
        model
    }

    /// Whether the step for λ = 0 means something: the condition number of A is that of J squared. The quotient wᵀ A⁻¹ w / |w|² is at most
    /// 1 / λ of the smallest eigenvalue, and near it, because w consists mostly of the directions of small eigenvalues.
    pub fn is_sound(&self) -> bool {
        let trace: f64 = self.structure.starts[..self.scales.len()].iter().map(|&start| self.a[start]).sum();
        let condition = |whole: &Damped| trace * -whole.slope / norm(&whole.w);
        norm(&self.g) == 0.0 || self.whole.as_ref().is_some_and(|whole| condition(whole) < 1e-4 / f64::EPSILON)
    }

    /// The step of this length at most; λ is where the search for it begins and where it ends.
    pub fn step(&self, radius: f64, lambda: &mut f64) -> Step {
        let whole = &self.whole;
        if let Some(whole) = whole.as_ref().filter(|whole| norm(&whole.w) <= 1.1 * radius) {
            *lambda = 0.0;
            return self.of(&whole.w, 0.0);
        }
        let steepest = norm(&self.g);
        match region::search(radius, lambda, steepest, whole.as_ref(), |at| self.damped(at)) {
            Some(found) => self.of(&found.w, *lambda),
            // Along the gradient, which is the direction for large λ.
            None => self.of(&self.g.iter().map(|g| -radius / steepest * g).collect::<Vec<_>>(), steepest / radius),
        }
    }

    /// w = −(A + λ)⁻¹ g. The derivative of |w| is −wᵀ (A + λ)⁻¹ w / |w|.
    fn damped(&self, lambda: f64) -> Option<Damped> {
        let mut a = self.a.clone();
        let diagonal = self.structure.starts.iter().zip(&self.free).filter(|(_, free)| **free);
        diagonal.for_each(|(&start, _)| a[start] += lambda);
        let factor = self.structure.order.factor(&a)?;
        let w: Vec<f64> = factor.solve(&self.g).into_iter().map(|w| -w).collect();
        let slope = -dot(&w, &factor.solve(&w)) / norm(&w);
        w.iter().all(|w| w.is_finite()).then_some(Damped { w, slope })
    }

    fn of(&self, w: &[f64], lambda: f64) -> Step {
        let (length, slope) = (norm(w), dot(w, &self.g));
        // With (A + λ) w = −g, |r|² − |r + J p|² = −2 gᵀ w − wᵀ A w = −gᵀ w + λ |w|², which does not cancel.
        let decrease = -slope + lambda * dot(w, w);
        Step { p: w.iter().zip(&self.scales).map(|(w, d)| w / d).collect(), length, decrease, slope }
    }
}
