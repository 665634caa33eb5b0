//! Models whose input is not one matrix: series of different lengths, and several matrices.

use autograd::{LinearAlgebra, hstack};
use nn::data::{Inputs, Samples, Targets};
use nn::loss::{CrossEntropy, Loss};
use nn::parallel::Parallel;
use nn::train::{AsTarget, History, TrainError, Trainer, accuracy, predict};
use nn::{
    Adam, Axis, Bidirectional, Dropout, Each, Gru, Init, Layer, Linear, Lstm, Matrix, Model, Module, Param, Real,
    Recurrent, Reduction, Rnn, Tape, Var,
};
use rand::rngs::ChaCha8Rng;
use tape_tests::says;

use crate::wrong_input::panics;
use crate::{rng, some};

type Series<T> = Vec<Matrix<T>>;
type Pair<T> = (Matrix<T>, Matrix<T>);

const LENGTHS: [usize; 5] = [4, 7, 1, 5, 3];

fn series<T: Real>(count: u64) -> Series<T> {
    (0..count).map(|k| some(2, LENGTHS[k as usize % 5], k)).collect()
}

fn classes(count: usize) -> Vec<usize> {
    (0..count).map(|k| k * k % 3).collect()
}

/// A layer of one series.
#[derive(Clone, Module)]
struct Pooled<T> {
    hidden: Linear<T>,
    dropout: Dropout,
    output: Linear<T>,
}

impl<T: Real> Layer<T> for Pooled<T> {
    fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
        let steps = self.dropout.forward(self.hidden.forward(x).tanh());
        self.output.forward(steps.mean_over(Axis::Cols))
    }
}

/// A model: all series at once.
#[derive(Clone, Module)]
struct Together<T> {
    lstm: Lstm<T>,
    dropout: Dropout,
    output: Linear<T>,
}

impl<T: Real> Model<T, Series<T>> for Together<T> {
    fn predictions<'t>(&'t self, tape: &'t Tape<'t, T>, x: &'t Series<T>) -> Var<'t, T> {
        let (_, [h, _]) = self.lstm.run_sequences(tape, x);
        self.output.forward(self.dropout.forward(h))
    }
}

/// A model of two matrices.
#[derive(Clone, Module)]
struct Both<T> {
    left: Linear<T>,
    right: Linear<T>,
    dropout: Dropout,
}

impl<T: Real> Model<T, Pair<T>> for Both<T> {
    fn predictions<'t>(&'t self, tape: &'t Tape<'t, T>, (a, b): &'t Pair<T>) -> Var<'t, T> {
        self.left.forward(tape.constant(a)) * self.dropout.forward(self.right.forward(tape.constant(b)))
    }
}

fn each<T: Real>(rng: &mut ChaCha8Rng) -> Each<Pooled<T>> {
    let hidden = Linear::new(2, 4, Init::Xavier, rng);
    Each(Pooled { hidden, dropout: Dropout::new(0.3), output: Linear::new(4, 3, Init::Xavier, rng) })
}

fn together<T: Real>(rng: &mut ChaCha8Rng) -> Together<T> {
    let lstm = Lstm::new(2, 4, rng);
    Together { lstm, dropout: Dropout::new(0.3), output: Linear::new(4, 3, Init::Xavier, rng) }
}

fn both<T: Real>(rng: &mut ChaCha8Rng) -> Both<T> {
    let left = Linear::new(2, 3, Init::Xavier, rng);
    Both { left, right: Linear::new(1, 3, Init::Xavier, rng), dropout: Dropout::new(0.3) }
}

/// The weights after training, to the bit, and the curves. A step is made in one part, or in parts of one kind.
fn run<'a, T: Real, X: Inputs, Y: Targets + Sync, M: Model<T, X> + Clone + Send + Sync>(
    trainer: Trainer<'a, T, M, (X, Y)>,
    net: &M,
    data: &'a Samples<X, Y>,
    parts: usize,
) -> (Vec<u64>, History) {
    let mut net = net.clone();
    let trainer = trainer.metric("outputs", |net: &M, (x, _): &(X, Y)| predict::<T, X>(net, x).rows() as f64);
    let trainer = trainer.epochs(3).batch(9).seed(2).watch("all", data).hold_out(0.2).quiet();
    let shards = Parallel::mean().shards_of(2);
    let mut trainer = match parts {
        0 => trainer.threads(1),
        1 => trainer.parallel(shards).threads(1),
        2 => trainer.parallel(shards).threads(3),
        3 => trainer.micro_batch(4),
        _ => trainer.micro_batch(4).parallel(shards).threads(3),
    };
    let trained = trainer.fit(&mut net, data).unwrap();
    assert_eq!(trained.history["all_outputs"], [3.0; 3]);
    let numbers = net.named_params().into_iter().flat_map(|(_, param)| param.value().as_slice().to_vec());
    (numbers.map(|x| x.to_f64().to_bits()).collect(), trained.history)
}

/// A trainer with a loss does the same as one of the closure that it stands for, in whatever parts a step is made.
fn check<T: Real, X: Inputs, Y, M>(net: &M, data: &Samples<X, Y>, loss: &Loss)
where
    Y: Targets + AsTarget<T> + Sync,
    M: Model<T, X> + Clone + Send + Sync,
{
    let found: Vec<_> = (0..5)
        .map(|parts| {
            let closure = Trainer::new(
                |tape, net: &M, (x, t): &(X, Y)| loss.of(net.predictions(tape, x), t.as_target(tape), Reduction::Mean),
                Adam::new(0.02),
            );
            let found = run(Trainer::with_loss(loss.clone(), Adam::new(0.02)), net, data, parts);
            assert!(found == run(closure, net, data, parts), "division {parts}");
            found
        })
        .collect();
    assert!(found[1] == found[2], "threads change no bit");
    assert!(found[0].0 != found[3].0, "dropout draws for each part");
}

fn check_all<T: Real>() {
    let entropy = Loss::from(CrossEntropy::default());
    let of_series = Samples::new(series::<T>(30), classes(30));
    check(&each::<T>(&mut rng(1)), &of_series, &entropy);
    check(&together::<T>(&mut rng(2)), &of_series, &entropy);
    check(&each::<T>(&mut rng(3)), &Samples::new(of_series.x.clone(), some::<T>(3, 30, 9)), &Loss::Mse);
    let pairs = Samples::new((some::<T>(2, 30, 1), some::<T>(1, 30, 2)), classes(30));
    check(&both::<T>(&mut rng(4)), &pairs, &entropy);
}

#[test]
fn a_trainer_with_a_loss_has_the_bits_of_its_closure() {
    check_all::<f64>();
    check_all::<f32>();
}

/// A layer predicts each series as if it were alone, and so does a recurrent one of all series at once.
#[test]
fn series_do_not_see_each_other() {
    fn alone<M: Model<f64, Series<f64>>>(net: &M) {
        let x = series::<f64>(5);
        let parts: Vec<Series<f64>> = x.iter().map(|x| vec![x.clone()]).collect();
        let tape = Tape::new();
        let apart: Vec<Var<f64>> = parts.iter().map(|x| net.predictions(&tape, x)).collect();
        let off = (predict(net, &x) - hstack(&apart).value()).norm();
        assert!(off < 1e-14, "{off:e}");
    }
    alone(&each(&mut rng(1)));
    alone(&together(&mut rng(2)));
}

/// The parts of a state.
trait Parts<'t, T: Real> {
    fn parts(self) -> Vec<Var<'t, T>>;
}
impl<'t, T: Real> Parts<'t, T> for Var<'t, T> {
    fn parts(self) -> Vec<Var<'t, T>> {
        vec![self]
    }
}
impl<'t, T: Real, P: Parts<'t, T>, const N: usize> Parts<'t, T> for [P; N] {
    fn parts(self) -> Vec<Var<'t, T>> {
        self.into_iter().flat_map(P::parts).collect()
    }
}
impl<'t, T: Real, P: Parts<'t, T>> Parts<'t, T> for Vec<P> {
    fn parts(self) -> Vec<Var<'t, T>> {
        self.into_iter().flat_map(P::parts).collect()
    }
}

/// Outputs, last states and gradients.
fn numbers<'t, T: Real>(net: &impl Module<T>, (ys, end): (Vec<Var<'t, T>>, impl Parts<'t, T>)) -> Vec<Matrix<T>> {
    let ys = [ys, end.parts()].concat();
    let squares: Vec<_> = ys.iter().map(|y| y.square().sum()).collect();
    let grads = hstack(&squares).sum().backward();
    let gradients = net.named_params().into_iter().map(|(_, param)| grads.get(param).unwrap().to_owned());
    ys.iter().map(|y| y.value()).chain(gradients).collect()
}

/// The bits of `run_padded` on steps that are padded by hand, and of `run` if there is one series.
fn check_sequences<T: Real, R: Recurrent<T> + 'static>(net: &R)
where
    for<'t> R::State<'t>: Parts<'t, T>,
{
    let x = series::<T>(5);
    let (tape, references) = (Tape::new(), x.iter().collect::<Vec<_>>());
    let at = |t: usize, i: usize, n: usize| if t < x[n].cols() { x[n][(i, t)] } else { T::default() };
    let padded: Vec<_> = (0..7).map(|t| tape.constant(Matrix::from_fn(2, 5, |i, n| at(t, i, n)))).collect();
    let expected = numbers(net, net.run_padded(&padded, &LENGTHS, None));
    assert!(numbers(net, net.run_sequences(&tape, &x)) == expected);
    assert!(numbers(net, net.run_sequences(&tape, &references)) == expected, "references");

    let steps: Vec<_> = (0..7).map(|t| tape.constant(&x[1]).columns(t..t + 1)).collect();
    let expected = numbers(net, net.run(&steps, None));
    assert!(numbers(net, net.run_sequences(&tape, &x[1..2])) == expected, "one series");
}

fn check_recurrent<T: Real>() {
    let rng = &mut rng(7);
    check_sequences::<T, _>(&Rnn::new(2, 3, rng));
    check_sequences::<T, _>(&Gru::new(2, 3, rng));
    check_sequences::<T, _>(&Lstm::new(2, 3, rng));
    check_sequences::<T, _>(&vec![Gru::new(2, 3, rng), Gru::new(3, 3, rng)]);
    check_sequences::<T, _>(&Bidirectional { forward: Rnn::new(2, 3, rng), backward: Rnn::new(2, 3, rng) });
}

#[test]
fn sequences_are_padded_steps() {
    check_recurrent::<f64>();
    check_recurrent::<f32>();
}

#[test]
fn sequences_that_do_not_fit() {
    let lstm: Lstm<f64> = Lstm::new(2, 3, &mut rng(1));
    let says = |series: &[Matrix<f64>], words: &[&str]| {
        panics(words, || {
            let tape = Tape::new();
            assert!(lstm.run_sequences(&tape, series).0.is_empty());
        });
    };
    says(&[], &["run_sequences: no series"]);
    says(&[Matrix::zeros(2, 0), Matrix::zeros(2, 0)], &["run_sequences", "none of the 2 series has a step"]);
    says(&[Matrix::zeros(2, 4), Matrix::zeros(3, 5)], &["run_sequences", "series 1 is 3 × 5", "2 features"]);
    says(&[Matrix::zeros(3, 4)], &["Lstm", "2 features"]);
}

fn classifier<'a, X: 'a, M: Model<f64, X> + 'a>() -> Trainer<'a, f64, M, (X, Vec<usize>)> {
    Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.02))
        .metric("accuracy", accuracy)
        .epochs(4)
        .batch(10)
        .quiet()
}

/// Otherwise the accuracy of a set with NaN would be a number.
#[test]
fn inputs_that_are_not_numbers_are_refused_with_their_place() {
    let mut x = series::<f64>(10);
    x[6][(1, 2)] = f64::NAN;
    x[4][(0, 1)] = f64::INFINITY;
    let (bad, good) = (Samples::new(x, classes(10)), Samples::new(series::<f64>(10), classes(10)));
    let refused = |error: TrainError, set: &str, entry: &str| says(error.to_string(), &[set, entry]);
    let entry = "NaN in row 1, column 2 of x[6]";
    refused(classifier().fit(&mut each(&mut rng(1)), &bad).unwrap_err(), "training", entry);
    refused(classifier().watch("test", &bad).fit(&mut each(&mut rng(1)), &good).unwrap_err(), "test", entry);

    let mut pair = (some::<f64>(2, 10, 1), some::<f64>(1, 10, 2));
    pair.1[(0, 7)] = f64::NAN;
    let pairs = Samples::new(pair, classes(10));
    let error = classifier().fit(&mut both(&mut rng(1)), &pairs).unwrap_err();
    refused(error, "training", "NaN in row 0, column 7 of x.1");
    let mut t = some::<f64>(3, 10, 1);
    t[(2, 5)] = f64::NAN;
    let values = Samples::new(good.x, t);
    let error =
        Trainer::with_loss(Loss::Mse, Adam::new(0.02)).quiet().fit(&mut each(&mut rng(1)), &values).unwrap_err();
    refused(error, "training", "NaN in row 2, column 5 of t");
}

#[test]
fn samples_belong_to_their_targets() {
    panics(&["Samples::new: 3 samples but 2 targets"], || Samples::new(series::<f64>(3), vec![0, 1]));
    let pair = || (some::<f64>(2, 3, 1), some::<f64>(2, 4, 1));
    panics(&["a pair of inputs of 3 and of 4 samples"], || Samples::new(pair(), vec![0; 3]));
    let data = Samples::new((series::<f64>(7), some::<f64>(1, 7, 1)), classes(7));
    let part = data.select(&[5, 0, 5]);
    assert_eq!((part.len(), part.t), (3, vec![classes(7)[5], 0, classes(7)[5]]));
    assert!(part.x.0 == [&data.x.0[5], &data.x.0[0], &data.x.0[5]].map(Clone::clone));
    assert_eq!(part.x.1, data.x.1.select_cols(&[5, 0, 5]));
}

/// The number of series of a batch is known by its targets.
#[test]
fn an_augmentation_that_changes_the_number_of_series_is_named() {
    let data = Samples::new(series::<f64>(10), classes(10));
    let one_less = |(x, t): &mut (Series<f64>, Vec<usize>), _: &mut ChaCha8Rng| drop((x.pop(), t.pop()));
    let fit = || classifier().augment(one_less).fit(&mut each(&mut rng(1)), &data);
    let panic = std::panic::catch_unwind(fit).unwrap_err();
    says(*panic.downcast::<String>().unwrap(), &["augment: augmentation 1 makes 9 samples of the 10 samples"]);
}

/// Series are recorded, and a layer on a matrix is planned.
#[test]
fn a_model_says_what_can_be_planned() {
    let mut trainer = classifier();
    trainer.fit(&mut each::<f64>(&mut rng(1)), &Samples::new(series(10), classes(10))).unwrap();
    let used = trainer.plan_use();
    assert!(used.planned == 0 && used.recorded > 0, "{used}");
    says(used.to_string(), &["the inputs or the targets of a batch are not one matrix or classes"]);

    let net = Linear { weight: Param::new(some::<f64>(3, 2, 1)), bias: None };
    let mut trainer = classifier();
    trainer.fit(&mut net.clone(), &Samples::new(some(2, 10, 2), classes(10))).unwrap();
    assert_eq!((trainer.plan_use().planned, trainer.plan_use().recorded), (2, 2));
}
