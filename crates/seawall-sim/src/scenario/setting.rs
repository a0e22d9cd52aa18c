use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use toml::{Table, Value};

use super::{Scenario, ScenarioError};
use crate::shell::quoted;

/// One key of a scenario set otherwise than its file says: `clients.count=500`, `triggers.0.share=0.9`.
///
/// What is left of the first `=` is the key, its steps parted by dots; a step into a list is a number, counted from 0.
/// What is right of it is a value as TOML writes it, or, if it is none, text: `duration=90s`.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    key: String,
    value: Value,
}

impl Setting {
    /// Sets a key.
    pub fn new(key: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    /// As a shell takes it: `--set clients.count=500`.
    pub fn argument(&self) -> String {
        format!("--set {}", quoted(&self.to_string()))
    }

    fn apply(&self, scenario: &mut Table) -> Result<(), String> {
        let (path, last) =
            self.key.rsplit_once('.').map_or((None, &*self.key), |(path, last)| (Some(path), last));
        let mut at = Place::Table(scenario);
        for step in path.into_iter().flat_map(|path| path.split('.')) {
            at = at
                .enter(step)
                .ok_or_else(|| format!("`{self}`: there is no `{step}` to set something of"))?;
        }
        at.set(last, self.value.clone()).ok_or_else(|| format!("`{self}`: there is no `{last}` to set"))
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE, such as clients.count=500")?;
        if key.is_empty() || key.split('.').any(str::is_empty) {
            return Err(format!("`{key}` is no key, such as clients.count"));
        }
        Ok(Self::new(key, value.parse().unwrap_or_else(|_| Value::String(value.to_owned()))))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::String(text) if text.parse::<Value>().is_err() => write!(f, "{}={text}", self.key),
            value => write!(f, "{}={value}", self.key),
        }
    }
}

impl Scenario {
    /// Reads a scenario with some keys set otherwise, and puts them behind its name.
    ///
    /// # Errors
    /// As [`Scenario::read`], and if a key belongs to nothing that the file has. What a setting makes wrong is in no line.
    pub fn read_with(file: &Path, settings: &[Setting]) -> Result<Self, ScenarioError> {
        if settings.is_empty() {
            return Self::read(file);
        }
        let fail = |problem| ScenarioError::new(file, None, String::new(), problem);
        let text = fs::read_to_string(file).map_err(|error| fail(format!("cannot be read: {error}")))?;
        // What is wrong with the file itself is told with its line.
        Self::parse(&text, file)?;
        let mut table: Table = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        settings.iter().try_for_each(|setting| setting.apply(&mut table)).map_err(fail)?;
        let text = toml::to_string(&table).map_err(|error| fail(error.to_string()))?;
        let mut scenario = Self::parse(&text, file).map_err(|error| error.in_no_line_of(file))?;
        for setting in settings {
            scenario.name = format!("{} {setting}", scenario.name);
        }
        Ok(scenario)
    }
}

/// Somewhere in a scenario.
enum Place<'a> {
    Table(&'a mut Table),
    List(&'a mut Vec<Value>),
}

impl Place<'_> {
    /// A table that is not there is made; what the scenario does not know is refused when it is parsed.
    fn enter(self, step: &str) -> Option<Self> {
        let value = match self {
            Self::Table(table) => table.entry(step).or_insert_with(|| Value::Table(Table::new())),
            Self::List(list) => list.get_mut(step.parse::<usize>().ok()?)?,
        };
        match value {
            Value::Table(table) => Some(Place::Table(table)),
            Value::Array(list) => Some(Place::List(list)),
            _ => None,
        }
    }

    fn set(self, step: &str, value: Value) -> Option<()> {
        match self {
            Self::Table(table) => _ = table.insert(step.to_owned(), value),
            Self::List(list) => *list.get_mut(step.parse::<usize>().ok()?)? = value,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, settings: &[&str]) -> Result<String, String> {
        let mut table: Table = toml::from_str(text).unwrap();
        for setting in settings {
            setting.parse::<Setting>()?.apply(&mut table)?;
        }
        Ok(table.to_string())
    }

    #[test]
    fn a_key_is_set_added_or_set_within_a_list() {
        let text = "[clients]\ncount = 5\n[[tiers]]\nname = \"a\"\n";
        let made =
            set(text, &["clients.count=500", "duration=90s", "tiers.0.queue.bound=100", "tiers.0.name=b"]);
        let made: Table = toml::from_str(&made.unwrap()).unwrap();
        let wanted =
            "duration = \"90s\"\n[clients]\ncount = 500\n[[tiers]]\nname = \"b\"\nqueue = { bound = 100 }\n";
        assert_eq!(made, toml::from_str(wanted).unwrap());
    }

    #[test]
    fn a_key_that_belongs_to_nothing_is_named() {
        let error = set("tiers = []", &["tiers.0.name=b"]).unwrap_err();
        assert_eq!(error, "`tiers.0.name=b`: there is no `0` to set something of");
        assert!(set("duration = \"1s\"", &["duration.at=1"]).is_err());
        assert!(set("", &["nothing"]).is_err());
        assert!(set("", &["a..b=1"]).is_err());
    }

    #[test]
    fn what_is_more_than_one_value_is_text() {
        let setting: Setting = "clients.rate=1.0\nfoo=2".parse().unwrap();
        assert_eq!(setting, Setting::new("clients.rate", "1.0\nfoo=2"));
    }

    #[test]
    fn a_setting_is_written_as_it_is_read() {
        for text in [
            "clients.count=500",
            "duration=90s",
            "a.b=[{ kind = \"x\" }]",
            "tiers.0.drops_abandoned=true",
            "name=\"5\"",
        ] {
            assert_eq!(text.parse::<Setting>().unwrap().to_string(), text);
        }
    }
}
