//! Runs the lists in forward mode.

use kernel::pool::Pooled;
use kernel::simd::{Accum, Out};
use smallvec::SmallVec;

use super::{NodeRule, Place, Steps, VALUES};
use crate::rule::op::{Op, pushforward};
use crate::rule::run::run_linear;
use crate::{Matrix, MatrixRef, Real};

/// What a term of a tangent reads: a value, or its tangent.
#[derive(Clone, Copy)]
enum Read {
    Value(u32),
    Tangent(u32),
}

impl<T: Real> Steps<T> {
    /// The tangent of the output when the leaves move along these directions; `None` for one that does not move.
    pub fn output_tangent(&self, leaves: &[MatrixRef<'_, T>], directions: &[Option<MatrixRef<'_, T>>]) -> Matrix<T> {
        let mut tangents = Pooled::<Vec<T>>::take();
        tangents.clear();
        tangents.resize(self.values.len(), T::default());
        // Whether a number of the values moves.
        let mut moving = vec![false; self.values.len()];
        let mut first = 0;
        for step in &self.forward {
            let terms = &self.terms[first..step.terms as usize];
            first = step.terms as usize;
            let place = self.places[step.node as usize];
            let (start, len) = (place.start, place.len());
            if !step.is_active || len == 0 {
                continue;
            }
            let (before, rest) = tangents.split_at_mut(start);
            let ((rows, cols), data) = (place.shape(), &mut rest[..len]);
            let value = |node: u32| self.look(node, leaves);
            let tangent = |node: u32| tangent_at(self.places[node as usize], before, &moving, directions);
            let (mut accum, mut moves) = (Accum::Replace, false);
            if let Some(rule) = step.rule {
                let NodeRule { rule, operands, .. } = &self.rules[rule as usize];
                let x: SmallVec<[_; 4]> = operands.iter().map(|&x| value(x)).collect();
                let dx: SmallVec<[_; 4]> = operands.iter().map(|&x| tangent(x)).collect();
                moves = dx.iter().any(Option::is_some);
                if moves {
                    rule.push(&x, value(step.node), &dx, &mut |_, write| {
                        write(data, accum);
                        accum = Accum::Add;
                    });
                }
            }
            for &term in terms {
                let (operands, count) = term.operands();
                moves |= operands[..count].iter().any(|&x| tangent(x).is_some());
                let moving = |k: usize| tangent(operands[k]).map(|_| Read::Tangent(operands[k]));
                pushforward(term.map(Read::Value), Read::Value(step.node), moving, |linear| {
                    let read = |from| match from {
                        Read::Value(node) => value(node),
                        Read::Tangent(node) => tangent(node).expect("it moves"),
                    };
                    run_linear(linear, read, &self.indices, accum, Out { rows, cols, data });
                    accum = Accum::Add;
                });
            }
            // An entry of an input in which another entry moves.
            if let [Op::Slice(..)] = terms {
                moves &= data.iter().any(|&dx| dx != T::default());
            }
            moving[start..start + len].fill(moves);
        }
        let output = self.places[self.output as usize];
        let tangent = tangent_at(output, &tangents, &moving, directions);
        tangent.map_or_else(|| Matrix::zeros(output.shape().0, output.shape().1), |tangent| tangent.to_owned())
    }
}

/// The tangent of the matrix at a place, if it moves.
fn tangent_at<'a, T: Real>(
    place: Place,
    tangents: &'a [T],
    moving: &[bool],
    directions: &[Option<MatrixRef<'a, T>>],
) -> Option<MatrixRef<'a, T>> {
    let Place { rows, cols, of, start } = place;
    match of {
        // A matrix without entries begins where another does.
        VALUES if place.len() > 0 && moving[start] => {
            Some(MatrixRef::of(rows, cols, &tangents[start..][..place.len()]))
        }
        VALUES => None,
        leaf => directions[leaf as usize].map(|dx| MatrixRef::of(rows, cols, &dx.as_slice()[start..][..place.len()])),
    }
}
