//! Checks of any value, whatever its type: before it is written as JSON, and before it is read.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::dotted;

/// The path of the first number in the value that is NaN or infinite, and that number. `serde_json` would write `null` for
/// it, which is not a number when it is read.
pub(super) fn not_finite(value: &dyn erased_serde::Serialize) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut writer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    erased_serde::serialize(value, &mut writer).ok()?; // other errors are reported by the actual serialisation
    let mut reader = rmp_serde::Deserializer::from_read_ref(&bytes);
    let error = serde_path_to_error::deserialize::<_, Finite>(&mut reader).err()?;
    let rmp_serde::decode::Error::Syntax(number) = error.inner() else { return None };
    Some((dotted(error.path().iter()), number.clone()))
}

/// Any value whose numbers are finite.
type Finite = Sound<true>;

/// Any value without duplicate keys in a map: for two values of one key a map would keep the last.
pub(super) type Distinct = Sound<false>;

/// Any value, checked either for numbers that are not finite or for duplicate keys.
pub(super) struct Sound<const FINITE: bool>;

impl<'de, const FINITE: bool> Deserialize<'de> for Sound<FINITE> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Sound)
    }
}

macro_rules! fine {
    ($($visit:ident: $Of:ty),*) => {
        $(fn $visit<E>(self, _: $Of) -> Result<Self, E> { Ok(Sound) })*
    };
}

impl<'de, const FINITE: bool> Visitor<'de> for Sound<FINITE> {
    type Value = Self;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_f32<E: Error>(self, x: f32) -> Result<Self, E> {
        self.visit_f64(x.into())
    }
    fn visit_f64<E: Error>(self, x: f64) -> Result<Self, E> {
        if FINITE && !x.is_finite() { Err(E::custom(x)) } else { Ok(Sound) }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(Sound)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut known = HashSet::new();
        while let Some(Key(key)) = map.next_key()? {
            match key {
                Some(key) if !FINITE && known.contains(&key) => {
                    let key: String = key.1.chars().take(40).collect();
                    return Err(A::Error::custom(format_args!("the key `{key}` occurs twice")));
                }
                key => known.extend(key),
            }
            map.next_value::<Self>()?;
        }
        Ok(Sound)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, reader: D) -> Result<Self, D::Error> {
        Self::deserialize(reader)
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Sound)
    }
    fn visit_none<E>(self) -> Result<Self, E> {
        Ok(Sound)
    }
    fine!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_str: &str, visit_bytes: &[u8]);
}

/// Whether a key is text, and as text, if it is that or an integer.
struct Key(Option<(bool, String)>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Key(None))
    }
}

macro_rules! other {
    ($($visit:ident: $Of:ty),*) => {
        $(fn $visit<E>(self, _: $Of) -> Result<Self, E> { Ok(Key(None)) })*
    };
}

impl<'de> Visitor<'de> for Key {
    type Value = Self;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<Self, E> {
        Ok(Key(Some((true, key.to_owned()))))
    }
    fn visit_u64<E>(self, key: u64) -> Result<Self, E> {
        Ok(Key(Some((false, key.to_string()))))
    }
    fn visit_i64<E>(self, key: i64) -> Result<Self, E> {
        Ok(Key(Some((false, key.to_string()))))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self, A::Error> {
        Distinct {}.visit_seq(list).map(|_| self)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self, A::Error> {
        Distinct {}.visit_map(map).map(|_| self)
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
    other!(visit_bool: bool, visit_f32: f32, visit_f64: f64, visit_bytes: &[u8]);
}
