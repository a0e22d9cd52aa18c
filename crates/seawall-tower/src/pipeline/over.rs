//! Reading a configuration over other values than its type's defaults, however deep the section that leaves them out.

use std::fmt;

use serde::de::{self, DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};
use serde_json::{Map, Value};

/// Reads a `T` that has the fields of `defaults` for those that are left out, in each of its sections.
pub(super) fn read<'de, T, D>(defaults: &T, deserializer: D) -> Result<T, D::Error>
where
    T: Serialize + Deserialize<'de>,
    D: Deserializer<'de>,
{
    match serde_json::to_value(defaults).map_err(D::Error::custom)? {
        Value::Object(defaults) => T::deserialize(Over { inner: deserializer, defaults: &defaults }),
        _ => T::deserialize(deserializer),
    }
}

/// Something on the way from a section to its type, with what the section has for what it leaves out: whoever reads it,
/// wants it or has it is wrapped alike.
struct Over<'t, T> {
    inner: T,
    defaults: &'t Map<String, Value>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Over<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Over { inner: deserializer, defaults: self.defaults })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Over<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(Over { inner: visitor, defaults: self.defaults })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = Over { inner: visitor, defaults: self.defaults };
        self.inner.deserialize_struct(name, fields, visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }

    // A section is a struct, or the word for its being off.
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// What stands in the place of a section, such as `"off"`, goes its way.
macro_rules! pass_on {
    ($($visit:ident($value:ty))+) => {$(
        fn $visit<E: de::Error>(self, value: $value) -> Result<V::Value, E> {
            self.inner.$visit(value)
        }
    )+};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Over<'_, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(formatter)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Self { inner, defaults } = self;
        inner.visit_map(Entries { map, defaults, found: Vec::new(), left_out: None, value: None })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(seq)
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    pass_on! {
        visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str) visit_borrowed_str(&'de str)
        visit_string(String)
    }
}

/// The entries of a section, and behind them those it leaves out.
struct Entries<'t, A> {
    map: A,
    defaults: &'t Map<String, Value>,
    /// The keys of the section so far; the last one's value is next.
    found: Vec<String>,
    /// Those that are left out, once the section is at its end.
    left_out: Option<std::vec::IntoIter<(&'t String, &'t Value)>>,
    /// The value of the last of these.
    value: Option<&'t Value>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Self { map, defaults, found, left_out, value } = self;
        let mut seed = Some(seed);
        if left_out.is_none() {
            let noted = Noted { seed: &mut seed, found };
            if let Some(key) = map.next_key_seed(noted)? {
                return Ok(Some(key));
            }
        }
        let left_out = left_out.get_or_insert_with(|| {
            let is_left_out = |(key, _): &(&String, &Value)| !found.contains(key);
            defaults.iter().filter(is_left_out).collect::<Vec<_>>().into_iter()
        });
        let (Some((key, default)), Some(seed)) = (left_out.next(), seed) else { return Ok(None) };
        *value = Some(default);
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        if let Some(value) = self.value.take() {
            return seed.deserialize(value.clone()).map_err(A::Error::custom);
        }
        match self.found.last().and_then(|key| self.defaults.get(key)) {
            Some(Value::Object(defaults)) => self.map.next_value_seed(Over { inner: seed, defaults }),
            _ => self.map.next_value_seed(seed),
        }
    }
}

/// Takes note of a key on its way to whoever wants it.
struct Noted<'s, K> {
    /// Taken if there is a key.
    seed: &'s mut Option<K>,
    found: &'s mut Vec<String>,
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Noted<'_, K> {
    type Value = K::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<K::Value, D::Error> {
        let key = String::deserialize(deserializer)?;
        self.found.push(key.clone());
        let seed = self.seed.take().ok_or_else(|| D::Error::custom("a key is read once"))?;
        seed.deserialize(key.into_deserializer())
    }
}
