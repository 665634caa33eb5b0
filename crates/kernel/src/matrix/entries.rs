//! Numbers in a file: a list of numbers in a text format, bytes in a binary format. Matrices are stored this way. Other
//! lists of numbers can use `#[serde(with = "autograd::entries")]`, and lists of lists `entries::lists`.
//!
//! A format that is not [human readable](Serializer::is_human_readable) gets `{"f32": bytes}` or `{"f64": bytes}`,
//! little-endian, 4 or 8 bytes per number, or `{"each": list}` for entries of another kind. Numbers are converted to the
//! requested type: exactly from `f32` to `f64`, to the nearest from `f64` to `f32`. The latter must not overflow.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{Error, F32Deserializer, MapAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::Impossible;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, forward_to_deserialize_any, ser};
use serde_bytes::Bytes;

/// Writes the numbers.
///
/// # Errors
/// Returns the errors of the format.
pub fn serialize<T: Serialize, S: Serializer>(entries: &[T], s: S) -> Result<S::Ok, S::Error> {
    if s.is_human_readable() {
        return s.collect_seq(entries);
    }
    let mut bytes = Vec::with_capacity(size_of_val(entries));
    let mut kind = Kind::Each;
    for entry in entries {
        match entry.serialize(Number(&mut bytes)) {
            Ok(number) => kind = number,
            Err(_) => return s.serialize_newtype_variant("Entries", Kind::Each as u32, "each", entries),
        }
    }
    match kind {
        Kind::F32 => s.serialize_newtype_variant("Entries", kind as u32, "f32", Bytes::new(&bytes)),
        Kind::F64 => s.serialize_newtype_variant("Entries", kind as u32, "f64", Bytes::new(&bytes)),
        Kind::Each => s.serialize_newtype_variant("Entries", kind as u32, "each", entries),
    }
}

/// Reads the numbers, from a list or from bytes of either type.
///
/// # Errors
/// If the data are neither, or a number is too large for the requested type.
pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    if d.is_human_readable() {
        // serde may have buffered data of a binary format, and the buffer does not record that.
        d.deserialize_any(Either(PhantomData))
    } else {
        Entries::deserialize(d)?.numbers()
    }
}

/// Lists of numbers, each stored as [`entries`](self).
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Moments {
///     #[serde(with = "autograd::entries::lists")]
///     moments: Vec<Vec<f32>>,
/// }
/// ```
pub mod lists {
    use super::{Deserialize, Deserializer, Ref, Serialize, Serializer};

    /// Writes the lists.
    ///
    /// # Errors
    /// Returns the errors of the format.
    pub fn serialize<T: Serialize, S: Serializer>(lists: &[Vec<T>], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(lists.iter().map(|list| Ref(list)))
    }

    /// Reads the lists.
    ///
    /// # Errors
    /// The same as for one list.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Vec<Vec<T>>, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "T: Deserialize<'de>")]
        struct Owned<T>(#[serde(deserialize_with = "super::deserialize")] Vec<T>);

        let lists = Vec::<Owned<T>>::deserialize(d)?;
        Ok(lists.into_iter().map(|list| list.0).collect())
    }
}

/// The entries, to be written as part of another value.
pub struct Ref<'a, T>(pub &'a [T]);

impl<T: Serialize> Serialize for Ref<'_, T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, s)
    }
}

/// The variants in a binary file, in the order of [`Kind`].
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", bound = "T: Deserialize<'de>")]
enum Entries<'b, T> {
    F32(#[serde(borrow, with = "serde_bytes")] Cow<'b, [u8]>),
    F64(#[serde(borrow, with = "serde_bytes")] Cow<'b, [u8]>),
    Each(Vec<T>),
}

impl<'de, T: Deserialize<'de>> Entries<'_, T> {
    fn numbers<E: de::Error>(self) -> Result<Vec<T>, E> {
        match self {
            Entries::F32(bytes) => each(&bytes, |x| T::deserialize(F32Deserializer::new(f32::from_le_bytes(x)))),
            Entries::F64(bytes) => each(&bytes, |x| T::deserialize(Double(f64::from_le_bytes(x)))),
            Entries::Each(entries) => Ok(entries),
        }
    }
}

fn each<const N: usize, T, E: de::Error>(
    bytes: &[u8],
    number: impl Fn([u8; N]) -> Result<T, Error>,
) -> Result<Vec<T>, E> {
    let (chunks, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(E::custom(format!("{} bytes are not a whole number of entries of {N} bytes", bytes.len())));
    }
    let mut numbers = Vec::with_capacity(chunks.len());
    for &chunk in chunks {
        numbers.push(number(chunk).map_err(E::custom)?);
    }
    Ok(numbers)
}

/// A list, or [`Entries`].
struct Either<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
    type Value = Vec<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entries")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(de::value::SeqAccessDeserializer::new(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
        Entries::deserialize(MapAccessDeserializer::new(map))?.numbers()
    }
}

/// An `f64` from a file, converted to the requested type.
struct Double(f64);

impl<'de> Deserializer<'de> for Double {
    type Error = Error;
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let single = self.0 as f32;
        if single.is_infinite() && self.0.is_finite() {
            return Err(de::Error::custom(format!("{:e} is too large for f32: load it as f64", self.0)));
        }
        visitor.visit_f32(single)
    }
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.0)
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[derive(Clone, Copy)]
enum Kind {
    F32,
    F64,
    Each,
}

/// Accepts one number and appends its bytes. Any other value is an error.
///
/// This is how the code finds out whether a `T` that can only be serialized is an `f32`. `TypeId` would require `T: 'static` for it and for
/// every generic model that contains a matrix.
struct Number<'b>(&'b mut Vec<u8>);

macro_rules! no_number {
    ($($method:ident$(<$V:ident>)?($($of:ty),*) -> $Ok:ty;)*) => {
        $(fn $method$(<$V: Serialize + ?Sized>)?(self, $(_: $of),*) -> Result<$Ok, Error> {
            Err(ser::Error::custom("not a number"))
        })*
    };
}

type No = Impossible<Kind, Error>;

impl Serializer for Number<'_> {
    type Ok = Kind;
    type Error = Error;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    fn serialize_f32(self, x: f32) -> Result<Kind, Error> {
        self.0.extend_from_slice(&x.to_le_bytes());
        Ok(Kind::F32)
    }
    fn serialize_f64(self, x: f64) -> Result<Kind, Error> {
        self.0.extend_from_slice(&x.to_le_bytes());
        Ok(Kind::F64)
    }
    no_number! {
        serialize_bool(bool) -> Kind;
        serialize_i8(i8) -> Kind;
        serialize_i16(i16) -> Kind;
        serialize_i32(i32) -> Kind;
        serialize_i64(i64) -> Kind;
        serialize_u8(u8) -> Kind;
        serialize_u16(u16) -> Kind;
        serialize_u32(u32) -> Kind;
        serialize_u64(u64) -> Kind;
        serialize_char(char) -> Kind;
        serialize_str(&str) -> Kind;
        serialize_bytes(&[u8]) -> Kind;
        serialize_none() -> Kind;
        serialize_some<V>(&V) -> Kind;
        serialize_newtype_struct<V>(&'static str, &V) -> Kind;
        serialize_newtype_variant<V>(&'static str, u32, &'static str, &V) -> Kind;
        serialize_unit() -> Kind;
        serialize_unit_struct(&'static str) -> Kind;
        serialize_unit_variant(&'static str, u32, &'static str) -> Kind;
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_map(Option<usize>) -> No;
        serialize_struct(&'static str, usize) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }
}
