//! The table of what can be chosen: the page makes its controls from it, and settings are checked against it.

use serde_json::{Value, json};

use crate::settings::Settings;

/// The most hidden layers, and the most units of one.
pub const LAYERS: usize = 6;
pub const UNITS: usize = 12;
/// The largest table of one's own in bytes.
pub const CSV: usize = 200_000;

/// A setting as the page shows it.
struct Control {
    group: &'static str,
    name: &'static str,
    label: &'static str,
    help: &'static str,
    kind: Kind,
}

enum Kind {
    /// Values and their labels.
    Choice(&'static [(&'static str, &'static str)]),
    /// One of these numbers.
    OneOf(&'static [f64]),
    /// From, to, step.
    Range(f64, f64, f64),
    Switch,
}

const CONTROLS: &[Control] = &[
    Control {
        group: "Data",
        name: "data",
        label: "Data",
        help: "What the network learns to tell apart.",
        kind: Kind::Choice(&[
            ("spirals", "Spirals"),
            ("circles", "Circles"),
            ("xor", "Exclusive or"),
            ("moons", "Moons"),
            ("csv", "Own table"),
        ]),
    },
    Control {
        group: "Data",
        name: "samples",
        label: "Samples",
        help: "The number of points, in training and in test together.",
        kind: Kind::Range(50.0, 1000.0, 50.0),
    },
    Control {
        group: "Data",
        name: "noise",
        label: "Noise",
        help: "The standard deviation of the noise on each coordinate.",
        kind: Kind::Range(0.0, 0.5, 0.01),
    },
    Control {
        group: "Data",
        name: "test",
        label: "Held out, %",
        help: "The share of the points that only the test loss sees.",
        kind: Kind::Range(10.0, 70.0, 5.0),
    },
    Control {
        group: "Network",
        name: "activation",
        label: "Activation",
        help: "The function h of the hidden units.",
        kind: Kind::Choice(&[
            ("tanh", "tanh"),
            ("relu", "ReLU"),
            ("leaky_relu(0.01)", "Leaky ReLU"),
            ("elu(1)", "ELU"),
            ("selu", "SELU"),
            ("gelu", "GELU"),
            ("silu", "SiLU (swish)"),
            ("sigmoid", "Sigmoid"),
            ("softplus", "Softplus"),
            ("identity", "Identity (linear)"),
        ]),
    },
    Control {
        group: "Network",
        name: "init",
        label: "Initial weights",
        help: "How the weights are drawn. Zero does not train: all units stay alike.",
        kind: Kind::Choice(&[
            ("auto", "Suits the activation"),
            ("he", "He"),
            ("xavier", "Xavier"),
            ("lecun", "LeCun"),
            ("orthogonal", "Orthogonal"),
            ("normal", "Normal, deviation 1"),
            ("small", "Normal, deviation 0.01"),
            ("zeros", "Zero"),
        ]),
    },
    Control {
        group: "Network",
        name: "skips",
        label: "Skip connections",
        help: "Adds the inputs of a hidden layer to its outputs if their numbers are equal.",
        kind: Kind::Switch,
    },
    Control {
        group: "Training",
        name: "optimizer",
        label: "Optimizer",
        help: "The rule that changes the weights by their gradients.",
        kind: Kind::Choice(&[
            ("sgd", "SGD"),
            ("momentum", "Momentum 0.9"),
            ("nesterov", "Nesterov 0.9"),
            ("rmsprop", "RMSProp"),
            ("adagrad", "Adagrad"),
            ("adam", "Adam"),
            ("nadam", "NAdam"),
            ("radam", "RAdam"),
            ("lion", "Lion"),
        ]),
    },
    Control {
        group: "Training",
        name: "rate",
        label: "Learning rate",
        help: "α, the size of a step.",
        kind: Kind::OneOf(&[1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0]),
    },
    Control {
        group: "Training",
        name: "schedule",
        label: "Schedule",
        help: "How the learning rate changes from step to step.",
        kind: Kind::Choice(&[
            ("constant", "Constant"),
            ("cosine", "Cosine to 0"),
            ("warmup", "Warm-up, then cosine"),
            ("one_cycle", "One cycle"),
            ("steps", "Half at each quarter"),
            ("exponential", "Exponential to 1 %"),
            ("inverse", "Inverse time"),
        ]),
    },
    Control {
        group: "Training",
        name: "horizon",
        label: "Steps of the schedule",
        help: "The number of steps over which the schedule extends.",
        kind: Kind::OneOf(&[200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0]),
    },
    Control {
        group: "Training",
        name: "batch",
        label: "Batch",
        help: "The number of samples in a step.",
        kind: Kind::OneOf(&[1.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 1024.0]),
    },
    Control {
        group: "Training",
        name: "decay",
        label: "Weight decay",
        help: "Shrinks every weight by α times this number at each step.",
        kind: Kind::OneOf(&[0.0, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3]),
    },
    Control {
        group: "Training",
        name: "seed",
        label: "Seed",
        help: "The same seed gives the same data, the same weights and the same run.",
        kind: Kind::Range(0.0, 999.0, 1.0),
    },
];

/// The table of controls and the defaults, for the page.
pub fn description() -> Value {
    let kind = |kind: &Kind| match kind {
        Kind::Choice(choices) => json!({ "choices": choices }),
        Kind::OneOf(numbers) => json!({ "numbers": numbers }),
        Kind::Range(from, to, step) => json!({ "range": [from, to, step] }),
        Kind::Switch => json!({ "switch": true }),
    };
    let controls = CONTROLS.iter().map(|control| {
        let Control { group, name, label, help, .. } = control;
        json!({ "group": group, "name": name, "label": label, "help": help, "kind": kind(&control.kind) })
    });
    let controls: Vec<Value> = controls.collect();
    let most = json!({ "layers": LAYERS, "units": UNITS, "csv": CSV });
    json!({ "controls": controls, "defaults": Settings::default(), "most": most })
}

/// Checks that each value is one that can be chosen.
pub fn check(values: &Value) -> Result<(), String> {
    for Control { name, kind, .. } in CONTROLS {
        let value = &values[*name];
        let holds = match kind {
            Kind::Choice(choices) => choices.iter().any(|(choice, _)| value == choice),
            Kind::OneOf(numbers) => value.as_f64().is_some_and(|x| numbers.contains(&x)),
            Kind::Range(from, to, _) => value.as_f64().is_some_and(|x| (*from..=*to).contains(&x)),
            Kind::Switch => value.is_boolean(),
        };
        if !holds {
            return Err(format!("settings: {name} cannot be {value}; choose it in the page"));
        }
    }
    Ok(())
}

/// The values of a choice.
#[cfg(test)]
pub fn choices(wanted: &str) -> Vec<&'static str> {
    match CONTROLS.iter().find(|control| control.name == wanted).map(|control| &control.kind) {
        Some(Kind::Choice(choices)) => choices.iter().map(|(choice, _)| *choice).collect(),
        _ => panic!("{wanted} has no choices"),
    }
}
