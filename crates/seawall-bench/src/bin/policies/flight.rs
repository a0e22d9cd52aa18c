//! Single flight: how often somebody is polled who waits for another's call.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use seawall_bench::{Better, Comparison, Side};
use seawall_core::Error;
use seawall_tower::CoalesceLayer;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_resilience_coalesce::CoalesceLayer as ResilienceCoalesceLayer;

use crate::executor::in_runtime;
use crate::goals::{FLIGHT, POLLS_A_WAIT};

/// How long the call takes that all wait for.
const CALL: Duration = Duration::from_millis(20);
const WAITERS: u64 = 20;

pub(crate) fn polls() -> Vec<Comparison> {
    let backend = || {
        service_fn(|request: u64| async move {
            tokio::time::sleep(CALL).await;
            Ok::<_, Error>(request)
        })
    };
    let ours = polls_a_wait(&CoalesceLayer::new(|request: &u64| Some(*request)).layer(backend()));
    let theirs = polls_a_wait(&ResilienceCoalesceLayer::new(|request: &u64| *request).layer(backend()));
    let line = |peer: &str, theirs, goal| Comparison {
        what: FLIGHT.to_owned(),
        subject: Side::new("seawall", vec![ours]),
        peer: Side::new(peer, vec![theirs]),
        unit: "polls",
        better: Better::Lower,
        goal,
        threads: 1,
    };
    vec![line("at most", POLLS_A_WAIT, Some(1.0)), line("tower-resilience", theirs, None)]
}

fn polls_a_wait<S>(service: &S) -> f64
where
    S: Service<u64, Response = u64, Error: std::fmt::Debug + Send, Future: Send> + Clone + Send + 'static,
{
    let polls = Arc::new(AtomicU64::new(0));
    in_runtime(async {
        let leader = tokio::spawn(service.clone().oneshot(7));
        tokio::time::sleep(CALL / 4).await;
        let waiters: Vec<_> = (0..WAITERS)
            .map(|_| {
                let (service, polls) = (service.clone(), Arc::clone(&polls));
                tokio::spawn(async move {
                    let mut wait = pin!(service.oneshot(7));
                    poll_fn(|cx| {
                        polls.fetch_add(1, Ordering::Relaxed);
                        wait.as_mut().poll(cx)
                    })
                    .await
                })
            })
            .collect();
        for task in waiters.into_iter().chain([leader]) {
            let answer = task.await.expect("nobody panics").expect("the call is answered");
            assert_eq!(answer, 7, "everybody gets the answer");
        }
    });
    polls.load(Ordering::Relaxed) as f64 / WAITERS as f64
}
