//! What each operator is in the public methods.

use super::*;

/// Repeated to the shape that all fit in.
pub(super) fn same<'t, const N: usize>(x: [V<'t>; N]) -> [V<'t>; N] {
    let side = |of: fn(V<'t>) -> usize| x.iter().map(|&x| of(x)).find(|&n| n != 1).unwrap_or(1);
    let (m, n) = (side(V::rows), side(V::cols));
    x.map(|x| x.repeat(m, n))
}

/// A norm (Σ |x|ᵖ)^(1/p) along an axis, or of all entries.
fn norm<'t>(x: V<'t>, p: f64, axis: Option<Axis>) -> Outcome<'t> {
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

fn one(x: V<'_>) -> Outcome<'_> {
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
        "sinc" => (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI),
        "sinh" => x.sinh(),
        "sqrt" => x.sqrt(),
        "square" => x.square(),
        "tan" => x.tan(),
        "tanh" => x.tanh(),
        "special.ndtr" => (x * -std::f64::consts::FRAC_1_SQRT_2).erfc() * 0.5,
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
        "div" | "ceil" | "frac" => Err(NO_SLOPE),
        "remainder" => {
            let [x, y] = a.pair();
            let whole = (x.value(), y.value());
            let whole = Matrix::from_fn(x.rows(), x.cols(), |i, j| (whole.0[(i, j)] / whole.1[(i, j)]).floor());
            one(x - y * tape.constant(whole))
        }
        "clamp_max" | "fmin" | "minimum" => one(a.pair()[0].min(a.pair()[1])),
        "clamp_min" | "fmax" | "maximum" => one(a.pair()[0].max(a.pair()[1])),
        "copysign" => one(a.pair()[0].abs() * a.pair()[1].sign()),
        "atan2" => one(a.pair()[0].atan2(a.pair()[1])),
        "hypot" => one(a.pair()[0].hypot(a.pair()[1])),
        "pow" => one(a.pair()[0].pow(a.pair()[1])),
        "xlogy" => one(a.pair()[1].ln().weigh(a.pair()[0])),
        "special.xlog1py" => one(a.pair()[1].ln_1p().weigh(a.pair()[0])),
        "logaddexp" | "logaddexp2" => {
            let scale = if op == "logaddexp" { 1.0 } else { std::f64::consts::LN_2 };
            let [x, y] = a.pair().map(|x| x * scale);
            one(((y - x).softplus() + x) / scale)
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
        "logsumexp" => one(reduce(V::log_sum_exp, a.axis(1, "dim"))),
        "mean" => one(reduce(V::mean_over, a.axis(1, "dim"))),
        "sum" => one(reduce(V::sum_over, a.axis(1, "dim"))),
        "prod" => one(reduce(V::product_over, a.axis(1, "dim"))),
        "var" => one(reduce(V::variance_over, a.axis(1, "dim"))),
        "std" => one(reduce(V::variance_over, a.axis(1, "dim")).sqrt()),
        "trace" => one(x.trace()),
        "linalg.norm" | "norm" | "linalg.vector_norm" => {
            let ord = a.value(1, "ord");
            if op == "linalg.norm" && rank == 2 && a.axis(2, "dim").is_none() && !ord.is_null() {
                return Err("norms of matrices");
            }
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
        "diff" | "nn.functional.pad" | "linalg.vander" | "kron" | "roll" | "rot90" | "flip" | "tensor_split" => {
            moved(op, a)
        }
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
        "linalg.matrix_power" => match a.number(1, "n", 1.0) as i32 {
            0 => one(x * 0.0 + tape.identity(x.rows())),
            n => {
                let x = if n < 0 { x.inverse().unwrap() } else { x };
                one((1..n.abs()).fold(x, |y, _| y.matmul(x)))
            }
        },
        _ => network(op, a, x),
    }
}

/// Where entries go somewhere else.
fn moved<'t>(op: &str, a: &Arguments<'_, 't>) -> Outcome<'t> {
    let (x, tape) = (a.at(0), a.tape);
    match op {
        "diff" => {
            if a.number(1, "n", 1.0) == 0.0 {
                return one(x);
            }
            let turned = a.axis(2, "dim") == Some(Axis::Rows);
            let turn = |x: V<'t>| if turned { x.t() } else { x };
            let ends = [a.tensor(3, "prepend"), Some(x), a.tensor(4, "append")].into_iter().flatten().map(turn);
            let mut y = hstack(&ends.collect::<Vec<_>>());
            for _ in 0..a.number(1, "n", 1.0) as usize {
                let n = y.cols();
                if n == 0 {
                    break;
                }
                y = y.columns(1..n) - y.columns(0..n - 1);
            }
            one(turn(y))
        }
        "nn.functional.pad" if a.text(2, "mode") == "constant" => {
            let sides: Vec<usize> = numbers(a.value(1, "pad")).into_iter().map(|n| n as usize).collect();
            let [left, right, above, below] = [0, 1, 2, 3].map(|k| sides.get(k).copied().unwrap_or(0));
            let (m, n) = x.shape();
            let shape = (above + m + below, left + n + right);
            let inside = tape.constant(Matrix::full(m, n, 1.0)).pad((above, left), shape);
            one(x.pad((above, left), shape) + (1.0 - inside) * a.number(3, "value", 0.0))
        }
        "nn.functional.pad" => Err("only constants around it"),
        "linalg.vander" => {
            let columns: Vec<V<'t>> = (0..a.number(1, "N", 0.0) as i32).map(|k| x.t().powi(k)).collect();
            one(hstack(&columns))
        }
        _ => Err("entries in another order: gather, in axes.rs"),
    }
}

/// Layers and losses.
fn network<'t>(op: &str, a: &Arguments<'_, 't>, x: V<'t>) -> Outcome<'t> {
    let (rank, second) = (a.rank_of_first(), |name| a.tensor(1, name).unwrap());
    match op {
        "nn.functional.glu" => {
            let (m, n) = x.shape();
            one(if a.axis(1, "dim") == Some(Axis::Rows) {
                x.rows_in(0..m / 2) * x.rows_in(m / 2..m).sigmoid()
            } else {
                x.columns(0..n / 2) * x.columns(n / 2..n).sigmoid()
            })
        }
        "nn.functional.prelu" => {
            let [x, w] = same([x, second("weight")]);
            one(x.relu() - w * (-x).relu())
        }
        "nn.functional.threshold" => {
            let (at, other) = (a.number(1, "threshold", 0.0), a.number(2, "value", 0.0));
            one((x - at).step().select(x, a.tape.constant(other)))
        }
        "nn.functional.softshrink" => {
            let c = a.number(1, "lambd", 0.5);
            one((x - c).relu() - (-x - c).relu())
        }
        "nn.functional.hardshrink" => {
            let c = a.number(1, "lambd", 0.5);
            one((x.abs() - c).step().keep(x))
        }
        "nn.functional.hardtanh" => {
            let (low, high) = (a.number(1, "min_val", -1.0), a.number(2, "max_val", 1.0));
            one(if (low, high) == (-1.0, 1.0) { x.hard_tanh() } else { x.at_least(low).at_most(high) })
        }
        "nn.functional.softplus" => {
            let (beta, threshold) = (a.number(1, "beta", 1.0), a.number(2, "threshold", 20.0));
            one((x * beta - threshold).step().select(x, (x * beta).softplus() / beta))
        }
        "nn.functional.layer_norm" | "nn.functional.rms_norm" => {
            Err("norms of one entry: nn has its own, in layers.json")
        }
        "nn.functional.binary_cross_entropy_with_logits" => {
            let y = BinaryCrossEntropy::default();
            if a.tensor(9, "pos_weight").is_some() {
                return Err("weights of positives are for rows, in losses_options.json");
            }
            let each = y.each(x, second("target")).values();
            match a.tensor(9, "weight") {
                // PyTorch's mean divides by the number of entries.
                Some(w) => a.losses(each * w.repeat(each.rows(), each.cols())),
                None => a.losses(each),
            }
        }
        "nn.functional.binary_cross_entropy" => {
            let t = second("target");
            let each = -(t * x.ln() + (1.0 - t) * (-x).ln_1p());
            a.losses(a.tensor(9, "weight").map_or(each, |w| each * w))
        }
        "nn.functional.cross_entropy" => {
            if a.tensor(9, "weight").is_some() && a.text(9, "reduction") == "mean" {
                return Err("PyTorch divides by the number of samples if targets are probabilities");
            }
            let class_weights = a.tensor(9, "weight").map(|w| w.value().as_slice().to_vec());
            if class_weights.iter().flatten().any(|&w| w < 0.0) {
                return Err("weights of classes are not negative");
            }
            let entropy = CrossEntropy { class_weights, label_smoothing: a.number(9, "label_smoothing", 0.0) };
            a.losses(entropy.each(x.t(), second("target").t()))
        }
        "nn.functional.kl_div" => {
            let t = second("target");
            let each = if a.flag(9, "log_target") { t.exp() * (t - x) } else { t * t.ln() - t * x };
            if a.text(9, "reduction") == "batchmean" {
                let samples = if a.rank(0) == 2 { x.rows() } else { x.cols() };
                return one(each.sum() / samples as f64);
            }
            a.losses(each)
        }
        "nn.functional.soft_margin_loss" => a.losses((-(x * second("target"))).softplus()),
        "nn.functional.mse_loss" => a.losses(Loss::Mse.each(x, second("target"))),
        "nn.functional.l1_loss" => a.losses(Loss::L1.each(x, second("target"))),
        "nn.functional.huber_loss" => {
            a.losses(Loss::Huber { delta: a.number(9, "delta", 1.0) }.each(x, second("target")))
        }
        "nn.functional.smooth_l1_loss" => match a.number(9, "beta", 1.0) {
            0.0 => a.losses(Loss::L1.each(x, second("target"))),
            beta => a.losses(Loss::SmoothL1 { beta }.each(x, second("target"))),
        },
        "nn.functional.multi_margin_loss" => {
            let classes: Vec<usize> = second("target").value().as_slice().iter().map(|&c| c as usize).collect();
            a.losses(Loss::MultiMargin { margin: a.number(9, "margin", 1.0) }.each(x.t(), &classes))
        }
        "nn.functional.poisson_nll_loss" => {
            if a.flag(9, "full") {
                return Err("without Stirling's approximation of ln t!");
            }
            let t = second("target");
            match a.named["log_input"].as_bool() {
                Some(false) => a.losses(x - t * (x + a.number(9, "eps", 1e-8)).ln()),
                _ => a.losses(Loss::PoissonNll.each(x, t)),
            }
        }
        "nn.functional.gaussian_nll_loss" => {
            // One variance for each sample is a column.
            let v = if rank == 2 && a.rank(2) == 1 { a.at(2).t() } else { a.at(2) };
            let [x, t, v] = same([x, a.at(1), v]);
            let v = v.at_least(a.number(9, "eps", 1e-6));
            let full = if a.flag(9, "full") { std::f64::consts::TAU.ln() / 2.0 } else { 0.0 };
            a.losses((v.ln() + x.squared_error(t) / v) / 2.0 + full)
        }
        _ => panic!("{op} is neither expressed nor left out"),
    }
}
