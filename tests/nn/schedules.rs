//! Schedules compared with PyTorch's, and their settings.

use nn::schedule::{
    Cosine, CosineRestarts, Exponential, Goal, InverseSqrt, InverseTime, LinearRamp, LrCurve, LrFinder, LrPoint,
    MultiStep, OneCycle, Plateau, Polynomial, Schedule, StepDecay, Threshold, Triangular,
};
use nn::{Matrix, Optimizer, Param, Sgd, Tape};
use serde_json::Value;

/// The schedule with the name and options in the file.
fn schedule(name: &str, lr: f64, options: &Value) -> Box<dyn Schedule> {
    let float = |name: &str| options[name].as_f64().unwrap();
    let whole = |name: &str| options[name].as_u64().unwrap();
    match name {
        "step" => Box::new(StepDecay { lr, every: whole("step_size"), factor: float("gamma") }),
        "multi_step" => {
            let milestones = options["milestones"].as_array().unwrap().iter().map(|k| k.as_u64().unwrap());
            Box::new(MultiStep { lr, milestones: milestones.collect(), factor: float("gamma") })
        }
        "exponential" => Box::new(Exponential { lr, factor: float("gamma") }),
        "polynomial" => Box::new(Polynomial { lr, end: 0.0, steps: whole("total_iters"), power: float("power") }),
        "linear" => {
            let [from, to] = ["start_factor", "end_factor"].map(|factor| lr * float(factor));
            Box::new(LinearRamp { from, to, steps: whole("total_iters") })
        }
        "cosine" => Box::new(Cosine { lr, min: float("eta_min"), steps: whole("T_max") }),
        "cosine_restarts" => {
            Box::new(CosineRestarts { lr, min: float("eta_min"), period: whole("T_0"), growth: whole("T_mult") })
        }
        "one_cycle" => Box::new(OneCycle::new(float("max_lr"), whole("total_steps"))),
        "cyclic_triangular" => {
            let up = whole("step_size_up");
            Box::new(Triangular { min: float("base_lr"), max: float("max_lr"), up, down: up, factor: 1.0 })
        }
        _ => panic!("no schedule {name}"),
    }
}

/// The learning rates before each observation of the metric.
fn plateau(lr: f64, options: &Value, metric: &Value) -> Vec<f64> {
    let float = |name: &str| options[name].as_f64();
    let whole = |name: &str| options[name].as_u64();
    let mut plateau = Plateau::new(lr);
    plateau.factor = float("factor").unwrap();
    plateau.patience = whole("patience").unwrap();
    plateau.cooldown = whole("cooldown").unwrap_or(plateau.cooldown);
    plateau.min_lr = float("min_lr").unwrap_or(plateau.min_lr);
    if options["threshold_mode"] == "abs" {
        plateau.threshold = Threshold::Absolute(float("threshold").unwrap());
    }
    let metric = metric.as_array().unwrap().iter();
    metric.map(|m| (plateau.lr, plateau.observe(m.as_f64().unwrap())).0).collect()
}

#[test]
fn as_in_pytorch() {
    let cases: Value = serde_json::from_str(include_str!("../oracle/schedules.json")).unwrap();
    assert_eq!(cases.as_array().unwrap().len(), 9 + 3);
    for case in cases.as_array().unwrap() {
        let (name, lr, options) =
            (case["schedule"].as_str().unwrap(), case["base_lr"].as_f64().unwrap(), &case["options"]);
        let expected: Vec<f64> =
            case["lr_per_step"].as_array().unwrap().iter().map(|lr| lr.as_f64().unwrap()).collect();
        let found = match name {
            "reduce_on_plateau" => plateau(lr, options, &case["metric"]),
            _ => schedule(name, lr, options).curve(expected.len() as u64),
        };
        assert_eq!(found.len(), expected.len());
        for (k, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!(
                (found - expected).abs() <= 1e-12 * expected.abs(),
                "{name} {options}, step {k}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn after_the_last_step_they_stay() {
    let far = u64::MAX;
    assert_eq!(Cosine { lr: 1.0, min: 0.25, steps: 10 }.lr(far), 0.25);
    assert_eq!(LinearRamp { from: 1.0, to: 0.25, steps: 10 }.lr(far), 0.25);
    assert_eq!(Polynomial { lr: 1.0, end: 0.25, steps: 10, power: 3.0 }.lr(far), 0.25);
    assert_eq!(OneCycle { final_div: 10.0, ..OneCycle::new(250.0, 10) }.lr(far), 1.0);
}

/// A length of 0 counts as 1: no panic, no NaN.
#[test]
fn degenerate_lengths() {
    let all: Vec<Box<dyn Schedule>> = vec![
        Box::new(StepDecay { lr: 1.0, every: 0, factor: 0.5 }),
        Box::new(MultiStep { lr: 1.0, milestones: vec![], factor: 0.5 }),
        Box::new(Polynomial { lr: 1.0, end: 0.0, steps: 0, power: 2.0 }),
        Box::new(LinearRamp { from: 0.0, to: 1.0, steps: 0 }),
        Box::new(Cosine { lr: 1.0, min: 0.0, steps: 0 }),
        Box::new(CosineRestarts { lr: 1.0, min: 0.0, period: 0, growth: 0 }),
        Box::new(CosineRestarts { lr: 1.0, min: 0.0, period: 1, growth: u64::MAX }),
        Box::new(OneCycle::new(1.0, 0)),
        Box::new(OneCycle::new(1.0, 1)),
        Box::new(Triangular { min: 0.0, max: 1.0, up: 0, down: 0, factor: 1.0 }),
        Box::new(Triangular { min: 0.0, max: 1.0, up: u64::MAX, down: u64::MAX, factor: 1.0 }),
        Box::new(InverseSqrt { lr: 1.0, warmup: 0 }),
        Box::new(1.0.warmup(0)),
        Box::new(1.0.every(0)),
    ];
    for (i, schedule) in all.iter().enumerate() {
        for step in [0, 1, 2, 1000, u64::MAX] {
            let lr = schedule.lr(step);
            assert!((0.0..=1.0).contains(&lr), "schedule {i}, step {step}: {lr}");
        }
    }
}

#[test]
fn formulas() {
    let triangular2 = Triangular { min: 1.0, max: 3.0, up: 2, down: 1, factor: 0.5 };
    assert_eq!(triangular2.curve(7), [1.0, 2.0, 3.0, 1.0, 1.5, 2.0, 1.0]);
    assert_eq!(InverseTime { lr: 0.5, tau: 10.0 }.lr(10), 0.25);
    assert_eq!(Cosine { lr: 1.0, min: 0.0, steps: 2 }.warmup(2).curve(4), [0.5, 1.0, 1.0, 0.5]);
    // Vaswani et al. 2017, with their d = 512 and 4000 steps of warm-up, at their steps 1, 4000 and 16000.
    let noam = InverseSqrt::noam(512, 4000);
    for k in [1u32, 4000, 16000] {
        let paper = 512f64.powf(-0.5) * f64::from(k).powf(-0.5).min(f64::from(k) * 4000f64.powf(-1.5));
        assert!((noam.lr(u64::from(k) - 1) / paper - 1.0).abs() < 1e-14);
    }
}

/// Robbins and Monro's conditions: Σ α grows without bound, as τ α ln(k / τ), and Σ α² does not.
#[test]
fn decreasing_but_not_too_fast() {
    let schedule = InverseTime { lr: 0.1, tau: 100.0 };
    let sums = |steps: u64| (0..steps).map(|k| schedule.lr(k)).fold((0.0, 0.0), |(s, q), lr| (s + lr, q + lr * lr));
    let (near, far) = (sums(100_000), sums(1_000_000));
    assert!((far.0 - near.0 - 10.0 * 10f64.ln()).abs() < 0.01);
    assert!(far.1 - near.1 < 0.001 && far.1 < 0.1 * 0.1 * (100.0 + 1.0));
}

/// A plateau that is serialised and read again at any time continues unchanged.
#[test]
fn a_plateau_resumes() {
    let metric = |k: u64| 1.0 + 1.0 / (1 + k / 7) as f64 + [f64::NAN, 0.0][usize::from(!k.is_multiple_of(5))];
    let new = || Plateau { patience: 2, cooldown: 1, goal: Goal::Min, ..Plateau::new(0.1) };
    let run = |plateau: &mut Plateau, steps: std::ops::Range<u64>| steps.map(|k| plateau.observe(metric(k))).last();
    let mut whole = new();
    let expected = run(&mut whole, 0..60);
    assert!(expected < Some(1e-3));
    for stop in 1..60 {
        let mut plateau = new();
        run(&mut plateau, 0..stop);
        let mut again: Plateau = serde_json::from_str(&serde_json::to_string(&plateau).unwrap()).unwrap();
        assert_eq!((run(&mut again, stop..60), again), (expected, whole));
    }
    let composed =
        LinearRamp { from: 0.0, to: 1.0, steps: 5 }.then(5, Cosine { lr: 1.0, min: 0.0, steps: 9 }).times(0.5);
    let text = serde_json::to_string(&composed).unwrap();
    assert_eq!(composed, serde_json::from_str(&text).unwrap());
}

#[test]
fn a_plateau_of_something_that_should_grow() {
    let mut plateau = Plateau { goal: Goal::Max, patience: 0, factor: 0.5, ..Plateau::new(1.0) };
    assert_eq!([0.5, 0.6, 0.6, 0.55, 0.7].map(|m| plateau.observe(m)), [1.0, 1.0, 0.5, 0.25, 0.25]);
}

/// "Better" is the same for a metric and for its negative with the other goal.
#[test]
fn a_plateau_does_not_depend_on_the_sign_of_its_metric() {
    for (goal, other) in [(Goal::Min, Goal::Max), (Goal::Max, Goal::Min)] {
        for offset in [-3.0, -1.0, 0.0, 1.0, 3.0] {
            let mut plateau = Plateau { goal, patience: 1, ..Plateau::new(0.1) };
            let mut mirrored = Plateau { goal: other, ..plateau };
            for k in 0..40 {
                let metric = offset + (k as f64 * 0.7).sin() / (1.0 + k as f64);
                assert_eq!(plateau.observe(metric), mirrored.observe(-metric), "{goal:?} {offset} {k}");
            }
        }
        let mut flat = Plateau { goal, patience: 1, factor: 0.5, ..Plateau::new(0.1) };
        assert_eq!([-1.0; 3].map(|metric| flat.observe(metric)), [0.1, 0.1, 0.05]);
    }
}

/// ½ c w² by gradient descent: w ← (1 − α c) w decreases for α < 2 / c, reaches 0 at once at α = 1 / c, and explodes beyond.
#[test]
fn the_finder_stops_where_descent_explodes() {
    for c in [1e-2, 1.0, 1e4] {
        let (w, mut sgd) = (Param::new(Matrix::from([[3.0]])), Sgd { lr: 0.125 });
        let mut optimizer: Box<dyn Optimizer<f64>> = Box::new(sgd);
        let finder = LrFinder { from: 1e-4 / c, to: 1e4 / c, smoothing: 0.0, ..LrFinder::default() };
        let curve = finder.run(&w, &mut optimizer, |w| {
            let tape = Tape::new();
            let loss = tape.param(w).square().sum() * (c / 2.0);
            (loss.item(), loss.backward())
        });
        sgd.lr = optimizer.lr();
        assert_eq!((sgd.lr, w.value()[(0, 0)]), (0.125, 3.0), "optimizer and model are as before");
        let (last, found) = (curve.points.last().unwrap(), curve.suggestion().unwrap());
        assert!(curve.exploded && (0.9..20.0).contains(&(last.lr * c)), "{last:?}");
        assert!((0.01..1.0).contains(&(found.steepest * c)), "{found:?}");
        assert!((0.05..0.25).contains(&(found.tenth_of_minimum * c)), "{found:?}");
        assert!(curve.points.windows(2).all(|pair| pair[0].lr < pair[1].lr));
        let svg = curve.chart().to_svg();
        assert!(["steepest", "minimum / 10", "learning rate"].iter().all(|words| svg.contains(words)));
    }
}

#[test]
fn the_finder_stops_at_nan_and_knows_when_nothing_fell() {
    let w = Param::new(Matrix::from([[1.0]]));
    let mut k = 0;
    let curve = LrFinder::default().run(&w, &mut Sgd { lr: 1.0 }, |w| {
        k += 1;
        let tape = Tape::new();
        let loss = tape.param(w).square().sum();
        (if k < 8 { loss.item() } else { f64::NAN }, loss.backward())
    });
    assert!(curve.exploded && curve.points.len() == 7);
    let flat = |lr: f64| LrPoint { lr, loss: lr, smoothed: 1.0 + lr };
    assert_eq!(LrCurve { points: vec![flat(0.1), flat(0.2)], exploded: false }.suggestion(), None);
    assert_eq!(LrCurve { points: vec![], exploded: false }.suggestion(), None);
}

/// The smoothed loss is the average with weights βⁱ of all so far.
#[test]
fn the_finder_smooths() {
    let losses = [4.0, 2.0, 1.0, 3.0];
    let mut next = losses.into_iter();
    let finder = LrFinder { steps: 4, smoothing: 0.5, ..LrFinder::default() };
    let curve = finder.run(&Param::new(Matrix::from([[0.0]])), &mut Sgd { lr: 1.0 }, |w| {
        let tape = Tape::new();
        (next.next().unwrap(), (tape.param(w) * 0.0).backward())
    });
    for (k, point) in curve.points.iter().enumerate() {
        let weights = (0..=k).map(|i| 0.5f64.powi((k - i) as i32));
        let mean = weights.clone().zip(losses).map(|(w, loss)| w * loss).sum::<f64>() / weights.sum::<f64>();
        assert!((point.smoothed - mean).abs() < 1e-14);
    }
    assert_eq!(curve.points.len(), 4);
    assert!((curve.points[3].lr / 10.0 - 1.0).abs() < 1e-14);
}
