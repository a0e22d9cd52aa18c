use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use seawall_core::{Error, FailureKind, Observer};
use tokio::time::Instant;

use super::replica::{InFlight, Replica};
use super::{ReplicaStats, ReplicasConfig, Route, probe};
use crate::clock::calendar;
use crate::endpoint::Endpoint;
use crate::named::Dialect;
use crate::pool::{Lease, Opener, Pool};
use crate::{Role, SqlConfig, Statement};

/// All replicas of a database.
pub(crate) struct Replicas {
    all: Vec<Arc<Replica>>,
    dialect: Dialect,
    max_lag: Duration,
    /// How far behind one can be that is in use, between two times that it is asked.
    longest_lag: Duration,
}

impl Replicas {
    /// Asks each how far behind it is. One that does not answer is left out until it does.
    pub(crate) async fn connect(
        dialect: Dialect,
        config: &SqlConfig,
        observer: &Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let ReplicasConfig { urls, max_lag, probe_interval } = &config.replicas;
        // One that was promoted since reads as well.
        let pool_config = crate::PoolConfig { role: Role::Any, ..config.pool.clone() };
        let mut all = Vec::new();
        for url in urls {
            let endpoint = Endpoint::parse(url.expose(), config)?;
            let of_a_kind = endpoint.dialect() == dialect && dialect != Dialect::Sqlite;
            let Endpoint { name, options } = endpoint;
            let refuse = |message: String| {
                Error::new(FailureKind::Permanent, "sql", name.clone()).with_message(message).not_executed()
            };
            if !of_a_kind {
                return Err(refuse(
                    "a replica must be of the same kind as the server that writes, and no file".into(),
                ));
            }
            let opener = Opener { options, read_only: true, deadline: config.pipeline.deadline };
            let pool = Pool::new(&name, opener, pool_config.size.get(), &pool_config, Arc::clone(observer))
                .map_err(|invalid| refuse(invalid.within("pool").to_string()))?;
            all.push(Arc::new(Replica::new(name, pool)));
        }
        join_all(all.iter().map(|replica| probe::ask(replica, dialect))).await;
        for replica in &all {
            probe::start(replica, dialect, *probe_interval);
        }
        let longest_lag = *max_lag + 2 * *probe_interval + Duration::from_secs(2);
        Ok(Self { all, dialect, max_lag: *max_lag, longest_lag })
    }

    /// A connection to a replica that may answer. Nothing, if there is none, or if the one that was chosen cannot be
    /// reached: then it is the turn of the server that writes.
    ///
    /// # Errors
    /// If the replica has no connection to spare: the server that writes shall not have the load of others on top.
    pub(crate) async fn lease(&self, statement: &Statement) -> Result<Option<(Lease, InFlight)>, Error> {
        let Some(replica) = self.of(statement.asked.route).await else { return Ok(None) };
        let in_flight = InFlight::new(Arc::clone(&replica));
        match replica.pool.acquire(statement.asked.place).await {
            Ok(lease) => Ok(Some((lease, in_flight))),
            Err(error) if error.kind() == FailureKind::Transient => {
                in_flight.failed();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn of(&self, route: Route) -> Option<Arc<Replica>> {
        let token = match route {
            Route::Writer => return None,
            Route::Replica => return self.choose(|_| true),
            Route::After(token) => token,
        };
        let has_it = |replica: &Replica| token.is_in(replica.position(), calendar(), self.longest_lag);
        if let Some(replica) = self.choose(has_it) {
            return Some(replica);
        }
        if !token.can_be_asked_for() {
            return None;
        }
        // It may have come so far since it was asked.
        let replica = self.choose(|_| true)?;
        probe::ask(&replica, self.dialect).await;
        has_it(&replica).then_some(replica)
    }

    /// The better of two at random of those that are not too far behind and `may` answer.
    fn choose(&self, may: impl Fn(&Replica) -> bool) -> Option<Arc<Replica>> {
        let may =
            |replica: &&Arc<Replica>| replica.lag().is_some_and(|lag| lag <= self.max_lag) && may(replica);
        let count = self.all.iter().filter(may).count();
        let first = fastrand::usize(..count.max(1));
        let one = self.all.iter().filter(may).nth(first)?;
        if count <= 1 {
            return Some(Arc::clone(one));
        }
        let second = (first + fastrand::usize(1..count)) % count;
        // It may have fallen behind between the two looks.
        let other = self.all.iter().filter(may).nth(second).unwrap_or(one);
        Some(Arc::clone(if other.cost() < one.cost() { other } else { one }))
    }

    pub(crate) fn stats(&self) -> Vec<ReplicaStats> {
        self.all.iter().map(|replica| replica.stats(self.max_lag)).collect()
    }

    /// As [`Pool::close`], of all.
    pub(crate) async fn close(&self, deadline: Instant) -> bool {
        join_all(self.all.iter().map(|replica| replica.pool.close(deadline)))
            .await
            .into_iter()
            .all(|closed| closed)
    }
}
