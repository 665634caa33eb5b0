//! Event files of TensorBoard: scalars, histograms and texts by tag and step. Feature `tensorboard`.
//!
//! A [`Trainer`](crate::train::Trainer::tensorboard) writes them by itself. [`Events`] is for a loop of your own:
//!
//! ```
//! use nn::tensorboard::Events;
//! # let folder = std::env::temp_dir().join(format!("nn-events-{}", std::process::id()));
//! let mut events = Events::begin(&folder, 0)?;
//! events.text("settings", 0, "adam, rate **0.01**")?;
//! for step in 1..=10 {
//!     events.scalar("loss/train", step, 1.0 / step as f64)?;
//!     events.histogram("weights/w", step, [0.5, -1.0, 0.25])?;
//! }
//! events.flush()?;
//! # std::fs::remove_dir_all(folder).unwrap();
//! # Ok::<(), nn::tensorboard::EventsError>(())
//! ```
//!
//! `tensorboard --logdir FOLDER` then shows them, live. It groups tags by the part before the first `/`, and compares the runs that are
//! in folders within one folder.

mod histogram;
mod proto;
mod record;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use proto::{Event, SessionLog, Summary, Value};

/// Appends events to a folder. Each `Events` writes a file of its own, which TensorBoard reads after all older ones in the folder.
pub struct Events {
    file: BufWriter<File>,
    path: PathBuf,
}

/// A file of events that cannot be written.
#[derive(thiserror::Error)]
#[error(
    "{file}: events cannot be written: {source}; check that the folder exists or can be made, that you may write there, and that \
         there is space"
)]
pub struct EventsError {
    /// The file or the folder.
    pub file: String,
    /// Why.
    pub source: io::Error,
}

autograd::debug_as_display!(EventsError);

impl Events {
    /// Begins a new file in a folder, which is made if it does not exist. `step` is the first step that will be written.
    ///
    /// Earlier files in the folder may have events of this step and of later ones, from a run that was killed after its last
    /// checkpoint. TensorBoard then forgets these, so no step is shown twice: the new file begins with a `SessionLog` of the
    /// status `START`, which says so.
    ///
    /// # Errors
    /// If the folder or the file cannot be made.
    pub fn begin(folder: impl AsRef<Path>, step: u64) -> Result<Self, EventsError> {
        let folder = folder.as_ref();
        let created = fs::create_dir_all(folder).and_then(|()| create(folder));
        let (path, file) = created.map_err(|source| EventsError { file: folder.display().to_string(), source })?;
        let mut events = Events { file: BufWriter::new(file), path };
        events.put(Event { file_version: Some("brain.Event:2".to_owned()), ..Event::default() })?;
        let start = SessionLog { status: proto::START };
        events.put(Event { step: number(step), session_log: Some(start), ..Event::default() })?;
        events.flush()?;
        Ok(events)
    }

    /// Writes a number. The file stores it in single precision, as TensorBoard does.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<(), EventsError> {
        self.value(step, Value { tag: tag.to_owned(), simple_value: Some(value as f32), ..Value::default() })
    }

    /// Writes how some numbers are distributed: their count, sum, sum of squares, smallest and largest, and their counts in 30
    /// intervals of equal width. Numbers that are NaN or infinite are left out. If no number is left, nothing is written.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn histogram(
        &mut self,
        tag: &str,
        step: u64,
        numbers: impl IntoIterator<Item = f64>,
    ) -> Result<(), EventsError> {
        match histogram::of(numbers.into_iter().filter(|x| x.is_finite()).collect()) {
            None => Ok(()),
            Some(histo) => self.value(step, Value { tag: tag.to_owned(), histo: Some(histo), ..Value::default() }),
        }
    }

    /// Writes a text in Markdown.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn text(&mut self, tag: &str, step: u64, markdown: &str) -> Result<(), EventsError> {
        self.value(step, Value::text(tag, markdown))
    }

    /// Passes everything that was written to the system, so that TensorBoard sees it and a killed process keeps it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn flush(&mut self) -> Result<(), EventsError> {
        self.file.flush().map_err(|source| EventsError { file: self.path.display().to_string(), source })
    }

    fn value(&mut self, step: u64, value: Value) -> Result<(), EventsError> {
        self.put(Event { step: number(step), summary: Some(Summary { value: vec![value] }), ..Event::default() })
    }

    fn put(&mut self, event: Event) -> Result<(), EventsError> {
        let record = record::framed(&Event { wall_time: now().as_secs_f64(), ..event }.encode_to_vec());
        self.file.write_all(&record).map_err(|source| EventsError { file: self.path.display().to_string(), source })
    }
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn number(step: u64) -> i64 {
    step.try_into().unwrap_or(i64::MAX)
}

const NAME: &str = "events.out.tfevents.";

/// A new file. TensorBoard reads files in the order of their names, so its time is above those of all others, whatever the clock says.
fn create(folder: &Path) -> io::Result<(PathBuf, File)> {
    let time = |name: &str| -> Option<u64> {
        let digits = name.strip_prefix(NAME)?.split('.').next()?;
        digits.parse().ok()
    };
    let mut latest = None;
    for entry in fs::read_dir(folder)? {
        latest = latest.max(entry?.file_name().to_str().and_then(time));
    }
    let mut next = now().as_secs().max(latest.map_or(0, |latest| latest.saturating_add(1)));
    loop {
        let path = folder.join(format!("{NAME}{next:010}.tape-nn"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => next += 1,
            file => return file.map(|file| (path, file)),
        }
    }
}
