use std::fmt;

use seawall_core::{Error, InvalidConfig};

/// Why a system could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A value in the configuration makes no sense.
    Invalid(InvalidConfig),
    /// A client could not be opened.
    Client(Error),
}

impl From<InvalidConfig> for BuildError {
    fn from(invalid: InvalidConfig) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Error> for BuildError {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => write!(
                f,
                "configuration key `{}` is {}: {}",
                invalid.field(),
                invalid.value(),
                invalid.rule()
            ),
            Self::Client(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid(invalid) => Some(invalid),
            Self::Client(error) => Some(error),
        }
    }
}
