use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::faults::Fault;
use super::market::TickFile;
use super::range::Part;
use super::request::{Request, Requests, Unacceptable};
use super::response::{After, Head, send_body, send_status};
use super::server::Shared;

/// Answers the requests of one connection until it ends.
pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = Requests::default();
    while let Some(request) = requests.next(&mut stream).await? {
        match answer(&mut stream, &shared, request).await? {
            After::KeepAlive => {}
            After::Close => return close(stream).await,
            After::Reset => return stream.set_zero_linger(),
        }
    }
    Ok(())
}

async fn answer(
    stream: &mut TcpStream,
    shared: &Shared,
    request: Result<Request, Unacceptable>,
) -> io::Result<After> {
    shared.count_request();
    let request = match request {
        Ok(request) => request,
        Err(Unacceptable(status)) => {
            let head = Head::new(status);
            let head = if status == 405 { head.with("Allow", "GET, HEAD") } else { head };
            return send_status(stream, head, After::Close).await;
        }
    };
    let after = if request.close { After::Close } else { After::KeepAlive };
    let Some(file) = shared.market.file(&request.path) else {
        return send_status(stream, Head::new(404), after).await;
    };
    match shared.next_fault(file) {
        Some(fault @ Fault::Status(status)) => {
            shared.count_fault(fault);
            send_status(stream, Head::new(status), after).await
        }
        Some(fault @ Fault::TooManyRequests { retry_after }) => {
            shared.count_fault(fault);
            send_status(stream, Head::new(429).with("Retry-After", retry_after), after).await
        }
        Some(fault @ Fault::Reset) => {
            shared.count_fault(fault);
            Ok(After::Reset)
        }
        Some(fault @ Fault::Stall(time)) => {
            shared.count_fault(fault);
            sleep(time).await;
            answer_file(stream, shared, file, &request, None, after).await
        }
        fault => answer_file(stream, shared, file, &request, fault, after).await,
    }
}

async fn answer_file(
    stream: &mut TcpStream,
    shared: &Shared,
    file: TickFile,
    request: &Request,
    fault: Option<Fault>,
    after: After,
) -> io::Result<After> {
    let (len, etag) = (file.len(), file.etag());
    // A range of what the client thinks it has makes sense only if that is what we have.
    let same = request.if_range.as_ref().is_none_or(|tag| *tag == etag);
    let part = match &request.range {
        Some(range) if same && !request.head_only => Part::of(range, len),
        _ => Part::Whole,
    };
    let (head, bytes) = match part {
        Part::Whole => (Head::new(200), 0..len),
        Part::Bytes(bytes) => {
            let range = format!("bytes {}-{}/{len}", bytes.start, bytes.end - 1);
            (Head::new(206).with("Content-Range", range), bytes)
        }
        Part::Unsatisfiable => {
            let head = Head::new(416).with("Content-Range", format_args!("bytes */{len}"));
            return send_status(stream, head, after).await;
        }
    };
    let size = bytes.end - bytes.start;
    head.with("Content-Type", "text/csv; charset=utf-8; header=present")
        .with("Content-Length", size)
        .with("Accept-Ranges", "bytes")
        .with("ETag", &etag)
        .send(stream, after)
        .await?;
    if request.head_only {
        return Ok(after);
    }
    let fault = match fault {
        Some(fault @ Fault::Body { fault: body_fault, at }) => {
            shared.count_fault(fault);
            Some((body_fault, bytes.start + size * at / 1000))
        }
        _ => None,
    };
    send_body(stream, file, bytes, fault, after).await
}

/// Closes so that the client sees an end and not a reset: the kernel resets when unread bytes are left.
async fn close(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let _ = timeout(Duration::from_secs(1), copy(&mut stream, &mut sink())).await;
    Ok(())
}
