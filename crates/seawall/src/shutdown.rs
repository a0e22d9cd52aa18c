use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::AsyncIoSystem;

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
    /// Ends the system in order: stop admitting calls, let those under way finish, close the database, flush
    /// telemetry. All of it together takes at most `deadline`, and a little more to say so.
    ///
    /// Calls made after it began fail with [`FailureKind::Refused`](seawall_core::FailureKind::Refused). A second
    /// shutdown finds nothing left to do.
    ///
    /// # Errors
    /// Says what did not end within the deadline and was abandoned. The system is shut down all the same.
    ///
    /// # Cancel safety
    /// Dropped half-way, the system stays closed for new calls; call it again to go on.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), Abandoned> {
        let end = Instant::now() + deadline;
        let mut what = Vec::new();
        self.parts.gate.close();
        // The drain may use all but a fifth of the time: closing and flushing need some too.
        if tokio::time::timeout(deadline.mul_f32(0.8), self.parts.gate.drained()).await.is_err() {
            what.push(format!("{} calls still under way", self.parts.gate.inside()));
        }
        #[cfg(feature = "sql")]
        if let Err(error) = self.parts.sql.close(left(end)).await {
            what.push(error.to_string());
        }
        #[cfg(feature = "telemetry")]
        if let Err(error) = self.parts.telemetry.shutdown(left(end)).await {
            what.push(error.to_string());
        }
        if what.is_empty() { Ok(()) } else { Err(Abandoned { what }) }
    }
}

fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}
