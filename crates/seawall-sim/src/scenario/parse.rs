use std::fs;
use std::path::Path;

use serde::Deserialize as _;
use toml::de::{DeTable, Deserializer};

use super::{Arrivals, InvalidScenario, Scenario, ScenarioError, kinds, place, trace, wording::wording};

impl Scenario {
    /// Reads a scenario, and the trace that it names.
    ///
    /// # Errors
    /// As [`Scenario::parse`], and if the file cannot be read.
    pub fn read(file: impl AsRef<Path>) -> Result<Self, ScenarioError> {
        let file = file.as_ref();
        let text = fs::read_to_string(file).map_err(|error| {
            ScenarioError::new(file, None, String::new(), format!("cannot be read: {error}"))
        })?;
        Self::parse(&text, file)
    }

    /// Makes a scenario of the text of that file, and reads the trace that it names, seen from the file's folder.
    ///
    /// # Errors
    /// Says in which line the text is not TOML, or has a key that is unknown, missing or not of its type, or a value
    /// that cannot be; and in which line the trace has something else than a time.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ScenarioError> {
        let mut root = DeTable::parse(text).map_err(|error| not_toml(text, file, &error))?;
        kinds::nest(root.get_mut()).map_err(|invalid| at_its_key(text, file, invalid))?;
        let deserialized = Self::deserialize(Deserializer::from(root));
        let mut scenario = deserialized.map_err(|error| at_its_span(text, file, &error))?;
        if let Arrivals::Trace { file: path, times } = &mut scenario.clients.arrivals {
            let path = file.parent().unwrap_or(Path::new("")).join(path);
            *times = trace::read(&path).map_err(|failure| match failure {
                trace::Failure::Unreadable(invalid) => at_its_key(text, file, invalid),
                trace::Failure::Malformed(error) => error,
            })?;
        }
        scenario.validate().map_err(|invalid| at_its_key(text, file, invalid))?;
        Ok(scenario)
    }
}

fn not_toml(text: &str, file: &Path, error: &toml::de::Error) -> ScenarioError {
    let line = error.span().map(|span| place::line(text, span.start));
    ScenarioError::new(file, line, String::new(), format!("this is not valid TOML: {}", error.message()))
}

fn at_its_span(text: &str, file: &Path, error: &toml::de::Error) -> ScenarioError {
    let span = error.span().unwrap_or(0..text.len());
    // A missing key is missed by its table. That of all the file begins where its first key does.
    let key = if place::is_whole(text, &span) { String::new() } else { place::key(text, span.start) };
    let problem = wording(&key, error.message());
    ScenarioError::new(file, Some(place::line(text, span.start)), key, problem)
}

fn at_its_key(text: &str, file: &Path, InvalidScenario { key, problem }: InvalidScenario) -> ScenarioError {
    let line = place::line(text, place::offset(text, &key));
    ScenarioError::new(file, Some(line), key, problem)
}
