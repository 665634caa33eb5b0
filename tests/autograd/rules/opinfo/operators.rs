//! Each operator in terms of the public methods.

use super::losses::network;
use super::moved::moved;
use super::*;

/// Repeated to the common shape.
pub(super) fn same<'t, const N: usize>(x: [V<'t>; N]) -> [V<'t>; N] {
    let side = |of: fn(V<'t>) -> usize| x.iter().map(|&x| of(x)).find(|&n| n != 1).unwrap_or(1);
    let (m, n) = (side(V::rows), side(V::cols));
    x.map(|x| x.repeat(m, n))
}

/// A norm (Σ |x|ᵖ)^(1/p) along an axis, or of all entries.
pub(super) fn norm<'t>(x: V<'t>, p: f64, axis: Option<Axis>) -> Outcome<'t> {
    let (m, n) = x.shape();
    let (x, axis) = match axis {
        Some(axis) => (x, axis),
        None => (x.reshape(m * n, 1), Axis::Rows),
    };
    let size = x.abs();
    Ok(vec![match p {
        f64::INFINITY => size.max_over(axis),
        f64::NEG_INFINITY => size.min_over(axis),
        0.0 => size.step().sum_over(axis),
        1.0 => size.sum_over(axis),
        2.0 => x.norm_over(axis),
        _ => size.powf(p).sum_over(axis).powf(1.0 / p),
    }])
}

const NO_SLOPE: &str = "rounds, and its slope is 0";

pub(super) fn one(x: V<'_>) -> Outcome<'_> {
    Ok(vec![x])
}

/// Functions of one tensor, entry by entry.
fn elementwise<'t>(op: &str, x: V<'t>) -> Option<V<'t>> {
    let degree = std::f64::consts::PI / 180.0;
    Some(match op {
        "abs" => x.abs(),
        "acos" => x.acos(),
        "acosh" => x.acosh(),
        "asin" => x.asin(),
        "asinh" => x.asinh(),
        "atan" => x.atan(),
        "atanh" => x.atanh(),
        "cos" => x.cos(),
        "cosh" => x.cosh(),
        "deg2rad" => x * degree,
        "erf" => x.erf(),
        "erfc" => x.erfc(),
        "digamma" => x.digamma(),
        "lgamma" => x.ln_gamma(),
        "exp" => x.exp(),
        "exp2" => x.exp2(),
        "expm1" => x.exp_m1(),
        "log" => x.ln(),
        "log10" => x.log10(),
        "log1p" => x.ln_1p(),
        "log2" => x.log2(),
        "rad2deg" => x * (1.0 / degree),
        "reciprocal" => x.recip(),
        "rsqrt" => x.rsqrt(),
        "sigmoid" => x.sigmoid(),
        "sign" => x.sign(),
        "sin" => x.sin(),
        "sinc" => x.sinc(),
        "sinh" => x.sinh(),
        "sqrt" => x.sqrt(),
        "square" => x.square(),
        "tan" => x.tan(),
        "tanh" => x.tanh(),
        "special.ndtr" => (x * -std::f64::consts::FRAC_1_SQRT_2).erfc() * 0.5,
        "special.ndtri" => (x * 2.0 - 1.0).erf_inv() * std::f64::consts::SQRT_2,
        "special.entr" => -(x * x.ln()),
        "nn.functional.celu" => x.celu(1.0),
        "nn.functional.elu" => x.elu(1.0),
        "nn.functional.gelu" => x.gelu_tanh(),
        "nn.functional.hardsigmoid" => x.hard_sigmoid(),
        "nn.functional.hardswish" => x.hard_swish(),
        "nn.functional.leaky_relu" => x.leaky_relu(0.01),
        "nn.functional.logsigmoid" => x.log_sigmoid(),
        "nn.functional.mish" => x.mish(),
        "nn.functional.relu" => x.relu(),
        "nn.functional.relu6" => x.relu().at_most(6.0),
        "nn.functional.selu" => x.selu(),
        "nn.functional.silu" => x.silu(),
        "nn.functional.softsign" => x.softsign(),
        "nn.functional.tanhshrink" => x.tanhshrink(),
        _ => return None,
    })
}

pub(super) fn apply<'t>(op: &str, a: &Arguments<'_, 't>) -> Outcome<'t> {
    if let Some(y) = a.tensor(0, "").and_then(|x| elementwise(op, x)) {
        return one(y);
    }
    let rank = a.rank_of_first();
    let (x, tape) = (a.tensor(0, "").unwrap_or_else(|| a.all(0)[0]), a.tape);
    let reduce = |of_axis: fn(V<'t>, Axis) -> V<'t>, axis: Option<Axis>| match axis {
        Some(axis) => of_axis(x, axis),
        None => of_axis(x.reshape(x.rows() * x.cols(), 1), Axis::Rows),
    };
    match op {
        "add" | "sub" | "rsub" => {
            let ([x, y], alpha) = (a.pair(), a.number(9, "alpha", 1.0));
            one(match op {
                "add" => x + y * alpha,
                "sub" => x - y * alpha,
                _ => y - x * alpha,
            })
        }
        "mul" => one(a.pair()[0] * a.pair()[1]),
        "div" if a.text(9, "rounding_mode").is_empty() => one(a.pair()[0] / a.pair()[1]),
        "div" | "ceil" => Err(NO_SLOPE),
        "frac" => one(x.fmod(tape.constant(1.0).repeat(x.rows(), x.cols()))),
        "remainder" => one(a.pair()[0].remainder(a.pair()[1])),
        "clamp_max" | "fmin" | "minimum" => one(a.pair()[0].min(a.pair()[1])),
        "clamp_min" | "fmax" | "maximum" => one(a.pair()[0].max(a.pair()[1])),
        "copysign" => one(a.pair()[0].copysign(a.pair()[1])),
        "atan2" => one(a.pair()[0].atan2(a.pair()[1])),
        "hypot" => one(a.pair()[0].hypot(a.pair()[1])),
        "pow" => one(a.pair()[0].pow(a.pair()[1])),
        "xlogy" => one(a.pair()[1].ln().weigh(a.pair()[0])),
        "special.xlog1py" => one(a.pair()[1].ln_1p().weigh(a.pair()[0])),
        "logaddexp" => one(a.pair()[0].log_add_exp(a.pair()[1])),
        "logaddexp2" => {
            let [x, y] = a.pair().map(|x| x * std::f64::consts::LN_2);
            one(x.log_add_exp(y) / std::f64::consts::LN_2)
        }
        "lerp" => {
            let w = a.tensor(2, "weight").unwrap_or_else(|| tape.constant(a.number(2, "weight", 0.0)));
            let [x, y, w] = same([x, a.at(1), w]);
            one(x.lerp(y, w))
        }
        "logit" => {
            let x = x.clamp(a.number(1, "eps", 0.0), 1.0 - a.number(1, "eps", 0.0));
            one((x / (1.0 - x)).ln())
        }
        "where" => {
            let [x, mask, y] = same([x, a.at(1), a.at(2)]);
            one(mask.select(x, y))
        }
        "addmm" => {
            let (alpha, beta) = (a.number(9, "alpha", 1.0), a.number(9, "beta", 1.0));
            let product = a.at(1).matmul(a.at(2)) * alpha;
            one(x.repeat(product.rows(), product.cols()) * beta + product)
        }
        "mm" => one(x.matmul(a.at(1))),
        "mv" => one(x.matmul_nt(a.at(1))),
        "dot" | "inner" if rank == 1 => one(x.dot(a.at(1))),
        "matmul" => one(if rank == 1 && a.rank(1) == 1 { x.dot(a.at(1)) } else { x.matmul(a.at(1)) }),
        "linalg.vecdot" => one((x * a.at(1)).sum_over(a.axis(2, "dim").unwrap_or(Axis::Cols))),
        "outer" => one(x.t().matmul(a.at(1))),
        "linalg.multi_dot" => one(a.all(0)[1..].iter().fold(x, |x, &y| x.matmul(y))),
        "nn.functional.linear" => {
            let (w, bias) = (a.at(1), a.tensor(2, "bias"));
            one(affine(&[(x, w.t())], bias))
        }
        "softmax" => one(x.softmax(a.axis(1, "dim").unwrap())),
        "log_softmax" => one(x.log_softmax(a.axis(1, "dim").unwrap())),
        "nn.functional.softmin" => one((-x).softmax(a.axis(1, "dim").unwrap())),
        "masked.logsumexp" => {
            let none = tape.constant(f64::NEG_INFINITY).repeat(x.rows(), x.cols());
            let x = a.tensor(9, "mask").unwrap().select(x, none);
            one(match a.axis(9, "dim") {
                Some(axis) => x.log_sum_exp(axis),
                None => x.reshape(x.rows() * x.cols(), 1).log_sum_exp(Axis::Rows),
            })
        }
        "logsumexp" => one(reduce(V::log_sum_exp, a.axis(1, "dim"))),
        "mean" => one(reduce(V::mean_over, a.axis(1, "dim"))),
        "sum" => one(reduce(V::sum_over, a.axis(1, "dim"))),
        "prod" => one(reduce(V::product_over, a.axis(1, "dim"))),
        "var" => one(reduce(V::variance_over, a.axis(1, "dim"))),
        "std" => one(reduce(V::variance_over, a.axis(1, "dim")).sqrt()),
        "trace" => one(x.trace()),
        "cov" => {
            if a.tensor(9, "aweights").is_some() {
                return Err("PyTorch's weights are of single precision");
            }
            let count = tape.constant(Matrix::full(1, x.cols(), 1.0));
            let w = a.tensor(9, "fweights").unwrap_or(count);
            let total = w.sum();
            let c = x - (x * w.repeat(x.rows(), x.cols())).sum_over(Axis::Cols) / total;
            one((c * w.repeat(x.rows(), x.cols())).matmul_nt(c) / (total - a.number(9, "correction", 1.0)))
        }
        "linalg.norm" | "norm" | "linalg.vector_norm" => {
            let ord = a.value(1, "ord");
            match ord {
                Value::String(name) if name.parse::<f64>().is_err() => Err("norms of matrices"),
                _ => norm(x, a.number(1, "ord", 2.0), a.axis(2, "dim")),
            }
        }
        "dist" => {
            let [x, y] = same([x, a.at(1)]);
            norm(x - y, a.number(2, "p", 2.0), None)
        }
        "nn.functional.pairwise_distance" => {
            let d = x - a.at(1) + a.number(3, "eps", 1e-6);
            norm(d, a.number(2, "p", 2.0), Some(Axis::Cols))
        }
        "nn.functional.normalize" => {
            let size = norm(x, a.number(1, "p", 2.0), a.axis(2, "dim"))?[0];
            let [x, size] = same([x, size.at_least(1e-12)]);
            one(x / size)
        }
        "nn.functional.cosine_similarity" => {
            let (y, axis) = (a.at(1), a.axis(2, "dim").unwrap_or(Axis::Cols));
            one((x * y).sum_over(axis) / (x.norm_over(axis).at_least(1e-8) * y.norm_over(axis).at_least(1e-8)))
        }
        "cdist"
        | "nn.functional.pdist"
        | "cross"
        | "sort"
        | "topk"
        | "cummax"
        | "cummin"
        | "cumprod"
        | "logcumsumexp"
        | "diff"
        | "nn.functional.pad"
        | "linalg.vander"
        | "kron"
        | "roll"
        | "rot90"
        | "flip"
        | "tensor_split" => moved(op, a),
        "diag" | "diagonal" => {
            let offset = a.number(1, "offset", 0.0) as isize;
            let (i, j) = ((-offset).max(0) as usize, offset.max(0) as usize);
            one(x.rows_in(i..x.rows()).columns(j..x.cols()).diagonal())
        }
        "tril" | "triu" => {
            let offset = a.number(1, "diagonal", 0.0) as isize;
            one(x.where_entry(|i, j| {
                let above = j as isize - i as isize;
                if op == "tril" { above <= offset } else { above >= offset }
            }))
        }
        "reshape" | "squeeze" => one(x),
        "t" | "transpose" if rank < 2 => one(x),
        "t" | "transpose" => one(x.t()),
        "select" => one(x.columns(2..3)),
        "cat" | "hstack" | "vstack" => {
            let parts: Vec<V<'t>> = a.all(0).iter().copied().filter(|x| x.rows() * x.cols() > 0).collect();
            let down = op == "vstack" || a.value(1, "dim").as_i64() == Some(0) && parts[0].rows() > 1;
            one(if down { vstack(&parts) } else { hstack(&parts) })
        }
        "repeat" | "tile" => {
            let times: Vec<usize> = numbers(a.value(1, "dims")).into_iter().map(|n| n as usize).collect();
            let (m, n) = match times[..] {
                [] => (1, 1),
                [n] => (1, n),
                [m, n] => (m, n),
                _ => return Err("three axes"),
            };
            one(x.tile(m, n))
        }
        "trapezoid" => {
            let steps = a.tensor(1, "x");
            let n = x.cols();
            let middle = (x.columns(0..n - 1) + x.columns(1..n)) * 0.5;
            let width = steps.map(|s| s.columns(1..n) - s.columns(0..n - 1));
            one(width.map_or(middle * a.number(9, "dx", 1.0), |w| middle * w).sum_over(Axis::Cols))
        }
        "cumulative_trapezoid" => {
            let turned = a.axis(9, "dim") == Some(Axis::Rows);
            let turn = |x: V<'t>| if turned { x.t() } else { x };
            let (x, n) = (turn(x), turn(x).cols());
            let middle = (x.columns(0..n - 1) + x.columns(1..n)) * 0.5;
            let width = a.tensor(1, "x").map(|s| turn(s).columns(1..n) - turn(s).columns(0..n - 1));
            let parts = match width {
                Some(w) => middle * w,
                None => middle * a.number(9, "dx", 1.0),
            };
            one(turn(parts.cumsum(Axis::Cols)))
        }
        "det" | "linalg.det" => one(x.determinant().unwrap()),
        "logdet" => one(x.log_abs_determinant().unwrap().0),
        "linalg.slogdet" => {
            let (log, sign) = x.log_abs_determinant().unwrap();
            Ok(vec![tape.constant(sign), log])
        }
        "inverse" | "linalg.inv" => one(x.inverse().unwrap()),
        "linalg.solve" => one(x.solve(if a.rank(1) == 1 { a.at(1).t() } else { a.at(1) }).unwrap()),
        "linalg.solve_triangular" => {
            let triangle = if a.flag(9, "upper") { Triangle::Upper } else { Triangle::Lower };
            let n = x.rows();
            let unit = a.flag(9, "unitriangular");
            let x = if unit { x.where_entry(|i, j| i != j) + tape.identity(n) } else { x };
            // X A = B is Aᵀ Xᵀ = Bᵀ.
            one(if a.flag(9, "left") {
                x.solve_triangular(a.at(1), triangle, Trans::No).unwrap()
            } else {
                x.solve_triangular(a.at(1).t(), triangle, Trans::Yes).unwrap().t()
            })
        }
        "cholesky" | "linalg.cholesky" => {
            let l = x.cholesky().unwrap();
            one(if a.flag(1, "upper") { l.t() } else { l })
        }
        "linalg.qr" => {
            if x.rows() < x.cols() {
                return Err("the factors of a wide matrix");
            }
            x.qr().map(|(q, r)| vec![q, r]).map_err(|_| "the factors of a matrix without full rank")
        }
        _ => network(op, a, x),
    }
}
