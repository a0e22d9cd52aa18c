use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use seawall::http::HttpVersion;
use seawall::{Config, ConfigError};
use tempfile::TempDir;

/// Reads a configuration from the text of a file and from variables named without their prefix.
pub(crate) fn read(file: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let (_folder, path) = written(file);
    Config::from_layers(Some(&path), environment(variables))
}

pub(crate) fn written(file: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seawall.toml");
    fs::write(&path, file).unwrap();
    (folder, path)
}

pub(crate) fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| (format!("SEAWALL_{name}"), (*value).to_owned())).collect()
}

#[test]
fn the_defaults_are_those_written_down() {
    let defaults = toml::to_string(&Config::default()).unwrap();
    let defaults = without_redis(&defaults.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    assert_eq!(defaults, include_str!("defaults.toml"), "now:\n{defaults}");
}

/// Less what only a system with that feature has, whose defaults its own crate pins.
fn without_redis(defaults: &str) -> String {
    let mut is_redis = false;
    let kept = defaults.lines().filter(|line| {
        if line.starts_with('[') {
            is_redis = line.starts_with("[redis");
        }
        !is_redis && !line.starts_with("redis_")
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn without_file_and_environment_everything_is_at_its_default() {
    let config = Config::from_layers(None, []).unwrap();
    assert_eq!(toml::to_string(&config).unwrap(), toml::to_string(&Config::default()).unwrap());
}

#[test]
fn what_is_written_out_reads_back_the_same() {
    let mut config = Config::default();
    config.database_url = "postgres://ann:secret@db/market".into();
    config.telemetry.otlp = Some(seawall::telemetry::OtlpConfig::default());
    let text = toml::to_string(&config).unwrap();
    assert_eq!(toml::to_string(&read(&text, &[]).unwrap()).unwrap(), text);
}

#[test]
fn the_file_goes_over_the_defaults_and_the_environment_over_the_file() {
    let file = "[http]\nconnect_timeout = '1s'\nread_timeout = '2s'\n";
    let config = read(file, &[("HTTP__READ_TIMEOUT", "3s")]).unwrap();
    assert_eq!(config.http.connect_timeout, Duration::from_secs(1));
    assert_eq!(config.http.read_timeout, Some(Duration::from_secs(3)));
    assert_eq!(config.http.max_redirects, 10);
}

#[test]
fn a_variable_changes_one_key_of_a_section_of_the_file() {
    let file = "[telemetry.otlp]\nendpoint = 'http://collector:4318'\n[telemetry.otlp.headers]\na = 'x'\n";
    let variables = [("TELEMETRY__OTLP__TIMEOUT", "1s"), ("TELEMETRY__OTLP__HEADERS__B", "y")];
    let otlp = read(file, &variables).unwrap().telemetry.otlp.unwrap();
    assert_eq!(otlp.endpoint, "http://collector:4318");
    assert_eq!(otlp.timeout, Duration::from_secs(1));
    assert_eq!(
        otlp.headers.into_iter().collect::<Vec<_>>(),
        [("a".into(), "x".into()), ("b".into(), "y".into())]
    );
}

#[test]
fn an_optional_section_comes_to_be_by_one_variable() {
    let otlp = read("", &[("TELEMETRY__OTLP__SAMPLE_RATIO", "1")]).unwrap().telemetry.otlp.unwrap();
    assert_eq!(otlp.endpoint, "http://localhost:4318");
}

#[test]
fn a_section_can_be_given_in_braces() {
    let config = read("", &[("HTTP", "{max_redirects = 3, https_only = true}")]).unwrap();
    assert_eq!((config.http.max_redirects, config.http.https_only), (3, true));
}

#[test]
fn knobs_are_switched_off_and_on_from_file_and_environment() {
    let file =
        "[http.pipeline]\ndeadline = 'off'\n[http.pipeline.circuit_breaker]\nconsecutive_failures = 'off'\n";
    let variables = [("HTTP__READ_TIMEOUT", "off"), ("FS__DEADLINE", "2s")];
    let config = read(file, &variables).unwrap();
    assert_eq!(config.http.pipeline.deadline, None);
    assert_eq!(config.http.pipeline.circuit_breaker.consecutive_failures, None);
    assert_eq!(config.http.read_timeout, None);
    assert_eq!(config.fs.deadline, Some(Duration::from_secs(2)));

    let on = [("HTTP__PIPELINE__CIRCUIT_BREAKER__CONSECUTIVE_FAILURES", "7")];
    let config = read(file, &on).unwrap();
    assert_eq!(config.http.pipeline.circuit_breaker.consecutive_failures.map(u32::from), Some(7));
}

#[test]
fn text_that_looks_like_something_else_stays_text() {
    for text in ["1234", "007", "1.50", "true", "-5", "{a = 1}", "[a, b]", "x"] {
        let variables = [
            ("HTTP__USER_AGENT", text),
            ("TELEMETRY__SERVICE_NAME", text),
            ("TELEMETRY__OTLP__HEADERS__API_KEY", text),
            ("FS__TARGET", text),
        ];
        let config = read("[http]\nuser_agent = 'from the file'\n", &variables).unwrap();
        assert_eq!(config.http.user_agent, text);
        assert_eq!(config.telemetry.service_name.as_deref(), Some(text));
        assert_eq!(config.telemetry.otlp.unwrap().headers["api_key"], text);
        assert_eq!(config.fs.target, text);
    }
}

#[test]
fn text_loses_the_quotes_and_the_white_space_around_it() {
    let config = read("", &[("HTTP__USER_AGENT", " \" mine\" ")]).unwrap();
    assert_eq!(config.http.user_agent, " mine");
}

#[test]
fn numbers_and_booleans_are_read_from_the_environment() {
    let variables = [("HTTP__HTTPS_ONLY", "true"), ("CACHE__JITTER", "0.25"), ("CACHE__SEED", "7")];
    let config = read("", &variables).unwrap();
    assert_eq!((config.http.https_only, config.cache.jitter, config.cache.seed), (true, 0.25, Some(7)));
}

#[test]
fn a_name_in_a_map_may_have_dots() {
    let config = read("[telemetry.resource]\n'deployment.environment.name' = 'test'\n", &[]).unwrap();
    assert_eq!(config.telemetry.resource["deployment.environment.name"], "test");
}

#[test]
fn words_are_read_from_the_environment() {
    let config = read("", &[("HTTP__HTTP_VERSION", "http2")]).unwrap();
    assert_eq!(config.http.http_version, HttpVersion::Http2);
}

#[test]
fn variables_of_others_and_of_the_tests_are_none_of_ours() {
    let others = [("PATH".to_owned(), "/bin".to_owned()), ("SEAWALL".to_owned(), "x".to_owned())];
    Config::from_layers(None, others).unwrap();
    let ours = [("TEST_POSTGRES_URL", "postgres://x"), ("TESTKIT_VICTIM", "1"), ("CONFIG", "somewhere.toml")];
    Config::from_layers(None, environment(&ours)).unwrap();
}

#[test]
fn a_part_of_a_clients_section_changes_only_what_it_names() {
    let file = "[http.pipeline.circuit_breaker]\nwait_factor = 2.0\n[sql.pipeline.circuit_breaker]\nwait_factor = 2.0";
    let variables = [
        ("SQL__PIPELINE__RETRY__MAX_ATTEMPTS", "2"),
        ("HTTP__PIPELINE__CONCURRENCY_LIMIT__QUEUE__MAX_WAITING", "7"),
    ];
    let config = read(file, &variables).unwrap();
    let mut expected = Config::default();
    expected.http.pipeline.circuit_breaker.wait_factor = 2.0;
    expected.http.pipeline.concurrency_limit.as_mut().unwrap().queue.max_waiting = 7;
    expected.sql.pipeline.circuit_breaker.wait_factor = 2.0;
    expected.sql.pipeline.retry.max_attempts = 2.try_into().unwrap();
    assert_eq!(config.http.pipeline, expected.http.pipeline);
    assert_eq!(config.sql.pipeline, expected.sql.pipeline);
}

#[test]
fn a_mistake_deep_in_a_clients_section_is_named_with_its_source() {
    let error = read("[sql.pipeline.circuit_breaker]\nrampp = '1s'", &[]).unwrap_err();
    assert_eq!(error.key(), "sql.pipeline.circuit_breaker.rampp", "{error}");
    let error = read("", &[("SQL__PIPELINE__RETRY__MAX_ATTEMPTS", "many")]).unwrap_err();
    assert_eq!(error.key(), "sql.pipeline.retry.max_attempts", "{error}");
    assert_eq!(error.origin(), "environment variable SEAWALL_SQL__PIPELINE__RETRY__MAX_ATTEMPTS");
}
