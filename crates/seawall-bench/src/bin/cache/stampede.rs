//! Ten thousand tasks that miss one key at once: how often the source is called, and how often each task is polled.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::join_all;
use seawall_bench::{Better, Comparison, Side};
use seawall_cache::Cache;
use tokio::runtime::Runtime;

const TASKS: usize = 10_000;

pub(crate) fn rows(runtime: &Runtime, quick: bool) -> Vec<Comparison> {
    let rounds = if quick { 1 } else { 6 };
    let (calls, polls) = (0..rounds).map(|_| runtime.block_on(round())).unzip();
    let row = |name: &str, samples, limit, unit| Comparison {
        what: "10,000 tasks missing one key".to_owned(),
        subject: Side::new(name, samples),
        peer: Side::new("at most", vec![limit]),
        unit,
        // The worst sample counts.
        better: Better::Lower,
        goal: Some(1.0),
        threads: 2,
    };
    vec![
        row("seawall, calls of the source", worst(calls), 1.0, "calls"),
        row("seawall, polls of a task", worst(polls), 3.0, "polls"),
    ]
}

fn worst(samples: Vec<f64>) -> Vec<f64> {
    vec![samples.into_iter().fold(0.0, f64::max)]
}

/// How often the source was called, and the most that a task was polled.
async fn round() -> (f64, f64) {
    let cache: Cache<u64, u64> = Cache::builder("bench").build().expect("the config is valid");
    let calls = Arc::new(AtomicU32::new(0));
    let tasks = (0..TASKS).map(|_| {
        let (cache, calls) = (cache.clone(), Arc::clone(&calls));
        let miss = async move {
            let source = move || async move {
                calls.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok(42)
            };
            cache.get_or_load(&1, Duration::from_hours(1), source).await
        };
        tokio::spawn(Counted { inner: Box::pin(miss), polls: 0 })
    });
    let mut most = 0;
    for task in join_all(tasks.collect::<Vec<_>>()).await {
        let (value, polls) = task.expect("no task panics");
        assert_eq!(value.expect("the source answers"), 42);
        most = most.max(polls);
    }
    (f64::from(calls.load(Ordering::Relaxed)), f64::from(most))
}

struct Counted<F> {
    inner: Pin<Box<F>>,
    polls: u32,
}

impl<F: Future> Future for Counted<F> {
    type Output = (F::Output, u32);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls += 1;
        let polls = self.polls;
        self.inner.as_mut().poll(cx).map(|output| (output, polls))
    }
}
