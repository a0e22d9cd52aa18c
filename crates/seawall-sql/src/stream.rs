use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::mpsc;

use crate::database::{of_parts, values};
use crate::driver::Chunk;
use crate::named::Compiled;
use crate::pool::{Lease, deadline_passed, until};
use crate::{Row, Statement, classify};

/// The rows of a [`Query::stream`](crate::Query::stream), in the order of the database; a
/// [`Stream`] of `Result<Row, Error>`.
///
/// Some two hundred rows are in memory at most. Dropping it stops the statement and closes its connection.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct RowStream {
    name: Arc<str>,
    ready: std::vec::IntoIter<Row>,
    coming: mpsc::Receiver<Result<Chunk, sqlx::Error>>,
    /// The last row is in `ready`, or an error was the last word.
    ended: bool,
    deadline: Option<Pin<Box<tokio::time::Sleep>>>,
    in_parts: bool,
}

impl RowStream {
    /// Runs the statement in a task that owns the connection, and waits for its first rows.
    pub(crate) async fn open(
        mut lease: Lease,
        compiled: Arc<Compiled>,
        statement: Statement,
    ) -> Result<Self, Error> {
        let (name, in_parts): (Arc<str>, _) = (Arc::from(lease.name()), compiled.in_parts);
        // The server counts the time that the rows wait for their reader, who is the one to say how long that may be.
        lease.allow(None).await?;
        let (sender, mut coming) = mpsc::channel(2);
        // The task ends with its receiver, and the deadlines are kept on this side of the channel.
        tokio::spawn(async move {
            let (values, way) = (values(&compiled, &statement), lease.session().way());
            let streaming = lease
                .attempt(|connection| connection.stream(Arc::clone(&compiled.sql), &values, &sender, way));
            let abandoned = tokio::select! {
                // A statement that is slow to find its next row would not notice by itself.
                () = sender.closed() => true,
                result = streaming => match result {
                    Ok(complete) => !complete,
                    Err(crate::pool::Fault::Driver(error)) => {
                        // Nobody to tell means that nobody asks.
                        let _ = sender.send(Err(error)).await;
                        false
                    }
                    Err(crate::pool::Fault::Deadline) => true,
                },
            };
            // Rows may still be under way to a connection whose statement was not read to its end.
            lease.session().in_flight |= abandoned;
        });
        let first = match until(CallContext::current_deadline(), coming.recv()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(error))) => return Err(classify::error(&name, error)),
            Ok(None) => return Err(broken_off(&name)),
            Err(_elapsed) => return Err(deadline_passed(&name)),
        };
        Ok(Self { name, ready: first.rows.into_iter(), coming, ended: first.last, deadline: None, in_parts })
    }

    /// Cuts the rest of the stream to the caller's deadline.
    pub(crate) fn until(mut self, deadline: Option<std::time::Instant>) -> Self {
        self.deadline = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline.into())));
        self
    }
}

fn broken_off(name: &str) -> Error {
    Error::new(FailureKind::Transient, "sql", name.to_owned()).with_message("the stream of rows broke off")
}

impl Stream for RowStream {
    type Item = Result<Row, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(row) = self.ready.next() {
                return Poll::Ready(Some(Ok(row)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let error =
                if self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
                    // Tells the task to stop.
                    self.coming.close();
                    deadline_passed(&self.name)
                } else {
                    match ready!(self.coming.poll_recv(cx)) {
                        Some(Ok(chunk)) => {
                            self.ready = chunk.rows.into_iter();
                            self.ended = chunk.last;
                            continue;
                        }
                        Some(Err(error)) => classify::error(&self.name, error),
                        None => broken_off(&self.name),
                    }
                };
            self.ended = true;
            return Poll::Ready(Some(Err(of_parts(self.in_parts, error))));
        }
    }
}
