use std::time::Duration;

use seawall_core::FailureKind;

use crate::chance::{Purpose, Seed};

/// What is wrong with a server at the moment. By default nothing.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// The share of the workers that may begin with an attempt.
    pub(super) capacity: f64,
    /// How fast work is done: 1 is as usual, at 0 everything stands still.
    pub(super) speed: f64,
    /// Whether it is down.
    pub(super) down: bool,
    /// Whether it starts anew at this moment.
    pub(super) restarts: bool,
    /// Whether its cache is emptied at this moment.
    pub(super) forgets: bool,
    /// What befalls some of the attempts, each on its own.
    pub(super) mishaps: Vec<Mishap>,
}

impl Default for Condition {
    fn default() -> Self {
        Self { capacity: 1.0, speed: 1.0, down: false, restarts: false, forgets: false, mishaps: Vec::new() }
    }
}

impl Condition {
    /// Whether everything stands still.
    pub(super) fn stands_still(&self) -> bool {
        self.speed <= 0.0
    }
}

/// What befalls a share of the attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mishap {
    pub(super) share: f64,
    /// Of its own, so that which attempts it befalls has nothing to do with which ones another does.
    pub(super) seed: Seed,
    pub(super) kind: MishapKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MishapKind {
    /// It is never answered.
    Swallowed,
    /// It fails before it gets to the queue.
    FailsBefore(Failing),
    /// It fails in the hands of a worker.
    FailsAtWork(Failing),
}

/// How an attempt fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failing {
    pub(super) after: Duration,
    pub(super) kind: FailureKind,
}

impl Mishap {
    /// Whether it befalls that attempt of that call.
    pub(super) fn befalls(&self, id: u64, attempt: u64) -> bool {
        self.seed.rng(Purpose::Fate, id, attempt).f64() < self.share
    }
}
