//! The determinant and its derivatives, which exist for singular matrices too: by elimination with exchanges of rows and
//! columns, after which a matrix of rank r has n − r zeros at the end of its diagonal.

use faer::Mat;
use kernel::{Float, Matrix, MatrixRef, compiled_once};

use crate::scaled::{Product, Scaled};

/// det A.
#[compiled_once]
pub fn determinant<T: Float>(a: MatrixRef<'_, T>) -> T {
    let found = Elimination::new(a);
    let product = found.diagonal().fold(found.sign(), Product::times);
    T::from_f64(product.over_power(-found.scaled.of_determinant()))
}

/// The gradient of det A: the transpose of the adjugate.
///
/// det A = ± det D for the diagonal D of L D U, so the entries of the gradient in D are the products of all others, and L⁻ᵀ and
/// U⁻ᵀ take them to A (Stewart, Linear Algebra and its Applications 283, 1998, p. 151).
#[compiled_once]
pub fn cofactors<T: Float>(a: MatrixRef<'_, T>) -> Matrix<T> {
    let found = Elimination::new(a);
    let n = a.rows();
    let mut others = vec![found.sign(); n];
    for (i, product) in others.iter_mut().enumerate() {
        *product = found.diagonal().enumerate().filter(|&(k, _)| k != i).fold(*product, |p, (_, d)| p.times(d));
    }
    let unit = largest(&others);
    let inner = Mat::from_fn(n, n, |i, j| if i == j { others[i].over_power(unit) } else { 0.0 });
    found.outward(inner, unit)
}

/// The derivative of the gradient of det A in the direction E, which is the Hessian times E.
///
/// With E' = L⁻¹ E U⁻¹ and pᵢⱼ = Πₖ dₖ over all k but i and j, that of det D is Σᵢ pᵢⱼ E'ᵢᵢ at (j, j), and −pᵢⱼ E'ⱼᵢ at (i, j).
#[compiled_once]
pub fn cofactors_push<T: Float>(a: MatrixRef<'_, T>, e: MatrixRef<'_, T>) -> Matrix<T> {
    let found = Elimination::new(a);
    let n = a.rows();
    // Products before the first of two places, between them, after the second.
    let d: Vec<Product> = found.diagonal().collect();
    let mut after = vec![Product::ONE; n + 1];
    for k in (0..n).rev() {
        after[k] = after[k + 1].times(d[k]);
    }
    let (mut pairs, mut before) = (Vec::new(), found.sign());
    for i in 0..n {
        let mut between = before;
        for j in i + 1..n {
            pairs.push((i, j, between.times(after[j + 1])));
            between = between.times(d[j]);
        }
        before = before.times(d[i]);
    }
    let unit = largest(&pairs.iter().map(|pair| pair.2).collect::<Vec<_>>());
    let e = found.inward(e);
    let mut inner = Mat::zeros(n, n);
    for (i, j, product) in pairs {
        let p = product.over_power(unit);
        inner[(i, i)] += p * e[(j, j)];
        inner[(j, j)] += p * e[(i, i)];
        inner[(i, j)] -= p * e[(j, i)];
        inner[(j, i)] -= p * e[(i, j)];
    }
    found.outward(inner, unit)
}

/// The largest exponent of a product that is not zero.
fn largest(products: &[Product]) -> i32 {
    products.iter().filter(|p| p.x != 0.0).map(|p| p.k).max().unwrap_or(0)
}

/// S with its rows and columns in another order = L D U, where L and U have ones on their diagonals, and the pivots D descend
/// about.
struct Elimination {
    scaled: Scaled,
    /// L below the diagonal, D on it, U above.
    factors: Mat<f64>,
    rows: Vec<usize>,
    cols: Vec<usize>,
    negative: bool,
}

impl Elimination {
    fn new<T: Float>(a: MatrixRef<'_, T>) -> Self {
        let (n, scaled) = (a.rows(), Scaled::new(a));
        let mut f = scaled.s.clone();
        let (mut rows, mut cols, mut negative) = ((0..n).collect::<Vec<_>>(), (0..n).collect::<Vec<_>>(), false);
        for k in 0..n {
            let (mut p, mut q) = (k, k);
            for j in k..n {
                for i in k..n {
                    if f[(i, j)].abs() > f[(p, q)].abs() {
                        (p, q) = (i, j);
                    }
                }
            }
            if f[(p, q)] == 0.0 {
                break;
            }
            negative ^= (p != k) ^ (q != k);
            rows.swap(k, p);
            cols.swap(k, q);
            (0..n).for_each(|j| (f[(k, j)], f[(p, j)]) = (f[(p, j)], f[(k, j)]));
            (0..n).for_each(|i| (f[(i, k)], f[(i, q)]) = (f[(i, q)], f[(i, k)]));
            let pivot = f[(k, k)];
            (k + 1..n).for_each(|i| f[(i, k)] /= pivot);
            for j in k + 1..n {
                let u = f[(k, j)];
                (k + 1..n).for_each(|i| f[(i, j)] -= f[(i, k)] * u);
                f[(k, j)] = u / pivot;
            }
        }
        Elimination { scaled, factors: f, rows, cols, negative }
    }

    fn diagonal(&self) -> impl Iterator<Item = Product> {
        (0..self.rows.len()).map(|k| Product::new(self.factors[(k, k)]))
    }

    fn sign(&self) -> Product {
        if self.negative { Product::new(-1.0) } else { Product::ONE }
    }

    /// L⁻¹ E U⁻¹, of E scaled as S and in the order of the factors.
    fn inward<T: Float>(&self, e: MatrixRef<'_, T>) -> Mat<f64> {
        let Elimination { scaled, factors, rows, cols, .. } = self;
        let mut x = Mat::from_fn(rows.len(), rows.len(), |i, j| {
            let (i, j) = (rows[i], cols[j]);
            crate::scaled::times_power(e[(i, j)].to_f64(), -scaled.rows[i] - scaled.cols[j])
        });
        factors.solve_unit_lower_triangular_in_place(x.as_mut());
        factors.transpose().solve_unit_lower_triangular_in_place(x.transpose_mut());
        x
    }

    /// The gradient in A of one in D, which is given without 2^unit: the transpose of [`inward`](Self::inward).
    fn outward<T: Float>(&self, mut x: Mat<f64>, unit: i32) -> Matrix<T> {
        let Elimination { scaled, factors, rows, cols, .. } = self;
        factors.transpose().solve_unit_upper_triangular_in_place(x.as_mut());
        factors.solve_unit_upper_triangular_in_place(x.transpose_mut());
        let mut y = Matrix::zeros(rows.len(), rows.len());
        let whole = unit + scaled.of_determinant();
        for (i, &p) in rows.iter().enumerate() {
            for (j, &q) in cols.iter().enumerate() {
                let scale = whole - scaled.rows[p] - scaled.cols[q];
                y[(p, q)] = T::from_f64(crate::scaled::times_power(x[(i, j)], scale));
            }
        }
        y
    }
}
