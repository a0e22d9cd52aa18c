use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::faults::BodyFault;
use super::market::TickFile;

const BLOCK: u64 = 64 * 1024;
/// How a slow body trickles: 0.8 s for 10 KiB, then on at full speed.
const TRICKLE: (u64, u64, Duration) = (40, 256, Duration::from_millis(20));

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head(String);

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    KeepAlive,
    Close,
    Reset,
}

impl Head {
    pub(super) fn new(status: u16) -> Self {
        Self(format!("HTTP/1.1 {status} {}\r\n", reason(status)))
    }

    pub(super) fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        write!(self.0, "{name}: {value}\r\n").expect("a string takes all it is given");
        self
    }

    pub(super) async fn send(mut self, stream: &mut TcpStream, after: After) -> io::Result<()> {
        if after != After::KeepAlive {
            self = self.with("Connection", "close");
        }
        self.0.push_str("\r\n");
        stream.write_all(self.0.as_bytes()).await
    }
}

/// Sends an answer that says no more than its status.
pub(super) async fn send_status(stream: &mut TcpStream, head: Head, after: After) -> io::Result<After> {
    head.with("Content-Length", 0).send(stream, after).await?;
    Ok(after)
}

/// Sends these bytes of a file, with what goes wrong at one of them.
pub(super) async fn send_body(
    stream: &mut TcpStream,
    file: TickFile,
    bytes: Range<u64>,
    fault: Option<(BodyFault, u64)>,
    after: After,
) -> io::Result<After> {
    let Some((fault, at)) = fault else {
        send_bytes(stream, file, bytes).await?;
        return Ok(after);
    };
    send_bytes(stream, file, bytes.start..at).await?;
    let mut sent = at;
    match fault {
        BodyFault::Reset => return Ok(After::Reset),
        BodyFault::Truncate => return Ok(After::Close),
        BodyFault::Stall(time) => sleep(time).await,
        BodyFault::Slow => {
            let (pieces, size, pause) = TRICKLE;
            for _ in 0..pieces.min((bytes.end - at).div_ceil(size)) {
                let end = bytes.end.min(sent + size);
                send_bytes(stream, file, sent..end).await?;
                sent = end;
                sleep(pause).await;
            }
        }
    }
    send_bytes(stream, file, sent..bytes.end).await?;
    Ok(after)
}

/// Makes and sends one block after the other: memory does not grow with the file.
async fn send_bytes(stream: &mut TcpStream, file: TickFile, bytes: Range<u64>) -> io::Result<()> {
    let mut block = Vec::with_capacity(BLOCK.min(bytes.end - bytes.start) as usize);
    let mut start = bytes.start;
    while start < bytes.end {
        let end = bytes.end.min(start + BLOCK);
        block.clear();
        file.read(start..end, &mut block);
        stream.write_all(&block).await?;
        start = end;
    }
    Ok(())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        // The reason phrase is optional; the status says it all.
        _ => "",
    }
}
