//! Whoever comes and gives up whenever: calls are shared as long as anybody waits, and everybody gets what is due.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use seawall_core::{CallContext, Error, FailureKind};
use seawall_testkit::hostile::{Answer, HostileService};
use seawall_tower::CoalesceLayer;
use tokio::time::{Instant, sleep_until};
use tower::{Layer, ServiceExt};

/// A call takes so many milliseconds. Callers come at multiples of ten and give up at seven past one, so nothing
/// happens at the same time.
const TAKES: u64 = 104;

/// When a caller comes, and when it gives up: by its deadline, or by being dropped.
#[derive(Clone, Copy, Debug)]
struct Caller {
    comes: u64,
    leaves: u64,
    drops: bool,
}

fn caller() -> impl Strategy<Value = Caller> {
    (0u64..50, 0u64..20, any::<bool>()).prop_map(|(comes, stays, drops)| {
        let comes = comes * 10;
        Caller { comes, leaves: comes + stays * 10 + 7, drops }
    })
}

/// How many calls are made, and whether each caller is answered.
fn expected(callers: &[Caller]) -> (u64, Vec<bool>) {
    let mut calls = 0;
    let (mut ends, mut last_leaves) = (0, 0);
    let mut answered = Vec::new();
    for caller in callers {
        if caller.comes > ends.min(last_leaves) || calls == 0 {
            calls += 1;
            (ends, last_leaves) = (caller.comes + TAKES, 0);
        }
        last_leaves = last_leaves.max(caller.leaves);
        answered.push(caller.leaves > ends);
    }
    (calls, answered)
}

async fn run(callers: &[Caller]) -> (u64, Vec<bool>) {
    let (inner, control) =
        HostileService::<(), (), Error>::new(|()| Answer::Ok(()).after(Duration::from_millis(TAKES)));
    let service = CoalesceLayer::new(|(): &()| Some(())).layer(inner);
    let began = Instant::now();
    let at = |millis| began + Duration::from_millis(millis);
    let tasks: Vec<_> = callers
        .iter()
        .map(|&Caller { comes, leaves, drops }| {
            let service = service.clone();
            let (comes, leaves) = (at(comes), at(leaves));
            tokio::spawn(async move {
                sleep_until(comes).await;
                if drops {
                    return matches!(tokio::time::timeout_at(leaves, service.oneshot(())).await, Ok(Ok(())));
                }
                let context = CallContext::default().deadline(leaves.into_std());
                match context.scope(service.oneshot(())).await {
                    Ok(()) => true,
                    Err(error) => {
                        assert_eq!(error.kind(), FailureKind::Timeout);
                        false
                    }
                }
            })
        })
        .collect();
    let mut answered = Vec::new();
    for task in tasks {
        answered.push(task.await.unwrap());
    }
    assert_eq!(service.under_way(), 0);
    drop(service);
    sleep_until(at(10_000)).await;
    let counts = control.counts();
    assert_eq!((counts.in_flight, counts.instances), (0, 0));
    (counts.calls, answered)
}

proptest! {
    #[test]
    fn calls_are_shared_as_long_as_anybody_waits(mut callers in vec(caller(), 1..20)) {
        callers.sort_by_key(|caller| caller.comes);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        prop_assert_eq!(runtime.unwrap().block_on(run(&callers)), expected(&callers));
    }
}
