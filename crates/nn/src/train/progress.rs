//! The progress bar.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::Progress;

/// A bar on the standard error stream.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// None where there is no terminal.
    pub fn new(epochs: usize) -> Option<Self> {
        let style = ProgressStyle::with_template("epoch {pos:>3}/{len} {bar:24.cyan/dim}  {eta:>4}  {msg}");
        let style = style.expect("a valid template").progress_chars("━╸─");
        let bar = || ProgressBar::new(epochs as u64).with_style(style);
        std::io::stderr().is_terminal().then(|| Bar(bar()))
    }

    /// Shows the epoch that is done.
    pub fn show(&self, progress: &Progress<'_>) {
        let curves = progress.history.names().filter(|name| !["step", "learning_rate"].contains(name));
        let say = |name| Some(format!("{} {:.4}", str::replace(name, "_", " "), progress.history.last(name)?));
        self.0.set_message(curves.filter_map(say).collect::<Vec<_>>().join("   "));
        self.0.set_position(progress.epoch as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
