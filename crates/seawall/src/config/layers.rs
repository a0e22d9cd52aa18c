use figment::error::{Actual, Kind};
use figment::value::Value;

use super::environment::Environment;
use super::layer::{File, holds, merge, nested};
use super::{Config, ConfigError, error};

/// Puts the layers over each other and reads them. The defaults are serde's: whatever no layer sets.
pub(super) fn read(file: Option<&File>, environment: &Environment) -> Result<Config, ConfigError> {
    let origin = |key: &str| match (environment.source_of(key), file) {
        (Some(variable), _) => error::environment(variable),
        (None, Some(file)) if holds(&file.dict, key) => error::file(&file.path),
        (None, _) => "the defaults".to_owned(),
    };
    let mut layers = file.map(|file| file.dict.clone()).unwrap_or_default();
    environment.merge_into(&mut layers);
    let config = loop {
        let failure = match Value::from(layers.clone()).deserialize::<Config>() {
            Ok(config) => break config,
            Err(failure) => failure,
        };
        let key = failure.path.join(".");
        match environment.text_of(&key) {
            // A variable looked like a number, or the like, where text is wanted: once more as the text it is.
            Some(text) if wants_text(&failure.kind) => merge(&mut layers, nested(&key, text.into())),
            _ => return Err(ConfigError::mistyped(key.clone(), &failure.kind, origin(&key))),
        }
    };
    check(&config).map_err(|invalid| ConfigError::invalid(&invalid, origin(invalid.field())))?;
    Ok(config)
}

fn check(config: &Config) -> Result<(), seawall_core::InvalidConfig> {
    #[cfg(feature = "sql")]
    config.database_url.check_scheme()?;
    #[cfg(feature = "redis")]
    config.redis_url.check_scheme()?;
    config.validate()
}

fn wants_text(kind: &Kind) -> bool {
    let Kind::InvalidType(found, wanted) = kind else { return false };
    !matches!(found, Actual::Str(_)) && (wanted.contains("string") || wanted.starts_with("enum "))
}
