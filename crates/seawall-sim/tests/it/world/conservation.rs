//! Whatever slows servers down, no work is lost, none is made up, and no worker does two things at a time.

use std::time::Duration;

use proptest::prelude::*;
use seawall_sim::scenario::{QueueKind, Trigger, TriggerKind};

use super::{answered, calls_at, play, server};

fn slowing() -> impl Strategy<Value = TriggerKind> {
    prop_oneof![
        (0.0..1.0).prop_map(|to| TriggerKind::CapacityCut { to }),
        (1.0..20.0).prop_map(|slower| TriggerKind::Brownout { slower }),
        (2..400_u64, 1..100_u64).prop_map(|(every, share)| TriggerKind::Pauses {
            every: Duration::from_millis(every),
            length: Duration::from_micros(every * share * 10),
        }),
    ]
}

fn triggers() -> impl Strategy<Value = Vec<Trigger>> {
    let trigger = (0..2_000_000_u64, 1_000..1_000_000_u64, slowing()).prop_map(|(at, lasts, kind)| Trigger {
        at: Duration::from_micros(at),
        lasts: Duration::from_micros(lasts),
        tier: None,
        replicas: None,
        kind,
    });
    prop::collection::vec(trigger, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn all_calls_are_answered_after_as_much_work_as_they_are(
        times in prop::collection::btree_set(0..2000_u64, 1..40),
        triggers in triggers(),
        kind in prop_oneof![Just(QueueKind::Fifo), Just(QueueKind::Lifo), Just(QueueKind::Priority)],
        workers in 1..5_u32,
    ) {
        let mut scenario = calls_at(times, &server(workers, ""));
        scenario.triggers = triggers;
        scenario.tiers[0].queue.kind = kind;
        // Three seconds in which things are slow, and a tenth of one for each call.
        scenario.clients.deadline = Duration::from_secs(7);
        scenario.clients.attempt_timeout = Duration::from_secs(7);
        let run = play(&scenario);

        let all = answered(&run);
        prop_assert!(all.iter().all(|took| *took >= 100));
        prop_assert!(run.wasted.is_zero());
        // What is slowed down takes a worker longer, never shorter.
        let least = Duration::from_millis(100) * all.len() as u32;
        prop_assert!(run.worked + Duration::from_micros(1) >= least, "{:?} for {least:?}", run.worked);
        if scenario.triggers.is_empty() {
            prop_assert_eq!(run.worked, least);
        }
        // A worker works when it is busy, and is one of those there are.
        let busy: f64 = run.seconds.iter().map(|second| second.utilisation).sum::<f64>() * f64::from(workers);
        prop_assert!((busy - run.worked.as_secs_f64()).abs() < 1e-6, "{busy} busy, {:?} worked", run.worked);
        prop_assert!(run.seconds.iter().all(|second| second.utilisation <= 1.0 + 1e-9));
    }
}
