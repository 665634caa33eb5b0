//! What files are written, in lines of at most 80 columns.

use std::path::Path;

/// Says what is in a file: beside its name, or below it where that is too long.
pub fn wrote(file: &Path, what: &str) {
    let line = format!("{}   {what}", file.display());
    if line.chars().count() <= 80 { println!("{line}") } else { println!("{}\n    {what}", file.display()) }
}
