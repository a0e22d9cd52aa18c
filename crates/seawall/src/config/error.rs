use std::fmt;
use std::io;
use std::path::Path;

use figment::error::{Actual, Kind};
use seawall_core::InvalidConfig;

/// A configuration that cannot be used: which key, what is wrong with it, and where it was set.
///
/// It shows no text that it found where something else was wanted: that may be a secret in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    key: String,
    problem: String,
    origin: String,
}

impl ConfigError {
    /// The key, such as `http.connect_timeout`. Empty where a whole file cannot be read.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where it was set: a file, an environment variable, or the defaults.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let (problem, origin) = (format!("it cannot be read: {error}"), file(path));
        Self { key: String::new(), problem, origin }
    }

    /// What is wrong with the text, without the text: the line may hold a password.
    pub(super) fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let place = error.span().map_or_else(String::new, |span| {
            let before = text.get(..span.start).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let line = before.matches('\n').count() + 1;
            format!("line {line}, column {}: ", before[line_start..].chars().count() + 1)
        });
        let problem = format!("it is not valid TOML: {place}{}", error.message());
        Self { key: String::new(), problem, origin: file(path) }
    }

    pub(super) fn not_text(key: String, variable: &str) -> Self {
        Self { key, problem: "is not UTF-8".to_owned(), origin: environment(variable) }
    }

    /// Says who named the file, if it is the file that is at fault.
    pub(super) fn named_by(mut self, variable: &str) -> Self {
        if self.key.is_empty() {
            self.origin = format!("{}, named by {}", self.origin, environment(variable));
        }
        self
    }

    pub(super) fn mistyped(key: String, kind: &Kind, origin: String) -> Self {
        let problem = match kind {
            Kind::InvalidType(found, wanted) => format!("is {}, expected {wanted}", name(found)),
            Kind::InvalidValue(Actual::Str(_), wanted) => format!("is a text, expected {wanted}"),
            Kind::UnknownField(_, known) => format!("is unknown, expected {}", choice(known)),
            Kind::UnknownVariant(found, known) => format!("is `{found}`, expected {}", choice(known)),
            other => other.to_string(),
        };
        Self { key, problem, origin }
    }

    pub(super) fn invalid(invalid: &InvalidConfig, origin: String) -> Self {
        let problem = format!("is {}: {}", invalid.value(), invalid.rule());
        Self { key: invalid.field().to_owned(), problem, origin }
    }
}

/// How a file is called as an origin.
pub(super) fn file(path: &Path) -> String {
    format!("file {}", path.display())
}

/// How a variable is called as an origin.
pub(super) fn environment(variable: &str) -> String {
    format!("environment variable {variable}")
}

fn name(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) => "a whole number",
        Actual::Float(_) => "a fraction",
        Actual::Char(_) | Actual::Str(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a section",
        _ => "something else",
    }
}

fn choice(known: &[&str]) -> String {
    match known {
        [] => "nothing here".to_owned(),
        [only] => format!("`{only}`"),
        many => format!("one of `{}`", many.join("`, `")),
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "configuration {}: {}", self.origin, self.problem),
            key => write!(f, "configuration key `{key}` {} (from {})", self.problem, self.origin),
        }
    }
}

impl std::error::Error for ConfigError {}
