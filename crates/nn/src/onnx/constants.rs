//! Constants of a file: their numbers, in the message or in a file beside it, whose lengths are checked before they are read.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use prost::Message;

use super::OnnxError;
use super::proto::{self, dtype};
use super::read::{MOST_AXES, Node, Nodes, Operand};
use crate::Real;

/// Constants of fewer bytes may be a single number.
const SHORT: usize = 500;

/// The bytes of constants that are read are at most this many times those of the file,
const MOST_READINGS: usize = 16;
/// and this many more.
const FREE_READINGS: usize = 1 << 25;

/// The file that is read, and its folder.
pub struct Place {
    pub file: String,
    pub folder: Option<PathBuf>,
}

impl Place {
    /// The error of a file that is no model.
    pub fn damaged(&self, found: String) -> OnnxError {
        OnnxError::NotOnnx { file: self.file.clone(), found }
    }

    pub fn decoded<M: Message + Default>(&self, bytes: &[u8]) -> Result<M, OnnxError> {
        M::decode(bytes).map_err(|error| self.damaged(error.to_string()))
    }
}

/// A tensor of the file.
pub struct Constant {
    name: String,
    bytes: Vec<u8>,
    /// Its number, if it is a single one.
    pub scalar: Option<f64>,
    /// Whether it has been read.
    pub is_read: Cell<bool>,
}

impl Constant {
    /// A constant whose message has these bytes.
    pub fn new(name: String, bytes: Vec<u8>, place: &Place) -> Self {
        let mut constant = Constant { name, bytes, scalar: None, is_read: Cell::new(false) };
        if constant.bytes.len() < SHORT
            && let Ok((_, _, 1)) = constant.tensor(place)
            && let Ok((_, numbers)) = constant.numbers::<f64>(place)
            && let [number] = numbers[..]
        {
            constant.scalar = Some(number);
        }
        constant
    }

    /// The dimensions and numbers of a constant, row by row.
    pub fn numbers<T: Real>(&self, place: &Place) -> Result<(Vec<usize>, Vec<T>), OnnxError> {
        let (tensor, dims, count) = self.tensor(place)?;
        let wrong = |problem: String| self.problem(place, problem);
        let numbers: Vec<f64> = match tensor.data_type {
            dtype::FLOAT if !tensor.float_data.is_empty() => tensor.float_data.iter().map(|&x| x.into()).collect(),
            dtype::DOUBLE if !tensor.double_data.is_empty() => tensor.double_data,
            dtype::FLOAT => self.raw(place, tensor, count, |x| f32::from_le_bytes(x).into())?,
            dtype::DOUBLE => self.raw(place, tensor, count, f64::from_le_bytes)?,
            other => {
                let (float, double) = (dtype::FLOAT, dtype::DOUBLE);
                let types = format!("float ({float}) and double ({double})");
                return Err(wrong(format!("has numbers of type {other}, and {types} are read")));
            }
        };
        if numbers.len() != count {
            return Err(wrong(format!("has {} numbers and the dimensions {dims:?}", numbers.len())));
        }
        let (mut list, finite) = (Vec::with_capacity(count), |x: f64| x.is_finite());
        for x in numbers {
            let number = T::from_f64(x);
            if !finite(number.to_f64()) {
                return Err(wrong(format!("has the number {x:e}, which is not finite in the type of the model")));
            }
            list.push(number);
        }
        Ok((dims, list))
    }

    pub fn dims(&self, place: &Place) -> Result<Vec<usize>, OnnxError> {
        Ok(self.tensor(place)?.1)
    }

    /// The bytes of its message.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The integers of a constant list; a boolean is 0 or 1.
    pub fn integers(&self, place: &Place) -> Result<Vec<i64>, OnnxError> {
        let (tensor, _, count) = self.tensor(place)?;
        let list = match tensor.data_type {
            dtype::INT64 if !tensor.int64_data.is_empty() => tensor.int64_data,
            dtype::INT64 => self.raw(place, tensor, count, i64::from_le_bytes)?,
            dtype::BOOL if !tensor.int32_data.is_empty() => tensor.int32_data.iter().map(|&n| n.into()).collect(),
            dtype::BOOL => self.raw(place, tensor, count, |[byte]| i64::from(byte))?,
            _ => return Err(self.problem(place, "is not of integers (int64) or booleans".into())),
        };
        if list.len() == count { Ok(list) } else { Err(self.problem(place, "has another length than its data".into())) }
    }

    fn problem(&self, place: &Place, problem: String) -> OnnxError {
        OnnxError::Tensor { file: place.file.clone(), tensor: self.name.clone(), problem }
    }

    /// The message, the dimensions, and the number of entries.
    fn tensor(&self, place: &Place) -> Result<(proto::Tensor, Vec<usize>, usize), OnnxError> {
        let tensor: proto::Tensor = place.decoded(&self.bytes)?;
        let dims = tensor.dims.iter().map(|&n| usize::try_from(n).ok().filter(|&n| n > 0));
        let dims = dims.collect::<Option<Vec<usize>>>();
        let count = dims.as_ref().and_then(|dims| dims.iter().try_fold(1usize, |all, &n| all.checked_mul(n)));
        match dims.zip(count) {
            Some((dims, count)) => Ok((tensor, dims, count)),
            None => {
                Err(self.problem(place, format!("has the dimensions {:?}: they are positive numbers", tensor.dims)))
            }
        }
    }

    /// Entries in little-endian order, in the message or in another file.
    fn raw<N, const SIZE: usize>(
        &self,
        place: &Place,
        tensor: proto::Tensor,
        count: usize,
        number: impl Fn([u8; SIZE]) -> N,
    ) -> Result<Vec<N>, OnnxError> {
        let expected = count.checked_mul(SIZE);
        let bytes = if tensor.data_location == 1 {
            self.outside(place, &tensor, expected)?
        } else {
            tensor.raw_data.unwrap_or_default()
        };
        if expected != Some(bytes.len()) {
            let problem = format!("has {} bytes, and its dimensions are {:?}", bytes.len(), tensor.dims);
            return Err(self.problem(place, problem));
        }
        Ok(bytes.as_chunks().0.iter().map(|&chunk| number(chunk)).collect())
    }

    /// The bytes of a tensor in another file.
    fn outside(&self, place: &Place, tensor: &proto::Tensor, expected: Option<usize>) -> Result<Vec<u8>, OnnxError> {
        let mut entries = HashMap::new();
        for bytes in &tensor.external_data {
            let entry = place.decoded::<proto::Entry>(bytes)?;
            entries.insert(entry.key, entry.value);
        }
        let location = entries.get("location").map_or("", String::as_str);
        let beside =
            !location.is_empty() && Path::new(location).components().all(|part| matches!(part, Component::Normal(_)));
        let Some(folder) = place.folder.as_ref().filter(|_| beside) else {
            return Err(self.problem(place, format!("is in another file, `{location}`, which is not beside this one")));
        };
        let path = folder.join(location);
        let failed = |source: io::Error| OnnxError::Read { file: path.display().to_string(), source };
        let metadata = fs::metadata(&path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(self.problem(place, format!("is in `{location}`, which is not a file")));
        }
        let length = metadata.len();
        let start = entries.get("offset").map_or(Some(0), |offset| offset.parse::<u64>().ok());
        let count = expected.and_then(|n| u64::try_from(n).ok());
        let end = start.zip(count).and_then(|(start, n)| start.checked_add(n));
        let (Some(start), Some(count), true) = (start, count, end.is_some_and(|end| end <= length)) else {
            return Err(self.problem(place, format!("lies outside the {length} bytes of `{location}`")));
        };
        if let Some(declared) = entries.get("length").filter(|length| length.parse() != Ok(count)) {
            let problem = format!("has {declared} bytes in `{location}`, and its dimensions are {:?}", tensor.dims);
            return Err(self.problem(place, problem));
        }
        let mut file = File::open(&path).map_err(failed)?;
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(count as usize).map_err(|error| failed(error.into()))?;
        file.take(count).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

impl Nodes {
    /// The constant that an operand is.
    fn constant(&self, operand: Operand) -> Option<&Constant> {
        if let Operand::Constant(k) = operand { self.constants.get(k) } else { None }
    }

    /// The number of a constant with a single one.
    pub fn scalar(&self, operand: Operand) -> Option<f64> {
        self.constant(operand)?.scalar
    }

    /// The dimensions and numbers of the constant that is input `k` of a node, row by row.
    pub fn numbers<T: Real>(&self, node: &Node, k: usize) -> Result<(Vec<usize>, Vec<T>), OnnxError> {
        let constant = self.constant_of(node, k)?;
        let (dims, numbers) = constant.numbers(&self.place)?;
        self.count(node, constant, size_of::<T>() * numbers.len())?;
        Ok((dims, numbers))
    }

    /// The integers of the constant that is input `k` of a node.
    pub fn integers(&self, node: &Node, k: usize) -> Result<Vec<i64>, OnnxError> {
        let constant = self.constant_of(node, k)?;
        let list = constant.integers(&self.place)?;
        self.count(node, constant, 8 * list.len())?;
        Ok(list)
    }

    /// The integers of the constant that is input `k` of a node, if they are as few as the axes of a value.
    pub fn few_integers(&self, node: &Node, k: usize) -> Option<Vec<i64>> {
        let constant = self.constant(*node.inputs.get(k)?).filter(|constant| constant.size() < SHORT)?;
        let (_, _, count) = constant.tensor(&self.place).ok()?;
        if count <= MOST_AXES { constant.integers(&self.place).ok() } else { None }
    }

    /// The dimensions of the constant that is input `k` of a node.
    pub fn dims(&self, node: &Node, k: usize) -> Result<Vec<usize>, OnnxError> {
        self.constant_of(node, k)?.dims(&self.place)
    }

    /// Whether a tensor of an attribute is the number 0.
    pub fn is_zero(&self, tensor: &proto::Tensor) -> bool {
        Constant::new(String::new(), tensor.encode_to_vec(), &self.place).scalar == Some(0.0)
    }

    /// Bounds how often constants are read, because a short file may use a long one in every node.
    fn count(&self, node: &Node, constant: &Constant, bytes: usize) -> Result<(), OnnxError> {
        let bytes = bytes.max(constant.size());
        let [all, once] = self.readings.get();
        let (all, once) = (all + bytes, if constant.is_read.replace(true) { once } else { once + bytes });
        self.readings.set([all, once]);
        if all <= MOST_READINGS * once + FREE_READINGS {
            return Ok(());
        }
        let problem = format!(
            "it uses numbers again that other nodes use; the layers up to it have {all} bytes of numbers, and the file has {once} for them"
        );
        Err(self.problem(node, problem))
    }

    fn constant_of(&self, node: &Node, k: usize) -> Result<&Constant, OnnxError> {
        let constant = node.inputs.get(k).and_then(|&operand| self.constant(operand));
        constant.ok_or_else(|| self.problem(node, format!("its input {k} is not a constant of the file")))
    }
}
