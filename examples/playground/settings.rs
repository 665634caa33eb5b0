//! The settings of a run, and what they mean to the library.

use nn::schedule::{Cosine, Exponential, InverseTime, OneCycle, Schedule, StepDecay};
use nn::{Activation, Adagrad, Adam, Init, Lion, Momentum, NAdam, Optimizer, RAdam, RmsProp, Sgd, With};
use serde::{Deserialize, Serialize};

use crate::controls::{self, CSV, LAYERS, UNITS};

/// All that determines a run: the same settings give the same bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub data: String,
    pub samples: usize,
    /// The deviation of the noise on the inputs.
    pub noise: f64,
    /// The percentage of the samples that are held out.
    pub test: f64,
    /// A table of one's own: two columns of numbers and the class.
    pub csv: String,
    /// The units of each hidden layer.
    pub hidden: Vec<usize>,
    pub skips: bool,
    pub activation: Activation,
    pub init: String,
    pub optimizer: String,
    pub rate: f64,
    pub schedule: String,
    /// The number of steps of the schedule.
    pub horizon: u64,
    pub batch: usize,
    pub decay: f64,
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            data: "spirals".into(),
            samples: 400,
            noise: 0.05,
            test: 25.0,
            csv: String::new(),
            hidden: vec![8, 8, 8],
            skips: true,
            activation: Activation::Tanh,
            init: "auto".into(),
            optimizer: "adam".into(),
            rate: 0.01,
            schedule: "constant".into(),
            horizon: 2000,
            batch: 32,
            decay: 0.0,
            seed: 1,
        }
    }
}

impl Settings {
    /// Settings from the text of a request.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let settings: Settings = serde_json::from_slice(text).map_err(|error| format!("settings: {error}"))?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        controls::check(&serde_json::to_value(self).map_err(|error| error.to_string())?)?;
        let hidden = &self.hidden;
        if hidden.len() > LAYERS || !hidden.iter().all(|units| (1..=UNITS).contains(units)) {
            return Err(format!("settings: hidden: up to {LAYERS} layers of 1 to {UNITS} units, and not {hidden:?}"));
        }
        match self.csv.len() > CSV {
            true => Err(format!("settings: csv: a table of at most {CSV} bytes, and not {}", self.csv.len())),
            false => Ok(()),
        }
    }

    pub fn initial_weights(&self) -> Init {
        match &*self.init {
            "he" => Init::He,
            "xavier" => Init::Xavier,
            "lecun" => Init::LeCun,
            "orthogonal" => Init::Orthogonal(1.0),
            "normal" => Init::Normal(1.0),
            "small" => Init::Normal(0.01),
            "zeros" => Init::Zeros,
            _ => self.activation.init(),
        }
    }

    pub fn rule(&self) -> Box<dyn Optimizer<f64> + Send> {
        let rate = self.rate;
        let optimizer: Box<dyn Optimizer<f64> + Send> = match &*self.optimizer {
            "sgd" => Box::new(Sgd { lr: rate }),
            "momentum" => Box::new(Momentum::new(rate, 0.9)),
            "nesterov" => Box::new(Momentum::nesterov(rate, 0.9)),
            "rmsprop" => Box::new(RmsProp::torch(rate)),
            "adagrad" => Box::new(Adagrad::new(rate)),
            "nadam" => Box::new(NAdam::new(rate)),
            "radam" => Box::new(RAdam::new(rate)),
            "lion" => Box::new(Lion::new(rate)),
            _ => Box::new(Adam::new(rate)),
        };
        Box::new(With::new(optimizer).decoupled_decay(self.decay).no_decay_of_biases_and_norms())
    }

    pub fn rates(&self) -> Box<dyn Schedule + Send> {
        let (rate, steps) = (self.rate, self.horizon);
        match &*self.schedule {
            "cosine" => Box::new(Cosine::new(rate, 0.0, steps)),
            "warmup" => Box::new(Cosine::new(rate, 0.0, steps - steps / 10).warmup(steps / 10)),
            "one_cycle" => Box::new(OneCycle::new(rate, steps)),
            "steps" => Box::new(StepDecay::new(rate, steps / 4, 0.5)),
            "exponential" => Box::new(Exponential::new(rate, 0.01f64.powf(1.0 / steps as f64))),
            "inverse" => Box::new(InverseTime::new(rate, 10.0 / steps as f64)),
            _ => Box::new(rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use nn::{Matrix, Param, Tape};
    use serde_json::{Value, json};

    use super::*;
    use crate::controls::choices;

    /// Every choice of the page is a setting that a run takes, and makes a difference.
    #[test]
    fn choices_are_known() {
        let with = |name: &str, value: Value| {
            let mut values = serde_json::to_value(Settings::default()).unwrap();
            values[name] = value;
            Settings::read(values.to_string().as_bytes())
        };
        let mut seen = Vec::new();
        for optimizer in choices("optimizer") {
            // The weight after a few steps.
            let (rule, mut w) =
                (with("optimizer", json!(optimizer)).unwrap().rule(), Param::new(Matrix::from([[1.0]])));
            let mut state = rule.init(&w);
            for slope in [1.0, 0.3, -2.0, 0.1, 0.2, 0.7, 0.5] {
                let tape = Tape::new();
                let grads = (tape.param(&w) * slope).backward();
                rule.step(&mut w, &grads, &mut state);
            }
            seen.push(format!("{:?}", w.value()));
        }
        for init in choices("init").into_iter().skip(1) {
            seen.push(format!("{:?}", with("init", json!(init)).unwrap().initial_weights()));
        }
        for schedule in choices("schedule") {
            let rates = with("schedule", json!(schedule)).unwrap().rates();
            rates.check().unwrap();
            seen.push(format!("{:?}", [0, 10, 600, 1500].map(|step| rates.lr(step))));
        }
        choices("activation").into_iter().for_each(|name| drop(with("activation", json!(name)).unwrap()));
        assert!((1..seen.len()).all(|k| !seen[..k].contains(&seen[k])), "{seen:?}");
        for (name, value) in
            [("rate", json!(0.02)), ("noise", json!(0.6)), ("samples", json!(-1)), ("data", json!("x"))]
        {
            assert!(with(name, value).unwrap_err().starts_with("settings: "));
        }
        assert!(with("hidden", json!([8, 13])).unwrap_err().contains("1 to 12 units"));
        assert!(with("hidden", json!([1, 1, 1, 1, 1, 1, 1])).is_err() && with("other", json!(1)).is_err());
        assert!(with("csv", json!("x".repeat(CSV + 1))).unwrap_err().contains("at most"));
    }
}
