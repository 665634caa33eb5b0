//! Derivatives of closures: of one matrix here, of several in [`several`].

use crate::{Matrix, Real, Var};

/// The gradient of `f` at `x`, in the shape of `x`.
///
/// # Panics
/// If `f` does not return a 1 × 1 variable that depends on its argument.
///
/// ```
/// use autograd::{Matrix, gradient};
/// let x = Matrix::from([[1.0, 2.0], [3.0, 4.0]]);
/// assert_eq!(gradient(|x| (x * x).sum(), &x), x.map(|x| 2.0 * x));
/// ```
#[track_caller]
#[doc(alias = "grad")]
pub fn gradient<T: Real>(f: impl for<'t> FnOnce(Var<'t, T>) -> Var<'t, T>, x: &Matrix<T>) -> Matrix<T> {
    several::differentiate("gradient", |x| f(x[0]), &[x]).1.remove(0)
}

/// `f(x)` and its gradient there.
///
/// # Panics
/// Under the same conditions as [`gradient`].
#[track_caller]
pub fn value_and_gradient<T: Real>(f: impl for<'t> FnOnce(Var<'t, T>) -> Var<'t, T>, x: &Matrix<T>) -> (T, Matrix<T>) {
    let (value, mut gradient) = several::value_and_gradient(|x| f(x[0]), &[x]);
    (value, gradient.remove(0))
}

/// The Jacobian of `f` at `x`. Entry (i, j) is the derivative of the i-th entry of f(x) with respect to the j-th entry
/// of x, both counted column by column. It takes one sweep for each entry of the smaller of x and f(x), in forward or reverse mode.
///
/// ```
/// use autograd::{Matrix, jacobian};
/// let x = Matrix::column(&[1.0, 2.0]);
/// let w = Matrix::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
/// assert_eq!(jacobian(|x| x.tape().constant(w.clone()).matmul(x), &x), w);
/// ```
#[track_caller]
#[doc(alias("jacrev", "jacfwd"))]
pub fn jacobian<T: Real>(f: impl for<'t> FnOnce(Var<'t, T>) -> Var<'t, T>, x: &Matrix<T>) -> Matrix<T> {
    several::jacobian(|x| f(x[0]), &[x]).remove(0)
}

/// The matrix of second derivatives of `f` at `x`, whose entries are counted column by column.
///
/// # Panics
/// If `f` does not return a 1 × 1 variable.
///
/// ```
/// use autograd::{Matrix, hessian};
/// let x = Matrix::column(&[1.0, 2.0]);
/// assert_eq!(hessian(|x| x.product(), &x), Matrix::from([[0.0, 1.0], [1.0, 0.0]]));
/// ```
#[track_caller]
pub fn hessian<T: Real>(f: impl for<'t> FnOnce(Var<'t, T>) -> Var<'t, T>, x: &Matrix<T>) -> Matrix<T> {
    several::hessian(|x| f(x[0]), &[x])
}

/// H v, the Hessian of `f` at `x` times a direction. It does not compute the Hessian but the gradient of ⟨∇f, v⟩, reverse over forward,
/// at a few times the cost of a gradient (Pearlmutter, *Neural Computation* 6, 1994). Functions with custom ops are differentiated forward
/// over reverse, as [`several::hvp`] says.
///
/// # Panics
/// If `f` does not return a 1 × 1 variable, or the shapes of `v` and `x` differ.
///
/// ```
/// use autograd::{Matrix, hvp};
/// let (x, v) = (Matrix::column(&[1.0, 2.0]), Matrix::column(&[1.0, 1.0]));
/// assert_eq!(hvp(|x| x.powi(3).sum(), &x, &v).as_slice(), [6.0, 12.0]); // 6 x ⊙ v
/// ```
#[track_caller]
#[doc(alias = "hessian_vector_product")]
pub fn hvp<T: Real>(f: impl for<'t> FnOnce(Var<'t, T>) -> Var<'t, T>, x: &Matrix<T>, v: &Matrix<T>) -> Matrix<T> {
    several::hvp(|x| f(x[0]), &[x], &[v]).remove(0)
}

/// Δf = Σᵢ ∂²f / ∂xᵢ² at `x`, forward over reverse.
///
/// # Panics
/// If `f` does not return a 1 × 1 variable.
///
/// ```
/// use autograd::{Matrix, laplacian};
/// let x = Matrix::column(&[1.0, 2.0, 3.0]);
/// assert_eq!(laplacian(|x| x.square().sum(), &x), 6.0);
/// ```
#[track_caller]
pub fn laplacian<T: Real>(f: impl for<'t> FnOnce(Var<'t, T>) -> Var<'t, T>, x: &Matrix<T>) -> T {
    several::laplacian(|x| f(x[0]), &[x])
}

/// Derivatives of closures over several matrices.
///
/// ```
/// use autograd::{Matrix, several};
/// let (a, b) = (Matrix::full(1, 1, 2.0), Matrix::full(1, 1, 5.0));
/// let gradient = several::gradient(|x| x[0] * x[0] * x[1], &[&a, &b]);
/// assert_eq!((gradient[0][(0, 0)], gradient[1][(0, 0)]), (20.0, 4.0));
/// let hessian = several::hessian(|x| x[0] * x[0] * x[1], &[a, b]);
/// assert_eq!(hessian, Matrix::from([[10.0, 4.0], [4.0, 0.0]]));
/// ```
pub mod several {
    use std::borrow::Borrow;

    use kernel::compiled_once;

    use super::unit;
    use crate::{Matrix, MatrixRef, Real, Tape, Var, grad};

    /// The gradient of `f` with respect to each matrix.
    ///
    /// # Panics
    /// If `f` does not return a 1 × 1 variable that depends on an argument.
    #[track_caller]
    pub fn gradient<T: Real>(
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
        xs: &[impl Borrow<Matrix<T>>],
    ) -> Vec<Matrix<T>> {
        differentiate("gradient", f, xs).1
    }

    /// The value of `f` and its gradient with respect to each matrix.
    ///
    /// # Panics
    /// Under the same conditions as [`gradient`].
    #[track_caller]
    pub fn value_and_gradient<T: Real>(
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
        xs: &[impl Borrow<Matrix<T>>],
    ) -> (T, Vec<Matrix<T>>) {
        differentiate("value_and_gradient", f, xs)
    }

    /// The value of `f` and its gradients, for the public function with this name.
    #[track_caller]
    pub(super) fn differentiate<T: Real>(
        name: &str,
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
        xs: &[impl Borrow<Matrix<T>>],
    ) -> (T, Vec<Matrix<T>>) {
        let tape = Tape::new();
        let xs = variables(&tape, xs);
        let y = number(name, f(&xs));
        assert!(y.needs_gradient(), "{name}: the value does not depend on an argument");
        (y.item(), gradients(y, &xs))
    }

    /// The result of `f`, which must be 1 × 1.
    #[track_caller]
    fn number<'t, T: Real>(name: &str, y: Var<'t, T>) -> Var<'t, T> {
        let (m, n) = y.shape();
        assert!((m, n) == (1, 1), "{name}: the function returned {m} × {n}, not a single number: sum it");
        y
    }

    /// f(x), and the gradient of Σ w ⊙ f(x) with respect to each matrix: a vector-Jacobian product.
    ///
    /// # Panics
    /// If the shapes of `w` and f(x) differ.
    #[track_caller]
    pub fn vjp<T: Real>(
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
        xs: &[impl Borrow<Matrix<T>>],
        w: &Matrix<T>,
    ) -> (Matrix<T>, Vec<Matrix<T>>) {
        let tape = Tape::new();
        let xs = variables(&tape, xs);
        let y = f(&xs);
        let ((m, n), (p, q)) = (y.shape(), w.shape());
        assert!((m, n) == (p, q), "vjp: weights {p} × {q} for a value {m} × {n}");
        let grads = y.needs_gradient().then(|| y.backward_with(w));
        let gradient = |&x: &Var<'_, T>| grads.as_ref().and_then(|g| g.get(x)).map(MatrixRef::to_owned);
        (y.value(), xs.iter().map(|x| gradient(x).unwrap_or_else(|| zeros(*x))).collect())
    }

    /// f(x), and its derivative when each matrix moves along its direction: a Jacobian-vector product.
    ///
    /// # Panics
    /// If the numbers of directions and matrices differ, or their shapes do.
    #[track_caller]
    pub fn jvp<T: Real>(
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
        xs: &[impl Borrow<Matrix<T>>],
        vs: &[impl Borrow<Matrix<T>>],
    ) -> (Matrix<T>, Matrix<T>) {
        let tape = Tape::new();
        let xs = variables(&tape, xs);
        let y = f(&xs);
        (y.value(), tape.tangents(&moves("jvp", &xs, vs)).of(y))
    }

    /// The Jacobian of `f` with respect to each matrix. Entries are counted as by [`jacobian`](crate::jacobian).
    #[track_caller]
    pub fn jacobian<T: Real>(
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
        xs: &[impl Borrow<Matrix<T>>],
    ) -> Vec<Matrix<T>> {
        let tape = Tape::new();
        let xs = variables(&tape, xs);
        jacobians(f(&xs), &xs)
    }

    /// The matrix of second derivatives of `f` with respect to all entries, in the order of the matrices.
    ///
    /// # Panics
    /// If `f` does not return a 1 × 1 variable.
    #[track_caller]
    pub fn hessian<T: Real>(
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
        xs: &[impl Borrow<Matrix<T>>],
    ) -> Matrix<T> {
        let columns = second("hessian", f, xs);
        let n = columns.len();
        Matrix::from_vec(n, n, columns.into_iter().flatten().collect())
    }

    /// H v for each matrix, where v has a direction for each: reverse over forward. If `f` records a [custom op](crate::CustomOp), such as a
    /// function of linear algebra, it is forward over reverse. In this order a function that treats equal eigenvalues alike has its second
    /// derivatives; in the other order it would panic.
    ///
    /// # Panics
    /// If `f` does not return a 1 × 1 variable, or the numbers or shapes of directions and matrices differ.
    #[track_caller]
    pub fn hvp<T: Real>(
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
        xs: &[impl Borrow<Matrix<T>>],
        vs: &[impl Borrow<Matrix<T>>],
    ) -> Vec<Matrix<T>> {
        let tape = Tape::new();
        let xs = variables(&tape, xs);
        let moves = moves("hvp", &xs, vs);
        second_along(number("hvp", f(&xs)), &xs, &moves)
    }

    /// Σ ∂²f / ∂x² over all entries of all matrices.
    ///
    /// # Panics
    /// If `f` does not return a 1 × 1 variable.
    #[track_caller]
    pub fn laplacian<T: Real>(f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>, xs: &[impl Borrow<Matrix<T>>]) -> T {
        second("laplacian", f, xs).iter().enumerate().map(|(k, column)| column[k]).sum()
    }

    /// The columns of the Hessian.
    #[track_caller]
    fn second<T: Real>(
        name: &str,
        f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
        xs: &[impl Borrow<Matrix<T>>],
    ) -> Vec<Vec<T>> {
        let tape = Tape::new();
        let xs = variables(&tape, xs);
        second_of(number(name, f(&xs)), &xs)
    }

    /// The gradients of a number.
    #[compiled_once]
    #[track_caller]
    fn gradients<'t, T: Real>(y: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Matrix<T>> {
        let grads = y.backward();
        xs.iter().map(|&x| grads.get(x).map_or_else(|| zeros(x), MatrixRef::to_owned)).collect()
    }

    /// The Jacobians of a variable, by forward mode if it has more entries than the inputs together.
    #[compiled_once]
    #[track_caller]
    fn jacobians<'t, T: Real>(y: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Matrix<T>> {
        let len = |x: &Var<'_, T>| x.rows() * x.cols();
        let (outputs, inputs) = (len(&y), xs.iter().map(len).sum::<usize>());
        let mut all: Vec<Matrix<T>> = xs.iter().map(|x| Matrix::zeros(outputs, len(x))).collect();
        if !y.needs_gradient() {
            return all;
        }
        if inputs <= outputs {
            for (x, jacobian) in xs.iter().zip(&mut all) {
                for j in 0..len(x) {
                    let column = y.tape().tangents(&[(*x, unit(x.shape(), j).view())]).of(y);
                    jacobian.col_mut(j).copy_from_slice(column.as_slice());
                }
            }
        } else {
            for i in 0..outputs {
                let grads = y.backward_with(&unit(y.shape(), i));
                for (x, jacobian) in xs.iter().zip(&mut all) {
                    let Some(row) = grads.get(*x) else { continue };
                    row.as_slice().iter().enumerate().for_each(|(j, &entry)| jacobian[(i, j)] = entry);
                }
            }
        }
        all
    }

    /// H v of a number.
    #[compiled_once]
    #[track_caller]
    fn second_along<'t, T: Real>(
        y: Var<'t, T>,
        xs: &[Var<'t, T>],
        moves: &[(Var<'t, T>, MatrixRef<'t, T>)],
    ) -> Vec<Matrix<T>> {
        let tape = y.tape();
        if tape.with(|inner| inner.customs.iter().any(|custom| !custom.rule.is_elementwise())) {
            let gradient = grad(y, xs);
            let tangents = tape.tangents(moves);
            return gradient.iter().map(|&g| tangents.of(g)).collect();
        }
        let moves: Vec<_> = moves.iter().map(|&(x, v)| (x, tape.constant(v))).collect();
        let slope = crate::jvp(y, &moves);
        if slope.needs_gradient() { gradients(slope, xs) } else { xs.iter().map(|&x| zeros(x)).collect() }
    }

    /// The columns of the Hessian of a number.
    #[compiled_once]
    #[track_caller]
    fn second_of<'t, T: Real>(y: Var<'t, T>, xs: &[Var<'t, T>]) -> Vec<Vec<T>> {
        let (tape, gradient) = (y.tape(), grad(y, xs));
        let mut columns = Vec::new();
        for &x in xs {
            for k in 0..x.rows() * x.cols() {
                let tangents = tape.tangents(&[(x, unit(x.shape(), k).view())]);
                columns.push(gradient.iter().flat_map(|&g| tangents.of(g).into_vec()).collect());
            }
        }
        columns
    }

    #[track_caller]
    fn variables<'t, T: Real>(tape: &'t Tape<'t, T>, xs: &'t [impl Borrow<Matrix<T>>]) -> Vec<Var<'t, T>> {
        xs.iter().map(|x| tape.variable(x.borrow())).collect()
    }

    #[track_caller]
    fn moves<'t, 'v, T: Real>(
        name: &str,
        xs: &[Var<'t, T>],
        vs: &'v [impl Borrow<Matrix<T>>],
    ) -> Vec<(Var<'t, T>, MatrixRef<'v, T>)> {
        assert!(xs.len() == vs.len(), "{name}: {} directions for {} matrices", vs.len(), xs.len());
        for (k, (x, v)) in xs.iter().zip(vs).enumerate() {
            let ((m, n), (p, q)) = (x.shape(), v.borrow().shape());
            assert!((m, n) == (p, q), "{name}: direction {k} is {p} × {q} for a matrix {m} × {n}");
        }
        xs.iter().zip(vs).map(|(&x, v)| (x, v.borrow().view())).collect()
    }

    fn zeros<T: Real>(x: Var<'_, T>) -> Matrix<T> {
        Matrix::zeros(x.rows(), x.cols())
    }
}

/// 1 at the k-th entry, counted column by column.
fn unit<T: Real>((rows, cols): (usize, usize), k: usize) -> Matrix<T> {
    Matrix::from_fn(rows, cols, |i, j| T::from_f64(f64::from(u8::from(i + j * rows == k))))
}
