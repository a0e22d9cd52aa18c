use std::fmt;

/// A value on its way into a statement or out of a row.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// `true` or `false`. SQLite and MySQL have none: they store and return 1 and 0.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text; also the form in which `numeric`, `uuid`, `json`, dates and times arrive, and those integers of MySQL that
    /// are unsigned and too large for [`Integer`](Self::Integer).
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Several values: bound, what `in (:ids)` is to choose from, and on Postgres an array.
    List(Vec<Self>),
}

impl Value {
    /// What it is, in one word, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Real(_) => "a real number",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "a list",
        }
    }
}

/// Shows what kind of value it is and never the value: what is bound may be secret.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

macro_rules! from {
    ($($source:ty => $variant:ident($convert:expr)),+ $(,)?) => {$(
        impl From<$source> for Value {
            fn from(value: $source) -> Self {
                Self::$variant($convert(value))
            }
        }
    )+};
}

from! {
    bool => Bool(std::convert::identity),
    i8 => Integer(i64::from),
    i16 => Integer(i64::from),
    i32 => Integer(i64::from),
    i64 => Integer(std::convert::identity),
    u8 => Integer(i64::from),
    u16 => Integer(i64::from),
    u32 => Integer(i64::from),
    f32 => Real(f64::from),
    f64 => Real(std::convert::identity),
    &str => Text(str::to_owned),
    &String => Text(String::clone),
    String => Text(std::convert::identity),
    &[u8] => Bytes(<[u8]>::to_vec),
    Vec<u8> => Bytes(std::convert::identity),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
