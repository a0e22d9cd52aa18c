//! The modelled part: callers, the network, servers, and the clock that drives them.
//!
//! The world turns once every simulated millisecond, which is the resolution of tokio's timers: triggers and arrivals
//! that are due happen, and the servers catch up with the time. Within a turn, a server keeps exact time: a worker that
//! finishes takes the next attempt at the very instant it finished, so rates and utilisation are exact; only what
//! clients see is late by less than a millisecond.

mod arrivals;
mod caller;
mod link;
mod record;
mod replica;
mod tier;
mod timeline;
mod work;

use std::time::Duration;

pub use arrivals::{Arrival, Arrivals};
pub use link::{Call, Link};
pub use record::{CallRecord, End, Run, Second};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::chance::Seed;
use crate::policy::{Policy, Terms};
use crate::scenario::Scenario;
use caller::Callers;
use tier::Network;
use timeline::Timeline;

/// How often the world turns.
const TURN: Duration = Duration::from_millis(1);

/// Plays a scenario with one policy and one seed.
///
/// The scenario must be [valid](Scenario::validate). The same arguments give the same run, in every detail.
///
/// # Panics
/// When called within a tokio runtime: it brings its own, whose clock stands still but for it.
pub fn run(scenario: &Scenario, policy: &dyn Policy, seed: u64) -> Run {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread with a clock needs nothing of the system")
        .block_on(play(scenario, policy, Seed(seed)))
}

async fn play(scenario: &Scenario, policy: &dyn Policy, seed: Seed) -> Run {
    let start = Instant::now();
    let terms =
        Terms { deadline: scenario.clients.deadline, attempt_timeout: scenario.clients.attempt_timeout };
    let network = Network::new(scenario, policy, terms, seed, start);
    let mut callers = Callers::new(scenario, policy, terms, &network, seed, start);
    let mut arrivals = Arrivals::new(scenario, seed);
    let mut timeline = Timeline::new(scenario);
    let mut turns = interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = scenario.duration + scenario.clients.deadline + TURN;
    loop {
        let now = turns.tick().await.duration_since(start);
        timeline.turn(now, &network);
        network.turn(now);
        while let Some(arrival) = arrivals.next_until(now.min(scenario.duration), timeline.load_factor()) {
            callers.call(arrival);
        }
        callers.observe(now, &network);
        if now >= end {
            return callers.finish(now);
        }
    }
}
