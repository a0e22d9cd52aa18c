//! What hedging is for, in simulated time: the tail falls, the load hardly rises.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use seawall_core::{Error, HedgeConfig, Idempotency};
use seawall_testkit::hostile::{Answer, Hostile, HostileService};
use seawall_tower::{HedgeHandle, HedgeLayer, Identity};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

const CALLS: u32 = 20_000;
const CLIENTS: u32 = 20;

type Inner = HostileService<Instant, Instant, Error>;

/// Answers after 10 ms on average, exponentially distributed; one call in a hundred takes fifty times as long. Times
/// are multiplied by `slowness` at the moment of the call.
fn backend(slowness: impl Fn(Instant) -> f64 + Send + Sync + 'static) -> (Inner, Hostile<Instant, Error>) {
    let rng = Arc::new(Mutex::new(fastrand::Rng::with_seed(7)));
    HostileService::new(move |sent: Instant| {
        let (chance, straggles) = {
            let mut rng = rng.lock().unwrap();
            (rng.f64(), rng.u32(0..100) == 0)
        };
        let time = 0.01 * -(1.0 - chance).ln() * if straggles { 50.0 } else { 1.0 };
        Answer::Ok(sent).after(Duration::from_secs_f64(time * slowness(sent)))
    })
}

/// Makes all calls, twenty at a time, and says how long the slowest thousandth took at least.
async fn p999<S>(service: S) -> Duration
where
    S: Service<Instant, Response = Instant, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    let clients = (0..CLIENTS).map(|_| {
        let service = service.clone();
        tokio::spawn(async move {
            let mut times = Vec::new();
            for _ in 0..CALLS / CLIENTS {
                let sent = service.clone().oneshot(Instant::now()).await.unwrap();
                times.push(sent.elapsed());
            }
            times
        })
    });
    let mut times = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        times.extend(client.await.unwrap());
    }
    times.sort_unstable();
    times[times.len() * 999 / 1000]
}

fn hedge() -> (HedgeHandle, HedgeLayer) {
    let handle = HedgeHandle::new(Identity::default(), &HedgeConfig::default()).unwrap();
    (handle.clone(), HedgeLayer::new(handle).unspecified_is(Idempotency::Idempotent))
}

/// The load above that of the calls alone.
fn extra_load(control: &Hostile<Instant, Error>) -> f64 {
    control.counts().calls as f64 / f64::from(CALLS) - 1.0
}

#[tokio::test(start_paused = true)]
async fn stragglers_no_longer_make_the_tail_and_the_load_rises_by_a_twentieth_at_most() {
    let (bare, _) = backend(|_| 1.0);
    let without = p999(bare).await;

    let (inner, control) = backend(|_| 1.0);
    let (handle, layer) = hedge();
    let with = p999(layer.layer(inner)).await;
    assert!(with * 4 <= without, "{without:?} without, {with:?} with");
    let extra = extra_load(&control);
    assert!((0.02..=0.06).contains(&extra), "{extra}");

    // Ninety-five of a hundred take up to 31 ms or so. That hedges beat the slow ones has not made it sink.
    let delay = handle.delay().unwrap().as_millis();
    assert!((27..=38).contains(&delay), "{delay}ms");
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_slows_down_all_at_once_is_not_buried_in_hedges() {
    let began = Instant::now();
    let (inner, control) = backend(move |now| if now - began < Duration::from_secs(5) { 1.0 } else { 10.0 });
    let (handle, layer) = hedge();
    p999(layer.layer(inner)).await;
    let extra = extra_load(&control);
    assert!(extra <= 0.06, "{extra}");
    let delay = handle.delay().unwrap().as_millis();
    assert!((270..=380).contains(&delay), "it follows: {delay}ms");
}
