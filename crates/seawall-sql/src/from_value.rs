use crate::Value;

/// What a column's value can be read as.
pub trait FromValue: Sized {
    /// Reads a value.
    ///
    /// # Errors
    /// What was wanted, in words that complete "column `x` holds text, not …".
    fn from_value(value: &Value) -> Result<Self, &'static str>;

    /// Reads a value that nobody else needs, so that what it holds need not be copied.
    ///
    /// # Errors
    /// As [`from_value`](Self::from_value).
    fn take(value: Value) -> Result<Self, &'static str> {
        Self::from_value(&value)
    }
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Result<Self, &'static str> {
        Ok(value.clone())
    }

    fn take(value: Value) -> Result<Self, &'static str> {
        Ok(value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }

    fn take(value: Value) -> Result<Self, &'static str> {
        match value {
            Value::Null => Ok(None),
            value => T::take(value).map(Some),
        }
    }
}

/// SQLite's booleans are the integers 0 and 1.
impl FromValue for bool {
    fn from_value(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::Bool(value) => Ok(*value),
            Value::Integer(0) => Ok(false),
            Value::Integer(1) => Ok(true),
            _ => Err("a boolean"),
        }
    }
}

/// A whole number is a real one too: SQLite stores 2.0 as 2 where it can.
impl FromValue for f64 {
    fn from_value(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::Real(value) => Ok(*value),
            Value::Integer(value) => Ok(*value as f64),
            _ => Err("a real number"),
        }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::Text(value) => Ok(value.clone()),
            _ => Err("text"),
        }
    }

    fn take(value: Value) -> Result<Self, &'static str> {
        match value {
            Value::Text(value) => Ok(value),
            _ => Err("text"),
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::Bytes(value) => Ok(value.clone()),
            _ => Err("bytes"),
        }
    }

    fn take(value: Value) -> Result<Self, &'static str> {
        match value {
            Value::Bytes(value) => Ok(value),
            _ => Err("bytes"),
        }
    }
}

/// Those of MySQL that are too large for [`Value::Integer`] come as text.
impl FromValue for u64 {
    fn from_value(value: &Value) -> Result<Self, &'static str> {
        const WANTED: &str = "one that fits 64 bits unsigned";
        match value {
            Value::Integer(value) => Self::try_from(*value).map_err(|_negative| WANTED),
            Value::Text(digits) => digits.parse().map_err(|_other| "an integer"),
            _ => Err("an integer"),
        }
    }
}

macro_rules! integer {
    ($($target:ty: $name:literal),+ $(,)?) => {$(
        impl FromValue for $target {
            fn from_value(value: &Value) -> Result<Self, &'static str> {
                match value {
                    Value::Integer(value) => Self::try_from(*value).map_err(|_out_of_range| $name),
                    _ => Err("an integer"),
                }
            }
        }
    )+};
}

integer! {
    i8: "one that fits 8 bits",
    i16: "one that fits 16 bits",
    i32: "one that fits 32 bits",
    i64: "one that fits 64 bits",
    u8: "one that fits 8 bits unsigned",
    u16: "one that fits 16 bits unsigned",
    u32: "one that fits 32 bits unsigned",
    usize: "one that fits a size",
}
