//! The options of the lecture examples: `--quick` for a short run, `--out FOLDER` for the pictures.

use std::path::PathBuf;

/// The options of an example.
pub struct Options {
    /// Whether to make the run short, as in tests.
    pub quick: bool,
    /// The folder for its pictures.
    pub out: PathBuf,
}

/// Parses the arguments of the example with this name. The default folder is `out/NAME`.
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
