use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use seawall_core::{Error, Event, Observer, Origin};
use tracing::Span;
use tracing::field::Empty;

use super::names::{ERROR, NAMESPACE, OPERATION, SERVER_ADDRESS, SERVER_PORT, STATUS, SYSTEM, TEXT};
use super::record::{Record, now};
use super::slow::{SlowQueries, SlowQueriesConfig, SlowQuery};
use crate::endpoint::Options;
use crate::named::{Compiled, CompiledCache};
use crate::statement::Asked;
use crate::{Action, Statement};

/// The target of the spans, for filters.
const TARGET: &str = "seawall_sql";

/// The database, as all who tell of it share it.
pub(crate) struct Peer {
    name: Box<str>,
    pub(super) system: &'static str,
    /// None of a file's.
    pub(super) address: Option<Box<str>>,
    /// Unless it is the usual one.
    pub(super) port: Option<u16>,
    pub(super) namespace: Box<str>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) is_measured: bool,
    slow: SlowQueries,
}

/// Where a call goes, in the conventions' words.
struct Place {
    address: Option<String>,
    port: Option<u16>,
    namespace: String,
}

impl Peer {
    pub(crate) fn new(
        name: &str,
        system: &'static str,
        options: &Options,
        slow: &SlowQueriesConfig,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let Place { address, port, namespace } = place(options);
        Self {
            name: name.into(),
            system,
            address: address.map(Into::into),
            port,
            namespace: namespace.into(),
            is_measured: observer.wants_measurements(),
            observer,
            slow: SlowQueries::new(slow),
        }
    }

    /// Makes a call that is told of as far as anybody listens.
    pub(crate) async fn tell<T>(
        &self,
        statement: &Statement,
        texts: &CompiledCache,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match self.record(statement, || statement.compiled(texts).ok(), now) {
            Some(record) => record.observe(call).await,
            None => call.await,
        }
    }

    /// What tells of a call that began then, if anybody listens.
    pub(crate) fn record<'a, K: Deref<Target = Compiled>>(
        &'a self,
        statement: &'a Statement,
        compiled: impl FnOnce() -> Option<K>,
        began: impl FnOnce() -> Instant,
    ) -> Option<Record<'a>> {
        let wants_span =
            tracing::enabled!(target: TARGET, tracing::Level::INFO) && self.observer.wants_span();
        if !wants_span && !self.is_measured && !self.slow.is_on() {
            return None;
        }
        let known = if wants_span || self.is_measured { compiled() } else { None };
        let operation = operation(statement, known.as_deref());
        let span = if wants_span { self.span(operation, known.as_deref()) } else { Span::none() };
        Some(Record::new(self, statement, operation, span, began()))
    }

    fn span(&self, operation: Option<&'static str>, known: Option<&Compiled>) -> Span {
        let target = if self.namespace.is_empty() { self.system } else { &*self.namespace };
        let name = match operation {
            Some(operation) => format!("{operation} {target}"),
            None => target.to_owned(),
        };
        let text = known.map(|known| &*known.normalised).filter(|text| !text.is_empty());
        tracing::info_span!(
            target: TARGET,
            "sql.call",
            otel.name = name,
            // What lives in this process is no server.
            otel.kind = if self.address.is_some() { "client" } else { "internal" },
            otel.status_code = Empty,
            { SYSTEM } = self.system,
            { OPERATION } = operation,
            { NAMESPACE } = &*self.namespace,
            { TEXT } = text,
            { SERVER_ADDRESS } = self.address.as_deref(),
            { SERVER_PORT } = self.port,
            { STATUS } = Empty,
            { ERROR } = Empty,
        )
    }

    /// Keeps a call in mind if it was slow.
    pub(super) fn note_slowness(&self, asked: &Asked, elapsed: std::time::Duration) {
        if self.slow.note(&asked.text, asked.place, elapsed) {
            let origin = Origin { pipeline: "sql", strategy: "slow_queries", target: &self.name };
            self.observer.observe(origin, &Event::QueryRanSlow { elapsed, place: asked.place });
        }
    }

    /// The statements whose calls were slow, those that took the most time in all first.
    pub(crate) fn slow_queries(&self, limit: usize, texts: &CompiledCache) -> Vec<SlowQuery> {
        self.slow.list(limit, texts)
    }
}

fn operation(statement: &Statement, known: Option<&Compiled>) -> Option<&'static str> {
    match statement.asked.action {
        Action::Begin(_) => Some("begin"),
        _ => known?.operation,
    }
}

fn place(options: &Options) -> Place {
    match options {
        #[cfg(feature = "sqlite")]
        Options::Sqlite { writer, .. } => {
            // The whole path would tell more of the machine than a trace needs.
            let file = writer.get_filename().file_name().unwrap_or_default().to_string_lossy().into_owned();
            Place { address: None, port: None, namespace: file }
        }
        #[cfg(feature = "postgres")]
        Options::Postgres(options) => Place {
            address: Some(options.get_host().to_owned()),
            port: Some(options.get_port()).filter(|port| *port != 5432),
            namespace: options.get_database().unwrap_or(options.get_username()).to_owned(),
        },
        #[cfg(feature = "mysql")]
        Options::MySql(options) => Place {
            address: Some(options.get_host().to_owned()),
            port: Some(options.get_port()).filter(|port| *port != 3306),
            namespace: options.get_database().unwrap_or_default().to_owned(),
        },
    }
}
