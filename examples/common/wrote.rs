//! Prints which files were written, in lines of at most 80 columns.

use std::path::Path;

/// Prints what a file contains, beside its name, or below it if the line would be too long.
pub fn wrote(file: &Path, what: &str) {
    let line = format!("{}   {what}", file.display());
    if line.chars().count() <= 80 { println!("{line}") } else { println!("{}\n    {what}", file.display()) }
}
