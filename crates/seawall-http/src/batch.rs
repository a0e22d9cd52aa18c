//! Many requests at once.

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use http::Response;
use pin_project_lite::pin_project;
use seawall_core::{CallContext, Error};
use tokio_util::task::AbortOnDropHandle;

use crate::{Http, RequestBuilder};

/// Requests made some at a time, each with an answer or an error of its own; made by [`Http::batch`].
///
/// | setting | default |
/// |---|---|
/// | [`concurrency`](Self::concurrency) | 16 requests under way |
/// | [`limit`](Self::limit) | 1 MiB for each body, which is read whole |
///
/// Requests are taken from the iterator as their turn comes, and each is under the client's policies. They run in
/// tasks of their own, in the context of whoever reads the answers, so they go on while the answers before them
/// are worked on; at most `concurrency` answers wait in memory. Dropping the stream stops those under way.
///
/// ```no_run
/// use futures_util::StreamExt;
/// use seawall_http::Http;
///
/// # async fn run(http: Http) {
/// let pages = (1..=100).map(|page| http.get("https://api.example.com/items").query([("page", page.to_string())]));
/// let mut answers = http.batch(pages).in_order();
/// while let Some(answer) = answers.next().await {
///     match answer {
///         Ok(page) => println!("{}: {} bytes", page.status(), page.body().len()),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # }
/// ```
#[must_use = "a batch does nothing until its stream is read"]
pub struct Batch<I> {
    requests: I,
    concurrency: NonZeroUsize,
    limit: usize,
}

/// What a request of a batch ended in: the response with its whole body, whatever its status, or its error.
pub type Answer = Result<Response<Bytes>, Error>;

impl Http {
    /// Makes many requests, some at a time. Nothing is sent before the batch's stream is read.
    pub fn batch<I>(&self, requests: I) -> Batch<I::IntoIter>
    where
        I: IntoIterator<Item = RequestBuilder>,
    {
        Batch {
            requests: requests.into_iter(),
            concurrency: const { NonZeroUsize::new(16).unwrap() },
            limit: 1024 * 1024,
        }
    }
}

impl<I: Iterator<Item = RequestBuilder>> Batch<I> {
    /// How many requests are under way at once.
    pub fn concurrency(self, concurrency: NonZeroUsize) -> Self {
        Self { concurrency, ..self }
    }

    /// The most bytes a body may have.
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// The answers in the order of the requests.
    pub fn in_order(self) -> InOrder<I> {
        InOrder { batch: self, under_way: FuturesOrdered::new() }
    }

    /// The answers as they come, each with the number of its request, from 0.
    pub fn as_completed(self) -> AsCompleted<I> {
        AsCompleted { batch: self, next: 0, under_way: FuturesUnordered::new() }
    }

    fn begin(&mut self) -> Option<AbortOnDropHandle<Answer>> {
        let request = self.requests.next()?;
        let limit = self.limit;
        let whole = async move {
            let (parts, body) = request.max_response_size(limit as u64).collect().await?.into_parts();
            Ok(Response::from_parts(parts, body.collect(limit).await?))
        };
        Some(AbortOnDropHandle::new(tokio::spawn(CallContext::current().scope(whole))))
    }
}

/// The answers of a [`Batch`] in the order of its requests.
pub struct InOrder<I> {
    batch: Batch<I>,
    under_way: FuturesOrdered<AbortOnDropHandle<Answer>>,
}

impl<I: Iterator<Item = RequestBuilder> + Unpin> Stream for InOrder<I> {
    type Item = Answer;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        let this = self.get_mut();
        while this.under_way.len() < this.batch.concurrency.get()
            && let Some(request) = this.batch.begin()
        {
            this.under_way.push_back(request);
        }
        Pin::new(&mut this.under_way).poll_next(cx).map(|answer| answer.map(joined))
    }
}

/// The answers of a [`Batch`] as they come, each with the number of its request.
pub struct AsCompleted<I> {
    batch: Batch<I>,
    next: usize,
    under_way: FuturesUnordered<Numbered>,
}

pin_project! {
    struct Numbered {
        number: usize,
        #[pin]
        request: AbortOnDropHandle<Answer>,
    }
}

impl Future for Numbered {
    type Output = (usize, Answer);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.request.poll(cx));
        Poll::Ready((*this.number, joined(answer)))
    }
}

impl<I: Iterator<Item = RequestBuilder> + Unpin> Stream for AsCompleted<I> {
    type Item = (usize, Answer);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while this.under_way.len() < this.batch.concurrency.get()
            && let Some(request) = this.batch.begin()
        {
            this.under_way.push(Numbered { number: this.next, request });
            this.next += 1;
        }
        Pin::new(&mut this.under_way).poll_next(cx)
    }
}

/// The answer of a task, which ends without one only if it panicked or its runtime is gone.
fn joined(answer: Result<Answer, tokio::task::JoinError>) -> Answer {
    answer.unwrap_or_else(|failed| match failed.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(cancelled) => Err(Error::new(seawall_core::FailureKind::Cancelled, "http", "batch")
            .with_message("the runtime shut down before the answer came")
            .with_source(cancelled)),
    })
}

impl<I> fmt::Debug for Batch<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("concurrency", &self.concurrency)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<I> fmt::Debug for InOrder<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InOrder").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl<I> fmt::Debug for AsCompleted<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("batch", &self.batch).finish_non_exhaustive()
    }
}
