use std::fmt;
use std::path::PathBuf;

use crate::scenario::{Scenario, ScenarioError, Setting};

/// One of the scenarios of this crate, with some of it set otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    file: &'static str,
    settings: Vec<Setting>,
}

impl Variant {
    /// The scenario of that name, as it is.
    pub const fn of(file: &'static str) -> Self {
        Self { file, settings: Vec::new() }
    }

    /// The same with another number of clients.
    pub fn clients(self, count: u32) -> Self {
        self.set("clients.count", count)
    }

    /// The same with a key set otherwise.
    pub fn set(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.settings.push(Setting::new(key, value));
        self
    }

    /// The same with a key set to what TOML says, as [`Setting`] reads it.
    ///
    /// # Panics
    /// If it is no setting.
    pub fn set_toml(mut self, setting: &str) -> Self {
        self.settings.push(setting.parse().expect("a setting of ours is one"));
        self
    }

    /// As it is played.
    ///
    /// # Errors
    /// What is wrong with the file, or with the settings.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        Scenario::read_with(&folder.join(self.file).with_extension("toml"), &self.settings)
    }
}

/// As the command line takes it.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crates/seawall-sim/scenarios/{}.toml", self.file)?;
        for setting in &self.settings {
            write!(f, " {}", setting.argument())?;
        }
        Ok(())
    }
}
