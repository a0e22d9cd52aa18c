use std::path::Path;

use seawall::{AsyncIoSystem, Config};

use crate::config::{environment, read, written};

/// The message about a file with this text; `FILE` stands for its path.
fn from_file(text: &str) -> String {
    let (_folder, path) = written(text);
    let error = Config::from_layers(Some(&path), []).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "FILE")
}

fn from_variable(name: &str, value: &str) -> String {
    read("", &[(name, value)]).unwrap_err().to_string()
}

#[test]
fn an_unknown_key_is_named_with_its_source() {
    let with_redis =
        if cfg!(feature = "redis") { "`sql`, `redis_url`, `redis`, `redis_cache`" } else { "`sql`" };
    assert_eq!(
        from_file("shutdown_deadlin = '1s'").replace(with_redis, "`sql`"),
        "configuration key `shutdown_deadlin` is unknown, expected one of `cache`, `fs`, `http`, `database_url`, \
         `sql`, `telemetry`, `shutdown_deadline` (from file FILE)"
    );
    let nested = from_file("[sql.pool]\nsizes = 3");
    assert!(
        nested.starts_with("configuration key `sql.pool.sizes` is unknown, expected one of `size`"),
        "{nested}"
    );
    assert!(nested.ends_with("(from file FILE)"), "{nested}");

    let twice = from_variable("HTTP__HTTP", "3");
    assert!(twice.starts_with("configuration key `http.http` is unknown"), "{twice}");

    let variable = from_variable("SQL__POOL__SIZES", "3");
    assert!(variable.starts_with("configuration key `sql.pool.sizes` is unknown"), "{variable}");
    assert!(variable.ends_with("(from environment variable SEAWALL_SQL__POOL__SIZES)"), "{variable}");

    let section = from_variable("HTPP__MAX_REDIRECTS", "3");
    assert!(section.starts_with("configuration key `htpp` is unknown"), "{section}");
    assert!(section.ends_with("(from environment variable SEAWALL_HTPP__MAX_REDIRECTS)"), "{section}");
    let nameless = from_variable("", "3");
    assert!(nameless.starts_with("configuration environment variable SEAWALL_: is unknown"), "{nameless}");
    assert!(
        from_variable("CONFIGS", "3").contains("key `configs` is unknown"),
        "almost the name of the file"
    );
}

#[test]
fn an_unknown_key_of_the_environment_is_not_blamed_on_the_file() {
    let error = read("[http]\nmax_redirects = 3", &[("HTTP__MAX_REDIRECT", "4")]).unwrap_err();
    assert_eq!(error.key(), "http.max_redirect");
    assert_eq!(error.origin(), "environment variable SEAWALL_HTTP__MAX_REDIRECT");
    let error = read("[http]\nmax_redirect = 3", &[("HTTP__MAX_REDIRECTS", "4")]).unwrap_err();
    assert_eq!(error.key(), "http.max_redirect");
    assert!(error.origin().starts_with("file "), "{error}");
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_source() {
    let file = from_file("[http]\nmax_redirects = 'many'");
    assert_eq!(file, "configuration key `http.max_redirects` is a text, expected usize (from file FILE)");
    let variable = from_variable("HTTP__MAX_REDIRECTS", "many");
    assert_eq!(
        variable,
        "configuration key `http.max_redirects` is a text, expected usize \
         (from environment variable SEAWALL_HTTP__MAX_REDIRECTS)"
    );
    assert!(
        from_file("http = 3").contains("key `http` is a whole number, expected"),
        "{}",
        from_file("http = 3")
    );
    let part = from_variable("HTTP__MAX_REDIRECTS__X", "3");
    assert!(part.contains("key `http.max_redirects` is a section, expected usize"), "{part}");
    assert!(part.contains("SEAWALL_HTTP__MAX_REDIRECTS__X"), "{part}");
    let braces = from_variable("HTTP", "{max_redirects = many}");
    assert!(
        braces.contains("key `http.max_redirects`") && braces.contains("variable SEAWALL_HTTP)"),
        "{braces}"
    );
    let one = from_variable("HTTP__HTTPS_ONLY", "1");
    assert!(one.contains("is a whole number, expected a boolean"), "{one}");
}

#[test]
fn the_source_that_had_the_last_word_is_blamed() {
    let error = read("[http]\nmax_redirects = 3", &[("HTTP__MAX_REDIRECTS", "many")]).unwrap_err();
    assert_eq!(error.origin(), "environment variable SEAWALL_HTTP__MAX_REDIRECTS");
    // A mistake in the file that the environment mends is none.
    let config = read("[http]\nmax_redirects = 'many'", &[("HTTP__MAX_REDIRECTS", "3")]).unwrap();
    assert_eq!(config.http.max_redirects, 3);
}

#[test]
fn a_duration_without_a_unit_is_an_error_that_says_so() {
    let variable = from_variable("HTTP__CONNECT_TIMEOUT", "5");
    assert!(variable.contains("key `http.connect_timeout`"), "{variable}");
    assert!(variable.contains("unit"), "{variable}");
    assert!(variable.contains("SEAWALL_HTTP__CONNECT_TIMEOUT"), "{variable}");
    let switch = from_variable("HTTP__READ_TIMEOUT", "5");
    assert!(switch.contains("key `http.read_timeout`") && switch.contains("\"off\""), "{switch}");
    let file = from_file("shutdown_deadline = 5");
    assert!(file.contains("key `shutdown_deadline` is a whole number") && file.contains("FILE"), "{file}");
}

#[test]
fn a_number_is_no_place_in_a_list_of_words() {
    let file = from_file("[sql.sqlite]\nsynchronous = 1");
    assert!(file.contains("key `sql.sqlite.synchronous` is a whole number, expected enum"), "{file}");
    let variable = from_variable("SQL__SQLITE__SYNCHRONOUS", "1");
    assert!(
        variable.contains("key `sql.sqlite.synchronous` is `1`, expected one of `normal`, `full`"),
        "{variable}"
    );
}

#[test]
fn a_value_that_makes_no_sense_is_named_with_its_source() {
    assert_eq!(
        from_file("[cache]\njitter = 1.5"),
        "configuration key `cache.jitter` is 1.5: must be at least 0 and below 1 (from file FILE)"
    );
    let variable = from_variable("HTTP__PIPELINE__DEADLINE", "0s");
    assert!(variable.starts_with("configuration key `http.pipeline.deadline` is 0s"), "{variable}");
    assert!(variable.ends_with("(from environment variable SEAWALL_HTTP__PIPELINE__DEADLINE)"), "{variable}");
    let url = from_variable("DATABASE_URL", "oracle://ann:secret@db/market");
    assert!(
        url.starts_with(
            "configuration key `database_url` is ***: must begin with `sqlite:`, `postgres:` or `mysql:`"
        ) && url.ends_with("(from environment variable SEAWALL_DATABASE_URL)"),
        "{url}"
    );
    let zero = from_file("[sql.pool]\nsize = 0");
    assert!(zero.contains("key `sql.pool.size`") && zero.ends_with("(from file FILE)"), "{zero}");
}

#[test]
fn every_database_that_is_compiled_in_can_be_named_and_another_one_names_its_feature() {
    let databases = [
        ("sqlite:", "sqlite", true),
        ("postgres:", "postgres", cfg!(feature = "postgres")),
        ("postgresql:", "postgres", cfg!(feature = "postgres")),
        ("mysql:", "mysql", cfg!(feature = "mysql")),
        ("mariadb:", "mysql", cfg!(feature = "mysql")),
    ];
    for (scheme, feature, compiled_in) in databases {
        let url = format!("{scheme}//ann:secret@db/market");
        match read(&format!("database_url = '{url}'"), &[]) {
            Ok(config) => assert!(compiled_in && config.database_url.expose() == url, "{scheme}"),
            Err(error) => {
                let message = error.to_string();
                let advice = format!("not compiled in: enable the feature `{feature}`");
                assert!(!compiled_in && message.contains(&advice), "{scheme} {message}");
                assert!(!message.contains("secret"), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn a_value_set_in_code_that_makes_no_sense_is_named_when_the_system_is_built() {
    let mut config = Config::default();
    config.http.connect_timeout = std::time::Duration::ZERO;
    let error = AsyncIoSystem::builder().config(config).build().await.unwrap_err();
    assert_eq!(error.to_string(), "configuration key `http.connect_timeout` is 0s: must be above zero");
}

#[test]
fn a_file_that_is_no_toml_is_named_with_the_place() {
    let error = from_file("[http]\nuser_agent = 'no end");
    assert!(error.starts_with("configuration file FILE: it is not valid TOML: line 2, column "), "{error}");
    let twice = from_file("shutdown_deadline = '1s'\nshutdown_deadline = '2s'");
    assert!(twice.contains("line 2") && twice.contains("duplicate key"), "{twice}");
}

#[test]
fn a_file_that_is_not_there_is_an_error_where_it_was_named() {
    let error = Config::from_layers(Some(Path::new("/nowhere/seawall.toml")), []).unwrap_err();
    assert!(
        error.to_string().starts_with("configuration file /nowhere/seawall.toml: it cannot be read: "),
        "{error}"
    );
    assert_eq!(error.key(), "");
    assert_eq!(error.origin(), "file /nowhere/seawall.toml");
}

#[test]
fn every_variable_of_ours_counts() {
    let variables = [("CACHE__JITTER", "0.2"), ("CACHE__JITTERS", "0.2")];
    let error = Config::from_layers(None, environment(&variables)).unwrap_err();
    assert_eq!(error.key(), "cache.jitters");
}
