//! A real HTTP server for one document, with ranges, validators and as many versions as the test wants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;

#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) body: Bytes,
    pub(crate) etag: &'static str,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    document: Arc<Mutex<Document>>,
}

impl Server {
    pub(crate) async fn start(body: impl Into<Bytes>, etag: &'static str) -> Self {
        let document = Arc::new(Mutex::new(Document { body: body.into(), etag }));
        let app = Router::new().route("/{*path}", get(serve)).with_state(Arc::clone(&document));
        Self { address: listen(app).await, document }
    }

    /// A server that knows neither ranges nor validators.
    pub(crate) async fn start_bare(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let document = Arc::new(Mutex::new(Document { body: body.clone(), etag: "" }));
        let app = Router::new().route("/{*path}", get(move || async move { body }));
        Self { address: listen(app).await, document }
    }

    /// Puts another version in its place.
    pub(crate) fn replace(&self, body: impl Into<Bytes>, etag: &'static str) {
        *self.document.lock().unwrap() = Document { body: body.into(), etag };
    }
}

pub(crate) async fn listen(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn serve(State(document): State<Arc<Mutex<Document>>>, headers: HeaderMap) -> Response<Body> {
    let Document { body, etag } = document.lock().unwrap().clone();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let response = Response::builder().header(header::ETAG, etag);
    if text(header::IF_NONE_MATCH) == Some(etag) {
        return response.status(StatusCode::NOT_MODIFIED).body(Body::empty()).unwrap();
    }
    let fresh = text(header::IF_RANGE).is_none_or(|condition| condition == etag);
    let start = text(header::RANGE)
        .filter(|_| fresh)
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let total = body.len();
    match start {
        Some(start) if start >= total => response
            .status(StatusCode::RANGE_NOT_SATISFIABLE)
            .header(header::CONTENT_RANGE, format!("bytes */{total}"))
            .body(Body::empty())
            .unwrap(),
        Some(start) => response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {start}-{}/{total}", total - 1))
            .body(Body::from(body.slice(start..)))
            .unwrap(),
        None => response.body(Body::from(body)).unwrap(),
    }
}
