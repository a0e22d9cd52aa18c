use std::sync::{Arc, Mutex};

use seawall_core::{AttributeValue, Event, Measurement, Observer, Origin};
use seawall_redis::Redis;
use seawall_testkit::servers::redis_url;

use crate::support::{address, patient};

#[derive(Default)]
struct Recorder(Mutex<Vec<Told>>);

/// A metric and its attributes.
type Told = (String, Vec<(String, String)>);

impl Observer for Recorder {
    fn observe(&self, _: Origin<'_>, _: &Event) {}

    fn measure(&self, measurement: &Measurement<'_>) {
        let shown = |value: &AttributeValue<'_>| match value {
            AttributeValue::Text(text) => (*text).to_owned(),
            AttributeValue::Number(number) => number.to_string(),
        };
        let attributes =
            measurement.attributes.iter().map(|(name, value)| ((*name).to_owned(), shown(value)));
        self.0.lock().unwrap().push((measurement.metric.to_owned(), attributes.collect()));
    }
}

#[tokio::test]
async fn each_attempt_is_measured_in_the_words_of_the_convention() {
    let (url, recorder) = (redis_url().unwrap(), Arc::new(Recorder::default()));
    let redis = Redis::connect(&url, &patient(), Arc::<Recorder>::clone(&recorder)).await.unwrap();
    redis.set("secret-key", "secret-value").await.unwrap();
    redis.incr("secret-key", 1).await.unwrap_err();
    redis.pipelined().command("PING").command("PING").execute().await.unwrap();
    redis.pipelined().atomic().command("PING").execute().await.unwrap();
    redis.command("made-up").execute().await.unwrap_err();

    let told = recorder.0.lock().unwrap();
    let database = url.rsplit('/').next().unwrap();
    let server = address(&url);
    let expected = |operation: &str, error: Option<&str>| {
        let mut attributes = vec![
            ("db.system.name", "redis".to_owned()),
            ("db.operation.name", operation.to_owned()),
            ("db.namespace", database.to_owned()),
            ("server.address", server.ip().to_string()),
            ("server.port", server.port().to_string()),
        ];
        if let Some(error) = error {
            attributes.push(("db.response.status_code", error.to_owned()));
            attributes.push(("error.type", error.to_owned()));
        }
        let owned = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>();
        ("db.client.operation.duration".to_owned(), owned)
    };
    assert_eq!(
        *told,
        [
            expected("SET", None),
            expected("INCRBY", Some("ERR")),
            expected("PIPELINE", None),
            expected("MULTI", None),
            expected("_OTHER", Some("ERR")),
        ]
    );
    assert!(!format!("{told:?}").contains("secret"));
}
