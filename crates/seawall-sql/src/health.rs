use std::time::Duration;

use seawall_core::{CallContext, CircuitState, Error, FailureKind};
use serde::Serialize;

use crate::{ReplicaStats, Sql, SqlStats};

/// How long the database may take to answer, if the caller's deadline is not earlier.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a client and its database are: what [`Sql::health`] finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SqlHealth {
    /// In one word.
    pub state: HealthState,
    /// Why it is not healthy; empty when it is. No password and no value is in it.
    pub reasons: Vec<String>,
    /// How the pools stand.
    pub pools: Option<SqlStats>,
    /// How the replicas stand.
    pub replicas: Vec<ReplicaStats>,
}

/// How something is. The order is from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// It works.
    Healthy,
    /// It works in part, or with a wait.
    Degraded,
    /// It does not work.
    Down,
}

impl Sql {
    /// How it is: by what the calls of late say (an open circuit, callers that wait for a connection, replicas left
    /// out), and by a round trip to the database, unless every connection is in use: then those who use them say how it is,
    /// and nobody waits for the sake of a question.
    ///
    /// Takes at most 5 s, and no longer than the deadline of the caller's [`CallContext`]. Cancel safe. A client over a
    /// service of somebody else's is healthy as far as anybody can tell.
    pub async fn health(&self) -> SqlHealth {
        let mut health = SqlHealth {
            state: HealthState::Healthy,
            reasons: Vec::new(),
            pools: self.stats(),
            replicas: self.replicas(),
        };
        let Some(pools) = health.pools else { return health };
        if let Some(open) = self.open_circuits() {
            health.find(HealthState::Degraded, format!("open circuits: {open}"));
        }
        let left_out = health.replicas.iter().filter(|replica| !replica.in_use).count();
        if left_out > 0 {
            let all = health.replicas.len();
            health.find(HealthState::Degraded, format!("{left_out} of {all} replicas are not read from"));
        }
        let mut full = [Some(pools.writer), pools.readers].into_iter().flatten();
        if let Some(pool) = full.find(|pool| pool.in_use >= pool.max && pool.waiting > 0) {
            let message =
                format!("all {} connections are in use, and {} callers wait", pool.max, pool.waiting);
            health.find(HealthState::Degraded, message);
        }
        let asked = pools.readers.unwrap_or(pools.writer);
        if asked.in_use >= asked.max {
            return health;
        }
        if let Err(error) = self.ask().await {
            let overloaded = matches!(error.kind(), FailureKind::Overloaded { .. });
            let state = if overloaded { HealthState::Degraded } else { HealthState::Down };
            health.find(state, error.to_string());
        }
        health
    }

    async fn ask(&self) -> Result<(), Error> {
        let context = CallContext::current().within(PATIENCE, tokio::time::Instant::now().into_std());
        context.scope(self.ping()).await
    }

    fn open_circuits(&self) -> Option<String> {
        let stopped = |circuit| {
            matches!(circuit, CircuitState::Open | CircuitState::HalfOpen | CircuitState::ForcedOpen)
        };
        let targets = self.pipeline()?.targets().into_iter();
        let open: Vec<String> =
            targets.filter(|target| stopped(target.circuit)).map(|target| target.target).collect();
        (!open.is_empty()).then(|| open.join(", "))
    }
}

impl SqlHealth {
    fn find(&mut self, state: HealthState, reason: String) {
        self.state = self.state.max(state);
        self.reasons.push(reason);
    }
}
