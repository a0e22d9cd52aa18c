//! Rows as any type that serde can make.

use std::fmt;

use seawall_core::{Error, FailureKind};
use serde::de::value::SeqDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use crate::{Row, Value};

impl Row {
    /// Reads the row as any type that serde can make: a struct by the names of the columns, a tuple by their order, or
    /// the one value of a row of one column.
    ///
    /// All of serde's attributes hold: `rename_all`, `default`, `flatten`. Columns that the type does not have are passed
    /// over. An enum without fields is read from text.
    ///
    /// # Errors
    /// [`FailureKind::Permanent`] if the row does not fit; the message names the column and not what it holds.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(OfRow(self))
            .map_err(|Misfit(message)| Error::new(FailureKind::Permanent, "sql", "row").with_message(message))
    }
}

/// Why something does not fit, without what it is: that may be secret.
#[derive(Debug)]
struct Misfit(String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("it holds {}, not {expected}", kind(unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("it holds {} that is not {expected}", kind(unexpected)))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(format!("it holds text that is none of `{}`", expected.join("`, `")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self(format!("there is no column `{field}`"))
    }
}

fn kind(unexpected: Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a real number",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a row",
        _ => "something else",
    }
}

struct OfRow<'r>(&'r Row);

impl<'r> OfRow<'r> {
    fn only(&self) -> Result<OfValue<'r>, Misfit> {
        match self.0.values() {
            [value] => Ok(OfValue(value)),
            values => Err(Misfit(format!("the row has {} columns and is read as one value", values.len()))),
        }
    }
}

macro_rules! of_the_only_column {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.only()?.$method(visitor)
        }
    )+};
}

impl<'de> Deserializer<'de> for OfRow<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_map(Columns { row: self.0, next: 0 })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let mut values = SeqDeserializer::new(self.0.values().iter().map(OfValue));
        let read = visitor.visit_seq(&mut values)?;
        values.end().map_err(|_longer| {
            Misfit(format!(
                "the row has {} columns, which are more than it is read as",
                self.0.values().len()
            ))
        })?;
        Ok(read)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.only()?.deserialize_enum(name, variants, visitor)
    }

    of_the_only_column! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
    }

    forward_to_deserialize_any! { i128 u128 unit unit_struct map struct identifier ignored_any }
}

/// The columns of a row by their names.
struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'de> MapAccess<'de> for Columns<'_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        match self.row.columns().get(self.next) {
            Some(name) => seed.deserialize(name.as_str().into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let (column, value) = (&self.row.columns()[self.next], &self.row.values()[self.next]);
        self.next += 1;
        seed.deserialize(OfValue(value)).map_err(|Misfit(message)| {
            let hint = if *value == Value::Null { ": read it as an Option" } else { "" };
            Misfit(format!("column `{column}`: {message}{hint}"))
        })
    }
}

struct OfValue<'v>(&'v Value);

impl IntoDeserializer<'_, Misfit> for OfValue<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for OfValue<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Real(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_str(value),
            Value::Bytes(value) => visitor.visit_bytes(value),
            Value::List(values) => visitor.visit_seq(SeqDeserializer::new(values.iter().map(OfValue))),
        }
    }

    /// SQLite's and MySQL's booleans are the integers 0 and 1.
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Integer(value @ (0 | 1)) => visitor.visit_bool(*value == 1),
            _ => self.deserialize_any(visitor),
        }
    }

    /// Those of MySQL that are too large for an integer of ours come as text.
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Text(digits) => match digits.parse() {
                Ok(value) => visitor.visit_u64(value),
                Err(_other) => self.deserialize_any(visitor),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    /// `Vec<u8>` asks for a sequence.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Text(name) => visitor.visit_enum(name.as_str().into_deserializer()),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct map struct identifier ignored_any
    }
}
