//! Parameters by name, with the names and layout of PyTorch.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path as FilePath;

use autograd::compiled_once;
use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo, View};

use super::sound::Distinct;
use super::{LoadError, Misfit, Position, SaveError, finite_params, name};
use crate::module::Walk;
use crate::{Axes, Matrix, Module, Param, Path, Real, atomic};

/// Writes the parameters and buffers of a model as safetensors, like [`Safetensors`] without options.
///
/// # Errors
/// Under the same conditions as [`Safetensors::save`].
pub fn save_safetensors<T: Real, M: Module<T> + ?Sized>(
    path: impl AsRef<FilePath>,
    model: &M,
) -> Result<(), SaveError> {
    Safetensors::new().save(path, model)
}

/// Reads the parameters and buffers of a model from safetensors, like [`Safetensors`] without options.
///
/// # Errors
/// Under the same conditions as [`Safetensors::load`]. The model is then unchanged.
pub fn load_safetensors<T: Real, M: Module<T> + ?Sized>(
    path: impl AsRef<FilePath>,
    model: &mut M,
) -> Result<(), LoadError> {
    Safetensors::new().load(path, model)
}

/// Exchanges parameters with PyTorch and others through a [safetensors](https://github.com/huggingface/safetensors) file.
/// Its options map names that differ.
///
/// A tensor has the name of the parameter, such as `0.weight`. A matrix has the shape `[rows, columns]`. A matrix with one
/// column has the shape `[rows]`, unless its field is [marked](Axes) like the weights of [`Linear`](crate::Linear). Tensors are stored
/// row by row, matrices column by column. So a [`Sequential`](crate::Sequential) is a `torch.nn.Sequential`:
///
/// ```
/// use nn::{Activation, Init, Linear, Sequential, load_safetensors, save_safetensors};
/// # use rand::SeedableRng;
/// # let rng = &mut rand::rngs::ChaCha8Rng::seed_from_u64(0);
/// # let folder = std::env::temp_dir().join(format!("nn-safetensors-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("net.safetensors");
/// let mut net: Sequential<f32> =
///     Sequential::new().then(Linear::new(4, 16, Init::He, rng)).then(Activation::Relu).then(Linear::new(16, 3, Init::He, rng));
/// save_safetensors(&path, &net)?; // torch: net.load_state_dict(safetensors.torch.load_file(path))
/// load_safetensors(&path, &mut net)?; // torch: safetensors.torch.save_file(net.state_dict(), path)
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An [`Mlp`](crate::Mlp) does not number its activations. Here it is the part `encoder` of the file:
///
/// ```no_run
/// use nn::persist::Safetensors;
/// # let rng = &mut <rand::rngs::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0);
/// # let mut net: nn::Mlp<f32> = nn::Mlp::new(&[4, 16, 3], nn::Activation::Relu, rng);
/// let named = Safetensors::new().prefix("encoder.").rename(|name| {
///     let mut parts = name.split('.'); // layers.1.weight is 2.weight there
///     let (layer, rest) = (parts.nth(1).unwrap(), parts.next().unwrap());
///     format!("{}.{rest}", 2 * layer.parse::<usize>().unwrap())
/// });
/// named.load("transformer.safetensors", &mut net)?;
/// # Ok::<(), nn::LoadError>(())
/// ```
#[derive(Default)]
pub struct Safetensors<'f> {
    prefix: String,
    rename: Option<Rename<'f>>,
    ignore_extra: bool,
}

type Rename<'f> = Box<dyn Fn(&str) -> String + 'f>;

impl<'f> Safetensors<'f> {
    /// The names of exactly the parameters.
    pub fn new() -> Self {
        Safetensors::default()
    }

    /// The prefix of the names in the file, such as `encoder.`. Tensors whose names do not begin with it are ignored.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Maps the name of a parameter to its name in the file (after the prefix). Two parameters may have the same name there; they must
    /// be equal when they are saved.
    pub fn rename(mut self, rename: impl Fn(&str) -> String + 'f) -> Self {
        self.rename = Some(Box::new(rename));
        self
    }

    /// Ignores tensors for which the model has no parameter. `num_batches_tracked` of PyTorch's batch normalisation is
    /// always ignored.
    pub fn ignore_extra(mut self) -> Self {
        self.ignore_extra = true;
        self
    }

    /// Writes all parameters and buffers of the model atomically, like [`save`](super::save).
    ///
    /// # Errors
    /// If a parameter is NaN or infinite; if two different ones get the same name; or if the file cannot be written.
    pub fn save<T: Real, M: Module<T> + ?Sized>(&self, path: impl AsRef<FilePath>, model: &M) -> Result<(), SaveError> {
        save(self, path.as_ref(), &mut |f| model.params(&Path::Root, f))
    }

    /// Reads all parameters and buffers of the model. Tensors of `F64`, `F32`, `F16` and `BF16` are converted to its
    /// number type. A tensor for a single number, column or row may have any shape with the right number of entries.
    ///
    /// # Errors
    /// If the file cannot be read or is not a safetensors file. All names that are missing or extra, all shapes and
    /// types that differ, and numbers that are too large for the number type are reported in one error. The model is then unchanged.
    pub fn load<T: Real, M: Module<T> + ?Sized>(
        &self,
        path: impl AsRef<FilePath>,
        model: &mut M,
    ) -> Result<(), LoadError> {
        let mut values = read_values(self, path.as_ref(), &mut |f| model.params(&Path::Root, f))?.into_iter();
        model.params_mut(&Path::Root, &mut |_, param: &mut Param<T>| {
            *param.value_mut() = values.next().expect("as many as parameters");
        });
        Ok(())
    }

    fn name(&self, path: &Path<'_>) -> String {
        let name = path.to_string();
        let name = self.rename.as_ref().map_or(name.clone(), |rename| rename(&name));
        self.prefix.clone() + &name
    }
}

#[compiled_once]
fn save<'w, 'm: 'w, T: Real>(
    options: &Safetensors<'_>,
    path: &FilePath,
    params: Walk<'w, 'm, T>,
) -> Result<(), SaveError> {
    let file = name(path);
    finite_params(&mut *params, &file)?;
    let (mut tensors, mut twice) = (BTreeMap::new(), None);
    params(&mut |path, param| {
        let (name, tensor) = (options.name(path), Tensor::new(param.value(), path.axes()));
        if tensors.get(&name).is_some_and(|other| *other != tensor) {
            twice.get_or_insert(name);
        } else {
            tensors.insert(name, tensor);
        }
    });
    if let Some(name) = twice {
        return Err(SaveError::SameName { file, name });
    }
    // The libraries of Hugging Face require it.
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(tensors, Some(metadata))
        .map_err(|source| SaveError::Safetensors { file: file.clone(), source: Box::new(source) })?;
    atomic::write(path, &bytes).map_err(|source| SaveError::Write { file, source })
}

/// The value of every parameter.
#[compiled_once]
fn read_values<'w, 'm: 'w, T: Real>(
    options: &Safetensors<'_>,
    path: &FilePath,
    params: Walk<'w, 'm, T>,
) -> Result<Vec<Matrix<T>>, LoadError> {
    let file = name(path);
    let failed = |source| LoadError::Read { file: file.clone(), source };
    let mut source = File::open(path).map_err(failed)?;
    let (start, metadata) = header(&mut source, &file)?;

    let (mut misfits, mut places, mut used) = (Vec::new(), Vec::new(), HashSet::new());
    params(&mut |path, param| {
        let place = Place { name: options.name(path), shape: param.value().shape(), axes: path.axes() };
        used.insert(place.name.clone());
        misfits.extend(place.misfit(metadata.info(&place.name)));
        places.push(place);
    });
    let mut names = metadata.offset_keys();
    names.sort();
    for name in names.into_iter().filter(|name| !used.contains(name)) {
        let foreign = !name.starts_with(&options.prefix) || name.ends_with("num_batches_tracked");
        if !foreign && !options.ignore_extra {
            misfits.push(Misfit::Extra { name });
        }
    }

    let mut values = Vec::with_capacity(places.len());
    if misfits.is_empty() {
        for place in &places {
            let info = metadata.info(&place.name).expect("no misfit");
            let bytes = read(&mut source, start, info).map_err(failed)?;
            place.matrix(info.dtype, &bytes).map_or_else(|misfit| misfits.push(misfit), |value| values.push(value));
        }
    }
    if !misfits.is_empty() {
        return Err(LoadError::Tensors { file, misfits });
    }
    Ok(values)
}

/// A parameter, row by row.
#[derive(PartialEq)]
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Tensor {
    fn new<T: Real>(value: &Matrix<T>, axes: Option<Axes>) -> Self {
        let rows = if axes == Some(Axes::Transposed) { value.clone() } else { value.transpose() };
        let numbers = rows.as_slice().iter().map(|x| x.to_f64());
        let (dtype, data) = if size_of::<T>() == 4 {
            (Dtype::F32, numbers.flat_map(|x| (x as f32).to_le_bytes()).collect())
        } else {
            (Dtype::F64, numbers.flat_map(f64::to_le_bytes).collect())
        };
        Tensor { dtype, shape: shape(value.shape(), axes), data }
    }
}

impl View for Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }
    fn data_len(&self) -> usize {
        self.data.len()
    }
}

/// The shape of a parameter in the file.
fn shape((rows, cols): (usize, usize), axes: Option<Axes>) -> Vec<usize> {
    match axes {
        None if cols == 1 => vec![rows],
        None | Some(Axes::Matrix) => vec![rows, cols],
        Some(Axes::Transposed) => vec![cols, rows],
    }
}

/// The destination of a tensor.
struct Place {
    name: String,
    shape: (usize, usize),
    axes: Option<Axes>,
}

impl Place {
    fn misfit(&self, info: Option<&TensorInfo>) -> Option<Misfit> {
        let (name, expected) = (self.name.clone(), shape(self.shape, self.axes));
        let Some(TensorInfo { shape, dtype, .. }) = info else { return Some(Misfit::Missing { name, expected }) };
        let (rows, cols) = self.shape;
        let vector =
            (rows == 1 || cols == 1) && shape.iter().filter(|&&n| n != 1).eq([rows * cols].iter().filter(|&&n| n != 1));
        if *shape != expected && !vector {
            return Some(Misfit::Shape { name, found: shape.clone(), expected });
        }
        match dtype {
            Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16 => None,
            _ => Some(Misfit::Type { name, found: format!("{dtype:?}") }),
        }
    }

    fn matrix<T: Real>(&self, dtype: Dtype, bytes: &[u8]) -> Result<Matrix<T>, Misfit> {
        let numbers = match dtype {
            Dtype::F16 => numbers(bytes, |x| f16::from_le_bytes(x).to_f64()),
            Dtype::BF16 => numbers(bytes, |x| bf16::from_le_bytes(x).to_f64()),
            Dtype::F32 => numbers(bytes, |x| f32::from_le_bytes(x).into()),
            _ => numbers(bytes, f64::from_le_bytes),
        };
        let numbers = numbers.map_err(|value| Misfit::TooLarge { name: self.name.clone(), value })?;
        let (rows, cols) = self.shape;
        Ok(match self.axes {
            Some(Axes::Transposed) => Matrix::from_vec(rows, cols, numbers),
            _ => Matrix::from_vec(cols, rows, numbers).transpose(),
        })
    }
}

/// The numbers, or the first that is too large.
fn numbers<T: Real, const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Result<Vec<T>, f64> {
    let chunks = bytes.as_chunks().0;
    let mut numbers = Vec::with_capacity(chunks.len());
    for &chunk in chunks {
        let (exact, x) = (number(chunk), T::from_f64(number(chunk)));
        if exact.is_finite() && !x.to_f64().is_finite() {
            return Err(exact);
        }
        numbers.push(x);
    }
    Ok(numbers)
}

/// The largest length of a header; `safetensors` has the same limit.
const LONGEST_HEADER: u64 = 100_000_000;

/// The start of the data, and their description. It is checked against the length of the file before it is used.
fn header(source: &mut File, file: &str) -> Result<(u64, Metadata), LoadError> {
    let failed = |source| LoadError::Read { file: file.to_owned(), source };
    let ends = |at| LoadError::Truncated { file: file.to_owned(), at: Position::Byte(at as usize) };
    let damaged = |at: u64, found| {
        let at = Position::Byte(at as usize);
        LoadError::Damaged { file: file.to_owned(), at, found }
    };
    let foreign = |found: String| LoadError::Foreign {
        file: file.to_owned(),
        found,
        expected: "a length and a JSON header; give a file that `save_safetensors` or PyTorch's `save_file` wrote",
    };

    let length = source.metadata().map_err(failed)?.len();
    let mut first = Vec::new();
    source.take(8).read_to_end(&mut first).map_err(failed)?;
    if super::is_binary(&first) || first == br#"{"format"# {
        return Err(foreign("what `save` writes (`load` reads that)".to_owned()));
    }
    if first.starts_with(b"PK\x03\x04") {
        return Err(foreign("a zip archive, such as PyTorch's (save its `state_dict()` by `save_file`)".to_owned()));
    }
    let Ok(n) = first.try_into().map(u64::from_le_bytes) else { return Err(ends(length)) };
    if n > LONGEST_HEADER {
        return Err(foreign(format!("a header of {n} bytes")));
    }
    if n > length.saturating_sub(8) {
        return Err(ends(length));
    }
    let header = read_bytes(source, n as usize).map_err(failed)?;
    let distinct = serde_json::from_slice::<Distinct>(&header);
    let metadata: Metadata = distinct.and_then(|_| serde_json::from_slice(&header)).map_err(|error| {
        let within = if error.line() == 1 { error.column().saturating_sub(1) } else { 0 };
        damaged(8 + within as u64, format!("no header of safetensors: {error}"))
    })?;
    let (start, data) = (8 + n, metadata.data_len() as u64);
    match (length - start).cmp(&data) {
        std::cmp::Ordering::Less => Err(ends(length)),
        std::cmp::Ordering::Equal => Ok((start, metadata)),
        std::cmp::Ordering::Greater => Err(damaged(start + data, "bytes after the end of the tensors".to_owned())),
    }
}

fn read(source: &mut File, start: u64, info: &TensorInfo) -> io::Result<Vec<u8>> {
    let (from, to) = info.data_offsets;
    source.seek(SeekFrom::Start(start + from as u64))?;
    read_bytes(source, to - from)
}

/// Reads that many bytes, if there is memory for them.
fn read_bytes(source: &mut File, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(count)?;
    bytes.resize(count, 0);
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}
