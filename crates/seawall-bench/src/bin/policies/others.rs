//! Layers whose usual way does nothing much: hedge, load shed, fallback and chaos.

use std::time::Duration;

use seawall_core::{ChaosConfig, Error, HedgeConfig, Idempotency};
use seawall_tower::fallback::{self, FallbackLayer};
use seawall_tower::{
    ChaosHandle, ChaosLayer, CoalesceLayer, HedgeHandle, HedgeLayer, Identity, LoadShedLayer,
};
use tower::Layer;
use tower::load_shed::LoadShedLayer as TowerLoadShedLayer;
use tower_resilience_chaos::ChaosLayer as ResilienceChaosLayer;
use tower_resilience_coalesce::CoalesceLayer as ResilienceCoalesceLayer;
use tower_resilience_fallback::FallbackLayer as ResilienceFallbackLayer;
use tower_resilience_hedge::HedgeLayer as ResilienceHedgeLayer;

use crate::backend::Backend;
use crate::subject::Subject;

const LONG: Duration = Duration::from_secs(5);

/// A first attempt that answers before it is hedged.
pub(crate) fn hedge(backend: Backend) -> Vec<Subject> {
    let fixed = HedgeConfig { fixed_delay: Some(LONG), ..HedgeConfig::default() };
    let ours = |config| {
        let handle = HedgeHandle::new(Identity::new("backend"), config).expect("the config is valid");
        HedgeLayer::new(handle).unspecified_is(Idempotency::Idempotent).layer(backend.ours())
    };
    vec![
        Subject::service("seawall", ours(&HedgeConfig::default())),
        Subject::service("seawall, fixed delay", ours(&fixed)),
        Subject::service("tower-resilience", ResilienceHedgeLayer::new(LONG).layer(backend.ours())),
    ]
}

pub(crate) fn load_shed(backend: Backend) -> Vec<Subject> {
    vec![
        Subject::service("seawall", LoadShedLayer::new().layer(backend.ours())),
        Subject::service("tower", TowerLoadShedLayer::new().layer(backend.theirs())),
    ]
}

/// A call that needs none.
pub(crate) fn fallback(backend: Backend) -> Vec<Subject> {
    let theirs = ResilienceFallbackLayer::<u64, u64, Error>::value(0);
    vec![
        Subject::service("seawall", FallbackLayer::new(fallback::value(0)).layer(backend.ours())),
        Subject::service("tower-resilience", theirs.layer(backend.ours())),
    ]
}

/// Chaos that is switched off.
pub(crate) fn chaos(backend: Backend) -> Vec<Subject> {
    let config = ChaosConfig { error_rate: 0.5, ..ChaosConfig::default() };
    let chaos = ChaosHandle::seeded(Identity::new("backend"), &config, 7).expect("the config is valid");
    vec![
        Subject::service("seawall", ChaosLayer::new(chaos).layer(backend.ours())),
        Subject::service("tower-resilience", ResilienceChaosLayer::builder().build().layer(backend.theirs())),
    ]
}

/// A call that nobody shares, each with a key of its own.
pub(crate) fn coalesce(backend: Backend) -> Vec<Subject> {
    let ours = CoalesceLayer::new(|request: &u64| Some(*request));
    let theirs = ResilienceCoalesceLayer::new(|request: &u64| *request);
    vec![
        Subject::service("seawall", ours.layer(backend.ours())),
        Subject::service("tower-resilience", theirs.layer(backend.ours())),
    ]
}
