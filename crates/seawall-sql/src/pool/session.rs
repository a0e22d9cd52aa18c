use std::time::Duration;

use seawall_tower::Timer;
use tokio::time::Instant;

use super::interrupt::Interrupt;
use super::limit::StatementLimit;
use crate::driver::{Known, Way};
use crate::{Connection, PoolConfig, Pooler};

/// A connection with what the pool has to know about it.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    /// What it need not ask the server again.
    pub(crate) known: Known,
    /// Something was sent whose answer was not awaited to its end.
    pub(crate) in_flight: bool,
    /// A transaction may be open. Ours, set before `BEGIN` is sent: the driver learns of it too late.
    pub(crate) in_transaction: bool,
    /// It is of no more use, for a reason of its own.
    pub(crate) broken: bool,
    /// How long the server lets its statements run; `None` where that is not ours to say.
    pub(crate) limit: Option<StatementLimit>,
    pub(crate) used_at: Instant,
    /// For its statements, one after the other.
    pub(super) timer: Timer,
    /// Before which failover it was opened.
    pub(super) generation: u64,
    /// How many sessions had broken when it was last known to live.
    pub(super) doubts: u64,
    worn_out_at: Instant,
    pooler: Pooler,
    interrupt: Interrupt,
}

impl Session {
    pub(super) fn new(
        connection: Connection,
        interrupt: Interrupt,
        limit: Option<StatementLimit>,
        (generation, doubts): (u64, u64),
        config: &PoolConfig,
    ) -> Self {
        let (now, lifetime) = (Instant::now(), config.max_lifetime);
        // Not all at once: what was opened together must not be reopened together.
        let lifetime = lifetime.mul_f64(1.0 - 0.1 * fastrand::f64());
        let worn_out_at = now.checked_add(lifetime).unwrap_or_else(|| now + Duration::from_hours(24));
        Self {
            connection,
            known: Known::default(),
            in_flight: false,
            in_transaction: false,
            broken: false,
            limit,
            used_at: now,
            timer: Timer::default(),
            generation,
            doubts,
            worn_out_at,
            pooler: config.pooler,
            interrupt,
        }
    }

    /// Which database it is, as `OpenTelemetry` names it.
    pub(crate) fn system(&self) -> &'static str {
        self.interrupt.system()
    }

    /// How its next statement travels.
    pub(crate) fn way(&self) -> Way {
        match self.pooler {
            Pooler::None => Way::Prepared,
            Pooler::Transaction if self.in_transaction => Way::Unnamed,
            Pooler::Transaction => Way::UnnamedAlone,
        }
    }

    /// Whether the server lets its statements run until the deadline, and not for much longer.
    pub(super) fn is_allowed(&self, deadline: Option<std::time::Instant>, now: Instant) -> bool {
        let used_at = self.used_at.into_std();
        self.limit.as_ref().is_none_or(|limit| limit.change(deadline, used_at, || now.into_std()).is_none())
    }

    pub(super) fn is_worn_out(&self, now: Instant) -> bool {
        now >= self.worn_out_at
    }

    /// A transaction was ended.
    pub(crate) fn left_transaction(&mut self) {
        self.in_transaction = false;
        if let Some(limit) = &mut self.limit {
            limit.ended();
        }
    }

    /// Whether its holder can go on with it.
    pub(crate) fn is_usable(&self) -> bool {
        !(self.in_flight || self.broken)
    }

    /// Whether somebody else may have it.
    pub(crate) fn is_clean(&self) -> bool {
        self.is_usable() && !self.in_transaction
    }

    /// Ends it, and what the database is still doing for it.
    pub(super) fn destroy(self) {
        if self.in_flight {
            self.interrupt.now();
        }
    }
}
