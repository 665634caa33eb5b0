//! The lecture's table for one sample: every step of the forward and the backward pass, with its matrices.

use nn::autograd::PassStep;
use nn::{Matrix, Tape};
use serde_json::{Value, json};

use crate::run::{Run, layer_by_layer};

/// The table of a training sample, which is one that exists.
pub fn of(run: &Run, sample: usize) -> Value {
    let data = &run.data.training;
    let (x, class) = (Matrix::column(data.x.col(sample)), data.t[sample]);
    let target = Matrix::from_fn(run.data.classes.len(), 1, |k, _| f64::from(u8::from(k == class)));
    let tape = Tape::new();
    let (x, t) = (tape.constant(&x), tape.constant(&target));
    let (hidden, logits) = layer_by_layer(&run.net, x);
    let loss = logits.softmax_cross_entropy(t);
    let grads = loss.backward_all();

    let mut named = vec![(x, "x".to_owned()), (t, "t".to_owned())];
    let mut given = named.clone();
    let mut name =
        |variable, letter: &str, layer: usize| named.push((variable, format!("{letter}{}", subscript(layer))));
    for (k, layer) in (1..).zip(&run.net.layers) {
        let weight = tape.param(&layer.weight);
        name(weight, "W", k);
        given.push((weight, format!("W{}", subscript(k))));
        if let Some(bias) = &layer.bias {
            let bias = tape.param(bias);
            name(bias, "b", k);
            given.push((bias, format!("b{}", subscript(k))));
        }
    }
    for (k, [a, z]) in (1..).zip(&hidden) {
        name(*a, "a", k);
        // With a skip, the sum has a node of its own.
        let of_sum: Vec<_> =
            z.operands().into_iter().filter(|x| x.operands().iter().any(|y| y.index() == a.index())).collect();
        of_sum.into_iter().for_each(|h| name(h, "h", k));
        name(*z, "z", k);
    }
    name(logits, "a", hidden.len() + 1);
    let y = loss.operands()[2]; // the softmax that it reads
    named.extend([(y, "y".to_owned()), (loss, "E".to_owned())]);
    let steps = named.iter().fold(grads.steps(&tape), |steps, (variable, name)| steps.name(*variable, name));
    let rows = |steps: Vec<PassStep<f64>>| steps.into_iter().map(row).collect::<Vec<_>>();
    json!({
        "step": run.step,
        "sample": sample,
        "class": run.data.classes[class],
        "given": given.iter().map(|(x, name)| json!({ "name": name, "value": matrix(&x.value()) })).collect::<Vec<_>>(),
        "forward": rows(steps.forward()),
        "backward": rows(steps.backward()),
    })
}

fn row(step: PassStep<f64>) -> Value {
    let (m, n) = step.shape;
    let value = step.value.as_ref().map(matrix);
    json!({ "number": step.number, "formula": step.formula, "op": step.op, "shape": [m, n], "value": value })
}

/// A list of rows.
fn matrix(x: &Matrix<f64>) -> Vec<Vec<f64>> {
    (0..x.rows()).map(|i| (0..x.cols()).map(|j| x[(i, j)]).collect()).collect()
}

fn subscript(k: usize) -> char {
    ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'][k % 10]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nn::{Activation, Linear};

    use super::*;
    use crate::settings::Settings;

    fn value<'v>(table: &'v Value, pass: &str, start: &str) -> &'v Value {
        let steps = table[pass].as_array().unwrap();
        let found = steps.iter().rev().find(|step| step["formula"].as_str().unwrap().starts_with(start));
        &found.unwrap_or_else(|| panic!("no {start} in {table:#}"))["value"]
    }

    /// The table of a 2-layer net against the lecture's formulas, computed here.
    #[test]
    fn the_table_is_the_lectures() {
        let settings = Settings { hidden: vec![3], activation: Activation::Tanh, ..Settings::default() };
        let mut run = Run::new(settings).unwrap();
        run.advance(20, Duration::from_secs(3600));
        let table = of(&run, 7);
        let [first, second] = &run.net.layers[..] else { panic!() };
        let affine = |layer: &Linear<f64>, z: &[f64]| -> Vec<f64> {
            let (w, b) = (layer.weight.value(), layer.bias.as_ref().unwrap().value());
            (0..w.rows()).map(|i| b[(i, 0)] + z.iter().enumerate().map(|(j, z)| w[(i, j)] * z).sum::<f64>()).collect()
        };
        let x = run.data.training.x.col(7).to_vec();
        let a1 = affine(first, &x);
        let z: Vec<f64> = a1.iter().map(|a| a.tanh()).collect();
        let a2 = affine(second, &z);
        let sum: f64 = a2.iter().map(|a| a.exp()).sum();
        let y: Vec<f64> = a2.iter().map(|a| a.exp() / sum).collect();
        let class = run.data.training.t[7];
        let delta2: Vec<f64> = (0..2).map(|k| y[k] - f64::from(u8::from(k == class))).collect();
        let w2 = second.weight.value();
        let delta_z: Vec<f64> = (0..3).map(|j| (0..2).map(|k| w2[(k, j)] * delta2[k]).sum()).collect();
        let delta1: Vec<f64> = (0..3).map(|j| (1.0 - z[j] * z[j]) * delta_z[j]).collect();
        let column = |of: &[f64]| of.iter().map(|x| vec![*x]).collect::<Vec<_>>();
        let outer =
            |d: &[f64], z: &[f64]| d.iter().map(|d| z.iter().map(|z| d * z).collect()).collect::<Vec<Vec<f64>>>();
        let expected = [
            ("forward", "a₁ =", column(&a1)),
            ("forward", "z₁ =", column(&z)),
            ("forward", "a₂ =", column(&a2)),
            ("forward", "y =", column(&y)),
            ("backward", "δa₂ =", column(&delta2)),
            ("backward", "∇W₂ =", outer(&delta2, &z)),
            ("backward", "∇b₂ =", column(&delta2)),
            ("backward", "δz₁ =", column(&delta_z)),
            ("backward", "δa₁ =", column(&delta1)),
            ("backward", "∇W₁ =", outer(&delta1, &x)),
        ];
        for (pass, start, expected) in expected {
            let found: Vec<Vec<f64>> = serde_json::from_value(value(&table, pass, start).clone()).unwrap();
            let pairs = found.iter().flatten().zip(expected.iter().flatten());
            assert_eq!(found.iter().flatten().count(), expected.iter().flatten().count());
            pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{start} {a} {b}"));
        }
    }

    #[test]
    fn skips_have_names() {
        let run = Run::new(Settings { hidden: vec![2, 2], ..Settings::default() }).unwrap();
        let table = of(&run, 0);
        let steps = ["forward", "backward"].into_iter().flat_map(|pass| table[pass].as_array().unwrap());
        let formulas: Vec<&str> = steps.map(|step| step["formula"].as_str().unwrap()).collect();
        assert!(formulas.iter().all(|formula| !formula.contains('%')), "{formulas:?}");
        assert!(formulas.contains(&"z₂ = z₁ + h₂"), "{formulas:?}");
    }
}
