use std::collections::BTreeMap;
use std::ffi::OsString;

use figment::value::{Dict, Value};

use super::ConfigError;
use super::layer::{self, holds};

const PREFIX: &str = "SEAWALL_";

/// Names the file; no key of the configuration.
pub(super) const FILE_VARIABLE: &str = "SEAWALL_CONFIG";

/// Variables of the project's own tests, which a program under test inherits.
const OF_TESTS: [&str; 2] = ["SEAWALL_TEST_", "SEAWALL_TESTKIT_"];

/// The environment's layer: `SEAWALL_HTTP__CONNECT_TIMEOUT` is the key `http.connect_timeout`.
///
/// It takes the variables as an argument, so that tests need not change the process's own.
pub(super) struct Environment {
    /// By key, parents before their children.
    variables: BTreeMap<String, Variable>,
}

struct Variable {
    name: String,
    text: String,
    /// What it sets, as a layer of its own.
    dict: Dict,
}

impl Environment {
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = variables.into_iter().filter_map(|(name, text)| {
            let key = key_of(&name)?;
            // Numbers, booleans, lists and tables in braces; anything else is text.
            let value = text.parse::<Value>().expect("parsing a figment value is infallible");
            let dict = layer::nested(&key, value);
            Some((key, Variable { name, text, dict }))
        });
        Self { variables: variables.collect() }
    }

    /// The process's own. What is not ours is never looked at, and so may be anything.
    pub(super) fn of_process() -> Result<Vec<(String, String)>, ConfigError> {
        let ours = |(name, text): (OsString, OsString)| {
            let name = name.into_string().ok()?;
            let key = key_of(&name)?;
            let text = text.into_string();
            Some(
                text.map(|text| (name.clone(), text)).map_err(|_not_shown| ConfigError::not_text(key, &name)),
            )
        };
        std::env::vars_os().filter_map(ours).collect()
    }

    /// Puts every variable over what is there.
    pub(super) fn merge_into(&self, dict: &mut Dict) {
        for variable in self.variables.values() {
            layer::merge(dict, variable.dict.clone());
        }
    }

    /// The variable that has the last word on a key.
    pub(super) fn source_of(&self, key: &str) -> Option<&str> {
        let mut latest_first = self.variables.values().rev();
        latest_first.find(|variable| holds(&variable.dict, key)).map(|variable| variable.name.as_str())
    }

    /// What was written, where a variable sets just this key.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.variables.get(key).map(|variable| variable.text.as_str())
    }
}

fn key_of(variable: &str) -> Option<String> {
    let is_other = variable == FILE_VARIABLE || OF_TESTS.iter().any(|prefix| variable.starts_with(prefix));
    let key = variable.strip_prefix(PREFIX).filter(|_| !is_other)?;
    Some(key.to_ascii_lowercase().replace("__", "."))
}
