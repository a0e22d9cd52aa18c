use seawall_core::CircuitState;
use seawall_tower::pipeline::TargetStatus;
use serde::Serialize;

use crate::AsyncIoSystem;

/// How the system is, part by part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The worst of the checks.
    pub status: HealthStatus,
    /// One for each client.
    pub checks: Vec<Check>,
}

/// How one client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which client: `sql`, `http`, …
    pub name: &'static str,
    /// How it is.
    pub status: HealthStatus,
    /// Why it is not up; empty when it is.
    pub reason: String,
}

/// How something is. The order is from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It works.
    Up,
    /// It works in part: some circuits are open.
    Degraded,
    /// It does not work.
    Down,
}

impl AsyncIoSystem {
    /// Asks each client how it is: the database with a round trip, the others by what their circuits say.
    ///
    /// Takes no longer than the clients' own limits, and no longer than the caller's deadline. Cancel safe.
    pub async fn health(&self) -> Health {
        let mut checks = Vec::new();
        #[cfg(feature = "sql")]
        checks.push(match self.parts.sql.ping().await {
            Ok(()) => Check::up("sql"),
            Err(error) => Check { name: "sql", status: HealthStatus::Down, reason: error.to_string() },
        });
        #[cfg(feature = "http")]
        checks.push(Check::of_circuits("http", &self.parts.http.targets()));
        #[cfg(feature = "fs")]
        if let Some(pipeline) = self.parts.fs.pipeline() {
            checks.push(Check::of_circuits("fs", &pipeline.targets()));
        }
        let status = checks.iter().map(|check| check.status).max().unwrap_or(HealthStatus::Up);
        Health { status, checks }
    }

    /// The targets, of all clients, whose circuits let no ordinary call through at present.
    pub fn open_circuits(&self) -> Vec<String> {
        let mut open = Vec::new();
        #[cfg(feature = "http")]
        open.extend(not_flowing(&self.parts.http.targets()));
        #[cfg(feature = "fs")]
        open.extend(self.parts.fs.pipeline().map(|pipeline| not_flowing(&pipeline.targets())).unwrap_or_default());
        #[cfg(feature = "sql")]
        open.extend(self.parts.sql.pipeline().map(|pipeline| not_flowing(&pipeline.targets())).unwrap_or_default());
        open
    }
}

fn not_flowing(targets: &[TargetStatus]) -> Vec<String> {
    targets.iter().filter(|target| matches!(target.circuit, CircuitState::Open | CircuitState::HalfOpen | CircuitState::ForcedOpen)).map(|target| target.target.clone()).collect()
}

impl Check {
    fn up(name: &'static str) -> Self {
        Self { name, status: HealthStatus::Up, reason: String::new() }
    }

    fn of_circuits(name: &'static str, targets: &[TargetStatus]) -> Self {
        let open = not_flowing(targets);
        if open.is_empty() {
            return Self::up(name);
        }
        Self { name, status: HealthStatus::Degraded, reason: format!("open circuits: {}", open.join(", ")) }
    }
}
