//! Tokio's traits, for who comes from `tokio::fs`.

use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use seawall_core::Error;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::read::READ_AHEAD;
use crate::File;

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0 {
            let count = buffer.remaining().clamp(READ_AHEAD, self.open.chunk_size.max(READ_AHEAD));
            ready!(self.poll_ahead(cx, count))?;
            let count = buffer.remaining().min(self.ahead.len());
            buffer.put_slice(&self.ahead[..count]);
            self.skip(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for File {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_ahead(cx, READ_AHEAD))?;
        Poll::Ready(Ok(&this.ahead))
    }

    fn consume(mut self: Pin<&mut Self>, count: usize) {
        self.skip(count);
    }
}

impl AsyncWrite for File {
    /// Takes bytes over as [`write_bytes`](File::write_bytes) does.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx)).map_err(io_error)?;
        let count = bytes.len().min(self.open.chunk_size);
        self.take_over(count, |gathered| gathered.copy(&bytes[..count]));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush_all(cx).map_err(io_error)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        self.seeking = Some(to);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let Some(to) = self.seeking else { return Poll::Ready(Ok(self.position)) };
        let result = ready!(self.poll_seek(cx, to));
        self.seeking = None;
        Poll::Ready(result.map_err(io_error))
    }
}

impl File {
    /// Waits until something is ahead of the cursor or the file ends.
    fn poll_ahead(&mut self, cx: &mut Context<'_>, count: usize) -> Poll<io::Result<()>> {
        self.forget_the_stale();
        while self.ahead.is_empty() {
            if !ready!(self.poll_more(cx, count)).map_err(io_error)? {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn skip(&mut self, count: usize) {
        self.position += count as u64;
        Buf::advance(&mut self.ahead, count);
    }
}

/// With the kind that the system gave, and all the rest within.
fn io_error(error: Error) -> io::Error {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    let kind = match (cause, error.kind()) {
        (Some(cause), _) => cause.kind(),
        (None, seawall_core::FailureKind::Timeout) => io::ErrorKind::TimedOut,
        (None, _) => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
