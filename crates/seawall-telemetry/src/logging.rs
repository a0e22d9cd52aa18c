use std::io::IsTerminal;

use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};
use tracing::Subscriber;
use tracing::subscriber::set_global_default;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::telemetry::Telemetry;

/// What a program writes to its standard error.
///
/// | field | default |
/// |---|---|
/// | `filter` | `info` |
/// | `format` | `text` |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// A level, and levels by target: `info,seawall=debug,hyper=off`.
    pub filter: String,
    /// For people or for machines.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people; coloured on a terminal unless `NO_COLOR` is set.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoggingError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// Somebody else has installed a subscriber for this process.
    #[error("logging is already set up in this process")]
    AlreadyInstalled,
}

/// Changes what is logged while the program runs. Dropping it changes nothing.
#[derive(Clone, Debug)]
pub struct LogHandle(reload::Handle<Targets, Registry>);

impl LogHandle {
    /// Replaces the filter, written as in [`LogConfig::filter`].
    ///
    /// # Errors
    /// The old filter stays if the new one cannot be understood.
    pub fn set_filter(&self, filter: &str) -> Result<(), InvalidConfig> {
        let targets = parse(filter)?;
        // It fails only if the subscriber is gone, and then there is nothing to filter.
        let _ = self.0.reload(targets);
        Ok(())
    }
}

impl Telemetry {
    /// Sets up logging for the whole process: log lines on standard error, spans to the collector if OTLP is on.
    /// For programs; a library never does this to its host.
    ///
    /// # Errors
    /// The filter cannot be understood, or logging is set up already.
    pub fn init_logging(&self, config: &LogConfig) -> Result<LogHandle, LoggingError> {
        let colour =
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        let (subscriber, handle) = self.subscriber(config, colour, std::io::stderr)?;
        set_global_default(subscriber).map_err(|_already| LoggingError::AlreadyInstalled)?;
        Ok(handle)
    }

    fn subscriber<W>(
        &self,
        config: &LogConfig,
        colour: bool,
        writer: W,
    ) -> Result<(impl Subscriber + Send + Sync + use<W>, LogHandle), InvalidConfig>
    where
        W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
    {
        let (filter, handle) = reload::Layer::new(parse(&config.filter)?);
        let lines = fmt::layer().with_writer(writer).with_ansi(colour);
        let lines = match config.format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
        };
        let subscriber = Registry::default().with(lines.with_filter(filter)).with(self.trace_layer());
        Ok((subscriber, LogHandle(handle)))
    }
}

fn parse(filter: &str) -> Result<Targets, InvalidConfig> {
    filter.parse().map_err(|error| {
        let rule = format!("must be like `info,seawall=debug`: {error}");
        InvalidConfig::new("log.filter", format!("`{filter}`"), rule)
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use seawall_core::{Event, FailureKind, Observer, Origin};
    use serde_json::Value;
    use tracing::subscriber::with_default;

    use super::*;
    use crate::TelemetryConfig;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn json(&self) -> Vec<Value> {
            let bytes = std::mem::take(&mut *self.0.lock().unwrap());
            serde_json::Deserializer::from_slice(&bytes).into_iter().map(Result::unwrap).collect()
        }
    }

    const ORIGIN: Origin<'static> = Origin { pipeline: "http", strategy: "retry", target: "example.com" };
    const RETRIED: Event = Event::Retried {
        attempt: 1,
        kind: FailureKind::Transient,
        delay: Duration::from_millis(50),
        balance: None,
    };
    const REFUSED: Event = Event::Refused { reason: "circuit is open", retry_after: None };

    fn json(filter: &str) -> LogConfig {
        LogConfig { filter: filter.to_owned(), format: LogFormat::Json }
    }

    #[test]
    fn an_event_is_logged_under_the_names_of_the_table() {
        let telemetry = Telemetry::new(&TelemetryConfig::default()).unwrap();
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, _handle) =
            telemetry.subscriber(&json("info"), false, move || writer.clone()).unwrap();
        with_default(subscriber, || {
            telemetry.observe(ORIGIN, &RETRIED);
            telemetry.observe(ORIGIN, &REFUSED);
        });
        let lines = lines.json();
        assert_eq!(lines.len(), 1, "a refusal is below info: {lines:?}");
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[0]["target"], "seawall::resilience");
        assert_eq!(lines[0]["message"], "attempt will be repeated");
        assert_eq!(lines[0]["resilience.event.name"], "retried");
        assert_eq!(lines[0]["resilience.pipeline.name"], "http");
        assert_eq!(lines[0]["resilience.strategy.name"], "retry");
        assert_eq!(lines[0]["resilience.strategy.target"], "example.com");
        assert_eq!(lines[0]["resilience.attempt.index"], 1);
        assert_eq!(lines[0]["error.type"], "transient");
        assert_eq!(lines[0]["resilience.event.delay"], 0.05);
    }

    #[test]
    fn the_filter_changes_while_the_program_runs() {
        let telemetry = Telemetry::new(&TelemetryConfig::default()).unwrap();
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, handle) = telemetry.subscriber(&json("off"), false, move || writer.clone()).unwrap();
        with_default(subscriber, || {
            telemetry.observe(ORIGIN, &REFUSED);
            assert_eq!(lines.json().len(), 0);
            handle.set_filter("off,seawall=debug").unwrap();
            telemetry.observe(ORIGIN, &REFUSED);
            assert_eq!(lines.json()[0]["resilience.refusal.reason"], "circuit is open");
            assert!(handle.set_filter("seawall=loud").is_err());
            telemetry.observe(ORIGIN, &REFUSED);
            assert_eq!(lines.json().len(), 1, "the old filter stays");
        });
    }

    #[test]
    fn a_filter_that_cannot_be_understood_is_named() {
        let telemetry = Telemetry::new(&TelemetryConfig::default()).unwrap();
        let error = telemetry.subscriber(&json("seawall=loud"), false, io::sink).map(drop).unwrap_err();
        assert!(error.to_string().starts_with("log.filter is `seawall=loud`: must be like"), "{error}");
    }
}
