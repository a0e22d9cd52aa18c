//! The default stack of a client, with a circuit and a retry budget per target.
//!
//! Outermost first: [deadline](crate::deadline) → [retry](crate::retry) with its budget → [hedge](crate::hedge), if
//! asked for, by the same budget → per target
//! [ [circuit breaker](crate::circuit_breaker) → [concurrency limit](crate::concurrency_limit) →
//! [rate limit](crate::rate_limit) → [attempt timeout](crate::attempt_timeout) ] → the service.
//!
//! A target is what fails as one: an HTTP authority, a database, a node. All layers made for a target share its
//! circuit, its budget and its limits, however often they are made.
//!
//! [`Pipeline::reconfigure`] changes every knob live. The hedge, the concurrency limit and the rate limit can be off; one
//! that is switched off forgets nothing and holds nobody back, except those who already wait in its queue. But a target
//! that is [paused](crate::RateLimiterHandle::pause) is left alone with the rate limit off too.
//!
//! Where a service has several endpoints, a [balance](crate::balance) stands between the two halves of the stack:
//! [`call_layer`](Pipeline::call_layer) of the service → balance → [`attempt_layer`](Pipeline::attempt_layer) of each
//! endpoint.
//!
//! ```
//! use std::sync::Arc;
//! use seawall_core::{ByKind, Error};
//! use seawall_tower::{Pipeline, PipelineConfig};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pipeline = Pipeline::new("example", &PipelineConfig::default(), ByKind, Arc::new(()))?;
//! let transport = service_fn(|name: &'static str| async move { Ok::<_, Error>(format!("hello {name}")) });
//!
//! let answer = pipeline.layer("db-1").layer(transport).oneshot("world").await?;
//! assert_eq!(answer, "hello world");
//! assert_eq!(pipeline.targets()[0].target, "db-1");
//! # Ok(())
//! # }
//! ```

mod attempt;
mod blueprint;
mod call;
mod config;
mod fast_path;
pub mod future;
mod hedged;
mod layer;
mod optional;
mod over;
mod section;
mod service;
mod stability;
mod target;

use std::sync::{Arc, Mutex, PoisonError};

pub use attempt::{AttemptLayer, AttemptService};
use blueprint::Blueprint;
pub use call::{CallLayer, CallService};
pub use config::PipelineConfig;
pub use fast_path::{FailedPassage, FastPath, Passage};
pub use layer::PipelineLayer;
use seawall_core::{ByKind, InvalidConfig, Observer, SharedRetryBudget};
pub use service::PipelineService;
pub use stability::{Load, StabilityWarning};
use target::Target;
pub use target::TargetStatus;

use crate::circuit_breaker::CircuitBreakerHandle;
use crate::concurrency_limit::ConcurrencyLimitHandle;
use crate::rate_limit::RateLimiterHandle;
use crate::registry::Registry;

const STRATEGY: &str = "pipeline";

/// The default stack of one client. See the [module](self). Clones are the same pipeline.
#[derive(Debug)]
pub struct Pipeline<C = ByKind> {
    shared: Arc<Shared<C>>,
}

#[derive(Debug)]
struct Shared<C> {
    blueprint: Blueprint<C>,
    targets: Registry<Target<C>>,
    /// Held while a new configuration is put in force, so that targets end up with the same one.
    reconfiguring: Mutex<()>,
}

impl<C> Pipeline<C> {
    /// A pipeline without targets yet. `name` is the pipeline's in telemetry.
    ///
    /// # Errors
    /// What [`PipelineConfig::validate`] says.
    pub fn new(
        name: &'static str,
        config: &PipelineConfig,
        classifier: C,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, InvalidConfig> {
        Self::seeded(name, config, classifier, observer, fastrand::u64(..))
    }

    /// The same, with chance taken from a seed, so that a simulation can be repeated: each target has a part of its own,
    /// by its name, whatever the others draw. (Which target is forgotten when there are more than `max_targets` is left
    /// to real chance even so: names must not be made to collide.)
    ///
    /// # Errors
    /// What [`PipelineConfig::validate`] says.
    pub fn seeded(
        name: &'static str,
        config: &PipelineConfig,
        classifier: C,
        observer: Arc<dyn Observer>,
        seed: u64,
    ) -> Result<Self, InvalidConfig> {
        config.validate()?;
        let targets = Registry::new(config.max_targets, Target::is_forgettable);
        let blueprint = Blueprint::new(name, config.clone(), classifier, observer, seed);
        Ok(Self { shared: Arc::new(Shared { blueprint, targets, reconfiguring: Mutex::new(()) }) })
    }

    /// What works against itself in the numbers of the configuration: [`PipelineConfig::lint`]. Worth a line in the
    /// log when a program starts.
    pub fn warnings(&self) -> Vec<StabilityWarning> {
        self.shared.blueprint.config().lint()
    }

    /// The configuration in force.
    pub fn config(&self) -> PipelineConfig {
        PipelineConfig::clone(&self.shared.blueprint.config())
    }

    /// Puts another configuration in force, for the targets that are remembered and for those to come, in services made
    /// before too. What was counted, learnt and owed is kept. Calls under way end by what they began with.
    ///
    /// Each layer of each target tells [`Event::Reconfigured`](seawall_core::Event::Reconfigured), and so does the
    /// pipeline itself, of the target `*`; or it tells
    /// [`Event::ReconfigurationRefused`](seawall_core::Event::ReconfigurationRefused), once.
    ///
    /// # Errors
    /// What [`PipelineConfig::validate`] says; the old configuration then stays everywhere.
    pub fn reconfigure(&self, config: &PipelineConfig) -> Result<(), InvalidConfig> {
        let result = config.validate().and_then(|()| self.shared.put_in_force(config));
        self.shared.blueprint.identity("*").tell_reconfigured(STRATEGY, &result);
        result
    }

    /// The targets called so far and still remembered, by name.
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.shared.targets.entries().iter().map(|(name, target)| target.status(name)).collect()
    }
}

impl<C: Clone> Pipeline<C> {
    /// The layer that guards calls to `target`, with the circuit and the budget of all layers made for it. The name is
    /// shown and logged: it must hold no secret.
    ///
    /// Cheap enough to be made for each call.
    pub fn layer(&self, target: &str) -> PipelineLayer<C> {
        PipelineLayer::new(self.target(target))
    }

    /// The way past the layers of `target`, for first attempts that none of them would hold back.
    pub fn fast_path(&self, target: &str) -> FastPath<C> {
        FastPath::new(self.target(target))
    }

    /// The part of [`layer`](Self::layer) that guards whole calls: deadline → retry → hedge.
    pub fn call_layer(&self, target: &str) -> CallLayer<C> {
        CallLayer::new(self.target(target))
    }

    /// The part of [`layer`](Self::layer) that guards each attempt: circuit breaker → concurrency limit → rate limit →
    /// attempt timeout.
    pub fn attempt_layer(&self, target: &str) -> AttemptLayer<C> {
        AttemptLayer::new(self.target(target))
    }

    /// The circuit of `target`.
    pub fn breaker(&self, target: &str) -> CircuitBreakerHandle {
        self.target(target).breaker.clone()
    }

    /// The concurrency limit of `target`. While it is off in the configuration, it holds nobody back.
    pub fn concurrency_limit(&self, target: &str) -> ConcurrencyLimitHandle {
        self.target(target).limit.clone()
    }

    /// The rate limiter of `target`. While it is off in the configuration, it holds nobody back but during a
    /// [pause](RateLimiterHandle::pause): for a client whose target says in its own words when to come back.
    pub fn rate_limiter(&self, target: &str) -> RateLimiterHandle {
        self.target(target).limiter.clone()
    }

    /// The budget that repeats of calls to `target` are paid from: for a client that repeats more than single calls,
    /// such as transactions.
    pub fn retry_budget(&self, target: &str) -> SharedRetryBudget {
        self.target(target).budget.clone()
    }

    fn target(&self, name: &str) -> Arc<Target<C>> {
        let Shared { blueprint, targets, .. } = &*self.shared;
        let mut built_after = None;
        let target = targets.entry(name, || {
            let config = built_after.insert(blueprint.config());
            blueprint.build(name, config)
        });
        // Whoever put another in force meanwhile did not find this target yet.
        while let Some(config) = built_after.take() {
            let current = blueprint.config();
            if !Arc::ptr_eq(&config, &current) {
                target.reconfigure(&current).expect("a configuration is validated before it is in force");
                built_after = Some(current);
            }
        }
        target
    }
}

impl<C> Shared<C> {
    fn put_in_force(&self, config: &PipelineConfig) -> Result<(), InvalidConfig> {
        let _alone = self.reconfiguring.lock().unwrap_or_else(PoisonError::into_inner);
        let config = self.blueprint.adopt(config.clone());
        self.targets.resize(config.max_targets);
        self.targets.entries().iter().try_for_each(|(_, target)| target.reconfigure(&config))
    }
}

impl<C> Clone for Pipeline<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}
