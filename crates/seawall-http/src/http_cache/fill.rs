use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout_at};

use super::flights::Landed;
use super::passage::{Part, passage};
use crate::Body;

/// Collects a body while it passes to its caller.
pub(super) struct Fill {
    body: Body,
    limit: u64,
    announced: Option<u64>,
    caller: UnboundedSender<Part>,
}

/// A body that is whole. Its caller is told that it ended once it is stored, so that the next request finds it.
pub(super) struct Filled {
    pub(super) body: Bytes,
    pub(super) end: End,
}

pub(super) struct End(UnboundedSender<Part>);

impl End {
    pub(super) fn send(self) {
        let _gone = self.0.send(Part::End);
    }
}

impl Fill {
    /// Of a body that is stored if it is at most `limit` bytes, and the body that its caller reads in its place.
    pub(super) fn new(body: Body, limit: u64, headers: &HeaderMap) -> (Self, Body) {
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let (caller, passing) = passage(body.size_hint());
        (Self { body, limit, announced, caller }, passing)
    }

    /// Collects it until `until`; the error says what is to become of those who wait. A caller that has gone stops
    /// nothing, and one that reads slowly holds nobody up.
    pub(super) async fn run(mut self, until: Instant) -> Result<Filled, Landed> {
        let (mut chunks, mut size) = (Vec::new(), 0);
        loop {
            let frame = match timeout_at(until, self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(None) => break,
                Ok(Some(Err(error))) => {
                    self.pass(Part::Failed(error.clone()));
                    return Err(Landed::Failed(Some(error)));
                }
                Err(_elapsed) => return Err(self.hand_over()),
            };
            match frame.into_data() {
                Ok(chunk) => {
                    size += chunk.len() as u64;
                    self.pass(Part::Chunk(chunk.clone()));
                    if size > self.limit {
                        return Err(self.hand_over());
                    }
                    chunks.push(chunk);
                }
                Err(other) => {
                    if let Ok(trailers) = other.into_trailers() {
                        self.pass(Part::Trailers(trailers));
                    }
                }
            }
        }
        if self.announced.is_some_and(|announced| announced != size) {
            // It is not what it said it would be; whoever reads it may find that out, nobody else has to.
            self.pass(Part::End);
            return Err(Landed::ForOneOnly);
        }
        Ok(Filled { body: in_one_piece(&chunks, size), end: End(self.caller) })
    }

    fn pass(&self, part: Part) {
        let _gone = self.caller.send(part);
    }

    fn hand_over(self) -> Landed {
        let _gone = self.caller.send(Part::Rest(Box::new(self.body)));
        Landed::ForOneOnly
    }
}

/// In memory of its own, of just that size: chunks hold fast the buffers that the connection was read into.
fn in_one_piece(chunks: &[Bytes], size: u64) -> Bytes {
    let mut whole = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    for chunk in chunks {
        whole.extend_from_slice(chunk);
    }
    whole.into()
}
