//! A rank that fails or does not fit ends all of them, with its reason.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use nn::data::Sampler;
use nn::loss::CrossEntropy;
use nn::parallel::Parallel;
use nn::ranks::{Ranks, ThreadRanks, Values, ValuesMut, on_threads};
use nn::train::{Batches, TrainError, Trainer};
use nn::{Activation, Adam};

use super::{Batch, Kind, Of, Settings, data, file, net, plain, run_in, trainer};
use crate::{folder, rng};
use nn::data::Dataset;

/// Data that panic when a sample is asked for.
struct Failing<'d> {
    data: &'d Dataset<f32>,
    rank: usize,
    asked: AtomicUsize,
    after: usize,
}

impl Batches for Failing<'_> {
    type Batch = Batch;
    fn len(&self) -> usize {
        self.data.len()
    }
    fn batch(&self, samples: &[usize]) -> Batch {
        let asked = self.asked.fetch_add(samples.len(), Ordering::Relaxed);
        assert!(self.rank != 1 || asked < self.after, "the disk of rank 1 is gone");
        self.data.batch(samples)
    }
}

#[test]
fn a_rank_that_fails_ends_all_and_leaves_a_whole_checkpoint() {
    // Of three shards, each rank runs one.
    let settings = Settings { shard: 14, ..plain(Kind::WithLoss) };
    let (data, watched, file) = (data(100), data(50), file("failed"));
    let whole = run_in(&settings, &data, &watched, &file, None, None);
    for (after, overlaps) in [0, 1, 20, 45, 60].into_iter().flat_map(|after| [(after, false), (after, true)]) {
        let _ = fs::remove_file(&file);
        let errors = on_threads(3, |world| {
            let failing = Failing { data: &data, rank: world.rank(), asked: AtomicUsize::new(0), after };
            let fit = || {
                let settings = Settings { overlaps, ..settings };
                let mut trainer = trainer(&settings, &watched).checkpoint(&file).checkpoint_every(1).ranks(world);
                trainer.fit(&mut net(), &failing).map(drop)
            };
            catch_unwind(AssertUnwindSafe(fit)).ok().map(|result| result.unwrap_err().to_string())
        });
        let of_others = "rank 1: it panicked, and has said why".to_owned();
        assert_eq!(errors, [Some(of_others.clone()), None, Some(of_others)], "after {after}");
        // The data are read again without the failure.
        assert_eq!(run_in(&settings, &data, &watched, &file, Some(2), None), whole, "after {after}");
    }
}

fn fit_errors(size: usize, change: impl for<'a> Fn(Of<'a>, &'a ThreadRanks) -> Of<'a> + Sync) -> Vec<String> {
    let watched = data(50);
    on_threads(size, |world| {
        let trainer = trainer(&plain(Kind::WithLoss), &watched);
        change(trainer, world).ranks(world).fit(&mut net(), &data(100)).unwrap_err().to_string()
    })
}

#[test]
fn ranks_with_other_settings_or_models_are_named() {
    let errors = fit_errors(3, |trainer, world| if world.rank() == 2 { trainer.seed(6) } else { trainer });
    assert!(
        errors.iter().all(|error| error.starts_with("rank 2: it has other settings") && error.contains("order of the")),
        "{errors:?}"
    );
    let errors = fit_errors(3, |trainer, world| if world.rank() == 1 { trainer.epochs(7) } else { trainer });
    assert!(errors.iter().all(|error| error.contains("rank 1") && error.contains("7 epochs")), "{errors:?}");
    let sends = |rank: usize| rank == 1;
    let errors = fit_errors(2, |trainer, world| trainer.send_while_sweeping(sends(world.rank())));
    assert!(
        errors.iter().all(|error| error.contains("rank 1") && error.contains("sends while it sweeps")),
        "{errors:?}"
    );
    // Whether a rank writes events, and how often, decides which calls it makes.
    let path = folder("ranks-board");
    let errors = fit_errors(2, |trainer, world| if world.rank() == 0 { trainer.tensorboard(&path) } else { trainer });
    assert!(
        errors.iter().all(|error| error.contains("rank 1") && error.contains("events for TensorBoard")),
        "{errors:?}"
    );
    let every = |rank: usize| 2 + rank as u64;
    let errors = fit_errors(2, |trainer, world| trainer.tensorboard(&path).tensorboard_every(every(world.rank())));
    assert!(
        errors.iter().all(|error| error.contains("rank 1") && error.contains("events for TensorBoard")),
        "{errors:?}"
    );
    let errors = on_threads(2, |world| {
        let sizes = [[3, 4, 2], [3, 5, 2]][world.rank()];
        let mut net: nn::Mlp<f32> = nn::Mlp::new(&sizes, Activation::Tanh, &mut rng(1));
        let mut trainer = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.1)).ranks(world);
        trainer.fit(&mut net, &data(100)).unwrap_err().to_string()
    });
    assert!(
        errors.iter().all(|error| error.contains("rank 1") && error.contains("layers.0.weight of 5 × 3")),
        "{errors:?}"
    );
}

#[test]
fn an_error_of_one_rank_is_an_error_of_all() {
    let watched = data(50);
    let errors = on_threads(3, |world| {
        let mut data = data(100);
        if world.rank() == 2 {
            data.x[(1, 4)] = f32::NAN;
        }
        let mut trainer = trainer(&plain(Kind::WithLoss), &watched).ranks(world);
        trainer.fit(&mut net(), &data).unwrap_err().to_string()
    });
    assert!(errors[2].starts_with("the training set has NaN"), "{errors:?}");
    assert!(errors[..2].iter().all(|error| error.starts_with("rank 2: the training set has NaN")), "{errors:?}");
    // Only rank 0 writes, so only its folder must exist.
    let path = folder("ranks-none").join("none/at/all");
    let errors = fit_errors(2, |trainer, _| trainer.checkpoint(&path));
    assert!(errors[0].starts_with("checkpoint") && errors[1].starts_with("rank 0: checkpoint"), "{errors:?}");
}

#[test]
fn all_ranks_name_the_parameters_where_a_loss_diverged() {
    let mut data = data(40);
    data.x[(0, 39)] = 3e38;
    data.x[(1, 39)] = 3e38;
    let errors = on_threads(4, |world| {
        let trainer: Of = Trainer::with_loss(CrossEntropy::default().into(), Adam::new(0.02));
        let trainer = trainer.sampler(Sampler::sequential(40, 40)).parallel(Parallel::mean().shards_of(10)).quiet();
        trainer.freeze("at_times").ranks(world).fit(&mut net(), &data).unwrap_err()
    });
    let named = |error: &TrainError| match error {
        TrainError::Diverged { parameters, step: 1, .. } => parameters.clone(),
        other => panic!("{other}"),
    };
    let names = named(&errors[0]);
    assert!(!names.is_empty() && errors.iter().all(|error| named(error) == names), "{names:?}");
}

#[test]
fn threads_that_do_not_fit_together_get_errors() {
    let gather = |world: &ThreadRanks, own: usize| {
        let mut lengths = vec![1; world.size()];
        lengths[world.rank()] = own;
        let mut all = vec![0; lengths.iter().sum()];
        world.all_gather(ValuesMut::Bytes(&mut all), &lengths).map_err(|error| error.to_string())
    };
    let results = on_threads(2, |world| if world.rank() == 0 { gather(world, 1) } else { Ok(()) });
    assert_eq!(results[0], Err("rank 1: it has ended, and others wait for it".to_owned()));
    let results = on_threads(2, |world| match world.rank() {
        0 => gather(world, 1),
        _ => {
            let into = ValuesMut::Bytes(&mut [0; 2]);
            world.all_to_all(Values::Bytes(&[1, 2]), &[1, 1], into, &[1, 1]).map_err(|error| error.to_string())
        }
    });
    assert!(results[0].as_ref().unwrap_err().starts_with("rank 1: it made another call"), "{results:?}");
    let results = on_threads(2, |world| gather(world, 1 + world.rank()));
    let error = results[0].as_ref().unwrap_err();
    assert!(error.starts_with("rank 1: it gave 2 values, and 1 were expected"), "{error}");
    let parts = on_threads(3, |world| {
        let values: Vec<f64> = (0..3).flat_map(|to| vec![(10 * world.rank() + to) as f64; to]).collect();
        let mut into = vec![0.0; 3 * world.rank()];
        world.all_to_all(Values::F64(&values), &[0, 1, 2], ValuesMut::F64(&mut into), &[world.rank(); 3]).unwrap();
        into
    });
    assert_eq!(parts, [vec![], vec![1.0, 11.0, 21.0], vec![2.0, 2.0, 12.0, 12.0, 22.0, 22.0]]);
}
