//! Numbers as bytes, in the order of little endians, so that they arrive as they were sent.

use autograd::compiled_once;

use crate::Real;
use crate::parallel::Weight;

/// Appends numbers.
#[compiled_once]
pub(crate) fn put_numbers<T: Real>(bytes: &mut Vec<u8>, numbers: &[T]) {
    let start = bytes.len();
    bytes.resize(start + size_of_val(numbers), 0);
    let bytes = &mut bytes[start..];
    match size_of::<T>() {
        // The conversions to f64 and back give the same number, and the compiler leaves them out.
        4 => bytes
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .zip(numbers)
            .for_each(|(bytes, x)| *bytes = (x.to_f64() as f32).to_le_bytes()),
        _ => bytes
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .zip(numbers)
            .for_each(|(bytes, x)| *bytes = x.to_f64().to_le_bytes()),
    }
}

/// Appends the weight of a part of a batch, as [`WEIGHT`] bytes.
pub(crate) fn put_weight(bytes: &mut Vec<u8>, weight: &Weight) {
    bytes.extend(weight.sum.to_le_bytes());
    bytes.extend((weight.samples as u64).to_le_bytes());
    let means = weight.means;
    let flags = [weight.is_sum, means.of_part, means.counted, means.several, means.weight.is_some()];
    bytes.extend(flags.map(u8::from));
    bytes.extend(means.weight.unwrap_or(0.0).to_le_bytes());
}

/// The length of a weight.
pub(crate) const WEIGHT: usize = 8 + 8 + 5 + 8;

/// What [`put_weight`] wrote.
pub(crate) fn take_weight(bytes: &mut Reader<'_>) -> Weight {
    let (sum, samples) = (bytes.f64(), bytes.u64() as usize);
    let [is_sum, of_part, counted, several, is_weighted] = std::array::from_fn(|_| bytes.flag());
    let weight = Some(bytes.f64()).filter(|_| is_weighted);
    Weight { sum, samples, is_sum, means: autograd::Means { of_part, counted, weight, several } }
}

/// The bytes that are not read yet. The lengths were compared when they arrived.
pub(crate) struct Reader<'b>(pub &'b [u8]);

impl<'b> Reader<'b> {
    pub fn bytes(&mut self, count: usize) -> &'b [u8] {
        self.0.split_off(..count).expect("as many bytes as were announced")
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(*self.bytes(8).first_chunk().expect("eight bytes"))
    }

    pub fn f64(&mut self) -> f64 {
        f64::from_bits(self.u64())
    }

    pub fn flag(&mut self) -> bool {
        self.bytes(1)[0] != 0
    }

    pub fn numbers<T: Real>(&mut self, count: usize) -> Vec<T> {
        numbers(self.bytes(count * size_of::<T>()))
    }
}

#[compiled_once]
fn numbers<T: Real>(bytes: &[u8]) -> Vec<T> {
    match size_of::<T>() {
        4 => bytes.as_chunks().0.iter().map(|bytes| T::from_f64(f32::from_le_bytes(*bytes).into())).collect(),
        _ => bytes.as_chunks().0.iter().map(|bytes| T::from_f64(f64::from_le_bytes(*bytes))).collect(),
    }
}
