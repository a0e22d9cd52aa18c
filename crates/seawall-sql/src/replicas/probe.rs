//! How far behind a replica is.

use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;

use seawall_core::{Error, FailureKind};

use super::replica::Replica;
use crate::Row;
use crate::named::Dialect;

/// How long a replica has to say how far behind it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time of the last transaction replayed says nothing while nothing is written, so one that has replayed all it
/// received is not behind, as long as somebody sends it something. What was not received yet nobody knows of: the server
/// ends a connection that is silent for longer than `wal_receiver_timeout`.
const POSTGRES: &str = "select case \
     when not pg_is_in_recovery() then 0 \
     when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() and exists (select from pg_stat_wal_receiver) then 0 \
     else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 1e9) end::float8, \
     (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end \
     - '0/0'::pg_lsn)::int8";

/// As `MySQL` from 8.0.22 and `MariaDB` from 10.5 on understand it.
const MYSQL: &str = "show replica status";

/// Asks again and again, until the replica is dropped.
pub(super) fn start(replica: &Arc<Replica>, dialect: Dialect, interval: Duration) {
    let replica: Weak<Replica> = Arc::downgrade(replica);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(interval.mul_f64(0.8 + 0.4 * fastrand::f64())).await;
            let Some(replica) = replica.upgrade() else { break };
            ask(&replica, dialect).await;
        }
    });
}

/// Asks once. A replica that has no time to say is as it was: it may be busy, and all its calls at once would make the
/// server that writes so as well.
pub(super) async fn ask(replica: &Replica, dialect: Dialect) {
    let acquired = replica.pool.acquire(Location::caller()).await;
    let mut lease = match acquired {
        Ok(lease) => lease,
        Err(error) if matches!(error.kind(), FailureKind::Overloaded { .. }) => return,
        Err(_unreachable) => return replica.leave_out(),
    };
    let text = if dialect == Dialect::Postgres { POSTGRES } else { MYSQL };
    let way = lease.session().way();
    let asked = lease.run(|connection| connection.fetch_once(text, &[], false, way));
    let said = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(rows)) => read(dialect, &rows),
        Ok(Err(error)) => Err(error),
        Err(_elapsed) => return replica.leave_out(),
    };
    match said {
        Ok(Some((lag, position))) => replica.found(lag, position),
        Ok(None) | Err(_) => replica.leave_out(),
    }
}

/// How far behind it is and how far it has come; nothing if it does not follow at present.
fn read(dialect: Dialect, rows: &[Row]) -> Result<Option<(Duration, u64)>, Error> {
    let Some(row) = rows.first() else {
        // It follows nobody, so it is behind nobody.
        return Ok(Some((Duration::ZERO, 0)));
    };
    if dialect == Dialect::Postgres {
        let (seconds, position): (f64, u64) = (row.get(0)?, row.get(1)?);
        let lag = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        return Ok(Some((lag, position)));
    }
    let column = ["Seconds_Behind_Source", "Seconds_Behind_Master"];
    let column = column.into_iter().find(|column| row.value(*column).is_some());
    let seconds: Option<u64> = row.get(column.unwrap_or("Seconds_Behind_Source"))?;
    Ok(seconds.map(|seconds| (Duration::from_secs(seconds), 0)))
}
