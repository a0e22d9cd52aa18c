use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{InvalidScenario, Scenario, ScenarioError};

/// Why there is no trace.
pub(super) enum Failure {
    /// The scenario names a file that cannot be read.
    Unreadable(InvalidScenario),
    /// The file holds something else.
    Malformed(ScenarioError),
}

/// The times in a file: one a line, in seconds, in order. What follows a `#` is not looked at.
pub(super) fn read(path: &Path) -> Result<Arc<[Duration]>, Failure> {
    let unreadable = |error| {
        let problem = format!("{} cannot be read: {error}; name it as seen from this file", path.display());
        Failure::Unreadable(InvalidScenario::new("clients.arrivals.file", problem))
    };
    let mut times = Vec::new();
    for (index, line) in BufReader::new(File::open(path).map_err(unreadable)?).split(b'\n').enumerate() {
        let bytes = line.map_err(unreadable)?;
        let malformed = |problem| {
            let error = ScenarioError::new(path, Some(index + 1), String::new(), problem);
            Failure::Malformed(error)
        };
        let line = str::from_utf8(&bytes).map_err(|error| malformed(format!("this is no text: {error}")))?;
        let text = line.split('#').next().unwrap_or(line).trim();
        if text.is_empty() {
            continue;
        }
        let time = time(text).map_err(malformed)?;
        if times.last().is_some_and(|last| *last > time) {
            return Err(malformed(format!("{text} is before the time above it, put them in order")));
        }
        if times.len() == Scenario::MOST_CALLS {
            let most = Scenario::MOST_CALLS;
            return Err(malformed(format!("this is call {}, a trace has {most} at most", most + 1)));
        }
        times.push(time);
    }
    Ok(times.into())
}

fn time(text: &str) -> Result<Duration, String> {
    let longest = Scenario::LONGEST.as_secs_f64();
    match text.parse() {
        Ok(seconds) if (0.0..=longest).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) => Err(format!("{text} is no time of a simulation, write seconds from 0 to {longest}")),
        Err(_) => Err(format!("`{}` is no time, write seconds such as 12.345", text.escape_debug())),
    }
}
