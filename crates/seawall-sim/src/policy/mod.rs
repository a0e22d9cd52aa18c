//! What clients do about trouble: the stacks that are compared.

mod balanced;
mod hedged;
pub mod models;
mod naive;
mod none;
mod ours;
mod tower;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::tower::TowerRetries;
use ::tower::util::BoxCloneSyncService;
pub use balanced::Balanced;
pub use hedged::Hedged;
pub use none::NoRetries;
pub use ours::{Seawall, SeawallWith};
use seawall_core::Error;

use crate::world::{Call, Link};

/// A client's stack, as one service.
pub type Stack = BoxCloneSyncService<Call, (), Error>;

/// A way to guard calls.
pub trait Policy: fmt::Debug + Send + Sync {
    /// What tables and `--policy` call it.
    fn name(&self) -> &'static str;

    /// What it is, in a sentence; of a model, "a model of …".
    fn about(&self) -> &'static str;

    /// Whether it only models what it is called by; if not, it is the real thing.
    fn is_model(&self) -> bool {
        self.about().starts_with("a model of ")
    }

    /// The stack of one client process. It takes all its chance from `seed`.
    fn client(&self, link: &Link, terms: Terms, seed: u64) -> Client;
}

/// What all policies are given alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The time of a call.
    pub deadline: Duration,
    /// The time of an attempt.
    pub attempt_timeout: Duration,
}

/// One client process.
#[derive(Clone, Debug)]
pub struct Client {
    /// What it calls through.
    pub stack: Stack,
    /// What can be read off it, if anything.
    pub gauges: Option<Arc<dyn Gauges>>,
}

/// What can be read off a client while it runs.
pub trait Gauges: fmt::Debug + Send + Sync {
    /// As of now.
    fn read(&self) -> Reading;
}

/// What was read off a client.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// How many calls it would have under way, if it limits them.
    pub limit: Option<f64>,
    /// How many of its calls wait for their turn.
    pub waiting: usize,
    /// Whether its circuit lets no call, or only probes, through.
    pub open: bool,
    /// What its retry budget holds, if it has one.
    pub budget: Option<f64>,
}

/// Every policy there is, Seawall's first.
pub fn all() -> Vec<Box<dyn Policy>> {
    let ours: Vec<Box<dyn Policy>> = vec![
        Box::new(Seawall),
        Box::new(NoRetries),
        Box::new(naive::naive()),
        Box::new(naive::immediate()),
        Box::new(TowerRetries),
        Box::new(Balanced),
        Box::new(Hedged),
    ];
    ours.into_iter().chain(models::all()).collect()
}

/// The policy of that name.
pub fn by_name(name: &str) -> Option<Box<dyn Policy>> {
    all().into_iter().find(|policy| policy.name() == name)
}
