//! What can be wrong with a file of an array.

use std::io;

use crate::atomic::cannot_read;

/// Why a file is not an array: which file and byte, what was found, what was expected, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The file does not exist or cannot be read.
    #[error("{}", cannot_read(.file, .source))]
    Read {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{file}: cannot be written: {source}; check that its folder exists and that there is room")]
    Write {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something in the file is not what it must be.
    #[error("{file}, byte {byte}: found {found}, expected {expected}; {advice}")]
    Malformed {
        /// The file.
        file: String,
        /// Where, counted from 0.
        byte: u64,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
        /// What to do.
        advice: &'static str,
    },
    /// The file ends too early.
    #[error(
        "{file}, byte {byte}: found the end of the file, expected {expected} bytes by what its header says; \
         copy the file again in full"
    )]
    Truncated {
        /// The file.
        file: String,
        /// Where it ends.
        byte: u64,
        /// Where it was to end by what its header says.
        expected: u64,
    },
    /// A label is no class.
    #[error(
        "entry {index}: found {found}, expected a class, an integer from 0 to 65535; \
         check that the array holds labels"
    )]
    BadClass {
        /// The number of the entry, from 0.
        index: usize,
        /// What it is.
        found: f64,
    },
}

autograd::debug_as_display!(ArrayError);
