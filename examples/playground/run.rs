//! A run: a network that is trained step by step, and what it looks like after a step.

use std::time::{Duration, Instant};

use nn::data::Sampler;
use nn::loss::softmax_cross_entropy;
use nn::regions::linear_regions;
use nn::schedule::Schedule;
use nn::train::accuracy;
use nn::{
    Activation, Diagnosis, Gradients, Layer, Linear, Matrix, Mlp, Module, Optimizer, Reduction, State, Tape, Var,
    diagnose_step,
};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use crate::data::{self, Data};
use crate::settings::Settings;

pub struct Run {
    pub settings: Settings,
    pub data: Data,
    pub net: Mlp<f64>,
    optimizer: Box<dyn Optimizer<f64> + Send>,
    schedule: Box<dyn Schedule + Send>,
    state: State<f64>,
    sampler: Sampler,
    /// The batches of the epoch.
    batches: Vec<Vec<usize>>,
    /// Steps made.
    pub step: usize,
    /// ‖∇‖ of each layer in the last step.
    pub norms: Vec<f64>,
    /// Why no further step can be made.
    pub problem: Option<String>,
}

/// Loss and accuracy.
pub struct Score {
    pub loss: f64,
    pub accuracy: f64,
}

impl Run {
    pub fn new(settings: Settings) -> Result<Self, String> {
        let data = data::load(&settings)?;
        // The data have other random numbers than the weights, so that neither depends on the settings of the other.
        let rng = &mut ChaCha8Rng::seed_from_u64(settings.seed);
        rng.set_stream(1);
        let sizes = [&[2], &settings.hidden[..], &[data.classes.len()]].concat();
        let builder = Mlp::builder(&sizes).activation(settings.activation).skips(settings.skips);
        let net = builder.init(settings.initial_weights()).build(rng);
        let (optimizer, schedule) = (settings.rule(), settings.rates());
        let sampler = Sampler::shuffled(data.training.len(), settings.batch, settings.seed);
        let (state, norms) = (optimizer.init(&net), Vec::new());
        let mut run = Run {
            settings,
            data,
            net,
            optimizer,
            schedule,
            state,
            sampler,
            batches: Vec::new(),
            step: 0,
            norms,
            problem: None,
        };
        run.norms = run.layer_norms(&run.gradients(&run.next_batch()).1);
        Ok(run)
    }

    /// Makes up to this number of steps, as many as the time allows, but at least one.
    pub fn advance(&mut self, steps: usize, time: Duration) {
        let begin = Instant::now();
        for _ in 0..steps {
            if self.problem.is_some() || !self.make_step() || begin.elapsed() > time {
                break;
            }
        }
    }

    /// Makes a step, unless it would leave finite numbers.
    fn make_step(&mut self) -> bool {
        self.optimizer.set_lr(self.rate());
        let (loss, grads) = self.gradients(&self.next_batch());
        let norms = self.layer_norms(&grads);
        if !loss.is_finite() || !norms.iter().all(|norm| norm.is_finite()) {
            let problem = format!("Training diverged in step {}: lower the learning rate.", self.step + 1);
            self.problem = Some(problem);
            return false;
        }
        self.norms = norms;
        self.optimizer.step(&mut self.net, &grads, &mut self.state);
        self.step += 1;
        if self.step.is_multiple_of(self.sampler.batches()) {
            self.batches.clear();
        }
        if self.batches.is_empty() {
            self.batches = self.sampler.epoch(self.epoch() as u64).collect();
        }
        true
    }

    /// α of the next step.
    pub fn rate(&self) -> f64 {
        self.schedule.lr(self.step as u64)
    }

    /// Epochs done.
    pub fn epoch(&self) -> usize {
        self.step / self.sampler.batches()
    }

    fn next_batch(&self) -> Vec<usize> {
        let k = self.step % self.sampler.batches();
        match self.batches.get(k) {
            Some(batch) => batch.clone(),
            None => self.sampler.epoch(self.epoch() as u64).nth(k).unwrap_or_default(),
        }
    }

    /// The loss of a batch and its gradients.
    fn gradients(&self, batch: &[usize]) -> (f64, Gradients<f64>) {
        let (x, t) = self.data.training.batch(batch);
        let tape = Tape::new();
        let loss = softmax_cross_entropy(self.net.forward(tape.constant(&x)), &t[..], Reduction::Mean);
        (loss.item(), loss.backward())
    }

    fn layer_norms(&self, grads: &Gradients<f64>) -> Vec<f64> {
        let squares = |layer: &Linear<f64>| {
            let params = layer.named_params();
            let numbers = params.iter().filter_map(|(_, param)| grads.get(*param)).flat_map(|g| g.as_slice().to_vec());
            numbers.map(|g| g * g).sum::<f64>()
        };
        self.net.layers.iter().map(|layer| squares(layer).sqrt()).collect()
    }

    /// In training and in test.
    pub fn scores(&self) -> [Score; 2] {
        [&self.data.training, &self.data.test].map(|data| {
            let tape = Tape::new();
            let y = self.net.forward(tape.constant(&data.x));
            let loss = softmax_cross_entropy(y, &data.t[..], Reduction::Mean).item();
            Score { loss, accuracy: accuracy(&self.net, &(data.x.clone(), data.t.clone())) }
        })
    }

    /// The state of all layers on the training samples.
    pub fn diagnosis(&self) -> Diagnosis {
        let tape = Tape::new();
        let y = self.net.forward(tape.constant(&self.data.training.x));
        let loss = softmax_cross_entropy(y, &self.data.training.t[..], Reduction::Mean);
        diagnose_step(&self.net, loss, &*self.optimizer, &self.state)
    }

    /// The corners of the linear regions in the square, if the network is piecewise linear.
    pub fn regions(&self) -> Option<Vec<Vec<(f64, f64)>>> {
        let piecewise = matches!(self.settings.activation, Activation::Relu | Activation::Identity);
        let square = -self.data.reach..self.data.reach;
        let corners = || linear_regions(&self.net, square.clone(), square).into_iter().map(|region| region.corners);
        piecewise.then(|| corners().collect())
    }
}

/// The variables of a network on inputs x: the pre-activations a and the outputs z of each hidden layer, and the logits.
pub fn layer_by_layer<'t>(net: &'t Mlp<f64>, x: Var<'t, f64>) -> (Vec<[Var<'t, f64>; 2]>, Var<'t, f64>) {
    let (last, hidden) = net.layers.split_last().expect("a network has a layer");
    let (mut z, mut all) = (x, Vec::new());
    for layer in hidden {
        let a = layer.forward(z);
        let h = net.activation.forward(a);
        z = if net.skips && layer.inputs() == layer.outputs() { z + h } else { h };
        all.push([a, z]);
    }
    (all, last.forward(z))
}

/// The points of a grid over the square, row by row from the top, as columns.
pub fn grid(side: usize, reach: f64) -> Matrix<f64> {
    let at = |k: usize| reach * (2.0 * (k as f64 + 0.5) / side as f64 - 1.0);
    Matrix::from_fn(2, side * side, |i, n| if i == 0 { at(n % side) } else { -at(n / side) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn bits(run: &Run) -> Vec<u64> {
        let params = run.net.named_params();
        params.iter().flat_map(|(_, param)| param.value().as_slice()).map(|x| x.to_bits()).collect()
    }

    /// The same settings give the same bits, whatever the pace.
    #[test]
    fn a_run_follows_from_its_settings() {
        let settings = Settings { schedule: "warmup".into(), horizon: 200, decay: 0.01, ..Settings::default() };
        let mut all_at_once = Run::new(settings.clone()).unwrap();
        all_at_once.advance(150, LONG);
        let mut paced = Run::new(settings.clone()).unwrap();
        while paced.step < 150 {
            paced.advance(7.min(150 - paced.step), Duration::ZERO);
            paced.diagnosis();
            paced.scores();
        }
        assert_eq!((bits(&all_at_once), all_at_once.epoch()), (bits(&paced), 15));
        let mut other = Run::new(Settings { seed: 2, ..settings }).unwrap();
        other.advance(150, LONG);
        assert_ne!(bits(&other), bits(&paced));
    }

    #[test]
    fn it_learns_and_layers_are_those_of_the_network() {
        for skips in [false, true] {
            let mut run =
                Run::new(Settings { data: "moons".into(), skips, hidden: vec![6, 6, 4], ..Settings::default() })
                    .unwrap();
            let [before, _] = run.scores();
            run.advance(400, LONG);
            let [after, test] = run.scores();
            assert!(after.loss < 0.5 * before.loss && test.accuracy > 0.9, "{} {}", after.loss, test.accuracy);
            let tape = Tape::new();
            let x = tape.constant(grid(5, 1.0));
            assert_eq!(layer_by_layer(&run.net, x).1.value(), run.net.forward(x).value());
            assert_eq!((run.norms.len(), run.diagnosis().layers.len()), (4, 4));
        }
    }

    #[test]
    fn a_run_that_diverges_says_so_and_stays() {
        let settings = Settings {
            activation: Activation::Relu,
            optimizer: "sgd".into(),
            rate: 3.0,
            init: "normal".into(),
            ..Settings::default()
        };
        let mut run = Run::new(Settings { hidden: vec![12; 6], ..settings }).unwrap();
        run.advance(5000, LONG);
        let (step, problem) = (run.step, run.problem.clone());
        assert!(problem.unwrap().contains("lower the learning rate"));
        run.advance(10, LONG);
        assert_eq!(run.step, step);
    }
}
