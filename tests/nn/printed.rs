//! What is printed on the way, and how models print.

use std::ops::ControlFlow::{Break, Continue};

use nn::loss::Loss;
use nn::schedule::Goal;
use nn::train::Trainer;
use nn::{Activation, Adam, BatchNorm, Init, Linear, Matrix, Module, Optimizer, Param, Sequential};

use crate::stages::{data, net};
use crate::{alone, rng};

const CHILD: &str = "NN_PRINTED_CHILD";

/// Not a test but what the next one starts as a process.
#[test]
fn child_process() {
    let Ok(every) = std::env::var(CHILD) else { return };
    let (endless, monitor) = (every == "endless", every.split_once(' ').map(|(_, curve)| curve));
    let (data, mut net) = (data(1.0), net());
    if every == "sets" {
        let trainer = Trainer::with_loss(Loss::Mse, Adam::new(1e-5)).epochs(20).quiet().print_every(10);
        let mut trainer = trainer.watch("train", &data).watch("test", &data).metric("accuracy", |_, _| 0.75);
        trainer.fit(&mut net, &data).unwrap();
        return;
    }
    let trainer = Trainer::with_loss(Loss::Mse, Adam::new(1e-5))
        .epochs(if endless { usize::MAX } else { 25 })
        .on_epoch_end(|at, _| if at.epoch == 25 { Break(()) } else { Continue(()) })
        .watch("a_set_with_a_name_that_is_long", &data)
        .hold_out(0.25)
        .metric("share_of_what_has_been_understood", |_, _| 123_456_789.0)
        .metric("small", |_, _| -1.25e-9)
        .metric("log_loss", |_, _| 0.5)
        .monitor(monitor.unwrap_or("a_set_with_a_name_that_is_long_small"), Goal::Min);
    let mut trainer = match every.as_str() {
        "unasked" => trainer,
        "early" => trainer.quiet().print_every(5).early_stopping(3),
        "endless" => trainer.quiet().print_every(1),
        every => trainer.quiet().print_every(every.split(' ').next().unwrap().parse().unwrap()),
    };
    trainer.fit(&mut net, &data).unwrap();
}

#[test]
fn lines_fit_eighty_columns_and_are_few_in_a_file() {
    let lines = |every: &str| {
        let child = alone(module_path!(), "child_process").arg("--nocapture").env(CHILD, every).output().unwrap();
        let text = String::from_utf8(child.stderr).unwrap();
        assert!(child.status.success(), "{text}");
        assert!(!text.contains('\r'), "{text}");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
        let why = lines.pop().unwrap();
        let reason = match every {
            "early" => "stopped early: best a set with a na… -1.25e-9 in epoch 1, 3 epochs ago",
            _ => "stopped by a callback after 25 epochs",
        };
        assert_eq!(why, reason);
        lines
    };
    // No time is left, and the row of the last epoch is there although it was not due.
    let early = lines("early");
    assert!(early.len() == 2 && early[1].split_whitespace().take(2).eq(["4/25", "0s"]), "{early:?}");
    let (one, four, unasked) = (lines("1"), lines("4"), lines("unasked"));
    let title: Vec<&str> = one[0].split_whitespace().collect();
    assert_eq!(title[..7], ["epoch", "time", "left", "loss", "validation", "loss", "a"], "{}", one[0]);
    let epochs = |lines: &[String]| -> Vec<String> {
        let cells = lines[1..].iter().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        cells
            .map(|cells| {
                assert_eq!(cells[4..], ["-1.25e-9", "1.00e-5"]);
                assert!(cells[1].ends_with('s') && cells[2..4].iter().all(|loss| loss.parse::<f64>().unwrap() > 0.0));
                cells[0].clone()
            })
            .collect()
    };
    let every = |n: usize| (1..=25).filter(|k| k % n == 0 || *k == 25).map(|k| format!("{k}/25")).collect::<Vec<_>>();
    assert_eq!(epochs(&one), every(1));
    assert_eq!(epochs(&four), every(4));
    assert_eq!(epochs(&unasked), every(3));
    // The number of epochs and a time that means nothing are left out.
    let endless = lines("endless");
    let cells = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(endless.len(), 1 + 25);
    for (line, k) in endless[1..].iter().zip(1..) {
        // The last line has 0s as the time left, so it has one more cell.
        assert_eq!(
            (cells(line).len() - usize::from(k == 25), cells(line)[0].as_str()),
            (5, format!("{k}").as_str()),
            "{line}"
        );
    }
    // The column after the losses is a metric: the one that is monitored, or else the first.
    for (curve, shown) in [
        ("validation_log_loss", ["log", "loss"]),
        ("validation_loss", ["share", "of"]),
        ("loss", ["share", "of"]),
        ("learning_rate", ["share", "of"]),
    ] {
        let title = cells(&lines(&format!("25 {curve}"))[0]);
        assert_eq!((&title[6..8], title.last().unwrap().as_str()), (&shown.map(str::to_owned)[..], "lr"), "{curve}");
        assert_eq!(title.iter().filter(|word| *word == "lr" || *word == "rate").count(), 1, "{title:?}");
    }
}

#[test]
fn a_line_shows_the_metric_of_every_set_for_which_there_is_room() {
    let child = alone(module_path!(), "child_process").arg("--nocapture").env(CHILD, "sets").output().unwrap();
    let text = String::from_utf8(child.stderr).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "epoch  time left     loss  train loss  train accuracy  test accuracy       lr", "{text}");
    let cells: Vec<Vec<&str>> = lines[1..].iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells.iter().map(|cells| cells[0]).collect::<Vec<_>>(), ["10/20", "20/20"]);
    assert!(cells.iter().all(|cells| cells[4..] == ["0.7500", "0.7500", "1.00e-5"]), "{text}");
}

#[test]
fn models_are_said_in_few_words() {
    let mut net = Sequential::<f32>::new()
        .then(Linear::new(1000, 2000, Init::He, &mut rng(1)))
        .then(BatchNorm::new(2000))
        .then(Activation::Relu)
        .then(Linear::new(2000, 3, Init::He, &mut rng(2)));
    net.freeze(&|name| name.starts_with("0."));
    let summary = net.summary();
    let numbers = |role| summary.numbers(role);
    assert_eq!(numbers(nn::Role::Trained), net.count_params());
    assert_eq!((numbers(nn::Role::Frozen), numbers(nn::Role::Buffer)), (2_002_000, 4_000));
    let adam = Adam::new(0.1);
    for said in [format!("{net:?}"), format!("{:?}", adam.init(&net)), format!("{:?}", nn::Ema::new(0.9, &net))] {
        assert!(said.len() < 2000, "{} bytes: {}", said.len(), &said[..300]);
    }
    assert!(format!("{net:?}").contains("2000 × 1000 ["));
    assert_eq!(format!("{:?}", Param::new(Matrix::from([[1.0, 2.0]]))), "1 × 2 [[1.0, 2.0]]");

    #[derive(Module)]
    struct Deep {
        a_model_whose_field_has_a_name_that_says_all_that_it_does: Vec<Sequential<f32>>,
        a_parameter_that_has_such_a_name: Param<f32>,
    }
    let deep = Deep {
        a_model_whose_field_has_a_name_that_says_all_that_it_does: vec![net],
        a_parameter_that_has_such_a_name: Param::new(Matrix::zeros(10_000, 1)),
    };
    let table = deep.summary().to_string();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert_eq!(table.lines().count(), 1 + 8 + 1 + 1, "{table}");
    assert!(table.contains("all_that_it_does.0.0  weight") && table.contains("2,000,000  frozen"), "{table}");
    assert!(table.ends_with("20,003 numbers are trained, 2,002,000 are frozen, 4,000 are in buffers"), "{table}");
}
