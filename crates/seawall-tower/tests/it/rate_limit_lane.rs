//! The fast lane of the rate limiter under every interleaving and every reordering that the memory model allows: it is
//! compiled here with the atomics of a model checker.

use std::num::NonZeroU32;
use std::time::Duration;

use loom::sync::{Arc, Mutex, atomic};
use loom::thread;
use seawall_core::{Gcra, RateLimitConfig};

#[path = "../../src/rate_limit/lane.rs"]
mod lane;

use lane::Lane;

fn gcra(millis: u64, burst: u32) -> Gcra {
    Gcra::new(&RateLimitConfig {
        limit: NonZeroU32::MIN,
        period: Duration::from_millis(millis),
        burst: NonZeroU32::new(burst).unwrap(),
        ..RateLimitConfig::default()
    })
}

fn open(gcra: Gcra) -> Arc<Lane> {
    let lane = Lane::closed();
    lane.open(gcra, 0);
    Arc::new(lane)
}

#[test]
fn a_permit_is_given_once() {
    loom::model(|| {
        let lane = open(gcra(1, 2));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let lane = Arc::clone(&lane);
                thread::spawn(move || u32::from(lane.pass(1, 0)))
            })
            .collect();
        let mut passed = u32::from(lane.pass(1, 0));
        for other in others {
            passed += other.join().unwrap();
        }
        assert_eq!(passed, 2);
        assert_eq!(lane.close(), Some(gcra(1, 2).worth(2)));
    });
}

#[test]
fn nothing_passes_a_closed_lane_and_nothing_is_lost_by_closing_it() {
    loom::model(|| {
        let gcra = gcra(1, 3);
        let lane = open(gcra);
        let passing = {
            let lane = Arc::clone(&lane);
            thread::spawn(move || u64::from(lane.pass(1, 0)) + u64::from(lane.pass(1, 0)))
        };
        let arrival = lane.close().unwrap();
        // Another that is not the first finds it closed, and takes a permit as one who holds the lock does.
        assert!(!lane.pass(1, 0));
        assert_eq!(lane.close(), None);
        lane.open(gcra, gcra.admit(arrival, 1, 0).unwrap());
        let passed = passing.join().unwrap();
        assert_eq!(lane.close(), Some(gcra.worth(1 + passed)));
    });
}

#[test]
fn a_call_is_decided_by_one_limit_even_while_it_changes() {
    loom::model(|| {
        let (old, new) = (gcra(1, 1), gcra(1_000, 5));
        let lane = open(old);
        let passing = {
            let lane = Arc::clone(&lane);
            thread::spawn(move || lane.pass(1, 0))
        };
        let before = lane.close().unwrap();
        assert!(before == 0 || before == old.worth(1));
        // Owed is as much as before, by the new measure, and one permit more, so that the state is another.
        let owed = before / old.interval() + 1;
        lane.open(new, new.worth(owed));
        let passed_after = passing.join().unwrap() && before == 0;
        let after = lane.close().unwrap();
        assert_eq!(after, new.worth(owed + u64::from(passed_after)));
    });
}

#[test]
fn those_behind_the_lock_and_those_in_the_lane_share_the_permits() {
    loom::model(|| {
        let gcra = gcra(1, 3);
        let lane = open(gcra);
        // One permit is gone: two are left for two callers, or for one and then the other.
        assert!(lane.pass(1, 0));
        let lock = Arc::new(Mutex::new(0));
        let caller = |lane: Arc<Lane>, lock: Arc<Mutex<u64>>| {
            move || {
                if lane.pass(1, 0) {
                    return 1;
                }
                let mut kept = lock.lock().unwrap();
                if let Some(arrival) = lane.close() {
                    *kept = arrival;
                }
                let admitted = gcra.admit(*kept, 1, 0).inspect(|&next| *kept = next).is_ok();
                lane.open(gcra, *kept);
                u32::from(admitted)
            }
        };
        let other = thread::spawn(caller(Arc::clone(&lane), Arc::clone(&lock)));
        let passed = caller(Arc::clone(&lane), Arc::clone(&lock))();
        assert_eq!(passed + other.join().unwrap(), 2, "never more, and never fewer");
        assert_eq!(lane.close(), Some(gcra.worth(3)));
    });
}
