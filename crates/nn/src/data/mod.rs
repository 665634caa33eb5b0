//! Data: reading, encoding, splitting, sampling, and maps of features that are saved with the model.
//!
//! | from | by | to |
//! |---|---|---|
//! | CSV of numbers with a class in the last column | [`Csv::read`] | [`Dataset`] |
//! | CSV of any columns | [`Csv::table`], [`Encoding`] | [`Table`], [`Encoder`], [`Dataset`] |
//! | NPY, NPZ, IDX | [`read_npy`], `read_npz` (feature `npz`), [`read_idx`] (feature `gz` for compressed ones) | [`Array`] |
//! | files larger than memory | [`Csv::chunks`], [`ArrayReader::chunks`], [`shuffle_chunks`] | parts of these |
//! | samples | [`random_split`], [`stratified_split`], [`k_fold`] and variants | their indices in each part |
//! | tables | [`Pipeline`](crate::pipeline::Pipeline) | answers |
//! | series, graphs, several matrices | [`Samples`] | inputs and targets of a [`Model`](crate::Model) |
//! | samples | [`Sampler`], [`minibatches`] | their indices in each minibatch |
//! | features | [`Preprocessing`] of [`Standardize`] (each feature, or [all alike](Standardize::fit_shared)), [`MinMax`], [`Pca`], [`Zca`] | features |
//!
//! ```
//! use nn::data::{Csv, Standardize, minibatches, stratified_split};
//! use rand::SeedableRng;
//!
//! let file = "length,width,kind\n4.9,1.8,oak\n1.4,0.2,elm\n5.1,1.9,oak\n1.3,0.3,elm\n5.0,2.0,oak\n1.5,0.2,elm\n";
//! let data = Csv::new().from_reader::<f32>(file.as_bytes(), "leaves.csv")?;
//! assert_eq!((data.features(), data.len()), (2, 6));
//! assert_eq!(data.target_names, ["elm", "oak"]);
//!
//! let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
//! let (train, test) = stratified_split(&data.t, 0.67, &mut rng);
//! let (mut train, mut test) = (data.select(&train), data.select(&test));
//!
//! let standardize = Standardize::fit(&train.x); // fitted to the training set only
//! train.x = standardize.apply(&train.x);
//! test.x = standardize.apply(&test.x);
//!
//! for batch in minibatches(train.len(), 3, &mut rng) {
//!     let (x, t) = train.batch(&batch);
//!     assert_eq!((x.cols(), t.len()), (batch.len(), batch.len()));
//! }
//! # Ok::<(), nn::data::CsvError>(())
//! ```

// One-way dependencies: sources make samples, and maps know neither.
mod maps;
mod samples;
mod source;

pub use self::maps::{
    Components, Covariance, Fitted, MinMax, Pca, Preprocessing, PreprocessingStep, Standardize, Summary, Zca,
};
pub use self::samples::{
    Dataset, Inputs, Minibatches, NotFinite, Sample, Sampler, Samples, ShuffledChunks, Targets, group_k_fold, k_fold,
    minibatches, random_split, shuffle_chunks, stratified_k_fold, stratified_split,
};
pub(crate) use self::samples::{first_not_finite, nan_or_infinite};
pub use self::source::{Array, ArrayChunks, ArrayError, ArrayReader, read_idx, read_npy, write_npy};
#[cfg(feature = "csv")]
pub use self::source::{
    Csv, CsvError, DatePart, Encoder, Encoding, Feature, Header, Missing, Place, Table, TableChunks, TableRow, Unknown,
    read_csv,
};
#[cfg(feature = "npz")]
pub use self::source::{read_npz, read_npz_at_most, write_npz};
