//! Numbers that JSON cannot say: `serde_json` would write `null` for them, which is no number when it is read.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::dotted;

/// The path of the first number in the value that is NaN or infinite, and that number.
pub(super) fn misfit(value: &dyn erased_serde::Serialize) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut writer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    erased_serde::serialize(value, &mut writer).ok()?; // what cannot be serialised is said by whoever does it
    let mut reader = rmp_serde::Deserializer::from_read_ref(&bytes);
    let error = serde_path_to_error::deserialize::<_, Finite>(&mut reader).err()?;
    let path = dotted(error.path().iter());
    Some((path, error.into_inner().to_string()))
}

/// Any value whose numbers are finite.
struct Finite;

impl<'de> Deserialize<'de> for Finite {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Finite)
    }
}

macro_rules! fine {
    ($($visit:ident: $Of:ty),*) => {
        $(fn $visit<E>(self, _: $Of) -> Result<Self, E> { Ok(Finite) })*
    };
}

impl<'de> Visitor<'de> for Finite {
    type Value = Finite;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("finite numbers")
    }
    fn visit_f32<E: Error>(self, x: f32) -> Result<Self, E> {
        self.visit_f64(x.into())
    }
    fn visit_f64<E: Error>(self, x: f64) -> Result<Self, E> {
        if x.is_finite() { Ok(Finite) } else { Err(E::custom(x)) }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Finite>()?.is_some() {}
        Ok(Finite)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, Finite>()?.is_some() {}
        Ok(Finite)
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Finite)
    }
    fn visit_none<E>(self) -> Result<Self, E> {
        Ok(Finite)
    }
    fine!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_str: &str, visit_bytes: &[u8]);
}
