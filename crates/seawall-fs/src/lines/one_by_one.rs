use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use seawall_core::Error;

use super::{LineBatch, LineBatches};

/// The lines of a file one by one, without their endings; made by [`Fs::lines`](crate::Fs::lines).
///
/// # Cancel safety
/// Dropping a wait for the next line loses nothing. Dropping the stream closes the file.
#[derive(Debug)]
pub struct Lines {
    batches: LineBatches,
    batch: Option<LineBatch>,
    next: usize,
}

impl Lines {
    pub(super) fn new(batches: LineBatches) -> Self {
        Self { batches, batch: None, next: 0 }
    }
}

impl Stream for Lines {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(line) = this.batch.as_ref().and_then(|batch| batch.shared_line(this.next)) {
                this.next += 1;
                return Poll::Ready(Some(Ok(line)));
            }
            // Let go of before the next one is waited for.
            this.batch = None;
            match ready!(Pin::new(&mut this.batches).poll_next(cx)) {
                Some(Ok(batch)) => (this.batch, this.next) = (Some(batch), 0),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
