//! Lists of values, bound and read.

use crate::{FromValue, Value};

/// What a list can be bound or read of: numbers, booleans and text, or options of them. (Bytes are no list: `Vec<u8>` is
/// one value.)
pub trait ListElement: Into<Value> {}

macro_rules! element {
    ($($element:ty),+ $(,)?) => {$( impl ListElement for $element {} )+};
}

element!(bool, i8, i16, i32, i64, u16, u32, f32, f64, String, &str, &String);

impl<T: ListElement> ListElement for Option<T> {}

impl<T: ListElement> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Self {
        list.into_iter().collect()
    }
}

impl<T: ListElement + Clone> From<&Vec<T>> for Value {
    fn from(list: &Vec<T>) -> Self {
        list.iter().cloned().collect()
    }
}

impl<T: ListElement + Clone> From<&[T]> for Value {
    fn from(list: &[T]) -> Self {
        list.iter().cloned().collect()
    }
}

impl<T: ListElement, const N: usize> From<[T; N]> for Value {
    fn from(list: [T; N]) -> Self {
        list.into_iter().collect()
    }
}

/// A list of whatever can be bound.
impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

/// An array of Postgres.
impl<T: FromValue + ListElement> FromValue for Vec<T> {
    fn from_value(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::List(list) => list.iter().map(T::from_value).collect(),
            _ => Err("a list"),
        }
    }

    fn take(value: Value) -> Result<Self, &'static str> {
        match value {
            Value::List(list) => list.into_iter().map(T::take).collect(),
            _ => Err("a list"),
        }
    }
}
