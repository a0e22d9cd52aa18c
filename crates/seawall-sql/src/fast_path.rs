//! First attempts past the layers of the pipeline, while none of them has a say.
//!
//! What is nested is moved from future to future and polled through each of them, which takes longer than what the layers
//! do: here all is one future. What an attempt comes to is counted and told as the layers would, and one that fails goes on
//! within them.

use seawall_core::Error;
use seawall_tower::pipeline::{self, FailedPassage, Passage};
use seawall_tower::{Pipeline, PipelineService};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::database::{Database, Inner, few_values, to_its_end};
use crate::named::Compiled;
use crate::pool::Fault;
use crate::replicas::Route;
use crate::telemetry::Record;
use crate::{Action, Reply, SqlClassifier, Statement};

/// The short way to one database.
pub(crate) struct FastPath {
    path: pipeline::FastPath<SqlClassifier>,
    /// The long one, for what comes after an attempt that failed.
    guarded: PipelineService<Database, SqlClassifier>,
}

impl FastPath {
    pub(crate) fn new(
        pipeline: &Pipeline<SqlClassifier>,
        guarded: PipelineService<Database, SqlClassifier>,
    ) -> Self {
        Self { path: pipeline.fast_path(&guarded.get_ref().0.name), guarded }
    }

    /// Leave to make a first attempt.
    #[inline]
    pub(crate) fn enter(&self, statement: &Statement) -> Option<Passage<'_, SqlClassifier>> {
        let asked = &*statement.asked;
        let is_whole = matches!(asked.action, Action::Execute | Action::FetchFirst | Action::FetchAll);
        if !is_whole || asked.route != Route::Writer || !asked.invalidates.is_empty() {
            return None;
        }
        self.path.enter()
    }

    /// Makes the attempt, and what has to follow if it fails.
    pub(crate) async fn call(
        &self,
        inner: &Inner,
        compiled: &Compiled,
        statement: &Statement,
        passage: Passage<'_, SqlClassifier>,
    ) -> Result<Reply, Error> {
        let record = inner.peer.record(statement, || Some(compiled), || passage.began());
        let span = record.as_ref().map(Record::span).filter(|span| !span.is_disabled());
        let (pool, asked) = (inner.pool(compiled, statement.asked.action), &*statement.asked);
        let (began, until) = (passage.began(), passage.until());
        let lease = if let Some(lease) = pool.at_hand(asked.place, began.into(), until) {
            Ok(lease)
        } else {
            // In a box, because most calls need none of it, and every future would have room for it.
            let turn = Box::pin(pool.acquire_allowed(asked.place, began.into(), until));
            match span {
                Some(span) => turn.instrument(span.clone()).await,
                None => turn.await,
            }
        };
        let (answer, ended) = match lease {
            Ok(mut lease) => {
                let (values, way) = (few_values(compiled, statement), lease.session().way());
                let action = to_its_end(compiled, asked.action);
                let attempt = lease.attempt_until(until, span, |connection, known| {
                    connection.answer(&compiled.sql, values.as_slice(), action, way, known)
                });
                let (result, ended) = attempt.await;
                let answer = match result {
                    Ok(reply) => Ok(reply),
                    Err(Fault::Deadline) => Err(passage.ran_out().into()),
                    Err(driver) => Err(driver.into_error(lease.name())),
                };
                (answer, ended)
            }
            Err(error) => (Err(error), Instant::now()),
        };
        // The lease is given back by now: who tries again may need the place.
        let failed = passage.ended_at(answer.as_ref(), ended.into_std());
        let (failed, error) = match (failed, answer) {
            (Some(failed), Err(error)) => (failed, error),
            (_, answer) => {
                if let Some(record) = record {
                    record.ended(&answer, ended.into_std());
                }
                return answer;
            }
        };
        // In a box, because hardly any call needs it.
        let span = record.as_ref().map_or_else(Span::none, |record| record.span().clone());
        let resumed = self.resume(inner, statement.clone(), error, failed);
        let answer = Box::pin(resumed.instrument(span)).await;
        if let Some(record) = record {
            record.ended_now(&answer);
        }
        answer
    }

    async fn resume(
        &self,
        inner: &Inner,
        mut statement: Statement,
        error: Error,
        failed: FailedPassage,
    ) -> Result<Reply, Error> {
        inner.settle(&mut statement);
        let mut guarded = self.guarded.clone();
        guarded.resume(statement, error, failed).await
    }
}
