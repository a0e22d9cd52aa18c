use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use seawall_core::{CallContext, Error, FailureKind};
use tokio::io::AsyncWrite;

use crate::fault::{Fault, Label};

/// So many bytes wait to be written before those who write wait too.
const MOST: usize = 256 * 1024;

/// A stream to write to; made by [`stdout`](super::stdout) and [`stderr`](super::stderr). A clone writes to the same.
///
/// Bytes are written in the background, and those that are not when the process ends are lost: call
/// [`flush`](Self::flush) before. A failure, since nobody reads any more for instance, is told by every later call until
/// [`discard_unwritten`](Self::discard_unwritten) handles it.
#[derive(Clone)]
pub struct Output {
    shared: Arc<Shared>,
    is_terminal: fn() -> bool,
}

struct Shared {
    label: Label,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    gathered: VecDeque<Bytes>,
    /// All bytes that were ever taken over, and those of them that are written or given back.
    taken: u64,
    settled: u64,
    failure: Option<Fault>,
    waiting: Vec<Waker>,
}

impl Output {
    pub(super) fn new(
        name: &'static str,
        is_terminal: fn() -> bool,
        to: impl Write + Send + 'static,
    ) -> Self {
        let label = Label { operation: "write", path: Path::new(name).into() };
        let shared = Arc::new(Shared { label, state: Mutex::default(), changed: Condvar::new() });
        let writer = Arc::clone(&shared);
        let spawned =
            std::thread::Builder::new().name(format!("seawall-{name}")).spawn(move || writer.serve(to));
        if let Err(cause) = spawned {
            shared.lock().failure = Some(cause.into());
        }
        Self { shared, is_terminal }
    }

    /// Whether somebody sits at the other end.
    pub fn is_terminal(&self) -> bool {
        (self.is_terminal)()
    }

    /// Writes all of `bytes`, with nothing of others between them. It returns as soon as they are taken over, and waits
    /// only when 256 KiB wait already.
    ///
    /// # Errors
    /// When an earlier write failed, or the deadline passed. These bytes are not taken over then.
    ///
    /// # Cancel safety
    /// Dropped before it returned, it has taken nothing.
    pub async fn write_bytes(&self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let mut bytes = Some(bytes.into());
        self.wait_for(|state| {
            state.has_room().then(|| bytes.take().into_iter().for_each(|bytes| state.push(bytes)))
        })
        .await
    }

    /// Waits until the operating system has everything that was taken over by now.
    ///
    /// # Errors
    /// When a write failed, or the deadline passed.
    ///
    /// # Cancel safety
    /// Cancel safe; writing goes on.
    pub async fn flush(&self) -> Result<(), Error> {
        let taken = self.shared.lock().taken;
        self.wait_for(|state| (state.settled >= taken).then_some(())).await
    }

    /// Handles a failure: gives back what is not written yet, and goes on without it. Without a failure nothing.
    pub fn discard_unwritten(&self) -> Vec<Bytes> {
        let mut state = self.shared.lock();
        if state.failure.take().is_none() {
            return Vec::new();
        }
        state.settled = state.taken;
        std::mem::take(&mut state.gathered).into()
    }

    /// Waits until `done` gives something, at most until the deadline of the context.
    async fn wait_for<T>(&self, mut done: impl FnMut(&mut State) -> Option<T>) -> Result<T, Error> {
        let waiting = std::future::poll_fn(|cx| self.shared.poll(cx, &mut done));
        let ended = match CallContext::current_deadline() {
            None => waiting.await,
            Some(deadline) => {
                tokio::time::timeout_at(deadline.into(), waiting).await.map_err(|_elapsed| {
                    self.shared.label.error(FailureKind::Timeout, "not written before the deadline")
                })?
            }
        };
        ended.map_err(|fault| fault.label(&self.shared.label))
    }

    fn io_error(&self, fault: Fault) -> io::Error {
        io::Error::other(fault.label(&self.shared.label))
    }
}

impl AsyncWrite for Output {
    /// Without a deadline: nothing is taken when it is dropped.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = &bytes[..bytes.len().min(MOST)];
        let result = ready!(self.shared.poll(cx, &mut |state: &mut State| {
            state.has_room().then(|| state.push(Bytes::copy_from_slice(bytes)))
        }));
        Poll::Ready(result.map(|()| bytes.len()).map_err(|fault| self.io_error(fault)))
    }

    /// Waits until everything is written, what others write meanwhile too.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(
            self.shared.poll(cx, &mut |state: &mut State| (state.settled == state.taken).then_some(()))
        );
        Poll::Ready(result.map_err(|fault| self.io_error(fault)))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("name", &self.shared.label.path).finish_non_exhaustive()
    }
}

impl Shared {
    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        done: &mut impl FnMut(&mut State) -> Option<T>,
    ) -> Poll<Result<T, Fault>> {
        let mut state = self.lock();
        if let Some(fault) = &state.failure {
            return Poll::Ready(Err(fault.again()));
        }
        if let Some(value) = done(&mut state) {
            self.changed.notify_one();
            return Poll::Ready(Ok(value));
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Writes whatever is there, for as long as the process lives.
    fn serve(&self, mut to: impl Write) {
        loop {
            let state = self.lock();
            let nothing = |state: &mut State| state.gathered.is_empty() || state.failure.is_some();
            let mut state = self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
            let mut batch = std::mem::take(&mut state.gathered);
            drop(state);
            let (written, result) = write_out(&mut to, &mut batch);
            let mut state = self.lock();
            state.settled += written;
            if let Err(cause) = result {
                // What is left goes first, if it goes at all.
                batch.append(&mut state.gathered);
                state.gathered = batch;
                if cause.kind() == io::ErrorKind::WouldBlock {
                    // Another process has made the terminal one that does not wait.
                    drop(self.changed.wait_timeout(state, Duration::from_millis(5)));
                    continue;
                }
                state.failure = Some(cause.into());
            }
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.taken - self.settled < MOST as u64
    }

    fn push(&mut self, bytes: Bytes) {
        self.taken += bytes.len() as u64;
        self.gathered.push_back(bytes);
    }
}

/// Writes a batch, from which what is written is taken away, and says how much that was.
fn write_out(to: &mut impl Write, batch: &mut VecDeque<Bytes>) -> (u64, io::Result<()>) {
    let mut written = 0;
    while let Some(first) = batch.front_mut() {
        if first.is_empty() {
            batch.pop_front();
            continue;
        }
        match to.write(first) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => {
                first.advance(count);
                written += count as u64;
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return (written, Err(cause)),
        }
    }
    (written, to.flush())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use tokio::io::AsyncWriteExt;

    use super::*;

    fn piped() -> (io::PipeReader, Output) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, Output::new("test", || false, writer))
    }

    #[tokio::test]
    async fn a_flush_waits_until_all_is_written() {
        let (mut reader, output) = piped();
        output.write_bytes("one ").await.unwrap();
        output.clone().write_all(b"two").await.unwrap();
        output.write_bytes("").await.unwrap();
        output.flush().await.unwrap();
        let mut read = [0; 7];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"one two");
        assert!(!output.is_terminal());
    }

    #[tokio::test]
    async fn memory_is_bounded_when_nobody_reads_and_a_wait_ends_at_its_deadline() {
        let (mut reader, output) = piped();
        let mut taken = 0_usize;
        let error = loop {
            let soon = tokio::time::Instant::now().into_std() + Duration::from_millis(20);
            let write = output.write_bytes(vec![b'x'; 10_000]);
            match CallContext::default().deadline(soon).scope(write).await {
                Ok(()) => taken += 10_000,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), FailureKind::Timeout);
        assert!(taken < MOST + 200_000, "{taken}");
        let reading = std::thread::spawn(move || {
            let mut content = vec![0; taken];
            reader.read_exact(&mut content).unwrap();
            content.iter().all(|byte| *byte == b'x')
        });
        output.flush().await.unwrap();
        assert!(reading.join().unwrap());
    }

    #[tokio::test]
    async fn that_nobody_reads_any_more_is_told_until_it_is_handled() {
        let (reader, output) = piped();
        drop(reader);
        output.write_bytes("lost").await.unwrap();
        for error in [
            output.flush().await.unwrap_err(),
            output.flush().await.unwrap_err(),
            output.write_bytes("more").await.unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.name()), (FailureKind::Permanent, "write test"));
        }
        assert_eq!(output.discard_unwritten(), ["lost"]);
        output.flush().await.unwrap();
        assert!(output.discard_unwritten().is_empty());
    }
}
