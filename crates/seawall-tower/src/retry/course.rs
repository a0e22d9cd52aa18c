use std::time::{Duration, Instant};

use seawall_core::Spread;

use super::paid::Paid;
use crate::clock::{Stopwatch, now};

/// How far the attempts of one call have come. `W` is its sequence of waits.
#[derive(Debug)]
pub(super) struct Course<W> {
    /// The attempt under way, from 1.
    pub(super) attempt: u32,
    /// Whether an attempt that is repeated may have been executed.
    pub(super) executed: bool,
    /// Whether another retry, around this one, decides alone.
    pub(super) nested: bool,
    /// Runs from the first time the call had to wait.
    pub(super) watch: Stopwatch,
    /// Made when the first retry is decided. In a box, because most calls need none, and every future has room for it.
    pub(super) retries: Option<Box<Retries<W>>>,
}

/// What only a call has that is retried.
#[derive(Debug)]
pub(super) struct Retries<W> {
    /// The waits, planned and spread.
    pub(super) waits: (W, Spread),
    /// When the attempt under way was sent.
    resent: Option<Instant>,
    /// What the retry under way cost.
    pub(super) paid: Option<Paid>,
}

impl<W> Course<W> {
    pub(super) const fn new(nested: bool) -> Self {
        Self { attempt: 1, executed: false, nested, watch: Stopwatch::new(), retries: None }
    }

    /// Of a call whose first attempt began then, elsewhere.
    pub(super) const fn since(began: Instant) -> Self {
        Self { attempt: 1, executed: false, nested: false, watch: Stopwatch::since(began), retries: None }
    }

    /// What is needed for retries, with these waits if it is not there yet.
    pub(super) fn retries(&mut self, waits: impl FnOnce() -> (W, Spread)) -> &mut Retries<W> {
        self.retries.get_or_insert_with(|| Box::new(Retries { waits: waits(), resent: None, paid: None }))
    }

    /// What the retry under way cost, to be settled.
    pub(super) fn take_paid(&mut self) -> Option<Paid> {
        self.retries.as_mut().and_then(|retries| retries.paid.take())
    }

    /// How long the attempt has taken that has just ended. The first is measured from its first wait on.
    pub(super) fn elapsed_of_attempt(&self, now: impl FnOnce() -> Instant) -> Duration {
        match self.retries.as_ref().and_then(|retries| retries.resent) {
            Some(resent) => now().saturating_duration_since(resent),
            None => self.watch.read_by(now),
        }
    }

    /// Says that the next attempt is sent.
    pub(super) fn resend(&mut self) {
        self.attempt += 1;
        if let Some(retries) = &mut self.retries {
            retries.resent = Some(now());
            if let Some(paid) = &mut retries.paid {
                paid.sent();
            }
        }
    }
}
