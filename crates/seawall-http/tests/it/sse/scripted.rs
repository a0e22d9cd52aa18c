//! Time stands still and moves only when everybody waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::{Method, Request, Response};
use seawall_core::{CallContext, Error, FailureKind};
use seawall_http::reconnect::{Incoming, ReconnectConfig};
use seawall_http::sse::{SseConfig, SseEvent};
use seawall_http::{Body, Http};
use tokio::time::Instant;
use tower::service_fn;

const SECOND: Duration = Duration::from_secs(1);

type Answer = Result<Response<Body>, Error>;
type Asked = (Duration, Option<String>);

/// A client of a server that gives these answers, one after the other, and notes when it was asked, and with which id.
struct Script {
    http: Http,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, begun) = (Arc::clone(&asked), Instant::now());
        let http = Http::from_service(service_fn(move |request: Request<Body>| {
            assert_eq!(request.headers()["accept"], "text/event-stream");
            let id = request.headers().get("last-event-id").map(|id| id.to_str().unwrap().to_owned());
            log.lock().unwrap().push((begun.elapsed(), id));
            let answer = answers.lock().unwrap().pop_front().unwrap_or_else(|| Ok(status(204)));
            async move { answer }
        }));
        Self { http, asked }
    }

    fn times(&self) -> Vec<u64> {
        self.asked.lock().unwrap().iter().map(|(at, _)| at.as_secs()).collect()
    }
}

fn status(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "scripts are of results")]
fn events(text: &'static str) -> Answer {
    Ok(of_body(Body::from(text)))
}

fn of_body(body: Body) -> Response<Body> {
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}

/// These, and then silence.
#[expect(clippy::unnecessary_wraps, reason = "scripts are of results")]
fn and_silence(text: &'static str) -> Answer {
    Ok(of_body(Body::from_stream(chunk(text).chain(stream::pending()))))
}

fn chunk(text: &'static str) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::iter([Ok(Bytes::from(text))])
}

fn exact() -> SseConfig {
    let reconnect = ReconnectConfig { jitter: 0.0, ..ReconnectConfig::default() };
    SseConfig { reconnect, ..SseConfig::default() }
}

fn data(incoming: &Incoming<SseEvent>) -> String {
    match incoming {
        Incoming::Item(event) => event.data.clone(),
        Incoming::Reconnected(gap) => format!(
            "gap: {} in {} s after {}, {}",
            gap.attempts,
            gap.away.as_secs(),
            gap.resumed_from.as_deref().unwrap_or("nothing"),
            if gap.may_have_missed { "may have missed" } else { "missed nothing" },
        ),
    }
}

async fn all(script: &Script, config: &SseConfig) -> Result<Vec<String>, Error> {
    let events = script.http.get("https://a.example/?token=1").events(config)?;
    events.map_ok(|incoming| data(&incoming)).try_collect().await
}

fn broken() -> Error {
    Error::new(FailureKind::Transient, "http", "test").with_message("broken")
}

#[tokio::test(start_paused = true)]
async fn waits_grow_until_something_comes_and_the_gap_is_told() {
    let script = Script::new([
        events("id: 1\ndata: a\n\n"),
        Err(broken()),
        Ok(status(503)),
        events("data: b\n\n"),
        events("data: c\n\n"),
    ]);
    let incoming = all(&script, &exact()).await.unwrap();
    assert_eq!(
        incoming,
        ["a", "gap: 3 in 7 s after 1, missed nothing", "b", "gap: 1 in 1 s after 1, missed nothing", "c"]
    );
    assert_eq!(script.times(), [0, 1, 3, 7, 8, 9]);
}

#[tokio::test(start_paused = true)]
async fn without_an_id_something_may_have_been_missed() {
    let script = Script::new([
        events("data: a\n\n"),
        events("id: 1\ndata: b\n\n"),
        events("id\ndata: c\n\n"),
        events(":\n"),
    ]);
    let incoming = all(&script, &exact()).await.unwrap();
    assert_eq!(
        incoming,
        [
            "a",
            "gap: 1 in 1 s after nothing, may have missed",
            "b",
            "gap: 1 in 1 s after 1, missed nothing",
            "c",
            "gap: 1 in 1 s after nothing, may have missed"
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn the_server_says_how_long_to_wait() {
    let asks = Response::builder().status(429).header("retry-after", "20").body(Body::empty()).unwrap();
    let script = Script::new([
        events("retry: 5000\n"),
        events(": a\n"),
        Ok(asks),
        events(": b\n"),
        events("retry: 9999999999\n"),
    ]);
    all(&script, &exact()).await.unwrap();
    assert_eq!(script.times(), [0, 5, 10, 30, 35, 335]);
}

#[tokio::test(start_paused = true)]
async fn waits_are_spread_and_never_shorter_than_said() {
    let mut waits = Vec::new();
    for _ in 0..50 {
        let script = Script::new([events("retry: 10000\n")]);
        all(&script, &SseConfig::default()).await.unwrap();
        let wait = script.asked.lock().unwrap()[1].0;
        assert!((10 * SECOND..=20 * SECOND).contains(&wait), "{wait:?}");
        waits.push(wait);
    }
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 40);
}

#[tokio::test(start_paused = true)]
async fn silence_makes_it_connect_again_and_comments_are_no_silence() {
    let comments = stream::unfold(0, |count| async move {
        tokio::time::sleep(60 * SECOND).await;
        (count < 10).then(|| (Ok::<_, Error>(Bytes::from(":\n")), count + 1))
    });
    let script = Script::new([Ok(of_body(Body::from_stream(comments))), and_silence("data: a\n\n")]);
    let incoming = all(&script, &exact()).await.unwrap();
    assert_eq!(incoming, ["gap: 1 in 1 s after nothing, may have missed", "a"]);
    assert_eq!(script.times(), [0, 661, 661 + 90 + 1]);
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_its_deadline() {
    let script = Script::new([and_silence("data: a\n\n")]);
    let config = SseConfig { idle_timeout: None, ..exact() };
    let begun = Instant::now();
    let context = CallContext::default().within(30 * SECOND, begun.into_std());
    let mut events =
        context.scope(async { script.http.get("https://a.example/").events(&config).unwrap() }).await;
    assert_eq!(data(&events.try_next().await.unwrap().unwrap()), "a");
    // Outside of the context it was made in, too.
    let error = events.try_next().await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed()), (FailureKind::Timeout, 30 * SECOND));
    assert!(events.try_next().await.unwrap().is_none(), "after an error it is over");
}

#[tokio::test(start_paused = true)]
async fn the_requests_time_is_that_of_the_stream() {
    let script = Script::new([and_silence("data: a\n\n")]);
    let begun = Instant::now();
    let request = script.http.get("https://a.example/").timeout(20 * SECOND);
    let error = request.events(&exact()).unwrap().try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed()), (FailureKind::Timeout, 20 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn it_does_not_wait_for_an_attempt_that_comes_too_late() {
    let script = Script::new([events("retry: 60000\n")]);
    let begun = Instant::now();
    let context = CallContext::default().within(30 * SECOND, begun.into_std());
    let error = context.scope(all(&script, &exact())).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert_eq!(
        error.to_string(),
        "http `GET https://a.example/`: the stream broke, and its deadline comes before the next attempt: \
         http `GET https://a.example/`: the server closed the event stream",
    );
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_ends_it_with_what_it_was() {
    let of_type = |sent: &'static str| {
        Ok(Response::builder().header("content-type", sent).body(Body::empty()).unwrap())
    };
    let cases: [(Answer, &str); 5] = [
        (Ok(status(404)), "the server answered with an error: status 404 Not Found"),
        (Ok(status(206)), "the server answered with status 206, not with a stream"),
        (of_type("application/json"), "the server sent `application/json`, not `text/event-stream`"),
        (Ok(status(200)), "the server sent `nothing`, not `text/event-stream`"),
        (
            Err(Error::new(FailureKind::Permanent, "http", "test").with_message("could not agree")),
            "could not agree",
        ),
    ];
    for (answer, expected) in cases {
        let script = Script::new([answer]);
        let error = all(&script, &exact()).await.unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert_eq!(script.times(), [0]);
    }
    let script = Script::new([Ok(Response::builder()
        .header("content-type", "Text/Event-Stream ;charset=UTF-8")
        .body(Body::empty())
        .unwrap())]);
    all(&script, &exact()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_gives_up_after_so_many_attempts_with_the_last_error() {
    let mut config = exact();
    config.reconnect.max_attempts = Some(2.try_into().unwrap());
    let script = Script::new((0..9).map(|_| Err(broken())));
    let error = all(&script, &config).await.unwrap_err();
    assert_eq!(error.to_string(), "http `test`: broken");
    assert_eq!(script.times(), [0, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_an_open_circuit_refuses_is_tried_later_and_what_the_client_refuses_is_not() {
    let refused = |layer| Error::new(FailureKind::Refused, layer, "test").with_retry_after(10 * SECOND);
    let script = Script::new([Err(refused("circuit_breaker")), Err(refused("http"))]);
    assert_eq!(all(&script, &exact()).await.unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(script.times(), [0, 10]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_too_large_ends_it() {
    let config = SseConfig { max_event_size: 10, ..exact() };
    let script = Script::new([events("data: a\n\ndata: more than ten bytes\n\n")]);
    let mut events = script.http.get("https://a.example/").events(&config).unwrap();
    assert_eq!(data(&events.try_next().await.unwrap().unwrap()), "a");
    let error = events.try_next().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "http `GET https://a.example/`: an event is larger than max_event_size allows: 10 bytes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_post_is_never_made_again_once_it_may_have_been_carried_out() {
    let post = |script: &Script| {
        let events = script
            .http
            .request(Method::POST, "https://a.example/")
            .body("question")
            .events(&exact())
            .unwrap();
        events.map_ok(|incoming| data(&incoming)).try_collect::<Vec<_>>()
    };
    let script =
        Script::new([Err(broken().not_executed()), events("data: answer\n\n"), events("data: again\n\n")]);
    assert_eq!(post(&script).await.unwrap(), ["answer"], "it ends where the server ends it");
    assert_eq!(script.times(), [0, 1]);

    let breaks = of_body(Body::from_stream(chunk("data: half\n\n").chain(stream::iter([Err(broken())]))));
    let script = Script::new([Ok(breaks)]);
    assert_eq!(post(&script).await.unwrap_err().kind(), FailureKind::Transient);
    assert_eq!(script.times(), [0]);
}

#[tokio::test(start_paused = true)]
async fn it_begins_after_an_event_that_was_read_elsewhere() {
    let script = Script::new([events("data: a\n\n")]);
    let mut events =
        script.http.get("https://a.example/").header("last-event-id", "41").events(&exact()).unwrap();
    let Incoming::Item(event) = events.try_next().await.unwrap().unwrap() else { panic!() };
    assert_eq!(event.id.as_deref(), Some("41"));
    assert_eq!(events.last_event_id(), Some("41"));
    assert!(!format!("{events:?}").contains("token"));
    events.try_next().await.unwrap();
    let ids: Vec<_> = script.asked.lock().unwrap().iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(ids, [Some("41".to_owned()), Some("41".to_owned())]);
}
