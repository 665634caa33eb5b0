//! A run on several ranks: what they must have in common, and what they decide together.

use std::ops::Range;

use super::bits::small_step;
use super::objective::{Measured, Objective};
use super::run::Run;
use super::steps::Loop;
use super::{TrainError, Trainer};
use crate::parallel::{Divided, Shard, Total};
use crate::ranks::{
    RankError, Ranks, Reader, WEIGHT, gather, gather_any, gather_parts, gradients, own_shards, put_numbers, put_weight,
    share, take_weight,
};
use crate::{Matrix, Module, Path, Real};

impl<'a, T: Real, M: Module<T>, B> Trainer<'a, T, M, B> {
    /// Trains on several [ranks](crate::ranks), which are processes of one machine or of several. Each of them calls
    /// [`fit`](Trainer::fit) with the same settings, and all end with the same model and history. **Weights, history and checkpoints have the
    /// bits of a run on one thread, for any number of ranks and threads.**
    ///
    /// - The training begins with the weights of rank 0, whatever those of the others are.
    /// - The samples of a step are cut into shards as on one machine, and every rank runs some of them. It asks its [data](super::Batches)
    ///   only for the samples of these, and for its part of the watched sets. So a rank may read samples when they are needed, or have its own part alone.
    ///   [`len`](super::Batches::len) is the number of all samples on every rank. The first eight samples must be on rank 0 if there is a
    ///   checkpoint, which contains their loss. A watched set of more than 1,024 samples is measured whole by the last rank if the loss is made
    ///   of means with different weights.
    /// - Callbacks run on every rank. If one of them, or a request to interrupt, stops a rank after a step or an epoch, all stop there.
    /// - Rank 0 alone prints, and reads and writes the [checkpoint](Trainer::checkpoint), which may be resumed on another number of ranks.
    /// - Before the first step the ranks compare their settings, their models, and the bits of a fixed small step, so processors or versions
    ///   that would give other bits are an error.
    /// - A rank that panics [fails](Ranks::fail), which ends the others. The last checkpoint stays whole.
    pub fn ranks(mut self, world: &'a dyn Ranks) -> Self {
        self.plan.ranks = Some(world);
        self
    }

    /// Whether [ranks](Trainer::ranks) send the gradients of one layer while they sweep the next. By default they send after the sweep.
    ///
    /// A second thread sends them. This pays if the machines are joined by a network and each has a core for this thread, because MPI keeps
    /// the core busy while it waits. If the answers of the ranks differ, `fit` returns an error that names it. Without ranks it
    /// does nothing. It applies to a step in which every rank runs one shard from a plan: see
    /// [`with_loss`](Trainer::with_loss) and [`shards_of`](crate::parallel::Parallel::shards_of). All other steps send after the sweep,
    /// among them the first steps and those that are compared with a recording. The bits are the same.
    pub fn send_while_sweeping(mut self, overlaps: bool) -> Self {
        self.plan.overlaps = overlaps;
        self
    }
}

/// The result if every rank has one; otherwise the error of this rank, or that of the first rank that has one.
pub(super) fn agree<R>(world: Option<&dyn Ranks>, mine: Result<R, TrainError>) -> Result<R, TrainError> {
    let Some(world) = world else { return mine };
    let said = mine.as_ref().err().map_or(String::new(), ToString::to_string);
    let all = gather_any(world, said.as_bytes())?;
    let mine = mine?;
    match all.iter().position(|said| !said.is_empty()) {
        None => Ok(mine),
        Some(rank) => Err(RankError { rank, problem: String::from_utf8_lossy(&all[rank]).into_owned() }.into()),
    }
}

/// Which of several things are so on any rank.
pub(super) fn any<const N: usize>(world: Option<&dyn Ranks>, mine: [bool; N]) -> Result<[bool; N], TrainError> {
    let Some(world) = world else { return Ok(mine) };
    let all = gather(world, &mine.map(u8::from), &vec![N; world.size()])?;
    Ok(std::array::from_fn(|k| all.iter().skip(k).step_by(N).any(|said| *said != 0)))
}

/// Ends the other ranks if this one panics.
pub(super) struct Alarm<'w>(pub Option<&'w dyn Ranks>);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if let (Some(world), true) = (self.0, std::thread::panicking()) {
            world.fail("it panicked, and has said why");
        }
    }
}

impl<T: Real> Loop<'_, '_, T> {
    /// Compares what the ranks must have in common with rank 0.
    ///
    /// # Errors
    /// If a rank differs; on all ranks.
    pub fn check_ranks(&self) -> Result<(), TrainError> {
        let Some(world) = self.plan.ranks else { return Ok(()) };
        let bits = gather_any(world, small_step().as_bytes())?;
        if let Some(rank) = (0..world.size()).find(|rank| bits[*rank] != bits[0]) {
            let [first, other] = [0, rank].map(|rank| String::from_utf8_lossy(&bits[rank]));
            let problem = format!("it would give other bits than rank 0: there is {first}; here is {other}");
            return Err(RankError { rank, problem }.into());
        }
        let all = gather_any(world, &self.common())?;
        let lines = |rank: usize| String::from_utf8_lossy(&all[rank]).into_owned();
        let (first, differing) = (lines(0), (0..world.size()).find(|rank| all[*rank] != all[0]));
        differing.map_or(Ok(()), |rank| {
            let other = lines(rank);
            let (mut was, mut is) = (first.lines(), other.lines());
            let pairs = std::iter::from_fn(|| Some((was.next(), is.next())).filter(|pair| *pair != (None, None)));
            let (was, is) = pairs.into_iter().find(|(was, is)| was != is).unwrap_or_default();
            let [was, is] = [was, is].map(|line| line.unwrap_or("nothing"));
            let problem = format!("it has other settings or another model than rank 0: there is {was}; here is {is}");
            Err(RankError { rank, problem }.into())
        })
    }

    /// The settings and the parameters of the model, one in a line.
    fn common(&self) -> Vec<u8> {
        let plan = &*self.plan;
        let mut lines = vec![format!("{} epochs, numbers {}", plan.epochs, std::any::type_name::<T>())];
        // What decides which calls the ranks make.
        let (optimizer, overlaps) = (&plan.optimizer, plan.overlaps);
        lines.push(format!(
            "optimizer {} {}; each rank makes its part of a step: {}; it sends while it sweeps: {overlaps}",
            optimizer.name(),
            optimizer.settings(),
            optimizer.is_elementwise()
        ));
        self.task.model().params(&Path::Root, &mut |path, param| {
            let (rows, cols) = param.value().shape();
            lines.push(format!("{path} of {rows} × {cols}, {:?}", param.role()).to_lowercase());
        });
        lines.extend(self.config.iter().map(|(name, value)| format!("{name} {value}").replace('\n', " ")));
        #[cfg(feature = "tensorboard")]
        lines.push(format!("events for TensorBoard: {:?}", plan.board.as_ref().map(|board| board.every)));
        #[cfg(feature = "save")]
        {
            let every = plan.checkpoint.as_ref().map(|checkpoint| (checkpoint.every, checkpoint.resume));
            lines.push(format!("checkpoint after steps, resumed: {every:?}"));
        }
        lines.join("\n").into_bytes()
    }

    /// The run and the weights of rank 0, on all ranks.
    pub fn of_first(&mut self, world: &dyn Ranks, run: Run<T>) -> Result<Run<T>, TrainError> {
        let (mut bytes, mut count) = (Vec::new(), 0);
        self.task.model().params(&Path::Root, &mut |_, param| {
            count += size_of_val(param.value().as_slice());
            if world.rank() == 0 {
                put_numbers(&mut bytes, param.value().as_slice());
            }
        });
        let mut lengths = vec![0; world.size()];
        lengths[0] = count;
        let weights = gather(world, &bytes, &lengths)?;
        let mut weights = Reader(&weights);
        self.task.model_mut().params_mut(&Path::Root, &mut |_, param| {
            let value: &mut Matrix<T> = param.value_mut();
            let entries = weights.numbers(value.as_slice().len());
            value.as_mut_slice().copy_from_slice(&entries);
        });
        #[cfg(feature = "save")]
        return self.run_of_first(world, run);
        #[cfg(not(feature = "save"))]
        Ok(run)
    }

    #[cfg(feature = "save")]
    fn run_of_first(&mut self, world: &dyn Ranks, run: Run<T>) -> Result<Run<T>, TrainError> {
        use crate::persist::{Format, from_bytes, to_bytes};
        if any(Some(world), [self.saved.is_some()])? == [false] {
            return Ok(run);
        }
        let bytes =
            if world.rank() == 0 { to_bytes(Format::Binary, &run).map_err(TrainError::Save) } else { Ok(Vec::new()) };
        let bytes = agree(Some(world), bytes)?;
        let run: Run<T> = agree(Some(world), from_bytes(&gather_any(world, &bytes)?[0]).map_err(TrainError::Load))?;
        self.plan.stage(self.task.model_mut(), run.epoch);
        self.saved = Some(run.step);
        Ok(run)
    }

    /// Whether each rank makes its part of the next step. The first step is made by all, because its whole gradients are looked at.
    pub fn divides_step(&self, run: &Run<T>) -> bool {
        self.plan.ranks.is_some() && run.step > 0 && self.plan.optimizer.is_elementwise()
    }

    /// Gives all ranks the weights that each has updated.
    pub fn gather_weights(&mut self) -> Result<(), TrainError> {
        let Some(world) = self.plan.ranks else { return Ok(()) };
        let model = self.task.model_mut();
        let each = &mut |f: &mut dyn FnMut(&mut [T])| {
            model.params_mut(&Path::Root, &mut |_, param| {
                if param.is_trained() {
                    f(param.value_mut().as_mut_slice());
                }
            });
        };
        Ok(gather_parts(world, &self.plan.spare, each)?)
    }

    /// Gives all ranks the moments of the optimizer, if a checkpoint may be written and not all have them.
    pub fn gather_moments(&self, run: &mut Run<T>) -> Result<(), TrainError> {
        match self.plan.ranks {
            Some(world) if self.plan.file().is_some() && self.plan.optimizer.is_elementwise() => {
                Ok(gather_parts(world, &self.plan.spare, &mut |f| run.optimizer.each_moment(f))?)
            }
            _ => Ok(()),
        }
    }

    /// The names of the first rank that has any.
    pub fn first_names(&self, names: Vec<String>) -> Result<Vec<String>, TrainError> {
        let Some(world) = self.plan.ranks else { return Ok(names) };
        let all = gather_any(world, names.join("\n").as_bytes())?;
        let found = all.iter().find(|names| !names.is_empty());
        Ok(found.map_or(Vec::new(), |names| String::from_utf8_lossy(names).lines().map(str::to_owned).collect()))
    }
}

impl<T: Real> Objective<'_, T> {
    /// [`gradients`](Objective::gradients) over all ranks.
    pub fn gradients_over<'s>(
        &self,
        world: &dyn Ranks,
        samples: &'s [usize],
        seed: u64,
        whole: bool,
    ) -> Result<(f64, Total<T>), RankError> {
        let parts: Vec<(&'s [usize], u64)> = self.micro_batches(samples, seed).collect();
        let model = self.task.model();
        let batch = |part: &'s [usize]| move |shard: Shard| self.task.batch(0, &part[shard.samples], Some(shard.seed));
        let batches: Vec<_> = parts.iter().map(|(part, _)| batch(part)).collect();
        let divided = parts.iter().zip(&batches).map(|((part, seed), batch)| Divided {
            parallel: self.parallel,
            model,
            shards: self.parallel.shards(model, part.len(), *seed),
            of_part: parts.len() > 1,
            batch,
        });
        gradients(world, self.overlaps, self.spare, model, &divided.collect::<Vec<_>>(), whole)
    }

    /// Which of `count` parts of a set this rank measures.
    pub fn own(&self, count: usize) -> Range<usize> {
        self.ranks.map_or(0..count, |world| share(count, world.rank(), world.size()))
    }

    /// For each micro-batch, given by its number of shards, which of them this rank runs.
    pub fn own_shards(&self, counts: &[usize]) -> Vec<Range<usize>> {
        match self.ranks {
            None => counts.iter().map(|count| 0..*count).collect(),
            Some(world) => own_shards(world, counts),
        }
    }

    /// All of `count` parts from those that the ranks have measured.
    pub fn of_all(&self, count: usize, own: Vec<Measured>) -> Result<Vec<Measured>, RankError> {
        let Some(world) = self.ranks else { return Ok(own) };
        let sums = 1 + self.metrics;
        let lengths = (0..world.size()).map(|rank| share(count, rank, world.size()).len() * (8 * sums + WEIGHT));
        let mut bytes = Vec::new();
        for (sums, weight) in &own {
            put_numbers(&mut bytes, sums);
            put_weight(&mut bytes, weight);
        }
        let all = gather(world, &bytes, &lengths.collect::<Vec<_>>())?;
        let mut all = Reader(&all);
        Ok((0..count).map(|_| (all.numbers(sums), take_weight(&mut all))).collect())
    }
}
