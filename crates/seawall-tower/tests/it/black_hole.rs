//! What the default pipeline does for few calls to a backend that never answers: its circuit sees too few of them to
//! open, its limit has to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seawall_core::{ByKind, CallContext, CircuitState, Error, FailureKind, Idempotency};
use seawall_tower::{Pipeline, PipelineConfig};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// One call of one a second: when it came, how long it took, and how it ended.
struct Ended {
    second: u32,
    took: Duration,
    failed: Option<FailureKind>,
}

/// So many seconds in which all is well, in which nothing is answered, and again in which all is well.
async fn play(pipeline: &Pipeline, well: u32, hole: u32, again: u32) -> Vec<Ended> {
    let swallows = Arc::new(AtomicBool::new(false));
    let inner = {
        let swallows = Arc::clone(&swallows);
        service_fn(move |()| {
            let swallows = Arc::clone(&swallows);
            async move {
                if swallows.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
                sleep(Duration::from_millis(20)).await;
                Ok::<_, Error>(())
            }
        })
    };
    let service = pipeline.layer("target").layer(inner);
    let mut calls = JoinSet::new();
    for second in 0..well + hole + again {
        swallows.store((well..well + hole).contains(&second), Ordering::Relaxed);
        let call = CallContext::default().idempotency(Idempotency::Idempotent);
        let call = call.scope(service.clone().oneshot(()));
        calls.spawn(async move {
            let began = Instant::now();
            let failed = call.await.err().map(|error| error.kind());
            Ended { second, took: began.elapsed(), failed }
        });
        sleep(SECOND).await;
    }
    let mut ended = calls.join_all().await;
    ended.sort_by_key(|call| call.second);
    ended
}

#[tokio::test(start_paused = true)]
async fn few_calls_hang_for_one_attempt_then_most_are_refused_soon_and_all_is_well_soon_after() {
    let pipeline = Pipeline::seeded("test", &PipelineConfig::default(), ByKind, Arc::new(()), 1).unwrap();
    let ended = play(&pipeline, 20, 120, 30).await;
    assert_eq!(pipeline.breaker("target").state(), CircuitState::Closed, "it has seen too few to judge");

    let hung = |from: u32, to: u32| {
        let between = ended.iter().filter(|call| (from..to).contains(&call.second));
        between.filter(|call| call.took > 3 * SECOND).count()
    };
    assert_eq!(hung(0, 20), 0);
    // Nobody can know before the first has timed out.
    assert!(hung(20, 30) <= 10);
    for ten in (30..140).step_by(10) {
        assert!(hung(ten, ten + 10) <= 2, "{} calls hang from second {ten} on", hung(ten, ten + 10));
    }
    let refused = ended.iter().filter(|call| call.failed == Some(FailureKind::Refused)).count();
    assert!(refused > 80, "{refused} of 120");
    let well_again = ended.iter().rposition(|call| call.failed.is_some()).unwrap() as u32 + 1;
    assert!(well_again <= 150, "{} s after", well_again - 140);
}
