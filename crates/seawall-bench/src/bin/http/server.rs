//! The loopback server: small answers, and files with ranges, from memory.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::Bytes;

/// Makes this program the server.
pub(crate) const ARGUMENT: &str = "--serve";

/// What a small answer holds.
const SMALL: usize = 1024;

/// How large the files `/large/N` are.
pub(crate) const LARGE: usize = 256 * 1024 * 1024;

/// The server's process, killed with this value.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> io::Result<Self> {
        let mut process =
            Command::new(std::env::current_exe()?).arg(ARGUMENT).stdout(Stdio::piped()).spawn()?;
        let mut url = String::new();
        let output = process.stdout.take().ok_or_else(|| io::Error::other("the server has no output"))?;
        BufReader::new(output).read_line(&mut url)?;
        Ok(Self { process, url: url.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn serve() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            println!("http://{}", listener.local_addr()?);
            axum::serve(listener.tap_io(nodelay), router()).await
        })
    });
    served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// What a server of small answers does. A connection that cannot is slower, not wrong.
fn nodelay(connection: &mut tokio::net::TcpStream) {
    let _ = connection.set_nodelay(true);
}

fn router() -> Router {
    let small = Bytes::from(vec![b's'; SMALL]);
    let large = Bytes::from(vec![b'l'; LARGE]);
    Router::new().route("/small/{name}", get(async move || small)).route(
        "/large/{name}",
        get(async move |Path(_): Path<String>, headers: HeaderMap| part(&large, &headers)),
    )
}

/// The file, or the part of it that is asked for.
fn part(file: &Bytes, headers: &HeaderMap) -> Response<Body> {
    let response = Response::builder().header(header::ETAG, "\"one\"").header(header::ACCEPT_RANGES, "bytes");
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).and_then(|range| {
        let (from, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        let end = last.parse::<usize>().map_or(file.len(), |last| last + 1);
        Some(from.parse::<usize>().ok()?..end.min(file.len()))
    });
    let answer = match range {
        Some(range) if range.start < range.end => {
            let what = format!("bytes {}-{}/{}", range.start, range.end - 1, file.len());
            let response = response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, what);
            response.header(header::CONTENT_LENGTH, range.len()).body(pieces(file.slice(range)))
        }
        _ => response.header(header::CONTENT_LENGTH, file.len()).body(pieces(file.clone())),
    };
    answer.expect("the headers are made of digits and ascii punctuation")
}

/// A body in pieces, as a server that reads a file sends it.
fn pieces(mut rest: Bytes) -> Body {
    let pieces = std::iter::from_fn(move || {
        (!rest.is_empty()).then(|| Ok::<_, io::Error>(rest.split_to(rest.len().min(256 * 1024))))
    });
    Body::from_stream(futures_util::stream::iter(pieces))
}
