use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const LONGEST_HEAD: usize = 8 * 1024;
/// How long a connection may be idle between requests.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the exchange needs to know of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) head_only: bool,
    pub(super) path: String,
    pub(super) range: Option<String>,
    pub(super) if_range: Option<String>,
    pub(super) close: bool,
}

/// Why a request is not answered, as a status code. The connection is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unacceptable(pub(super) u16);

/// Reads the requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Requests {
    // Read and not used yet.
    buffer: Vec<u8>,
}

impl Requests {
    /// The next request; `None` once the client has closed the connection, or left it idle for too long.
    pub(super) async fn next(
        &mut self,
        stream: &mut TcpStream,
    ) -> io::Result<Option<Result<Request, Unacceptable>>> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Ok(Some(parse(&head)));
            }
            if self.buffer.len() >= LONGEST_HEAD {
                return Ok(Some(Err(Unacceptable(431))));
            }
            match timeout(PATIENCE, stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) | Err(_) => return Ok(None),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
            }
        }
    }
}

fn parse(head: &[u8]) -> Result<Request, Unacceptable> {
    let malformed = Unacceptable(400);
    let head = str::from_utf8(head).or(Err(malformed))?;
    let mut lines = head.split("\r\n").take_while(|line| !line.is_empty());
    let mut words = lines.next().ok_or(malformed)?.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed);
    };
    let path = target.split('?').next().unwrap_or(target).to_owned();
    let mut request = Request { head_only: method == "HEAD", path, ..Request::default() };
    match version {
        "HTTP/1.1" => {}
        "HTTP/1.0" => request.close = true,
        _ => return Err(Unacceptable(505)),
    }
    if method != "GET" && method != "HEAD" {
        return Err(Unacceptable(405));
    }
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(malformed)?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = Some(value.to_owned()),
            "if-range" => request.if_range = Some(value.to_owned()),
            "connection" => {
                request.close |= value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
            }
            // A body would be taken for the next request.
            "content-length" if value == "0" => {}
            "content-length" | "transfer-encoding" => return Err(malformed),
            _ => {}
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_by_its_headers_whatever_their_case() {
        let head = b"GET /a?b=1 HTTP/1.1\r\nhost: x\r\nRANGE: bytes=3-\r\nIf-Range: \"e\"\r\nConnection: x, Close\r\n\r\n";
        let expected = Request {
            head_only: false,
            path: "/a".into(),
            range: Some("bytes=3-".into()),
            if_range: Some("\"e\"".into()),
            close: true,
        };
        assert_eq!(parse(head), Ok(expected));
    }

    #[test]
    fn what_cannot_be_served_is_told_by_its_status() {
        for (head, status) in [
            (&b"GET /\r\n\r\n"[..], 400),
            (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 400),
            (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\n\r\n", 405),
            (b"GET / HTTP/2.0\r\n\r\n", 505),
        ] {
            assert_eq!(parse(head), Err(Unacceptable(status)), "{}", String::from_utf8_lossy(head));
        }
    }
}
