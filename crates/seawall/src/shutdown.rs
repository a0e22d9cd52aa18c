use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::AsyncIoSystem;

/// Tenths of the deadline after which calls and connections are abandoned: closing and flushing need some time too.
const DRAINED_BY: u32 = 8;
#[cfg(any(feature = "redis", feature = "sql"))]
const CLOSED_BY: u32 = 9;
#[cfg(feature = "telemetry")]
const FLUSHED_BY: u32 = 10;

/// More than anybody waits, and less than a clock can hold.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// What a shutdown had to leave behind: everything that did not end within its deadline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abandoned {
    /// One line each.
    pub what: Vec<String>,
}

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shutdown had to abandon: {}", self.what.join("; "))
    }
}

impl std::error::Error for Abandoned {}

impl AsyncIoSystem {
    /// Ends the system in order: stops admitting calls, lets those under way finish, closes the database and Redis, flushes
    /// telemetry. All of it together takes at most `deadline`, and a moment more to say so: calls are waited for
    /// until eight tenths of it, connections until nine.
    ///
    /// Under way are: a call with all its retries; an HTTP response until its body was read or dropped; a
    /// transaction, or a stream of rows, until its end. A transaction may still do all it wants, and commit.
    /// A file opened for streaming or writing is not waited for: finish it before.
    ///
    /// Calls made after it began fail with [`FailureKind::Refused`](seawall_core::FailureKind::Refused) of the layer
    /// `shutdown`, also those that a call under way makes. The cache goes on with its memory alone.
    /// A second shutdown finds nothing left to do.
    ///
    /// # Errors
    /// Says what did not end within the deadline and was abandoned. The system is shut down all the same.
    ///
    /// # Cancel safety
    /// Dropped half-way, the system stays closed for new calls; call it again to go on.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), Abandoned> {
        let start = Instant::now();
        let time_until = |tenths| (deadline.min(LONGEST) / 10 * tenths).saturating_sub(start.elapsed());
        let mut what = Vec::new();
        let gate = &self.parts.gate;
        gate.close();
        if timeout(time_until(DRAINED_BY), gate.drained()).await.is_err() {
            what.push(format!("calls still under way: {}", gate.inside()));
        }
        #[cfg(feature = "sql")]
        if let Err(error) = self.parts.sql.close(time_until(CLOSED_BY)).await {
            what.push(error.to_string());
        }
        #[cfg(feature = "redis")]
        if let Some(redis) = self.redis()
            && let Err(error) = redis.close(time_until(CLOSED_BY)).await
        {
            what.push(error.to_string());
        }
        #[cfg(feature = "telemetry")]
        if let Err(error) = self.parts.telemetry.shutdown(time_until(FLUSHED_BY)).await {
            what.push(error.to_string());
        }
        if what.is_empty() { Ok(()) } else { Err(Abandoned { what }) }
    }
}
