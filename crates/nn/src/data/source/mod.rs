//! Where data comes from: tables as CSV, arrays of NumPy and MNIST.

mod array;
#[cfg(feature = "csv")]
mod csv;

pub use self::array::{Array, ArrayChunks, ArrayError, ArrayReader, read_idx, read_npy, write_npy};
#[cfg(feature = "npz")]
pub use self::array::{read_npz, read_npz_at_most, write_npz};
#[cfg(feature = "csv")]
pub use self::csv::{
    Csv, CsvError, DatePart, Encoder, Encoding, Feature, Header, Missing, Place, Table, TableChunks, TableRow, Unknown,
    read_csv,
};
