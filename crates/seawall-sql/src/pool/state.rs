mod loans;

use std::panic::Location;
use std::time::Duration;

use seawall_core::{
    Departure, Error, Fate, InvalidConfig, Priority, WaitKey, WaitQueue, WaitQueueConfig, exponential,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Lease, PoolStats, Session};
use crate::PoolConfig;
use loans::Loans;

/// How often the sessions of a pool are given up all together, at most.
const BETWEEN_GENERATIONS: Duration = Duration::from_secs(3);

/// The first and the longest pause before a connection is opened after one could not be.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What a [`WaitQueue`] bears.
const MOST_WAITING: u32 = 1_000_000;

/// How much the last loan says about the usual one.
const LAST_LOAN: f64 = 0.1;

/// What a pool has and who waits for it. It reads no clock, opens nothing and wakes nobody: what it says is done after
/// its lock.
///
/// While somebody waits, nothing is idle; and as long as there is room, as many connections are being opened as callers
/// wait.
pub(super) struct State {
    size: usize,
    max: usize,
    max_waiters: usize,
    min_idle: usize,
    /// The last one back is the next one lent: it is the warmest, and the others may grow old in peace.
    #[expect(clippy::vec_box, reason = "a session goes from hand to hand, as a pointer")]
    idle: Vec<Box<Session>>,
    /// How many there are, idle ones and those lent.
    open: usize,
    opening: usize,
    loans: Loans,
    queue: WaitQueue<Waiter>,
    closed: bool,
    /// How many seconds a session is lent, on the average of the last ones.
    usual_loan: f64,
    /// How many could not be opened since one was.
    failures: u32,
    generation: u64,
    retired_at: Option<Instant>,
    opened: u64,
    destroyed: u64,
    timeouts: u64,
    leaks: u64,
}

/// Somebody in the queue.
pub(super) struct Waiter {
    pub(super) answer: oneshot::Sender<Result<Lease, Error>>,
    place: &'static Location<'static>,
}

/// Who asks.
pub(super) struct Caller {
    pub(super) place: &'static Location<'static>,
    pub(super) priority: Priority,
    pub(super) deadline: Option<std::time::Instant>,
}

/// What came of asking for a session.
pub(super) enum Entered {
    Lent(Box<Session>, usize),
    /// The next one was too old: ask again.
    WornOut(Box<Session>),
    Waiting(Entrance),
    Refused(&'static str),
}

/// A place in the queue.
pub(super) struct Entrance {
    pub(super) key: WaitKey,
    pub(super) answer: oneshot::Receiver<Result<Lease, Error>>,
    /// A connection is to be opened for it.
    pub(super) dials: bool,
    /// Who has to leave for it, if only it itself.
    pub(super) displaced: Option<Waiter>,
}

/// What is to be done with a session that came, or came back.
pub(super) enum Placed {
    /// It waits for a caller.
    Idle,
    /// It goes to somebody.
    Lent { session: Box<Session>, loan: usize, since: Instant, to: Waiter },
    /// Somebody must be told that it is too late. The session is still to be placed.
    TooLate { session: Box<Session>, waiter: Waiter },
    /// It is of no more use, and maybe another one is to be opened in its place.
    Destroyed { session: Box<Session>, dials: bool },
}

/// What is to be done from time to time.
pub(super) struct Tidied {
    #[expect(clippy::vec_box, reason = "as they were kept")]
    pub(super) gone: Vec<Box<Session>>,
    pub(super) leaks: Vec<(Duration, &'static Location<'static>)>,
    /// How many are to be opened.
    pub(super) dials: usize,
}

pub(super) const CLOSED: &str = "the client is closed";
pub(super) const FULL: &str = "too many callers wait for a connection";
pub(super) const HOPELESS: &str = "no connection can be expected before the deadline";

impl State {
    pub(super) fn new(size: usize, overflow: usize, config: &PoolConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(Self {
            size,
            max: size.saturating_add(overflow),
            max_waiters: config.max_waiters,
            min_idle: config.min_idle.min(size),
            idle: Vec::new(),
            open: 0,
            opening: 0,
            loans: Loans::default(),
            // First come, first served within a class: the time that somebody waits is bounded already.
            queue: WaitQueue::new(WaitQueueConfig::fifo())?,
            closed: false,
            usual_loan: 0.0,
            failures: 0,
            generation: 0,
            retired_at: None,
            opened: 0,
            destroyed: 0,
            timeouts: 0,
            leaks: 0,
        })
    }

    /// Lends the session that came back last, or gives a place in the queue.
    pub(super) fn enter(&mut self, caller: &Caller, now: Instant) -> Entered {
        if self.closed {
            return Entered::Refused(CLOSED);
        }
        if let Some(session) = self.idle.pop() {
            if session.is_worn_out(now) {
                self.count_out();
                return Entered::WornOut(session);
            }
            return Entered::Lent(session, self.loans.begin(caller.place, now));
        }
        if !self.has_room() && self.is_hopeless(caller, now) {
            return Entered::Refused(HOPELESS);
        }
        let dials = self.has_room() && self.opening <= self.queue.len();
        self.opening += usize::from(dials);
        // Who waits for a connection of its own is not in anybody's way.
        let max_waiting =
            u32::try_from(self.max_waiters + self.opening).unwrap_or(u32::MAX).min(MOST_WAITING);
        self.queue
            .reconfigure(WaitQueueConfig { max_waiting, ..WaitQueueConfig::fifo() })
            .expect("it is below the limit");
        let (sender, answer) = oneshot::channel();
        let waiter = Waiter { answer: sender, place: caller.place };
        let (key, displaced) = self.queue.push(waiter, caller.priority, caller.deadline, now.into_std());
        let displaced = displaced.map(|departure| departure.waiter);
        Entered::Waiting(Entrance { key, answer, dials, displaced })
    }

    /// Lends the session that came back last, if there is one that can be used as it is.
    pub(super) fn lend_at_hand(
        &mut self,
        place: &'static Location<'static>,
        now: Instant,
        fits: impl FnOnce(&Session) -> bool,
    ) -> Option<(Box<Session>, usize)> {
        let session = self.idle.pop_if(|session| !session.is_worn_out(now) && fits(session))?;
        Some((session, self.loans.begin(place, now)))
    }

    /// Takes a session back.
    pub(super) fn put_back(&mut self, session: Box<Session>, loan: usize, now: Instant) -> Placed {
        if let Some(took) = self.loans.end(loan, now) {
            self.usual_loan += (took.as_secs_f64() - self.usual_loan) * LAST_LOAN;
        }
        if session.is_worn_out(now) {
            return self.destroyed(session);
        }
        self.place(session, now)
    }

    /// Gives a session to whose turn it is.
    pub(super) fn place(&mut self, session: Box<Session>, now: Instant) -> Placed {
        if self.closed || !session.is_clean() || session.generation != self.generation {
            return self.destroyed(session);
        }
        let next = if self.queue.is_empty() { None } else { self.queue.next(now.into_std()) };
        match next {
            None => {
                self.idle.push(session);
                Placed::Idle
            }
            Some(Departure { waiter, fate: Fate::Served, .. }) => {
                Placed::Lent { session, loan: self.loans.begin(waiter.place, now), since: now, to: waiter }
            }
            Some(Departure { waiter, .. }) => Placed::TooLate { session, waiter },
        }
    }

    /// A connection was opened.
    pub(super) fn dialed(&mut self, session: Box<Session>, now: Instant) -> Placed {
        self.opening -= 1;
        self.open += 1;
        self.opened += 1;
        self.failures = 0;
        self.place(session, now)
    }

    /// None could be opened. Says who is to be told, and whether another one is to be tried for those who wait on.
    ///
    /// Where the server has no room for more connections than there are, they wait for one of those.
    pub(super) fn dial_failed(&mut self, full: bool, now: Instant) -> (Option<Waiter>, bool) {
        self.opening -= 1;
        self.failures = self.failures.saturating_add(1);
        let told = if full && self.open > 0 { None } else { self.next_waiter(now) };
        (told, self.dials())
    }

    /// Whose turn it is, or whose it was too late.
    pub(super) fn next_waiter(&mut self, now: Instant) -> Option<Waiter> {
        self.queue.next(now.into_std()).map(|departure| departure.waiter)
    }

    /// Nobody could be asked to open a connection.
    pub(super) fn undialed(&mut self) {
        self.opening -= 1;
    }

    /// Leaves the queue. `false` if the answer was given already.
    pub(super) fn withdraw(&mut self, key: WaitKey) -> bool {
        self.queue.remove(key).is_some()
    }

    pub(super) fn count_timeout(&mut self) {
        self.timeouts += 1;
    }

    /// Gives up every session that is open, those lent when they come back. Nothing if that was done just now.
    #[expect(clippy::vec_box, reason = "a session goes from hand to hand, as a pointer")]
    pub(super) fn retire(&mut self, now: Instant) -> Vec<Box<Session>> {
        if self.retired_at.is_some_and(|at| now.saturating_duration_since(at) < BETWEEN_GENERATIONS) {
            return Vec::new();
        }
        self.retired_at = Some(now);
        self.generation += 1;
        self.take_idle()
    }

    /// Sessions that rest for too long, those that are lent for too long, and how many are wanted beside what there is.
    pub(super) fn tidy(&mut self, config: &PoolConfig, now: Instant) -> Tidied {
        let (mut open, size, min) = (self.open, self.size, self.min_idle);
        let is_gone = |session: &mut Box<Session>| {
            let rested = now.saturating_duration_since(session.used_at);
            let gone = session.is_worn_out(now)
                || (open > size && rested >= config.overflow_linger)
                || (open > min && rested >= config.idle_timeout);
            open -= usize::from(gone);
            gone
        };
        let gone: Vec<_> = self.idle.extract_if(.., is_gone).collect();
        self.open = open;
        self.destroyed += gone.len() as u64;
        let leaks =
            config.leak_threshold.map_or_else(Vec::new, |threshold| self.loans.untold(threshold, now));
        self.leaks += leaks.len() as u64;
        let wanted = if self.closed || self.failures > 0 { 0 } else { self.min_idle };
        let dials = wanted.saturating_sub(self.open + self.opening);
        self.opening += dials;
        Tidied { gone, leaks, dials }
    }

    /// Lends nothing more, and says who waits in vain.
    pub(super) fn close(&mut self, now: Instant) -> Vec<Waiter> {
        self.closed = true;
        std::iter::from_fn(|| self.next_waiter(now)).collect()
    }

    #[expect(clippy::vec_box, reason = "a session goes from hand to hand, as a pointer")]
    pub(super) fn take_idle(&mut self) -> Vec<Box<Session>> {
        let idle = std::mem::take(&mut self.idle);
        self.open -= idle.len();
        self.destroyed += idle.len() as u64;
        idle
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open == 0 && self.opening == 0
    }

    pub(super) fn has_waiters(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// How long to wait before the next connection is opened.
    pub(super) fn dial_pause(&self, random: f64) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => {
                exponential(FIRST_PAUSE, 2.0, failures - 1, LONGEST_PAUSE).mul_f64(0.5 + random / 2.0)
            }
        }
    }

    pub(super) fn stats(&self) -> PoolStats {
        PoolStats {
            max: self.max,
            size: self.open + self.opening,
            idle: self.idle.len(),
            in_use: self.open - self.idle.len(),
            opening: self.opening,
            waiting: self.queue.len(),
            opened: self.opened,
            destroyed: self.destroyed,
            timeouts: self.timeouts,
            leaks: self.leaks,
        }
    }

    /// How it stands, in words.
    pub(super) fn numbers(&self, now: Instant) -> String {
        let PoolStats { max, size, idle, waiting, .. } = self.stats();
        let longest = self.loans.longest(now);
        let longest = longest.map(|(held, place)| format!(", the longest in use for {held:.1?} by {place}"));
        let longest = longest.unwrap_or_default();
        format!("{size} of {max} connections open, {idle} idle, {waiting} callers waiting{longest}")
    }

    fn has_room(&self) -> bool {
        self.open + self.opening < self.max
    }

    /// Whether another connection is to be opened. It is counted as being opened then.
    pub(super) fn dials(&mut self) -> bool {
        let dials = !self.closed && self.has_room() && self.opening < self.queue.len();
        self.opening += usize::from(dials);
        dials
    }

    /// Whether the turn of a newcomer comes too late, even if everybody ahead is twice as fast as usual.
    fn is_hopeless(&self, caller: &Caller, now: Instant) -> bool {
        let Some(deadline) = caller.deadline else { return false };
        let turns = (self.queue.ahead_of(caller.priority) + 1) as f64 / self.max as f64;
        let left = deadline.saturating_duration_since(now.into_std()).as_secs_f64();
        left < self.usual_loan * turns / 2.0
    }

    fn destroyed(&mut self, session: Box<Session>) -> Placed {
        self.count_out();
        Placed::Destroyed { session, dials: self.dials() }
    }

    fn count_out(&mut self) {
        self.open -= 1;
        self.destroyed += 1;
    }
}

#[cfg(test)]
mod tests;
