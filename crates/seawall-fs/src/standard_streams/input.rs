use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;
use seawall_core::{CallContext, Error, FailureKind};
use tokio::io::{AsyncRead, ReadBuf};

use crate::fault::{Fault, Label};

/// So much is read at a time.
const CHUNK: usize = 64 * 1024;

/// A stream to read from; made by [`stdin`](super::stdin). A clone reads the same stream.
///
/// It reads only when somebody waits, so that a child process can have the rest. What was read and not taken yet stays
/// for the next call, also when a call is dropped.
#[derive(Clone)]
pub struct Input {
    shared: Arc<Shared>,
    is_terminal: fn() -> bool,
}

struct Shared {
    label: Label,
    state: Mutex<State>,
    wanted: Condvar,
}

#[derive(Default)]
struct State {
    content: BytesMut,
    /// Somebody waits for more than there is.
    wants: bool,
    ended: bool,
    failure: Option<Fault>,
    waiting: Vec<Waker>,
}

impl Input {
    pub(super) fn new(
        name: &'static str,
        is_terminal: fn() -> bool,
        from: impl Read + Send + 'static,
    ) -> Self {
        let label = Label { operation: "read", path: Path::new(name).into() };
        let shared = Arc::new(Shared { label, state: Mutex::default(), wanted: Condvar::new() });
        let reader = Arc::clone(&shared);
        let spawned =
            std::thread::Builder::new().name(format!("seawall-{name}")).spawn(move || reader.serve(from));
        if let Err(cause) = spawned {
            shared.lock().failure = Some(cause.into());
        }
        Self { shared, is_terminal }
    }

    /// Whether somebody sits at the other end.
    pub fn is_terminal(&self) -> bool {
        (self.is_terminal)()
    }

    /// Up to `max` bytes; none at the end only.
    ///
    /// # Errors
    /// When it cannot be read, or the deadline passes.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken.
    pub async fn read_bytes(&self, max: usize) -> Result<Bytes, Error> {
        self.wait_for(|state| {
            let count = state.content.len().min(max);
            match count {
                0 if max > 0 && !state.has_ended() => None,
                count => Some(Ok(state.content.split_to(count).freeze())),
            }
        })
        .await
    }

    /// Everything to the end, if that is at most `limit` bytes.
    ///
    /// # Errors
    /// As [`read_bytes`](Self::read_bytes), and when there is more; nothing is taken then.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken.
    pub async fn read_all(&self, limit: u64) -> Result<Bytes, Error> {
        self.wait_for(|state| {
            if state.content.len() as u64 > limit {
                let message = format!("more than the {limit} bytes allowed: raise the limit");
                return Some(Err(Fault::invalid(message)));
            }
            state.has_ended().then(|| Ok(state.content.split().freeze()))
        })
        .await
    }

    /// The next line, without its `\n` or `\r\n`, if it has at most `limit` bytes; `None` at the end.
    ///
    /// # Errors
    /// As [`read_bytes`](Self::read_bytes), and when the line is longer; nothing is taken then.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken.
    pub async fn next_line(&self, limit: usize) -> Result<Option<Bytes>, Error> {
        let mut searched = 0;
        self.wait_for(move |state| {
            searched = searched.min(state.content.len());
            let found = memchr(b'\n', &state.content[searched..]).map(|end| searched + end + 1);
            let whole = found.unwrap_or(state.content.len());
            let line = &state.content[..whole];
            let line = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line);
            let length = line.len();
            if length > limit {
                let message = format!("a line is longer than the {limit} bytes allowed: raise the limit");
                return Some(Err(Fault::invalid(message)));
            }
            searched = whole;
            if found.is_none() && !state.has_ended() {
                return None;
            }
            let mut line = state.content.split_to(whole).freeze();
            line.truncate(length);
            Some(Ok((whole > 0).then_some(line)))
        })
        .await
    }

    /// Asks for more until `take` has what it wants, at most until the deadline of the context.
    async fn wait_for<T>(
        &self,
        mut take: impl FnMut(&mut State) -> Option<Result<T, Fault>>,
    ) -> Result<T, Error> {
        let taken = std::future::poll_fn(|cx| self.shared.poll(cx, &mut take));
        let taken = match CallContext::current_deadline() {
            None => taken.await,
            Some(deadline) => tokio::time::timeout_at(deadline.into(), taken).await.map_err(|_elapsed| {
                self.shared
                    .label
                    .error(FailureKind::Timeout, "nothing came before the deadline")
                    .not_executed()
            })?,
        };
        taken.map_err(|fault| fault.label(&self.shared.label))
    }
}

impl AsyncRead for Input {
    /// Without a deadline: nothing is lost when it is dropped.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = ready!(self.shared.poll(cx, &mut |state: &mut State| {
            let count = state.content.len().min(buffer.remaining());
            if count == 0 && buffer.remaining() > 0 && !state.has_ended() {
                return None;
            }
            buffer.put_slice(&state.content[..count]);
            state.content.advance(count);
            Some(Ok(()))
        }));
        Poll::Ready(result.map_err(|fault| io::Error::other(fault.label(&self.shared.label))))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("name", &self.shared.label.path).finish_non_exhaustive()
    }
}

impl Shared {
    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(&mut State) -> Option<Result<T, Fault>>,
    ) -> Poll<Result<T, Fault>> {
        let mut state = self.lock();
        if let Some(taken) = take(&mut state) {
            return Poll::Ready(taken);
        }
        if let Some(fault) = state.failure.take() {
            return Poll::Ready(Err(fault));
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        if !state.wants {
            state.wants = true;
            self.wanted.notify_one();
        }
        Poll::Pending
    }

    /// Reads whenever somebody waits, for as long as the process lives.
    fn serve(&self, mut from: impl Read) {
        let mut buffer = vec![0; CHUNK];
        loop {
            let state = self.lock();
            drop(self.wanted.wait_while(state, |state| !state.wants).unwrap_or_else(PoisonError::into_inner));
            let read = from.read(&mut buffer);
            let mut state = self.lock();
            match read {
                Ok(0) => state.ended = true,
                Ok(count) => state.content.extend_from_slice(&buffer[..count]),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                // Another process has made the terminal one that does not wait.
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                    drop(self.wanted.wait_timeout(state, Duration::from_millis(5)));
                    continue;
                }
                Err(cause) => state.failure = Some(cause.into()),
            }
            state.wants = false;
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
    /// Whether the end was met, which is told once: at a terminal more may come afterwards.
    fn has_ended(&mut self) -> bool {
        std::mem::take(&mut self.ended)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::io::AsyncReadExt;

    use super::*;

    fn piped() -> (io::PipeWriter, Input) {
        let (reader, writer) = io::pipe().unwrap();
        (writer, Input::new("test", || false, reader))
    }

    #[tokio::test]
    async fn bytes_lines_and_all_the_rest_are_taken_from_one_stream_by_any_handle() {
        let (mut writer, input) = piped();
        writer.write_all(b"one\r\ntwo\nab").unwrap();
        assert_eq!(input.next_line(9).await.unwrap().unwrap(), "one");
        assert_eq!(input.clone().next_line(9).await.unwrap().unwrap(), "two");
        assert_eq!(input.read_bytes(0).await.unwrap(), "");
        assert_eq!(input.read_bytes(1).await.unwrap(), "a");
        let mut byte = [0];
        input.clone().read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"b");
        writer.write_all(b"last").unwrap();
        drop(writer);
        assert!(input.read_all(3).await.unwrap_err().to_string().contains("more than the 3 bytes allowed"));
        assert!(input.next_line(3).await.unwrap_err().to_string().contains("longer than the 3 bytes"));
        assert_eq!(input.next_line(4).await.unwrap().unwrap(), "last");
        assert_eq!(input.next_line(4).await.unwrap(), None);
        assert_eq!(input.read_bytes(4).await.unwrap(), "");
        assert_eq!(input.read_all(4).await.unwrap(), "");
        assert!(!input.is_terminal());
    }

    #[tokio::test]
    async fn a_read_that_was_dropped_loses_nothing_and_one_too_long_ends_at_its_deadline() {
        let (mut writer, input) = piped();
        for _ in 0..3 {
            let soon = tokio::time::Instant::now().into_std() + Duration::from_millis(5);
            let context = CallContext::default().deadline(soon);
            let error = context.scope(input.next_line(9)).await.unwrap_err();
            assert_eq!(error.kind(), FailureKind::Timeout);
            assert_eq!(error.name(), "read test");
        }
        writer.write_all(b"kept\n").unwrap();
        assert_eq!(input.next_line(9).await.unwrap().unwrap(), "kept");
    }

    #[tokio::test]
    async fn all_who_wait_are_served() {
        let (mut writer, input) = piped();
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let input = input.clone();
                tokio::spawn(async move { input.next_line(9).await.unwrap().unwrap() })
            })
            .collect();
        tokio::task::yield_now().await;
        for number in 0..10 {
            writeln!(writer, "{number}").unwrap();
        }
        let mut lines = Vec::new();
        for line in waiting {
            lines.push(line.await.unwrap());
        }
        lines.sort();
        assert_eq!(lines, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    }
}
