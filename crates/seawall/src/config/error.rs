use std::fmt;
use std::path::Path;

use figment::{Figment, Source};
use seawall_core::InvalidConfig;

use super::environment::variable_name;

/// A configuration that cannot be used: which key, what is wrong with it, and where it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    key: String,
    problem: String,
    origin: String,
}

impl ConfigError {
    /// The key, such as `http.connect_timeout`. Empty where a whole source cannot be read.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where it was set: a file, an environment variable, or the defaults.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn missing_file(path: &Path) -> Self {
        Self {
            key: String::new(),
            problem: format!("there is no file {}", path.display()),
            origin: "environment variable SEAWALL_CONFIG".to_owned(),
        }
    }

    pub(super) fn from_figment(error: figment::Error, layers: &Figment) -> Self {
        // figment collects all errors; the first is enough to go on.
        let first = error.into_iter().next().expect("an error holds at least itself");
        let mut key = first.path.clone();
        if let figment::error::Kind::UnknownField(field, _) = &first.kind {
            // Its path ends at the section; the field is the last part of the key.
            if key.last() != Some(field) {
                key.push(field.clone());
            }
        }
        let key = key.join(".");
        let origin = match (&first.metadata, layers.find_metadata(&key)) {
            (_, Some(metadata)) | (Some(metadata), None) => describe(metadata, &key),
            (None, None) => "the defaults".to_owned(),
        };
        Self { key, problem: first.kind.to_string(), origin }
    }

    pub(super) fn invalid(invalid: &InvalidConfig, layers: &Figment) -> Self {
        let key = invalid.field().to_owned();
        let origin = layers
            .find_metadata(&key)
            .map_or_else(|| "the defaults".to_owned(), |metadata| describe(metadata, &key));
        Self { key, problem: format!("is {}: {}", invalid.value(), invalid.rule()), origin }
    }
}

fn describe(metadata: &figment::Metadata, key: &str) -> String {
    match &metadata.source {
        Some(Source::File(path)) => format!("file {}", path.display()),
        _ if metadata.name == "environment variable" => {
            format!("environment variable {}", variable_name(&key.split('.').collect::<Vec<_>>()))
        }
        _ => "the defaults".to_owned(),
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "configuration: {} (from {})", self.problem, self.origin)
        } else {
            write!(f, "configuration key `{}`: {} (from {})", self.key, self.problem, self.origin)
        }
    }
}

impl std::error::Error for ConfigError {}
