//! What the examples of the lecture are told: `--quick` for a short run, `--out FOLDER` for their pictures.

use std::path::PathBuf;

/// What an example was told.
pub struct Options {
    /// Whether to make it short, as in tests.
    pub quick: bool,
    /// Where its pictures go.
    pub out: PathBuf,
}

/// Reads the arguments of the example of this name; its pictures go to `out/NAME` if nothing else is said.
pub fn options(name: &str) -> Options {
    let mut options = Options { quick: false, out: ["out", name].iter().collect() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (&*arg, &mut args) {
            ("--quick", _) => options.quick = true,
            ("--out", rest) if rest.len() > 0 => options.out = rest.next().unwrap_or_default().into(),
            _ => {
                eprintln!("Usage: cargo run --release --example {name} -- [--quick] [--out FOLDER]");
                std::process::exit(if arg == "--help" { 0 } else { 2 });
            }
        }
    }
    options
}
