//! How long the server lets a statement of a session run: for when nobody is left who could cancel it.
//!
//! A statement that is dropped or runs out of time is cancelled by its client. The limit is what remains when the client
//! is gone, or cannot reach the server. Setting it before each statement would cost each a round trip, so a session has
//! one for all of them, that of the client's own deadline; only a call that has longer pays for having it raised, and
//! the first after it that has not for having it back. A transaction gets its own with its `BEGIN`.

use std::time::{Duration, Instant};

use seawall_core::{CallContext, Error};

use super::Lease;
use crate::Connection;

/// What the limit is longer than the deadline, so that the client's own decides where it can.
const GRACE: Duration = Duration::from_secs(1);

/// No limit.
const NONE: Duration = Duration::MAX;

/// The limit of one session.
#[derive(Debug)]
pub(crate) struct StatementLimit {
    /// What it is unless a call needs more.
    usual: Duration,
    in_force: Duration,
    /// What it is for the transaction that the session is in, where the database knows such limits.
    local: Option<Local>,
}

#[derive(Clone, Copy, Debug)]
struct Local {
    limit: Duration,
    /// Whether it was changed since the transaction began, which a return to a savepoint may take back.
    changed: bool,
}

impl StatementLimit {
    /// What the limit of a session is of a client whose calls have this deadline.
    pub(super) fn usual(deadline: Option<Duration>) -> Option<Duration> {
        deadline.and_then(|deadline| deadline.checked_add(GRACE))
    }

    /// Limits a session of MySQL's kind, unless the server has a limit for it already.
    #[cfg(feature = "mysql")]
    pub(super) async fn begin(
        connection: &mut sqlx::MySqlConnection,
        usual: Duration,
    ) -> Result<bool, sqlx::Error> {
        // Each of the two reads the comments that are meant for it.
        let set = format!(
            "SET @seawall_limited = 0 /*M!100101 + @@max_statement_time */ /*!50708 + @@max_execution_time */ \
             /*M!100101 , max_statement_time = IF(@@max_statement_time = 0, {seconds}, @@max_statement_time) */ \
             /*!50708 , max_execution_time = IF(@@max_execution_time = 0, {millis}, @@max_execution_time) */; \
             SELECT 1 FROM DUAL WHERE @seawall_limited = 0",
            seconds = seconds(usual),
            millis = millis(usual),
        );
        Ok(sqlx::raw_sql(sqlx::AssertSqlSafe(set)).fetch_optional(connection).await?.is_some())
    }

    pub(super) const fn new(usual: Duration) -> Self {
        Self { usual, in_force: usual, local: None }
    }

    /// What it has to be changed to for a call with this deadline, if at all. The session was used last at `used_at`, so
    /// that most calls ask for no time.
    pub(super) fn change(
        &self,
        deadline: Option<Instant>,
        used_at: Instant,
        now: impl FnOnce() -> Instant,
    ) -> Option<Duration> {
        if self.local.is_none()
            && self.in_force == self.usual
            && deadline.is_some_and(|deadline| deadline <= used_at + self.usual)
        {
            return None;
        }
        let needed = deadline.map_or(NONE, |deadline| deadline.saturating_duration_since(now()));
        let target = if needed <= self.usual { self.usual } else { needed.saturating_add(GRACE) };
        let in_force = self.local.map_or(self.in_force, |local| local.limit);
        // What a transaction has goes with it.
        let too_long = self.local.is_none() && is_far_beyond(in_force, target);
        (needed > in_force || too_long).then_some(target)
    }

    /// What a transaction with this deadline begins with, if that is something else than what is in force.
    pub(crate) fn of_transaction(&self, deadline: Option<Instant>, now: Instant) -> Option<Duration> {
        let needed = deadline.map_or(NONE, |deadline| deadline.saturating_duration_since(now));
        let target = needed.saturating_add(GRACE);
        (needed > self.in_force || is_far_beyond(self.in_force, target)).then_some(target)
    }

    /// Takes note of a change that the server knows.
    fn changed(&mut self, limit: Duration) {
        match &mut self.local {
            Some(local) => *local = Local { limit, changed: true },
            None => self.in_force = limit,
        }
    }

    /// Takes note that a transaction was begun, with this limit if with one of its own.
    pub(crate) fn begun(&mut self, connection: &Connection, limit: Option<Duration>) {
        let limit = limit.unwrap_or(self.in_force);
        if has_local_limits(connection) {
            self.local = Some(Local { limit, changed: false });
        } else {
            self.in_force = limit;
        }
    }

    /// Takes note that a transaction returned to a savepoint.
    pub(crate) fn went_back(&mut self) {
        if let Some(local) = self.local.as_mut().filter(|local| local.changed) {
            local.limit = Duration::ZERO;
        }
    }

    /// Takes note that a transaction ended, and its limit with it.
    pub(crate) const fn ended(&mut self) {
        self.local = None;
    }
}

/// One that is a little longer than it has to be does no harm.
fn is_far_beyond(limit: Duration, target: Duration) -> bool {
    limit > target.saturating_mul(2)
}

fn has_local_limits(connection: &Connection) -> bool {
    match connection {
        #[cfg(feature = "postgres")]
        Connection::Postgres(_) => true,
        #[allow(unreachable_patterns, reason = "there may be no other database")]
        _ => false,
    }
}

/// The statement that sets the limit, of the transaction alone if it is in one.
pub(crate) fn text(system: &str, limit: Duration, in_transaction: bool) -> String {
    match system {
        "mariadb" => format!("SET max_statement_time = {}", seconds(limit)),
        "mysql" => format!("SET max_execution_time = {}", millis(limit)),
        _ if in_transaction => format!("SET LOCAL statement_timeout = {}", millis(limit)),
        _ => format!("SET statement_timeout = {}", millis(limit)),
    }
}

/// As the servers count: 0 is no limit, and what is beyond what they take is none either.
pub(super) fn millis(limit: Duration) -> i32 {
    i32::try_from(limit.as_millis().max(1)).unwrap_or(0)
}

fn seconds(limit: Duration) -> f64 {
    let year = 31_536_000.0;
    let seconds = limit.as_secs_f64();
    if seconds > year { 0.0 } else { seconds.max(0.001) }
}

impl Lease {
    /// Makes sure that the server lets what comes next run until the deadline, or without one for as long as it takes.
    pub(crate) async fn allow(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        let session = self.session();
        let Some(limit) = &session.limit else { return Ok(()) };
        let now = || tokio::time::Instant::now().into_std();
        let Some(change) = limit.change(deadline, session.used_at.into_std(), now) else { return Ok(()) };
        let text = text(session.system(), change, limit.local.is_some());
        let until = deadline.or_else(CallContext::current_deadline);
        // In a box: hardly any call needs it.
        let changed = Box::pin(self.attempt_until(until, None, |connection, _| connection.run(text.into())));
        let (changed, _) = changed.await;
        changed.map_err(|fault| fault.into_error(self.name()).not_executed())?;
        if let Some(limit) = &mut self.session().limit {
            limit.changed(change);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn change(limit: &mut StatementLimit, time: Duration) -> Option<Duration> {
        let now = tokio::time::Instant::now().into_std();
        let change = limit.change(now.checked_add(time), now, || now);
        if let Some(to) = change {
            limit.changed(to);
        }
        change
    }

    #[test]
    fn calls_within_the_usual_time_change_nothing_and_ask_for_no_time() {
        let limit = StatementLimit::new(MINUTE);
        let now = tokio::time::Instant::now().into_std();
        assert_eq!(limit.change(Some(now + MINUTE), now, || unreachable!()), None);
        // A session that was idle for long looks at the clock.
        assert_eq!(limit.change(Some(now + 2 * MINUTE), now, || now + MINUTE), None);
    }

    #[test]
    fn a_longer_call_raises_it_and_the_next_short_one_has_it_back() {
        let mut limit = StatementLimit::new(MINUTE);
        assert_eq!(change(&mut limit, 60 * MINUTE), Some(60 * MINUTE + GRACE));
        assert_eq!(change(&mut limit, 60 * MINUTE), None);
        assert_eq!(change(&mut limit, MINUTE / 2), Some(MINUTE));
        assert_eq!(change(&mut limit, MINUTE / 2), None);
        assert_eq!(change(&mut limit, NONE), Some(NONE));
        assert_eq!(change(&mut limit, NONE), None);
        assert_eq!(change(&mut limit, 60 * MINUTE), Some(60 * MINUTE + GRACE));
    }

    #[test]
    fn a_transaction_has_its_own_which_is_only_raised_and_goes_with_it() {
        let mut limit = StatementLimit::new(MINUTE);
        limit.local = Some(Local { limit: MINUTE / 2, changed: false });
        assert_eq!(change(&mut limit, MINUTE / 4), None);
        limit.went_back();
        assert_eq!(change(&mut limit, MINUTE / 4), None);
        assert_eq!(change(&mut limit, 2 * MINUTE), Some(2 * MINUTE + GRACE));
        assert_eq!(change(&mut limit, NONE), Some(NONE));
        assert_eq!(change(&mut limit, MINUTE / 4), None);
        limit.went_back();
        assert_eq!(change(&mut limit, MINUTE / 4), Some(MINUTE));
        limit.ended();
        assert_eq!(change(&mut limit, MINUTE / 4), None);
    }

    #[test]
    fn a_transaction_begins_with_what_its_deadline_asks_for_where_that_makes_a_difference() {
        let limit = StatementLimit::new(MINUTE);
        let now = tokio::time::Instant::now().into_std();
        let of = |time: Duration| limit.of_transaction(now.checked_add(time), now);
        assert_eq!(of(MINUTE), None);
        assert_eq!(of(MINUTE / 2), None);
        assert_eq!(of(MINUTE / 6), Some(MINUTE / 6 + GRACE));
        assert_eq!(of(2 * MINUTE), Some(2 * MINUTE + GRACE));
        assert_eq!(of(NONE), Some(NONE));
    }

    #[test]
    fn each_server_is_told_in_its_own_words() {
        let limit = Duration::from_millis(1500);
        assert_eq!(text("postgresql", limit, false), "SET statement_timeout = 1500");
        assert_eq!(text("postgresql", NONE, true), "SET LOCAL statement_timeout = 0");
        assert_eq!(text("postgresql", Duration::from_nanos(1), false), "SET statement_timeout = 1");
        assert_eq!(text("mariadb", limit, true), "SET max_statement_time = 1.5");
        assert_eq!(text("mariadb", NONE, true), "SET max_statement_time = 0");
        assert_eq!(text("mysql", limit, true), "SET max_execution_time = 1500");
        assert_eq!(text("mysql", NONE, true), "SET max_execution_time = 0");
    }
}
