//! The forward sweep over buffers: tangents of a recorded tape.

use kernel::compiled_once;
use kernel::pool::Pooled;
use kernel::simd::{Accum, Out, fill};
use smallvec::SmallVec;

use crate::rule::op::pushforward;
use crate::rule::run::run_linear;
use crate::sweep::regions::Deltas;
use crate::tape::records::Inner;
use crate::{Matrix, MatrixRef, Real, Tape, Var};

/// The derivatives of everything on a tape along one direction: Jacobian-vector products.
pub struct Tangents<T: Real> {
    tape: u64,
    deltas: Pooled<Deltas<T>>,
}

#[compiled_once]
impl<'t, T: Real> Tape<'t, T> {
    /// The derivatives of everything recorded so far when each variable x moves along its ẋ: forward mode, one pass
    /// over the tape. An intermediate variable moves along the given direction, whatever its operands do. A variable that
    /// is given twice moves along the sum of its directions, as
    /// [everywhere](crate::book::differentiating#which-variables-get-no-gradient-and-why).
    ///
    /// # Panics
    /// If the shapes of ẋ and x differ, or x is of another tape or constant.
    ///
    /// ```
    /// use autograd::{Matrix, Tape};
    /// let tape = Tape::new();
    /// let x = tape.variable(Matrix::column(&[1.0, 2.0]));
    /// let y = x.square();
    /// let dx = Matrix::column(&[1.0, -1.0]);
    /// assert_eq!(tape.tangents(&[(x, dx.view())]).of(y).as_slice(), [2.0, -4.0]);
    /// ```
    #[track_caller]
    pub fn tangents(&self, moves: &[(Var<'t, T>, MatrixRef<'_, T>)]) -> Tangents<T> {
        for (x, dx) in moves {
            let ((m, n), (p, q)) = (x.shape(), dx.shape());
            assert!(x.tape().id() == self.id(), "tangents: a variable is of another tape");
            assert!((m, n) == (p, q), "tangents: a direction {p} × {q} for a variable {m} × {n}");
            assert!(x.needs_gradient(), "tangents: a constant does not move: enter it by `Tape::variable`");
        }
        self.note_reading();
        let seeds: SmallVec<[_; 4]> = moves.iter().map(|(x, dx)| (x.id, *dx)).collect();
        let mut deltas = Pooled::<Deltas<T>>::take();
        self.with(|inner| push(inner, &seeds, &mut deltas));
        Tangents { tape: self.id(), deltas }
    }
}

#[compiled_once]
impl<T: Real> Tangents<T> {
    /// The derivative of a variable along the direction; zero if it does not move.
    ///
    /// # Panics
    /// If the variable is of another tape, or was recorded after the tangents were computed.
    #[track_caller]
    pub fn of(&self, y: Var<'_, T>) -> Matrix<T> {
        assert!(y.tape().id() == self.tape, "Tangents::of: the variable is of another tape");
        let seen = self.deltas.saw(y.id);
        assert!(seen, "Tangents::of: the variable was recorded later than the tangents were computed");
        self.deltas.matrix(y.id, y.shape())
    }
}

/// What a term of a tangent reads: a value of the tape, or its tangent.
#[derive(Clone, Copy)]
enum Read {
    Value(u32),
    Tangent(u32),
}

/// The tangents of every node that moves with the nodes of the seeds: forward mode.
pub(crate) fn push<T: Real>(inner: &Inner<'_, T>, seeds: &[(u32, MatrixRef<'_, T>)], deltas: &mut Deltas<T>) {
    let count = inner.records.nodes.len() as u32;
    deltas.begin(count as usize);
    for &(id, seed) in seeds.iter().filter(|&&(id, _)| inner.node(id).is_active()) {
        let seed = seed.as_slice();
        let (region, accum) = deltas.open(id, seed.len(), &mut ());
        fill(deltas.slice_mut(region), accum, move |i| seed[i]);
    }
    for id in 0..count {
        let moves = |x: &u32| deltas.region(*x).is_some();
        let node = inner.node(id);
        if !node.is_active() || deltas.region(id).is_some() || !inner.operands(id).iter().any(moves) {
            continue;
        }
        let (rows, cols) = node.shape();
        let (region, _) = deltas.open(id, node.len(), &mut ());
        let (before, data) = deltas.before(region);
        let tangent = |x: u32| before.at(x, inner.node(x).shape());
        let mut accum = Accum::Replace;
        if let Some(custom) = inner.custom(id) {
            let x: SmallVec<[_; 4]> = custom.operands.iter().map(|&x| inner.view(x)).collect();
            let dx: SmallVec<[_; 4]> = custom.operands.iter().map(|&x| tangent(x)).collect();
            custom.rule.push(&x, inner.view(id), &dx, &mut |_, write| {
                write(data, accum);
                accum = Accum::Add;
            });
        }
        for &term in inner.terms(id) {
            let (operands, _) = term.operands();
            let moving = |k: usize| tangent(operands[k]).map(|_| Read::Tangent(operands[k]));
            pushforward(term.map(Read::Value), Read::Value(id), moving, |linear| {
                let read = |from| match from {
                    Read::Value(id) => inner.view(id),
                    Read::Tangent(id) => tangent(id).expect("it moves"),
                };
                run_linear(linear, read, &inner.indices, accum, Out { rows, cols, data });
                accum = Accum::Add;
            });
        }
        // An op whose slope is 0 adds no term.
        if accum == Accum::Replace {
            data.fill(T::default());
        }
    }
}
