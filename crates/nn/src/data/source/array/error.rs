//! What can be wrong with a file of an array.

use std::{fmt, io};

/// Why a file is not an array: which file and byte, what was found, what was expected, and what to do.
#[non_exhaustive]
pub enum ArrayError {
    /// The file does not exist or cannot be read.
    Read {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file cannot be written.
    Write {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something in the file is not what it must be.
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
    Truncated {
        /// The file.
        file: String,
        /// Where it ends.
        byte: u64,
        /// Where it was to end by what its header says.
        expected: u64,
    },
    /// A label is no class.
    BadClass {
        /// The number of the entry, from 0.
        index: usize,
        /// What it is.
        found: f64,
    },
}

impl fmt::Display for ArrayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArrayError::Read { file, source } if source.kind() == io::ErrorKind::NotFound => {
                write!(f, "{file}: file not found; check the path (a relative one starts at the working directory)")
            }
            ArrayError::Read { file, source } => {
                write!(f, "{file}: cannot be read: {source}; check that it is a file you may read")
            }
            ArrayError::Write { file, source } => {
                write!(f, "{file}: cannot be written: {source}; check that its folder exists and that there is room")
            }
            ArrayError::Malformed { file, byte, found, expected, advice } => {
                write!(f, "{file}, byte {byte}: found {found}, expected {expected}; {advice}")
            }
            ArrayError::Truncated { file, byte, expected } => write!(
                f,
                "{file}, byte {byte}: found the end of the file, expected {expected} bytes by what its header says; \
                 copy the file again in full"
            ),
            ArrayError::BadClass { index, found } => write!(
                f,
                "entry {index}: found {found}, expected a class, an integer from 0 to 65535; check that the array holds \
                 labels"
            ),
        }
    }
}

autograd::debug_as_display!(ArrayError);

impl std::error::Error for ArrayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ArrayError::Read { source, .. } | ArrayError::Write { source, .. } => Some(source),
            _ => None,
        }
    }
}
