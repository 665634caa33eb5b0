//! Layers and losses.

use super::operators::{one, same};
use super::*;

/// Layers and losses.
pub(super) fn network<'t>(op: &str, a: &Arguments<'_, 't>, x: V<'t>) -> Outcome<'t> {
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
        "nn.functional.nll_loss" => {
            let (x, ignored) = (x.t(), a.number(9, "ignore_index", -100.0));
            let target = second("target").value();
            let classes: Vec<usize> = target.as_slice().iter().map(|&c| c.max(0.0) as usize).collect();
            let of_classes = a.tensor(9, "weight").map(|w| w.value());
            let weight = |c: usize| of_classes.as_ref().map_or(1.0, |w| w[(0, c)]);
            let counts = |(&t, &c): (&f64, &usize)| if t == ignored { 0.0 } else { weight(c) };
            let weights: Vec<f64> = target.as_slice().iter().zip(&classes).map(counts).collect();
            let each = -(x * a.tape.one_hot(x.rows(), &classes)).sum_over(Axis::Rows);
            a.losses(Losses::from(each).weighted(a.tape.constant(Matrix::row(&weights))))
        }
        "nn.functional.margin_ranking_loss" => {
            a.losses(loss::margin_ranking(x, a.at(1), a.at(2), a.number(9, "margin", 0.0)))
        }
        "nn.functional.hinge_embedding_loss" => a.losses(loss::hinge_embedding(x, a.at(1), a.number(9, "margin", 1.0))),
        "nn.functional.cosine_embedding_loss" => {
            a.losses(loss::cosine_embedding(x.t(), a.at(1).t(), a.at(2), a.number(9, "margin", 0.0)))
        }
        "nn.functional.triplet_margin_loss" => {
            // PyTorch adds 1e-6 to all differences.
            let [positive, negative] = [1, 2].map(|k| (a.at(k) - 1e-6).t());
            a.losses(loss::triplet_margin(x.t(), positive, negative, a.number(9, "margin", 1.0)))
        }
        "nn.functional.multi_margin_loss" => {
            let classes: Vec<usize> = second("target").value().as_slice().iter().map(|&c| c as usize).collect();
            a.losses(Loss::MultiMargin { margin: a.number(9, "margin", 1.0) }.each(x.t(), &classes))
        }
        "nn.functional.poisson_nll_loss" => {
            let t = second("target");
            let each = match a.named["log_input"].as_bool() {
                Some(false) => x - t * (x + a.number(9, "eps", 1e-8)).ln(),
                _ => Loss::PoissonNll.each(x, t).values(),
            };
            // Stirling's approximation of ln t!, which PyTorch adds above 1.
            let stirling = (t - 1.0).step().keep(t * t.ln() - t + (t * std::f64::consts::TAU).ln() * 0.5);
            a.losses(if a.flag(9, "full") { each + stirling } else { each })
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
