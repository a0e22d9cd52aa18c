use seawall::{AsyncIoSystem, Config};

use crate::config::read;

const SECRET: &str = "hunter2";

#[test]
fn no_secret_is_in_the_debug_form_of_a_configuration() {
    let variables = [
        ("DATABASE_URL", "postgres://ann:hunter2@db/market"),
        ("TELEMETRY__OTLP__HEADERS__AUTHORIZATION", "Bearer hunter2"),
    ];
    let config = read("", &variables).unwrap();
    assert_eq!(config.database_url.expose(), "postgres://ann:hunter2@db/market");
    assert_eq!(config.telemetry.otlp.as_ref().unwrap().headers["authorization"], "Bearer hunter2");
    let shown = format!("{config:?} {config:#?} {:?}", AsyncIoSystem::builder().config(config.clone()));
    assert!(!shown.contains(SECRET), "{shown}");
}

#[test]
fn no_secret_is_in_an_error_about_it() {
    let files = [
        "database_url = 'postgres://ann:hunter2@db/market",
        "database_url = postgres://ann:hunter2@db/market",
        "database_url = ['postgres://ann:hunter2@db/market']",
        "database_url = 'oracle://ann:hunter2@db/market'",
        "database_url = 'hunter2'",
        "[database_url]\nhunter2 = 1",
        "telemetry = 'hunter2'",
        "[telemetry]\notlp = 'http://hunter2@collector'",
        "[telemetry.otlp]\nheaders = 'Bearer hunter2'",
        "[telemetry.otlp]\nheaders = ['Bearer hunter2']",
        "[telemetry.otlp]\nendpoint = 'http://ann:hunter2@collector'",
        "[telemetry.otlp.headers]\na = ['hunter2']",
        "[telemetry.otlp.headers]\na = \"hunter2\\n\"",
        "[telemetry.otlp]\nheaders = { 'a' = 'hunter2' 'b' }",
    ];
    for file in files {
        let error = read(file, &[]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{file}: {error}");
    }
    let variables = [
        ("DATABASE_URL", "oracle://ann:hunter2@db/market"),
        ("DATABASE_URL", "hunter2"),
        ("TELEMETRY", "hunter2"),
        ("TELEMETRY__OTLP", "http://hunter2@collector"),
        ("TELEMETRY__OTLP__HEADERS", "Bearer hunter2"),
        ("TELEMETRY__OTLP__HEADERS", "[hunter2]"),
        ("TELEMETRY__OTLP__ENDPOINT", "http://ann:hunter2@collector"),
    ];
    for variable in variables {
        let error = read("", &[variable]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{variable:?}: {error}");
    }
}

#[tokio::test]
async fn no_secret_is_in_the_error_of_a_database_that_cannot_be_opened() {
    for url in ["postgres://ann:hunter2@127.0.0.1:1/market", "hunter2://x", "sqlite:///nowhere/at/all/x.db"] {
        let mut config = Config::default();
        config.database_url = url.into();
        let error = AsyncIoSystem::builder().config(config).build().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error} {error:?}");
    }
}
