//! Layers of a configuration: nested tables, merged key by key. A key is the path to a value, joined by dots.

use std::path::{Path, PathBuf};

use figment::value::{Dict, Value};

use super::ConfigError;

/// The file's layer.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) dict: Dict,
}

impl File {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        let dict = toml::from_str(&text).map_err(|error| ConfigError::not_toml(path, &text, &error))?;
        Ok(Self { path: path.to_owned(), dict })
    }
}

/// A layer that sets nothing but this key.
pub(super) fn nested(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        Some((section, rest)) => Dict::from([(section.to_owned(), nested(rest, value).into())]),
        None => Dict::from([(key.to_owned(), value)]),
    }
}

/// Puts one layer over another.
pub(super) fn merge(below: &mut Dict, above: Dict) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Dict(_, below)), Value::Dict(_, above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// Whether a layer sets a key or a part of it. The name of a value in a map may have dots of its own.
pub(super) fn holds(dict: &Dict, key: &str) -> bool {
    dict.iter().any(|(name, value)| match key.strip_prefix(name.as_str()) {
        Some("") => true,
        Some(rest) => {
            rest.strip_prefix('.').is_some_and(|rest| value.as_dict().is_some_and(|dict| holds(dict, rest)))
        }
        None => false,
    })
}
