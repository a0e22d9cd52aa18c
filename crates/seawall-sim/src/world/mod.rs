//! The modelled part: callers, the network, servers, and the clock that drives them.
//!
//! The world turns once every simulated millisecond, which is the resolution of tokio's timers: triggers and arrivals
//! that are due happen, and the servers catch up with the time. Within a turn, a server keeps exact time: a worker that
//! finishes takes the next attempt at the very instant it finished, and a trigger begins and ends when it says, so rates
//! and utilisation are exact. Only what crosses the network, to a server or back, is seen at the next turn: less than a
//! millisecond late.
//!
//! Within a turn the world comes first and the clients' timers after it, so an answer that is there in time is never
//! taken for one that is not.

mod arrivals;
mod callers;
mod condition;
mod inner_calls;
mod link;
mod network;
mod observer;
mod record;
mod replica;
mod timeline;
mod work;

use std::time::Duration;

pub use arrivals::{Arrival, Arrivals};
pub use link::{Answer, Call, Link};
pub use record::{CallRecord, End, Run, Second};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::chance::Seed;
use crate::policy::{Policy, Terms};
use crate::scenario::Scenario;
use callers::{Callers, Records};
use inner_calls::InnerCalls;
use network::Network;
use observer::Observer;
use replica::Totals;
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread with a clock needs nothing of the system");
    let (run, records) = runtime.block_on(play(scenario, policy, Seed(seed)));
    // Ends the calls that have not ended, which is noted, too.
    drop(runtime);
    Run { calls: records.take(), ..run }
}

async fn play(scenario: &Scenario, policy: &dyn Policy, seed: Seed) -> (Run, Records) {
    let start = Instant::now();
    let terms =
        Terms { deadline: scenario.clients.deadline, attempt_timeout: scenario.clients.attempt_timeout };
    let network = Network::new(scenario, seed);
    let inner_calls = InnerCalls::new(scenario, policy, terms, &network, seed);
    let mut callers = Callers::new(scenario, policy, terms, &network, seed, start);
    let mut observer = Observer::default();
    let mut arrivals = Arrivals::new(scenario, seed);
    let mut timeline = Timeline::new(scenario, seed);
    let mut turns = interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
    // Calls that came at the very end have their time, too.
    let end = scenario.duration + scenario.clients.deadline + TURN;
    loop {
        let now = turns.tick().await.duration_since(start);
        timeline.turn(now, &network);
        inner_calls.make(network.turn(now));
        while let Some(arrival) = arrivals.next_until(now.min(scenario.duration)) {
            callers.call(arrival);
        }
        observer.turn(now, &network, &callers);
        if now >= end {
            let Totals { worked, wasted, .. } = network.totals();
            let run = Run { seconds: observer.into_seconds(), worked, wasted, ..Run::default() };
            return (run, callers.into_records());
        }
    }
}
