use std::collections::VecDeque;
use std::fmt;
use std::fs::Metadata;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream};
use seawall_core::{CallContext, Error};
use tokio::time::Instant;

use crate::fault::{Fault, Label};
use crate::work::{Task, Work};
use crate::{Fs, FsRequest, Operation, read};

/// Requests under way for one list: enough that the threads have something to do while the one who takes the results
/// waits for a processor, which they keep busy.
const AHEAD: usize = 8;

/// A request brings no more content than this and one file, so that a list of large files is not read into memory
/// faster than it is worked on.
const BYTES: usize = 2 * 1024 * 1024;

impl Fs {
    /// The contents of many files of at most `limit` bytes each, in the order of `paths`.
    ///
    /// Up to 128 files are one request, which costs one visit to a thread instead of 128; some requests are under way
    /// while you work on the results of earlier ones, with 16 MiB of content (and a file each) at the most. Each file
    /// has a result of its own: what passes by itself is tried again from that file on, as the stack of this client
    /// does with requests; what does not is told, and the next file is read.
    ///
    /// All of it ends at the deadline of the context in which it was made.
    ///
    /// ```
    /// # use std::{path::PathBuf, sync::Arc};
    /// use futures_util::StreamExt;
    /// # use seawall_fs::{Fs, FsConfig};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let paths: Vec<PathBuf> = (0..100).map(|number| directory.path().join(number.to_string())).collect();
    /// # for path in &paths { std::fs::write(path, "content")?; }
    /// # let fs = Fs::new(&FsConfig::default(), Arc::new(()))?;
    /// let mut contents = fs.read_many(paths, 1024 * 1024);
    /// while let Some(content) = contents.next().await {
    ///     assert_eq!(content?, "content");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    /// Dropping a wait for the next result loses nothing. Dropping the stream stops what has not begun.
    pub fn read_many(&self, paths: impl Into<Arc<[PathBuf]>>, limit: u64) -> Many<Bytes> {
        let one = move |path: &Path, task: &Task<'_>| read::from_path(path, limit, task.abandoned);
        Many::new(self, Operation::ReadMany, paths.into(), 128, Bytes::len, one)
    }

    /// What the file system knows about many files or directories, in the order of `paths`. Symbolic links are
    /// followed.
    ///
    /// Up to 512 paths are one request. Else it is as [`read_many`](Self::read_many).
    pub fn stat_many(&self, paths: impl Into<Arc<[PathBuf]>>) -> Many<Metadata> {
        let one = |path: &Path, _: &Task<'_>| Ok(std::fs::metadata(path)?);
        Many::new(self, Operation::StatMany, paths.into(), 512, |_| 0, one)
    }
}

/// The results of many requests in one, in the order of the paths; made by [`Fs::read_many`] and
/// [`Fs::stat_many`].
pub struct Many<T> {
    ask: Box<dyn Fn(Range<usize>) -> Asked<T> + Send + Sync>,
    under_way: VecDeque<Part<T>>,
    ready: std::vec::IntoIter<Result<T, Error>>,
    /// What was not asked for yet.
    rest: Range<usize>,
    at_once: usize,
}

/// The results of the first paths of a request, one at least.
type Answers<T> = Vec<Result<T, Error>>;

type Asked<T> = BoxFuture<'static, Result<Answers<T>, Error>>;

struct Part<T> {
    range: Range<usize>,
    answer: Answer<T>,
}

enum Answer<T> {
    Awaited(Asked<T>),
    There(Result<Answers<T>, Error>),
}

impl<T: Send + 'static> Many<T> {
    fn new<F>(
        fs: &Fs,
        operation: Operation,
        paths: Arc<[PathBuf]>,
        at_once: usize,
        size: fn(&T) -> usize,
        one: F,
    ) -> Self
    where
        F: Fn(&Path, &Task<'_>) -> Result<T, Fault> + Copy + Send + Sync + 'static,
    {
        let (fs, context, rest) = (fs.clone(), CallContext::current(), 0..paths.len());
        let ask = move |range: Range<usize>| {
            let first = range.start;
            let each = Each { operation, paths: Arc::clone(&paths), range, size, one };
            let (fs, request) = (fs.clone(), FsRequest::new(operation, &paths[first], each));
            context.clone().scope(async move { fs.ask(request).await }).boxed()
        };
        Self { ask: Box::new(ask), under_way: VecDeque::new(), ready: Vec::new().into_iter(), rest, at_once }
    }

    /// Asks for what is next, up to so many requests.
    fn ask_ahead(&mut self, cx: &mut Context<'_>) {
        while self.under_way.len() < AHEAD && !self.rest.is_empty() {
            let end = self.rest.end.min(self.rest.start + self.at_once);
            let range = self.rest.start..end;
            self.rest.start = end;
            let answer = Answer::Awaited((self.ask)(range.clone()));
            self.under_way.push_back(Part { range, answer });
        }
        // Each is polled at once, since that is what sends it to a thread, and later whenever one of them calls.
        for part in &mut self.under_way {
            if let Answer::Awaited(answer) = &mut part.answer
                && let Poll::Ready(answer) = answer.as_mut().poll(cx)
            {
                part.answer = Answer::There(answer);
            }
        }
    }
}

impl<T: Send + 'static> Stream for Many<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(result) = this.ready.next() {
                return Poll::Ready(Some(result));
            }
            this.ask_ahead(cx);
            let Some(part) = this.under_way.front_mut() else { return Poll::Ready(None) };
            let Answer::There(_) = part.answer else { return Poll::Pending };
            let Some(Part { range, answer: Answer::There(answer) }) = this.under_way.pop_front() else {
                return Poll::Ready(None);
            };
            // What a request as a whole failed with, after every attempt, is about the path it begins with.
            let answers = answer.unwrap_or_else(|error| vec![Err(error)]);
            let next = range.start + answers.len().max(1);
            if next < range.end {
                let answer = Answer::Awaited((this.ask)(next..range.end));
                this.under_way.push_front(Part { range: next..range.end, answer });
            }
            this.ready = answers.into_iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let under_way: usize = self.under_way.iter().map(|part| part.range.len()).sum();
        let count = self.ready.len() + under_way + self.rest.len();
        (count, Some(count))
    }
}

impl<T> Unpin for Many<T> {}

impl<T> fmt::Debug for Many<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Many")
            .field("ready", &self.ready.len())
            .field("under_way", &self.under_way.len())
            .field("rest", &self.rest)
            .finish_non_exhaustive()
    }
}

/// One request: the same for each of some paths.
struct Each<T, F> {
    operation: Operation,
    paths: Arc<[PathBuf]>,
    range: Range<usize>,
    size: fn(&T) -> usize,
    one: F,
}

impl<T, F> Work for Each<T, F>
where
    T: Send + 'static,
    F: Fn(&Path, &Task<'_>) -> Result<T, Fault> + Send + Sync + 'static,
{
    type Output = Answers<T>;

    fn carry_out(&self, task: &Task<'_>) -> Result<Answers<T>, Fault> {
        let mut answers = Vec::with_capacity(self.range.len());
        let mut bytes = 0;
        let began = Instant::now();
        for path in &self.paths[self.range.clone()] {
            if task.abandoned.is_set() {
                return Err(Fault::abandoned());
            }
            match (self.one)(path, task) {
                Ok(value) => {
                    bytes += (self.size)(&value);
                    answers.push(Ok(value));
                }
                // Whoever sent the request knows how to try it again, if nothing came before.
                Err(fault) if !fault.is_permanent() && answers.is_empty() => return Err(fault),
                Err(fault) if !fault.is_permanent() => break,
                Err(fault) => {
                    let label = Label { operation: self.operation.name(), path: Arc::from(&**path) };
                    let error = fault.label(&label);
                    task.engine.tell_of_call::<T>(Err(&error), began.elapsed());
                    answers.push(Err(error));
                }
            }
            if bytes >= BYTES {
                break;
            }
        }
        Ok(answers)
    }
}
