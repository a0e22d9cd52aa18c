use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use seawall_core::{
    Attention, CallContext, Epoch, Event, InvalidConfig, Limit, LimitAlgorithm, LimitConfig, Outcome,
    Refusal, Sample, WaitKey,
};

use super::config::ConcurrencyLimitConfig;
use super::gate::{Gate, Left};
use super::patience::{Patience, Refused};
use super::permit::Lesson;
use super::platform::Std;
use super::waiter::Waiter;
use super::{STRATEGY, Waiting};
use crate::Identity;
use crate::clock::now;

/// One limit: shared by the services that call one backend. Clones are the same limit and the same queue.
#[derive(Clone)]
pub struct ConcurrencyLimitHandle(Arc<Shared>);

// In this order, so that the gate's word is beside the counts of the `Arc`: threads that share them then pass one
// cache line to and fro, not two.
#[repr(C)]
struct Shared {
    gate: Gate<Std>,
    identity: Identity,
}

impl ConcurrencyLimitHandle {
    /// A limit with nothing under way.
    ///
    /// # Errors
    /// What [`ConcurrencyLimitConfig::validate`] says.
    pub fn new(identity: Identity, config: &ConcurrencyLimitConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let gate = Gate::new(config.limit.clone(), config.queue.clone())?;
        Ok(Self(Arc::new(Shared { gate, identity })))
    }

    /// How many calls may be under way. Below 1, calls go one at a time and are spaced out.
    pub fn limit(&self) -> f64 {
        self.0.gate.with_limit(Limit::limit)
    }

    /// How many calls are under way, those counted that are let in and not yet made.
    pub fn in_flight(&self) -> u32 {
        self.0.gate.in_flight()
    }

    /// How many calls wait.
    pub fn waiting(&self) -> usize {
        self.0.gate.waiting()
    }

    /// Puts another configuration in force, and keeps what was learnt, who is under way and who waits.
    ///
    /// A higher limit lets those in who wait; a lower one lets nobody in until enough calls have ended. Who waits
    /// already keeps the longest wait that it came with.
    ///
    /// # Errors
    /// What [`ConcurrencyLimitConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&self, config: &ConcurrencyLimitConfig) -> Result<(), InvalidConfig> {
        let changed = config
            .validate()
            .and_then(|()| self.0.gate.reconfigure(config.limit.clone(), config.queue.clone(), now()));
        match changed {
            Ok(moved) => {
                self.tell(Some(Event::Reconfigured));
                self.tell(moved);
                Ok(())
            }
            Err(invalid) => {
                self.tell(Some(Event::ReconfigurationRefused));
                Err(invalid)
            }
        }
    }

    /// What the limit guards.
    pub fn target(&self) -> &str {
        self.0.identity.target()
    }

    /// A place, if there is one and nobody waits for it. Says how many calls are under way then.
    #[inline]
    pub(super) fn try_enter(&self) -> Option<u32> {
        self.0.gate.try_enter()
    }

    /// Asks for a permit in the name of the current call.
    pub(super) fn wait(&self) -> Waiting {
        let context = CallContext::current();
        let (deadline, began) = (context.deadline_at(), now());
        let waiter = Arc::new(Waiter::new());
        let (key, longest) = self.0.gate.enter_or_wait(&waiter, context.priority_class(), deadline, began);
        Waiting::new(self.clone(), waiter, key, Patience { began, longest, deadline })
    }

    /// At the end of a pause: waits again if somebody more urgent goes first, and says so.
    pub(super) fn wait_again(&self, waiter: &Arc<Waiter<Std>>, key: WaitKey, patience: &Patience) -> bool {
        self.0.gate.wait_again(waiter, key, (patience.began, patience.deadline), now())
    }

    /// Stops waiting. `false` if the answer has been given.
    pub(super) fn withdraw(&self, key: WaitKey, now: Instant) -> bool {
        self.0.gate.withdraw(key, now)
    }

    /// What the limit wants to know of the calls under way.
    #[inline]
    pub(super) fn attention(&self) -> Attention {
        self.0.gate.attention()
    }

    /// The epoch that a call made now belongs to.
    #[inline]
    pub(super) fn epoch(&self) -> Epoch {
        self.0.gate.epoch()
    }

    /// Gives back the place of a call that was never made, or that nothing is learnt from.
    #[inline]
    pub(super) fn give_back(&self, in_flight: u32) {
        if !self.0.gate.try_leave(in_flight, false) {
            self.leave_by_lock(Left { sample: None, took: None }, now());
        }
    }

    /// Takes note of a call's end, and gives its place to the next.
    #[inline]
    pub(super) fn leave(&self, lesson: &Lesson, outcome: Option<Outcome>, now: impl FnOnce() -> Instant) {
        let quiet = match outcome {
            None => true,
            Some(Outcome::Success) => lesson.in_flight < self.attention().grows_from,
            Some(Outcome::Failure(_)) => false,
        };
        if !quiet || !self.0.gate.try_leave(lesson.in_flight, outcome.is_some()) {
            self.leave_with(lesson, outcome, now());
        }
    }

    #[cold]
    fn leave_with(&self, lesson: &Lesson, outcome: Option<Outcome>, now: Instant) {
        let Lesson { in_flight, epoch, began, .. } = *lesson;
        let took = began.map(|began| now.saturating_duration_since(began));
        let sample = outcome.map(|_| Sample { epoch, in_flight, took, outcome });
        self.leave_by_lock(Left { sample, took: Some(took.unwrap_or_default()) }, now);
    }

    #[cold]
    fn leave_by_lock(&self, left: Left, now: Instant) {
        self.tell(self.0.gate.leave(left, now));
    }

    pub(super) fn refusal(&self, Refused { reason, retry_after, waited }: Refused) -> Refusal {
        // Never a time-out, not even when the deadline has passed: it is our queue that was slow, not the backend.
        self.0.identity.refuse(STRATEGY, seawall_core::Refused { reason, retry_after }).elapsed(waited)
    }

    /// Tells that a call which had to wait was let in.
    pub(super) fn dequeued(&self, waited: Duration) {
        self.tell(Some(Event::Dequeued { waited }));
    }

    /// Whether nothing would be lost if the limit were forgotten: nobody is under way or waits, and it stands where a new
    /// one would, or higher.
    pub fn is_idle(&self) -> bool {
        let as_good_as_new = self.0.gate.with_limit(|limit| {
            let LimitConfig { algorithm, initial, max, .. } = limit.config();
            *algorithm == LimitAlgorithm::Fixed || limit.limit() >= initial.min(f64::from(max.get()))
        });
        as_good_as_new && self.in_flight() == 0 && self.waiting() == 0
    }

    // Outside of the lock: an observer may take its time, or look at the limit.
    fn tell(&self, event: Option<Event>) {
        if let Some(event) = event {
            self.0.identity.tell(STRATEGY, &event);
        }
    }
}

impl fmt::Debug for ConcurrencyLimitHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimitHandle")
            .field("target", &self.target())
            .field("limit", &self.limit())
            .field("in_flight", &self.in_flight())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}
