use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

const PREFIX: &str = "SEAWALL_";

/// Variables that configure something else: where the file is, and the project's own tests.
const NOT_KEYS: [&str; 2] = ["SEAWALL_CONFIG", "SEAWALL_TEST_"];

/// The environment's layer: `SEAWALL_HTTP__CONNECT_TIMEOUT` is the key `http.connect_timeout`.
///
/// It takes the variables as an argument, so that tests need not change the process's own.
pub(super) struct Environment {
    variables: Vec<(String, String)>,
}

impl Environment {
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |name: &str| name.starts_with(PREFIX) && !NOT_KEYS.iter().any(|other| name.starts_with(other));
        Self { variables: variables.into_iter().filter(|(name, _)| ours(name)).collect() }
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variable").interpolater(|_: &Profile, key: &[&str]| variable_name(key))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut dict = Dict::new();
        for (name, value) in &self.variables {
            let key = name[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
            // Numbers, booleans and lists as TOML writes them; anything else is text.
            let value = value.parse::<Value>().expect("parsing a figment value is infallible");
            let nested = figment::util::nest(&key, value).into_dict().unwrap_or_default();
            merge(&mut dict, nested);
        }
        Ok(Profile::Default.collect(dict))
    }
}

/// The variable that sets a key.
pub(super) fn variable_name(key: &[&str]) -> String {
    format!("{PREFIX}{}", key.join("__").to_ascii_uppercase())
}

fn merge(into: &mut Dict, from: Dict) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Dict(_, old)), Value::Dict(_, new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
