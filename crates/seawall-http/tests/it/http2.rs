//! What only a server that speaks HTTP/2 can do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use seawall_http::{Http, HttpConfig, HttpVersion, ResponseExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client_of;

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Then {
    /// Answers `fine`, and says with trailers what it hashes to.
    Answer,
    /// The same, and says that it takes no more requests over this connection.
    AnswerAndGoAway,
    /// Refuses the stream: it has not looked at it.
    Refuse,
    Redirect,
}

/// A server that follows a script, one step a request, the last step for all that follow.
struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(script: &'static [Then]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (connections, requests) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let counters = (Arc::clone(&connections), Arc::clone(&requests));
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                counters.0.fetch_add(1, SeqCst);
                tokio::spawn(follow(connection, script, Arc::clone(&counters.1)));
            }
        });
        Self { url, connections, requests }
    }

    fn seen(&self) -> (usize, usize) {
        (self.connections.load(SeqCst), self.requests.load(SeqCst))
    }
}

async fn follow(connection: TcpStream, script: &[Then], requests: Arc<AtomicUsize>) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(connection).await?;
    while let Some(stream) = connection.accept().await {
        let (_request, mut respond) = stream?;
        let number = requests.fetch_add(1, SeqCst);
        let step = script[number.min(script.len() - 1)];
        match step {
            Then::Refuse => respond.send_reset(h2::Reason::REFUSED_STREAM),
            Then::Redirect => {
                let elsewhere =
                    Response::builder().status(StatusCode::SEE_OTHER).header(LOCATION, "/elsewhere");
                respond.send_response(elsewhere.body(()).unwrap(), true)?;
            }
            Then::Answer | Then::AnswerAndGoAway => {
                let mut body = respond.send_response(Response::new(()), false)?;
                body.send_data(Bytes::from("fine"), false)?;
                let checksum = (HeaderName::from_static("x-checksum"), HeaderValue::from_static("42"));
                body.send_trailers(HeaderMap::from_iter([checksum]))?;
            }
        }
        if matches!(step, Then::AnswerAndGoAway) {
            connection.graceful_shutdown();
        }
    }
    Ok(())
}

fn client() -> Http {
    client_of(&HttpConfig { http_version: HttpVersion::Http2, ..HttpConfig::default() })
}

#[tokio::test]
async fn a_stream_that_was_refused_unread_is_sent_again_even_by_a_post() {
    let server = Server::start(&[Then::Refuse, Then::Answer]).await;
    let answer = client().post(&server.url).body("order").fetch_text().await.unwrap();
    assert_eq!((answer.as_str(), server.seen()), ("fine", (1, 2)));
}

#[tokio::test]
async fn a_post_that_is_refused_for_good_was_not_executed() {
    let server = Server::start(&[Then::Refuse]).await;
    let error = client().post(&server.url).body("order").send().await.unwrap_err();
    assert!(!error.may_have_executed(), "{error}");
    assert_eq!(server.seen().1, 4);
}

#[tokio::test]
async fn a_server_that_goes_away_after_an_answer_is_called_over_another_connection() {
    let server = Server::start(&[Then::AnswerAndGoAway, Then::Answer]).await;
    let http = client();
    for calls in 1..=3 {
        let answer = http.post(&server.url).body("order").fetch_text().await.unwrap();
        assert_eq!((answer.as_str(), server.seen().1), ("fine", calls), "each is sent once");
    }
    assert_eq!(server.seen().0, 2);
}

#[tokio::test]
async fn trailers_come_with_the_answer() {
    let server = Server::start(&[Then::Answer]).await;
    let answer = client().get(&server.url).collect().await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    assert_eq!(answer.body().trailers().unwrap()["x-checksum"], "42");
    assert_eq!(answer.body().as_bytes().unwrap(), "fine");
}

#[tokio::test]
async fn a_redirect_is_followed_over_the_same_connection() {
    let server = Server::start(&[Then::Redirect, Then::Answer]).await;
    let answer = client().post(&server.url).body("order").collect().await.unwrap();
    assert_eq!(answer.redirected_to().unwrap().path(), "/elsewhere");
    assert_eq!(server.seen(), (1, 2));
}
