//! Every way to a derivative gives the same result: reverse, forward, recorded, replayed, recomputed, per sample.

mod checkpoints;
mod custom;
mod plan;
mod replay;
mod third_order;

use std::time::Instant;

use autograd::{
    Arithmetic, Axis, Gradients, Matrix, Param, Real, Tape, Var, affine, check, explain_no_gradient, grad, gradient,
    hessian, hstack, hvp, jacobian, laplacian, matrix, several, vstack,
};

use kernel::pool::Pooled;

type V<'t> = Var<'t, f64>;

/// Deterministic numbers without a pattern.
fn numbers(rows: usize, cols: usize, seed: usize) -> Matrix<f64> {
    Matrix::from_fn(rows, cols, |i, j| ((3 * i + 5 * j + 7 * seed) as f64 * 0.618_034).fract() * 2.0 - 0.9)
}

#[track_caller]
fn close(a: &Matrix<f64>, b: &Matrix<f64>) {
    assert_eq!(a.shape(), b.shape());
    let size = b.as_slice().iter().fold(1.0, |max: f64, x| max.max(x.abs()));
    let apart = a.as_slice().iter().zip(b.as_slice()).fold(0.0, |max: f64, (a, b)| max.max((a - b).abs()));
    assert!(apart <= 1e-13 * size, "{a:?}\n{b:?}");
}

/// Tells the compiler that a closure works for every lifetime.
fn closure<F: for<'t> Fn(V<'t>) -> V<'t>>(f: F) -> F {
    f
}

fn net<'t>(x: &[V<'t>]) -> V<'t> {
    let h = affine(&[(x[0], x[1])], Some(x[2])).tanh();
    (affine(&[(x[0], h)], Some(x[2])) + x[1]).softplus()
}

#[test]
fn jacobians_by_columns_and_by_rows() {
    // 3 → 2 uses reverse mode, 2 → 3 forward mode; both give the matrix itself.
    for (m, n) in [(2, 3), (3, 2), (1, 4), (4, 1)] {
        let a = numbers(m, n, 1);
        close(&jacobian(|x| x.tape().constant(a.clone()).matmul(x), &numbers(n, 1, 2)), &a);
    }
    // With respect to several matrices, compared with the gradient of each entry of the value.
    let xs = [numbers(3, 3, 1), numbers(3, 2, 2), numbers(3, 1, 3)];
    let all = several::jacobian(net, &xs);
    for i in 0..6 {
        let row = several::gradient(|x| net(x).at(i % 3, i / 3), &xs);
        for (jacobian, row) in all.iter().zip(row) {
            let found: Vec<f64> = (0..jacobian.cols()).map(|j| jacobian[(i, j)]).collect();
            close(&Matrix::row(&found), &Matrix::row(row.as_slice()));
        }
    }
    assert_eq!(jacobian(|x| x.tape().constant(1.0), &numbers(2, 1, 0)), Matrix::zeros(1, 2));
}

#[test]
fn products_with_the_jacobian() {
    let xs = [numbers(3, 3, 1), numbers(3, 2, 2), numbers(3, 1, 3)];
    let vs = [numbers(3, 3, 4), numbers(3, 2, 5), numbers(3, 1, 6)];
    let w = numbers(3, 2, 7);
    let all = several::jacobian(net, &xs);
    let tape = Tape::new();
    let column = |x: &Matrix<f64>| tape.constant(Matrix::column(x.as_slice()));
    let times = |j: &Matrix<f64>, v: &Matrix<f64>| tape.constant(j.clone()).matmul(column(v));
    let forward = all.iter().zip(&vs).map(|(j, v)| times(j, v)).reduce(|a, b| a + b).unwrap();
    close(&several::jvp(net, &xs, &vs).1, &forward.reshape(3, 2).value());
    for (jacobian, found) in all.iter().zip(several::vjp(net, &xs, &w).1) {
        let expected = tape.constant(jacobian.clone()).matmul_tn(column(&w));
        close(&Matrix::column(found.as_slice()), &expected.value());
    }
}

#[test]
fn second_derivatives() {
    let (a, x, v) = (numbers(3, 3, 1), numbers(3, 1, 2), numbers(3, 1, 3));
    // ½ xᵀ (A + Aᵀ) x has the Hessian A + Aᵀ.
    let f = closure(|x| x.dot(x.tape().constant(a.clone()).matmul(x)));
    let h = Matrix::from_fn(3, 3, |i, j| a[(i, j)] + a[(j, i)]);
    close(&hessian(f, &x), &h);
    let expected = Matrix::from_fn(3, 1, |i, _| (0..3).map(|j| h[(i, j)] * v[(j, 0)]).sum());
    close(&hvp(f, &x, &v), &expected);
    assert!((laplacian(f, &x) - (0..3).map(|i| h[(i, i)]).sum::<f64>()).abs() < 1e-13);
    // Several matrices, and a product with the Hessian compared with the Hessian.
    let xs = [numbers(3, 3, 1), numbers(3, 2, 2), numbers(3, 1, 3)];
    let vs = [numbers(3, 3, 4), numbers(3, 2, 5), numbers(3, 1, 6)];
    fn loss<'t>(x: &[V<'t>]) -> V<'t> {
        net(x).square().sum()
    }
    let (h, flat): (_, Vec<f64>) =
        (several::hessian(loss, &xs), vs.iter().flat_map(|v| v.as_slice().to_vec()).collect());
    let expected: Vec<f64> = (0..18).map(|i| (0..18).map(|j| h[(i, j)] * flat[j]).sum()).collect();
    let found: Vec<f64> = several::hvp(loss, &xs, &vs).iter().flat_map(|v| v.as_slice().to_vec()).collect();
    close(&Matrix::column(&found), &Matrix::column(&expected));
}

/// Row block k of the windows are the columns from k on, for both number types and every width.
fn check_windows<T: Real>() {
    let tape = Tape::new();
    let x = tape.variable(Matrix::from_fn(3, 5, |i, j| T::from_f64((10 * i + j) as f64)));
    for width in 1..=5 {
        let parts: Vec<_> = (0..width).map(|k| x.columns(k..k + 6 - width)).collect();
        let (found, expected) = (x.windows(width), vstack(&parts));
        assert_eq!(found.value(), expected.value(), "width {width}");
        let slopes = |y: Var<'_, T>| y.square().sum().backward().wrt(x).to_owned();
        assert_eq!(slopes(found), slopes(expected), "width {width}");
    }
}

#[test]
fn windows_are_ranges_of_columns() {
    check_windows::<f64>();
    check_windows::<f32>();
}

#[test]
fn reductions_and_rearrangements() {
    let x = &numbers(3, 4, 1);
    for axis in [Axis::Rows, Axis::Cols] {
        check(|v| v[0].variance_over(axis), &[x]);
        check(|v| v[0].norm_over(axis), &[x]);
        check(|v| v[0].min_over(axis), &[x]);
        check(|v| v[0].product_over(axis), &[x]);
        check(|v| v[0].cumsum(axis).sin(), &[x]);
    }
    check(|v| v[0].variance() + v[0].norm() + v[0].product() + v[0].max_entry() * v[0].min_entry(), &[x]);
    check(|v| v[0].tile(2, 3).sin(), &[x]);
    check(|v| v[0].windows(2).sin(), &[x]);
    check(|v| v[0].columns(0..3).diagonal().diag().sin() + v[0].columns(1..4).trace(), &[x]);
    check(|v| v[0].lower().sin() + v[0].upper().cos(), &[x]);
    check(|v| v[0].select_columns(&[2, 0, 2]).matmul_tn(v[0].select_rows(&[1, 1, 0])), &[x]);
    check(|v| v[0].columns(0..1).outer(v[0].columns(2..3)), &[x]);
    check(|v| vstack(&[v[0].sin(), v[0], v[0].rows_in(0..2)]), &[x]);
    check(|v| hstack(&[v[0].sin(), v[0], v[0].columns(1..2)]), &[x]);
    check(|v| matrix(2, 3, |i, j| v[0].at(i, j) * v[0].at(j, i)).sin(), &[x]);
    check(|v| v[0].lerp(v[0].sin(), v[0].cos()), &[x]);
    check(|v| v[0].clamp(-0.55, 0.61), &[x]);
    let mask = Matrix::from_fn(3, 4, |i, j| f64::from(u8::from((i + j) % 2 == 0)));
    check(|v| v[0].tape().constant(mask.clone()).select(v[0].sin(), v[0].cos()), &[x]);
    // Two zeros in a product: its derivatives still exist.
    check(|v| v[0].product(), &[Matrix::from([[0.0, 2.0, 0.0, -1.0]])]);
    assert_eq!(gradient(|x| x.product(), &Matrix::from([[0.0, 2.0, -3.0]])), Matrix::from([[-6.0, 0.0, 0.0]]));
    assert_eq!(gradient(|x| x.norm(), &Matrix::from([[0.0, 0.0]])), Matrix::from([[0.0, 0.0]]));
    // A masked entry may be infinite.
    let hidden = Matrix::from([[f64::INFINITY, 1.0]]);
    let tape = Tape::new();
    let (mask, x) = (tape.constant(Matrix::from([[0.0, 1.0]])), tape.variable(hidden));
    let y = mask.select(x, tape.constant(0.0));
    assert_eq!(y.value(), Matrix::from([[0.0, 1.0]]));
    assert_eq!(y.sum().backward().wrt(x).to_owned(), Matrix::from([[0.0, 1.0]]));
}

#[test]
fn several_outputs_with_weights() {
    let (x, w) = (numbers(2, 2, 1), numbers(2, 2, 2));
    let half = Matrix::full(1, 1, 0.5);
    let tape = Tape::new();
    let x = tape.variable(&x);
    let (y, z) = (x.sin(), x.square().sum());
    let both: Gradients<f64> = tape.backward(&[(y, w.view()), (z, half.view()), (y, w.view())]);
    let weighted = (y * tape.constant(w.clone())).sum() * 2.0 + z * 0.5;
    close(&both.wrt(x).to_owned(), &weighted.backward().wrt(x).to_owned());
}

#[test]
fn every_sample_by_itself() {
    let (n, shapes) = (4, [(3, 3), (3, 1), (1, 1), (3, 3)]);
    let params: Vec<_> = shapes.iter().enumerate().map(|(k, &(r, c))| numbers(r, c, k)).collect();
    let (x, t) = (numbers(3, n, 8), numbers(3, n, 9));
    // Shared weights, a transposed one, a skip, a parameter alone and one in an elementwise product.
    fn losses<'t>(p: &[V<'t>], x: V<'t>, t: V<'t>) -> V<'t> {
        let h = affine(&[(p[0], x)], Some(p[1])).tanh();
        let h = p[3].matmul_tn(h) + x * p[2] + p[1].sin() * h;
        let y = p[0].matmul(h).softmax(Axis::Rows);
        (y - t).square().sum_over(Axis::Rows)
    }
    let tape = Tape::new();
    let p: Vec<_> = params.iter().map(|p| tape.variable(p)).collect();
    let (x_all, t_all) = (tape.constant(&x), tape.constant(&t));
    let each = losses(&p, x_all, t_all).backward_per_sample(&[x_all, t_all]);
    for j in 0..n {
        let (x, t) = (Matrix::column(x.col(j)), Matrix::column(t.col(j)));
        let alone =
            several::gradient(|p| losses(p, p[0].tape().constant(x.clone()), p[0].tape().constant(t.clone())), &params);
        for (p, alone) in p.iter().zip(alone) {
            close(&Matrix::column(each.wrt(*p).col(j)), &Matrix::column(alone.as_slice()));
        }
    }
    // What the buffers held before changes no bit.
    let used: Vec<_> = (0..40).map(|_| full_of_nan()).collect();
    drop(used);
    let again = losses(&p, x_all, t_all).backward_per_sample(&[x_all, t_all]);
    p.iter().for_each(|p| assert_eq!(again.wrt(*p), each.wrt(*p)));
}

/// A buffer of the pool.
fn full_of_nan() -> Pooled<Vec<f64>> {
    let mut buffer = Pooled::<Vec<f64>>::take();
    buffer.clear();
    buffer.resize(10_000, f64::NAN);
    buffer
}

/// A column of a loss can be a column of a parameter.
#[test]
fn samples_without_data() {
    let tape = Tape::new();
    let (w, x) = (tape.variable(Matrix::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])), tape.constant(numbers(2, 3, 1)));
    let losses = w.square().sum_over(Axis::Rows);
    for data in [vec![], vec![x]] {
        let each = losses.backward_per_sample(&data).wrt(w);
        let expected = Matrix::from_fn(6, 3, |i, j| if i / 2 == j { 2.0 * w.value()[(i % 2, j)] } else { 0.0 });
        assert_eq!(each, expected);
    }
    // The loss of a sample is the sum of its column.
    let each = w.square().backward_per_sample(&[]).wrt(w);
    assert_eq!(each, losses.backward_per_sample(&[]).wrt(w));
    assert!(losses.keeps_samples_apart(&[x]) && !x.sum_over(Axis::Cols).repeat(2, 3).keeps_samples_apart(&[x]));
}

#[test]
#[should_panic(expected = "mixes the samples")]
fn samples_that_are_mixed_are_named() {
    let x = numbers(2, 3, 1);
    let tape = Tape::new();
    let (w, x) = (tape.variable(1.0), tape.constant(&x));
    let y = (x - x.mean_over(Axis::Cols)) * w;
    let _ = y.sum_over(Axis::Rows).backward_per_sample(&[x]);
}

#[test]
fn why_there_is_no_gradient() {
    let tape = Tape::new();
    let (x, c) = (tape.variable(1.0), tape.constant(2.0));
    fn why<'t>(y: V<'t>, x: V<'t>) -> String {
        explain_no_gradient(y, x).map_or("some".to_string(), |why| why.to_string())
    }
    assert_eq!(why(x * c, x), "some");
    assert!(why(x * c, c).contains("constant") && why(x * c, c).contains("modes/mod.rs"));
    assert!(why(x * c, c.sin()).contains("from constants"));
    assert!(why(c.sin() + x, tape.variable(3.0)).contains("after"));
    assert!(why(c.sin() + x.sin(), x.cos()).contains("after"));
    let other = tape.variable(1.0);
    assert!(
        why(x.sin(), other).contains("was not computed from it")
            && why(other * c, x).contains("was not computed from it")
    );
    let y = x.stop_gradient() * c + (x.step() + x.powi(0)) * c;
    let text = why(y, x);
    assert!(text.contains("stop_gradient") && text.contains("step") && text.contains("powi"), "{text}");
    assert_eq!(why(y + x, x), "some");
    // And so it is.
    assert_eq!((x.stop_gradient() * x).backward().wrt(x)[(0, 0)], 1.0);
}

/// No user function is called while the tape is borrowed: it may read values and record.
#[test]
fn functions_may_use_the_tape() {
    let (outer, mean) = (Param::new(Matrix::full(1, 1, 3.0)), Param::buffer(Matrix::full(1, 1, 1.0)));
    let tape = Tape::new();
    let x = tape.variable(Matrix::from([[1.0, -2.0], [-3.0, 4.0]]));
    let positive = |i: usize, j: usize| x.value()[(i, j)] > 0.0 && x.at(i, j).sin().needs_gradient();
    assert_eq!(x.where_entry(positive).value(), Matrix::from([[1.0, 0.0], [0.0, 4.0]]));
    let turned = |i: usize, j: usize| if x.at(i, j).item() > 0.0 { (i, j) } else { (j, i) };
    assert_eq!(x.gather((2, 2), turned).value(), Matrix::from([[1.0, -3.0], [-2.0, 4.0]]));
    assert_eq!(x.scatter_add((2, 2), turned).value(), Matrix::from([[1.0, -3.0], [-2.0, 4.0]]));
    assert_eq!(matrix(2, 2, |i, j| x.at(i, j) * x.sum().item()).value(), Matrix::zeros(2, 2));
    tape.as_in_training(1, || tape.draw());
    for expected in [4.0, 13.0] {
        // The second update continues from the first, and requests another one inside.
        tape.update(&mean, |mean| {
            tape.update(&outer, |outer| outer.clone());
            (tape.param(&outer) * tape.constant(mean.clone())).value().map(|x| x + 1.0)
        });
        assert_eq!(x.sum().backward().updated(&mean), Some(&Matrix::full(1, 1, expected)));
    }
}

/// The minimum time of f over three runs.
fn seconds(f: impl Fn()) -> f64 {
    let run = || {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64()
    };
    (0..3).map(|_| run()).fold(f64::INFINITY, f64::min)
}

/// Ten times as many variables take about ten times as long, not a hundred times.
#[test]
fn gradients_of_many_variables_take_linear_time() {
    let time = |n: usize| {
        let tape = Tape::new();
        let x: Vec<V<'_>> = (0..n).map(|k| tape.variable(k as f64)).collect();
        let y: V<'_> = Arithmetic::sum(&x.iter().map(|x| x.square()).collect::<Vec<_>>());
        seconds(|| assert_eq!(grad(y, &x)[n - 1].item(), 2.0 * (n - 1) as f64))
    };
    let (few, many) = (time(5_000), time(50_000));
    assert!(many < 40.0 * few, "{few} s, {many} s");
}
