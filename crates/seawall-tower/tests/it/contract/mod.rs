//! What tower asks of every layer, checked of every layer here: over an inner service that panics when it is called
//! without being ready and whose clones are never ready, over and under tower's own, and over each other.
//!
//! A new layer is one line in [`layers`], and its public types are a few in [`pins`].

mod calls;
mod drops;
mod layers;
mod mock;
mod pairs;
mod pins;
mod readiness;
mod stock;

use std::time::Duration;

use seawall_core::Error;
use seawall_testkit::hostile::{Hostile, HostileService};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

pub(crate) use drops::leaves_nothing_behind;
use layers::LAYERS;
pub(crate) use pins::exported;

/// The service of the suite: what every layer stands over and becomes.
pub(crate) type Guarded = BoxCloneSyncService<&'static str, &'static str, Error>;
pub(crate) type Control = Hostile<&'static str, Error>;

const SECOND: Duration = Duration::from_secs(1);

/// A layer under test, and what it does otherwise than most: say so where it is listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    build: fn(Guarded) -> Guarded,
    back_pressure: BackPressure,
    detaches: bool,
}

/// What a layer makes of an inner service that is not ready.
#[derive(Clone, Copy, Debug, PartialEq)]
enum BackPressure {
    /// It is not ready either.
    PassedOn,
    /// It is ready, and waits for the inner service in the call.
    WaitedFor,
    /// It is ready, and refuses the call.
    Shed,
}

/// A layer that passes back-pressure on and lets nothing run on without its caller: as most do.
pub(crate) const fn layer(name: &'static str, build: fn(Guarded) -> Guarded) -> Layer {
    Layer { name, build, back_pressure: BackPressure::PassedOn, detaches: false }
}

impl Layer {
    /// It is always ready, and readies the inner service in the call.
    pub(crate) const fn waiting(self) -> Self {
        Self { back_pressure: BackPressure::WaitedFor, ..self }
    }

    /// It is always ready, and refuses a call if the inner service is not.
    pub(crate) const fn shedding(self) -> Self {
        Self { back_pressure: BackPressure::Shed, ..self }
    }

    /// The inner call runs in a task of its own, and may go on when its caller is gone.
    pub(crate) const fn detaching(self) -> Self {
        Self { detaches: true, ..self }
    }

    pub(crate) fn over(&self, inner: Guarded) -> Guarded {
        (self.build)(inner)
    }

    /// Lets what runs on without its caller come to its end.
    async fn settle(&self) {
        if self.detaches {
            tokio::time::sleep(600 * SECOND).await;
        }
    }
}

/// The layers that are ready only when the inner service is.
fn passing_on() -> impl Iterator<Item = &'static Layer> {
    LAYERS.iter().filter(|layer| layer.back_pressure == BackPressure::PassedOn)
}

/// The layers through which a call waits for the inner service, be it in `poll_ready` or in the call.
fn patient() -> impl Iterator<Item = &'static Layer> {
    LAYERS.iter().filter(|layer| layer.back_pressure != BackPressure::Shed)
}

/// The layers whose calls end with their callers.
fn attached() -> impl Iterator<Item = &'static Layer> {
    LAYERS.iter().filter(|layer| !layer.detaches)
}

/// Boxing also pins that every service is `Clone + Send + Sync` and every future `Send`.
pub(crate) fn boxed<S>(service: S) -> Guarded
where
    S: Service<&'static str, Response = &'static str, Error = Error> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    BoxCloneSyncService::new(service)
}

pub(crate) fn hostile() -> (Guarded, Control) {
    let (service, control) = HostileService::echo();
    (boxed(service), control)
}

fn from_box(error: tower::BoxError) -> Error {
    Error::from_boxed(error, "tower", "stock layer")
}

/// Lets everything run that can, without any of the waits that matter here coming to an end.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The output of something that must not hang.
async fn ended<F: Future>(future: F, what: &str) -> F::Output {
    tokio::time::timeout(600 * SECOND, future).await.unwrap_or_else(|_| panic!("{what} hangs"))
}

/// Calls until what is left of the script is used up and the request comes back: soon, and at once each time.
async fn recovers(service: &Guarded, what: &str) {
    for _ in 0..5 {
        if ended(service.clone().oneshot("after"), what).await.is_ok_and(|answer| answer == "after") {
            return;
        }
    }
    panic!("{what} does not recover");
}
