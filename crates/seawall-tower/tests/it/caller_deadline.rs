//! What a caller says of its time, and what becomes of work that nobody waits for.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use seawall_core::CallContext;
use seawall_tower::{CallerDeadlineLayer, DeadlineHeader, DeadlinePassed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::{Layer as _, ServiceExt, service_fn};

const HEADERS: [DeadlineHeader; 3] =
    [DeadlineHeader::GrpcTimeout, DeadlineHeader::EnvoyExpectedTimeout, DeadlineHeader::ConnectTimeout];

/// What the handler is told of its time by a request with this header, under a paused clock.
async fn time_of(layer: CallerDeadlineLayer, name: &str, value: &'static [u8]) -> Option<Duration> {
    let service = layer.layer(service_fn(async |_: Request<()>| {
        let now = Instant::now().into_std();
        let left = CallContext::current().remaining(now);
        Ok::<_, Infallible>(Response::builder().extension(left).body("").unwrap())
    }));
    let value = HeaderValue::from_bytes(value).unwrap();
    let request = Request::builder().header(name, value).body(()).unwrap();
    *service.oneshot(request).await.unwrap().extensions().get().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_handler_knows_how_much_time_its_caller_has() {
    let grpc = CallerDeadlineLayer::new();
    for (value, expected) in [
        (&b"250m"[..], Duration::from_millis(250)),
        (b"7S", Duration::from_secs(7)),
        (b"3M", Duration::from_mins(3)),
        (b"1000u", Duration::from_millis(1)),
        (b"99999999n", Duration::from_nanos(99_999_999)),
        // A stranger is believed up to an hour.
        (b"99999999H", Duration::from_hours(1)),
    ] {
        assert_eq!(time_of(grpc, "grpc-timeout", value).await, Some(expected));
    }
    let brief = grpc.at_most(Duration::from_secs(2));
    assert_eq!(time_of(brief, "grpc-timeout", b"7S").await, Some(Duration::from_secs(2)));
    let envoy = grpc.header(DeadlineHeader::EnvoyExpectedTimeout);
    let said = time_of(envoy, "x-envoy-expected-rq-timeout-ms", b"1500").await;
    assert_eq!(said, Some(Duration::from_millis(1500)));
    assert_eq!(time_of(envoy, "grpc-timeout", b"7S").await, None, "another header");
    let endless = envoy.at_most(Duration::MAX);
    // Longer than the world stands, and the clock bears it.
    assert!(time_of(endless, "x-envoy-expected-rq-timeout-ms", b"9999999999999999999").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_no_time_is_ignored() {
    for value in [
        &b""[..],
        b"m",
        b"5",
        b"-5m",
        b"+5m",
        b"5 m",
        b"1.5S",
        b"123456789m",
        b"5X",
        b"5mm",
        b"\xff5m",
        b"5\xc2\xb5",
    ] {
        let layer = CallerDeadlineLayer::new();
        assert_eq!(time_of(layer, "grpc-timeout", value).await, None, "{value:?}");
        for header in [DeadlineHeader::EnvoyExpectedTimeout, DeadlineHeader::ConnectTimeout] {
            let value = value.strip_suffix(b"5").unwrap_or(value);
            assert_eq!(time_of(layer.header(header), header.name().as_str(), value).await, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn work_ends_when_its_callers_deadline_passes() {
    let service = CallerDeadlineLayer::new()
        .layer(service_fn(|_: Request<()>| std::future::pending::<Result<Response<String>, Infallible>>()));
    let request = |value: &str| Request::builder().header("grpc-timeout", value).body(()).unwrap();
    let began = Instant::now();
    let response = service.clone().oneshot(request("3S")).await.unwrap();
    assert_eq!((response.status(), began.elapsed()), (StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(3)));
    let passed = response.extensions().get::<DeadlinePassed>().unwrap();
    assert_eq!(passed.after, Duration::from_secs(3));
    assert_eq!(response.into_body(), "the deadline that the caller set for this request has passed\n");

    let never = CallerDeadlineLayer::new().layer(service_fn(
        |_: Request<()>| -> std::future::Ready<Result<Response<String>, Infallible>> {
            panic!("there is no time to begin")
        },
    ));
    assert_eq!(never.oneshot(request("0m")).await.unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
}

proptest! {
    #[test]
    fn a_time_is_read_back_as_it_was_written_and_never_as_a_longer_one(nanos in 1_000_000_u64..9_000_000_000_000_000) {
        let time = Duration::from_nanos(nanos);
        for header in HEADERS {
            let read = header.read(&header.write(time)).unwrap();
            prop_assert!(read <= time);
            prop_assert!(time.abs_diff(read) < time / 1000 + Duration::from_millis(1), "{time:?} became {read:?}");
        }
    }

    #[test]
    fn no_value_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            for header in HEADERS {
                let _any = header.read(&value);
            }
        }
    }
}

/// Releases a permit when it is dropped.
struct Gone(Arc<Semaphore>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// A real server whose handler says when it begins and when it is dropped, and never ends by itself.
async fn server() -> (std::net::SocketAddr, Arc<Semaphore>, Arc<Semaphore>) {
    let (begun, gone) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (begins, goes) = (Arc::clone(&begun), Arc::clone(&gone));
    let handler = async move || {
        let _gone = Gone(goes);
        begins.add_permits(1);
        std::future::pending::<()>().await;
    };
    let router = Router::new().route("/", get(handler)).layer(CallerDeadlineLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, begun, gone)
}

#[tokio::test]
async fn a_real_handler_is_dropped_when_its_caller_hangs_up() {
    let (address, begun, gone) = server().await;
    let mut caller = TcpStream::connect(address).await.unwrap();
    caller.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    begun.acquire().await.unwrap().forget();
    assert_eq!(gone.available_permits(), 0);
    drop(caller);
    gone.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn a_real_handler_is_dropped_when_its_callers_deadline_passes() {
    let (address, _begun, gone) = server().await;
    let mut caller = TcpStream::connect(address).await.unwrap();
    let head = b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\ngrpc-timeout: 20m\r\n\r\n";
    caller.write_all(head).await.unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.ends_with("the deadline that the caller set for this request has passed\n"), "{answer}");
    gone.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn a_router_without_the_header_is_as_it_was() {
    let router = Router::new().route("/", get(async || "fine")).layer(CallerDeadlineLayer::new());
    let response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "fine");
}
