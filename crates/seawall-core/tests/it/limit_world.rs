//! A world for limits to live in: clients, one backend with workers and a queue, and a clock that jumps.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use seawall_core::{Limit, Outcome, Sample};

use crate::limit::TIMEOUT;
use crate::retry_budget::some_instant;

/// A backend that works on what it was sent in order, abandoned or not.
pub(crate) struct Backend {
    pub(crate) workers: usize,
    pub(crate) service: Duration,
    /// Exponential service times, or all the same.
    pub(crate) exponential: bool,
    /// Calls that take longer are given up by the client.
    pub(crate) timeout: Duration,
    /// The share of calls that is never answered, whatever the load.
    pub(crate) hanging: f64,
}

impl Default for Backend {
    /// 1000 calls a second.
    fn default() -> Self {
        Self {
            workers: 20,
            service: Duration::from_millis(20),
            exponential: true,
            timeout: Duration::from_millis(500),
            hanging: 0.0,
        }
    }
}

/// What clients want.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Demand {
    /// As much as the limits allow.
    Full,
    /// So many calls a second, all clients together, at random moments. What a limit holds back waits.
    PerSecond(f64),
}

pub(crate) struct World {
    pub(crate) backend: Backend,
    pub(crate) demand: Demand,
    pub(crate) clients: Vec<Client>,
    pub(crate) now: Duration,
    pub(crate) answered: u64,
    pub(crate) calls: u64,
    start: Instant,
    rng: fastrand::Rng,
    workers: BinaryHeap<Reverse<Duration>>,
    events: BinaryHeap<Reverse<(Duration, u64, What)>>,
    number: u64,
}

pub(crate) struct Client {
    pub(crate) limit: Limit,
    in_flight: u32,
    pub(crate) waiting: u32,
    paused_until: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Arrival,
    Resumed { client: usize },
    Ended { client: usize, epoch: u64, in_flight: u32, took: Duration, answered: bool },
}

impl World {
    pub(crate) fn new(backend: Backend, demand: Demand, limits: Vec<Limit>, seed: u64) -> Self {
        Self::starting(some_instant(), backend, demand, limits, seed)
    }

    pub(crate) fn starting(
        start: Instant,
        backend: Backend,
        demand: Demand,
        limits: Vec<Limit>,
        seed: u64,
    ) -> Self {
        let client = |limit| Client { limit, in_flight: 0, waiting: 0, paused_until: Duration::ZERO };
        let mut world = Self {
            workers: (0..backend.workers).map(|_| Reverse(Duration::ZERO)).collect(),
            backend,
            demand,
            clients: limits.into_iter().map(client).collect(),
            now: Duration::ZERO,
            answered: 0,
            calls: 0,
            start,
            rng: fastrand::Rng::with_seed(seed),
            events: BinaryHeap::new(),
            number: 0,
        };
        if let Demand::PerSecond(_) = demand {
            world.plan(Duration::ZERO, What::Arrival);
        }
        world
    }

    /// Each client has a pause before it, of a random part of this.
    pub(crate) fn paused(mut self, longest: Duration) -> Self {
        for client in 0..self.clients.len() {
            let pause = longest.mul_f64(self.rng.f64());
            self.clients[client].paused_until = pause;
            self.plan(pause, What::Resumed { client });
        }
        self
    }

    /// Callers do not wait for ever: no client has more than so many calls waiting.
    pub(crate) fn give_up_beyond(&mut self, waiting: u32) {
        for client in &mut self.clients {
            client.waiting = client.waiting.min(waiting);
        }
    }

    /// Lets the world go on until so much time has passed, or `done` says so after an event.
    pub(crate) fn run(&mut self, until: Duration, mut done: impl FnMut(&Self) -> bool) {
        for client in 0..self.clients.len() {
            self.send(client);
        }
        while let Some(&Reverse((at, _, what))) = self.events.peek() {
            if at > until || done(self) {
                return;
            }
            self.events.pop();
            self.now = at;
            self.happen(what);
        }
    }

    pub(crate) fn limits(&self) -> impl Iterator<Item = f64> {
        self.clients.iter().map(|client| client.limit.limit())
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Arrival => {
                let client = self.rng.usize(0..self.clients.len());
                self.clients[client].waiting += 1;
                if let Demand::PerSecond(rate) = self.demand {
                    let pause = Duration::from_secs_f64(self.exponential() / rate);
                    self.plan(self.now + pause, What::Arrival);
                }
                self.send(client);
            }
            What::Resumed { client } => self.send(client),
            What::Ended { client, epoch, in_flight, took, answered } => {
                let outcome = if answered { Outcome::Success } else { TIMEOUT };
                let epoch = seawall_core::Epoch::from_number(epoch);
                let sample = Sample { epoch, in_flight, took: Some(took), outcome: Some(outcome) };
                let it = &mut self.clients[client];
                it.limit.record(sample, self.start + self.now);
                it.in_flight -= 1;
                it.paused_until = self.now + it.limit.pace(took, Some(outcome));
                self.answered += u64::from(answered);
                self.send(client);
            }
        }
    }

    fn send(&mut self, client: usize) {
        loop {
            let it = &mut self.clients[client];
            let wanted = matches!(self.demand, Demand::Full) || it.waiting > 0;
            if !wanted || it.in_flight > 0 && f64::from(it.in_flight + 1) > it.limit.limit() {
                return;
            }
            if it.paused_until > self.now && it.limit.limit() < 1.0 {
                let at = it.paused_until;
                return self.plan(at, What::Resumed { client });
            }
            it.waiting = it.waiting.saturating_sub(1);
            it.in_flight += 1;
            let (epoch, in_flight) = (it.limit.epoch().number(), it.in_flight);
            self.calls += 1;
            let full = self.serve();
            let took = full.min(self.backend.timeout);
            let answered = full <= self.backend.timeout;
            self.plan(self.now + took, What::Ended { client, epoch, in_flight, took, answered });
        }
    }

    /// How long the backend takes for a call sent now.
    fn serve(&mut self) -> Duration {
        if self.rng.f64() < self.backend.hanging {
            return Duration::MAX;
        }
        let factor = if self.backend.exponential { self.exponential() } else { 1.0 };
        let Reverse(free) = self.workers.pop().unwrap();
        let done = free.max(self.now) + self.backend.service.mul_f64(factor);
        self.workers.push(Reverse(done));
        done.saturating_sub(self.now)
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.rng.f64()).ln()
    }

    fn plan(&mut self, at: Duration, what: What) {
        self.number += 1;
        self.events.push(Reverse((at, self.number, what)));
    }
}
