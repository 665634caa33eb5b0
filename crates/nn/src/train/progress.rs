//! The progress of a training run, printed as a table whose lines have at most 80 columns.

use std::time::{Duration, Instant};

use super::plan::{Plan, VALIDATION};
use super::{End, Progress, Trainer};
use crate::{Module, Real};

impl<'a, T: Real, M: Module<T>, B> Trainer<'a, T, M, B> {
    /// Prints a line to the standard error stream every `epochs` epochs and after the last one. It shows the epoch, the remaining time, the
    /// training loss and the learning rate, and as many of the following as fit into 80 columns: one metric of the validation set, the
    /// validation loss, and the same metric of the other [watched](Trainer::watch) sets. Without validation, the first watched set takes
    /// its place. The metric is the [monitored](Trainer::monitor) one, or else the first. The [history](super::Trained::history) has all
    /// metrics. If the run ends before its last epoch, another line says why. A further line says why steps were recorded, if a trainer
    /// [with a loss](Trainer::with_loss) could not [plan](Trainer::plan_use) them.
    ///
    /// ```text
    /// epoch  time left     loss  validation loss  accuracy       lr
    /// 10/40        12s   0.3121           0.3302    0.9012   0.0075
    /// 20/40         8s   0.1205           0.1410    0.9589   0.0050
    /// 23/40         0s   0.1191           0.1415    0.9581   0.0043
    /// stopped early: best validation loss 0.1409 in epoch 18, 5 epochs ago
    /// ```
    ///
    /// With two watched sets, here called `train` and `test`, the metric of both is shown:
    ///
    /// ```text
    /// epoch  time left     loss  train loss  train accuracy  test accuracy       lr
    /// 10/40        12s   0.3121      0.3005          0.9123         0.9012   0.0075
    /// ```
    ///
    /// ```
    /// # use nn::{Activation, Adam, Matrix, Mlp, data::Dataset, loss::Loss, train::Trainer};
    /// # use rand::{SeedableRng, rngs::ChaCha8Rng};
    /// # let data = Dataset::new(Matrix::from_fn(1, 64, |_, n| n as f64 / 64.0), Matrix::from_fn(1, 64, |_, n| (n % 2) as f64));
    /// # let mut net = Mlp::new(&[1, 4, 1], Activation::Tanh, &mut ChaCha8Rng::seed_from_u64(1));
    /// Trainer::with_loss(Loss::Mse, Adam::new(0.01)).epochs(20).print_every(10).fit(&mut net, &data)?; // three lines
    /// # Ok::<(), nn::train::TrainError>(())
    /// ```
    ///
    /// With the feature `progress`, a trainer that is not [quiet](Trainer::quiet) prints by default. On a terminal it updates a single
    /// line; elsewhere it prints about ten lines in all.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn print_every(mut self, epochs: usize) -> Self {
        assert!(epochs > 0, "print_every: a line every 0 epochs; give 1 or more");
        self.plan.print_every = Some(epochs);
        self
    }

    /// Shows no progress except what [`print_every`](Trainer::print_every) asks for, and no warnings on the terminal.
    pub fn quiet(mut self) -> Self {
        self.plan.quiet = true;
        self
    }
}

/// Lines on the standard error stream.
pub(super) struct Printer {
    /// The number of epochs between lines; `None` if one line is overwritten on a terminal.
    every: Option<usize>,
    columns: Vec<Column>,
    begin: Instant,
    /// The number of epochs that were completed before this run.
    before: Option<usize>,
    /// The time and the epoch of the last printed line.
    last: Option<(Instant, usize)>,
}

/// A column of the table: its title, its width, and what it shows.
struct Column {
    title: String,
    width: usize,
    shows: Shows,
}

enum Shows {
    Epoch,
    TimeLeft,
    Curve(String),
}

const LEARNING_RATE: &str = "learning_rate";
/// The groups of columns between the training loss and the learning rate.
const LOSSES: usize = 1;
const METRICS: usize = 2;
/// The largest width of a line.
const LINE: usize = 80;
/// The length of a number such as -1.25e-100.
const LONGEST: usize = 10;
/// The space between two columns.
const GAP: usize = 2;
/// The largest width of a title.
const WIDEST: usize = 16;
/// The largest number of digits for which the number of epochs is shown.
const DIGITS: usize = 7;
/// The shortest time between two updates of a line.
const BLINK: Duration = Duration::from_millis(50);

impl Printer {
    /// `None` if nothing is to be printed.
    pub fn new<T: Real>(plan: &Plan<'_, T>) -> Option<Self> {
        let every = match plan.print_every {
            _ if !plan.is_first() => return None,
            Some(epochs) => Some(epochs),
            None if plan.quiet || !cfg!(feature = "progress") => return None,
            None if std::io::IsTerminal::is_terminal(&std::io::stderr()) => None,
            None => Some(plan.epochs.div_ceil(10).max(1)),
        };
        let begin = Instant::now();
        Some(Printer { every, columns: columns(plan), begin, before: None, last: None })
    }

    /// Shows a completed epoch, if it is due.
    pub fn show(&mut self, progress: &Progress<'_>, ended: bool) {
        let now = Instant::now();
        self.before.get_or_insert(progress.epoch - 1);
        let due = match (self.every, self.last) {
            (Some(every), _) => progress.epoch.is_multiple_of(every),
            (None, last) => last.is_none_or(|(then, _)| now - then >= BLINK),
        };
        if due {
            self.print(progress, now, ended);
        }
    }

    /// Shows the last epoch, unless it was shown already, and then these lines.
    pub fn finish(&mut self, progress: &Progress<'_>, lines: &[String]) {
        if self.before.is_none() {
            return;
        }
        if self.last.is_none_or(|(_, epoch)| epoch < progress.epoch) {
            self.print(progress, Instant::now(), true);
        }
        for line in lines {
            match self.every {
                Some(_) => eprintln!("{line}"),
                None => eprint!("\n{line}"),
            }
        }
    }

    /// The prefix of a line that does not show progress.
    pub fn aside(&self) -> &'static str {
        if self.every.is_none() && self.last.is_some() { CLEAR } else { "" }
    }

    fn print(&mut self, progress: &Progress<'_>, now: Instant, ended: bool) {
        let titles = self.columns.iter().map(|column| format!("{:>1$}", column.title, column.width));
        if self.last.is_none() {
            eprintln!("{}", titles.collect::<Vec<_>>().join(&" ".repeat(GAP)));
        }
        let done = progress.epoch - self.before.unwrap_or(0).min(progress.epoch);
        let of_epoch = (now - self.begin).as_secs_f64() / done.max(1) as f64;
        let left = if ended { 0.0 } else { of_epoch * progress.epochs.saturating_sub(progress.epoch) as f64 };
        let line = line(&self.columns, progress, left);
        match self.every {
            Some(_) => eprintln!("{line}"),
            None => eprint!("{CLEAR}{line}"),
        }
        self.last = Some((now, progress.epoch));
    }
}

/// Why a run ended before all its epochs, in at most 80 columns. `best` is the best score of the curve and its epoch.
pub(super) fn why(end: Option<End>, epoch: usize, curve: &str, best: Option<(f64, usize)>) -> Option<String> {
    let curve = shortened(&curve.replace('_', " "));
    let epochs = |count: usize| format!("{count} epoch{}", if count == 1 { "" } else { "s" });
    match (end?, best) {
        (End::Epochs, _) => None,
        (End::EarlyStopping, None) => Some(format!("stopped early: {curve} was never a finite number")),
        (End::EarlyStopping, Some((score, best))) => {
            Some(format!("stopped early: best {curve} {} in epoch {best}, {} ago", number(score), epochs(epoch - best)))
        }
        (End::Callback, _) => Some(format!("stopped by a callback after {}", epochs(epoch))),
        (End::Interrupted, _) => Some(format!("interrupted after {}", epochs(epoch))),
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        if self.every.is_none() && self.last.is_some() {
            eprintln!();
        }
    }
}

/// Moves to the beginning of the line and clears it.
const CLEAR: &str = "\r\x1b[K";

/// The columns, as many as fit: the epoch, the time left, the training loss and the learning rate; one metric, the loss of the validation
/// set, the same metric of the other sets, and the loss of the first other set, if there is none for validation.
fn columns<T: Real>(plan: &Plan<'_, T>) -> Vec<Column> {
    let steering = plan.steering().0;
    let curve = |set: &str, of: &str| format!("{set}_{of}");
    let first = plan.sets().find(|set| *set == VALIDATION).or_else(|| plan.sets().next());
    let alone = plan.sets().count() == 1;
    let measured = || plan.sets().flat_map(|set| plan.metrics.iter().map(move |metric| (set, metric)));
    let steers = measured().find(|(set, metric)| curve(set, metric) == steering);
    let shown = steers.or_else(|| Some((first?, plan.metrics.first()?)));
    // Of the set for validation, and of a set that is the only one, the name of a metric is enough.
    let title = |(set, metric): (&str, &str)| match set == VALIDATION || alone {
        true => metric.to_owned(),
        false => curve(set, metric),
    };
    let metric = |(set, metric): (&str, &str)| (METRICS, title((set, metric)), curve(set, metric));
    let others =
        shown.iter().flat_map(|&(of, metric)| plan.sets().filter(move |set| *set != of).map(move |set| (set, metric)));
    let loss = |is_validation: bool| {
        let set = first.filter(|set| (*set == VALIDATION) == is_validation);
        set.map(|set| (LOSSES, curve(set, "loss"), curve(set, "loss")))
    };
    let wanted = shown.map(|(set, of)| metric((set, of))).into_iter().chain(loss(true));
    let wanted = wanted.chain(others.map(|(set, of)| metric((set, of)))).chain(loss(false));

    let column = |title: &str, shows: Shows| {
        let title = shortened(&title.replace('_', " "));
        let least = match (&shows, digits(plan.epochs)) {
            (Shows::Epoch, digits @ ..=DIGITS) => 2 * digits + 1,
            (Shows::Epoch, _) => DIGITS,
            _ => 7,
        };
        Column { width: title.chars().count().max(least), title, shows }
    };
    let loss = column("loss", Shows::Curve("loss".to_owned()));
    let rate = column("lr", Shows::Curve(LEARNING_RATE.to_owned()));
    let mut groups =
        [vec![column("epoch", Shows::Epoch), column("time left", Shows::TimeLeft), loss], vec![], vec![], vec![rate]];
    let mut used: usize = groups.iter().flatten().map(|column| column.width + GAP).sum();
    for (group, title, curve) in wanted {
        let column = column(&title, Shows::Curve(curve));
        let room = column.width.max(LONGEST);
        if used + room <= LINE {
            used += room + GAP;
            groups[group].push(column);
        }
    }
    groups.into_iter().flatten().collect()
}

fn shortened(title: &str) -> String {
    match title.chars().count() > WIDEST {
        true => title.chars().take(WIDEST - 1).chain(['…']).collect(),
        false => title.to_owned(),
    }
}

fn digits(epochs: usize) -> usize {
    epochs.to_string().len()
}

/// `left` is in seconds.
fn line(columns: &[Column], progress: &Progress<'_>, left: f64) -> String {
    let cells = columns.iter().map(|Column { width, shows, .. }| {
        let text = match shows {
            Shows::Epoch if digits(progress.epochs) > DIGITS => progress.epoch.to_string(),
            Shows::Epoch => format!("{}/{}", progress.epoch, progress.epochs),
            Shows::TimeLeft => time(left),
            Shows::Curve(curve) => progress.history.last(curve).map_or(String::new(), number),
        };
        format!("{text:>width$}")
    });
    cells.collect::<Vec<_>>().join(&" ".repeat(GAP))
}

/// A number with five digits, or with three digits and a power of ten.
fn number(x: f64) -> String {
    match x.abs() {
        size if size != 0.0 && !(1e-3..1e4).contains(&size) && x.is_finite() => format!("{x:.2e}"),
        size => format!("{x:.*}", 4 - (size.max(1.0).log10() as usize).min(4)),
    }
}

/// A duration in words; empty above 100 000 hours.
fn time(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        360_000_000.. => String::new(),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}
