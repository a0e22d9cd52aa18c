use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Secret;

/// Certificates or keys in PEM: the text itself, or the file that holds it, which is read when the client is made.
/// In a configuration it is a string, taken for the text if it has a `-----BEGIN` in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    Text(Secret),
    File(PathBuf),
}

impl Pem {
    /// The text itself.
    pub fn text(text: impl Into<Secret>) -> Self {
        Self(Source::Text(text.into()))
    }

    /// The file that holds it.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// The text, read from the file if it is there.
    pub(crate) fn read(&self) -> io::Result<Secret> {
        match &self.0 {
            Source::Text(text) => Ok(text.clone()),
            Source::File(path) => Ok(Secret::from(std::fs::read_to_string(path)?)),
        }
    }

    /// The file, if it is in one.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Source::Text(_) => None,
            Source::File(path) => Some(path),
        }
    }
}

impl fmt::Debug for Pem {
    /// Without the text, which may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Text(text) => f.debug_tuple("Pem").field(text).finish(),
            Source::File(path) => f.debug_tuple("Pem").field(path).finish(),
        }
    }
}

impl Serialize for Pem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Source::Text(text) => text.serialize(serializer),
            Source::File(path) => path.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Pem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secret = Secret::deserialize(deserializer)?;
        let text = secret.expose();
        Ok(if text.contains("-----BEGIN") { Self::text(text) } else { Self::file(text) })
    }
}
