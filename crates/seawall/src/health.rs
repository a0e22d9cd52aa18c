use seawall_core::CircuitState;
use seawall_tower::TargetStatus;
use serde::Serialize;

use crate::AsyncIoSystem;

/// How the system is, part by part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The worst of the checks.
    pub status: HealthStatus,
    /// One for each client that can be asked; one more while the system shuts down.
    pub checks: Vec<Check>,
}

/// How one client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which client: `sql`, `redis`, `http`, `fs`; or `system`, which shuts down.
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

/// A client's name, and how its targets do.
type Targets = (&'static str, Vec<TargetStatus>);

impl AsyncIoSystem {
    /// Asks each client how it is: the database and Redis by a round trip, all of them by what their circuits say.
    /// A client over a stack of your own has neither, and is left out. Once a [`shutdown`](Self::shutdown) began,
    /// the system is down, so that nobody sends it more work.
    ///
    /// Takes at most 5 s, and no longer than the deadline of the caller's
    /// [`CallContext`](seawall_core::CallContext). Cancel safe.
    pub async fn health(&self) -> Health {
        let mut checks: Vec<Check> = self.targets().map(Check::of_circuits).collect();
        #[cfg(feature = "sql")]
        if let Some(check) = checks.iter_mut().find(|check| check.name == "sql") {
            *check = Check::of_database(&self.parts.sql.health().await);
        }
        #[cfg(feature = "redis")]
        if let Err(error) = self.ask_redis().await {
            checks.retain(|check| check.name != "redis");
            checks.push(Check::down("redis", error.to_string()));
        }
        if self.parts.gate.is_closed() {
            checks.push(Check::down("system", "the system is shutting down".to_owned()));
        }
        let status = checks.iter().map(|check| check.status).max().unwrap_or(HealthStatus::Up);
        Health { status, checks }
    }

    /// The targets, of all clients, whose circuits let no ordinary call through at present.
    pub fn open_circuits(&self) -> Vec<String> {
        self.targets().flat_map(|(_, targets)| not_flowing(targets)).collect()
    }

    pub(crate) fn targets(&self) -> impl Iterator<Item = Targets> {
        let clients: [Option<Targets>; 4] = [
            #[cfg(feature = "sql")]
            self.parts.sql.pipeline().map(|pipeline| ("sql", pipeline.targets())),
            #[cfg(not(feature = "sql"))]
            None,
            #[cfg(feature = "redis")]
            self.parts
                .redis
                .as_ref()
                .and_then(|redis| redis.pipeline())
                .map(|pipeline| ("redis", pipeline.targets())),
            #[cfg(not(feature = "redis"))]
            None,
            #[cfg(feature = "http")]
            self.parts.http.pipeline().map(|pipeline| ("http", pipeline.targets())),
            #[cfg(not(feature = "http"))]
            None,
            #[cfg(feature = "fs")]
            self.parts.fs.pipeline().map(|pipeline| ("fs", pipeline.targets())),
            #[cfg(not(feature = "fs"))]
            None,
        ];
        clients.into_iter().flatten()
    }
}

#[cfg(feature = "redis")]
impl AsyncIoSystem {
    async fn ask_redis(&self) -> Result<(), seawall_core::Error> {
        match self.redis().filter(|redis| redis.pipeline().is_some()) {
            Some(redis) => redis.ping().await,
            None => Ok(()),
        }
    }
}

fn not_flowing(targets: Vec<TargetStatus>) -> impl Iterator<Item = String> {
    let stopped =
        |circuit| matches!(circuit, CircuitState::Open | CircuitState::HalfOpen | CircuitState::ForcedOpen);
    targets.into_iter().filter(move |target| stopped(target.circuit)).map(|target| target.target)
}

impl Check {
    fn of_circuits((name, targets): Targets) -> Self {
        let open: Vec<String> = not_flowing(targets).collect();
        if open.is_empty() {
            return Self { name, status: HealthStatus::Up, reason: String::new() };
        }
        Self { name, status: HealthStatus::Degraded, reason: format!("open circuits: {}", open.join(", ")) }
    }

    #[cfg(feature = "sql")]
    fn of_database(health: &seawall_sql::SqlHealth) -> Self {
        use seawall_sql::HealthState;
        let status = match health.state {
            HealthState::Healthy => HealthStatus::Up,
            HealthState::Degraded => HealthStatus::Degraded,
            HealthState::Down => HealthStatus::Down,
        };
        Self { name: "sql", status, reason: health.reasons.join("; ") }
    }

    fn down(name: &'static str, reason: String) -> Self {
        Self { name, status: HealthStatus::Down, reason }
    }
}
