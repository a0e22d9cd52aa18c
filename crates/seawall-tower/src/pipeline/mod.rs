//! The default stack of a client, with a circuit and a retry budget per target.
//!
//! Outermost first: [deadline](crate::deadline) → [retry](crate::retry) with its budget → per target
//! [ [circuit breaker](crate::circuit_breaker) → [attempt timeout](crate::attempt_timeout) ] → the service.
//!
//! A target is what fails as one: an HTTP authority, a database, a node. All layers made for a target share its
//! circuit and its budget, however often they are made.
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

mod config;
pub mod future;
mod layer;
mod service;
mod stability;
mod target;

use std::sync::Arc;

pub use config::PipelineConfig;
pub use layer::PipelineLayer;
use seawall_core::{ByKind, InvalidConfig, Observer};
pub use service::PipelineService;
pub use stability::{Load, StabilityWarning};
use target::Target;
pub use target::TargetStatus;

use crate::circuit_breaker::CircuitBreakerHandle;
use crate::registry::Registry;

const STRATEGY: &str = "pipeline";

/// The default stack of one client. See the [module](self). Clones are the same pipeline.
#[derive(Debug)]
pub struct Pipeline<C = ByKind> {
    shared: Arc<Shared<C>>,
}

#[derive(Debug)]
struct Shared<C> {
    blueprint: target::Blueprint<C>,
    targets: Registry<Target<C>>,
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
        config.validate()?;
        let targets = Registry::new(config.max_targets, Target::is_forgettable);
        let blueprint = target::Blueprint::new(name, config.clone(), classifier, observer);
        Ok(Self { shared: Arc::new(Shared { blueprint, targets }) })
    }

    /// What works against itself in the numbers of the configuration: [`PipelineConfig::lint`]. Worth a line in the
    /// log when a program starts.
    pub fn warnings(&self) -> Vec<StabilityWarning> {
        self.shared.blueprint.config.lint()
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

    /// The circuit of `target`.
    pub fn breaker(&self, target: &str) -> CircuitBreakerHandle {
        self.target(target).breaker().clone()
    }

    fn target(&self, target: &str) -> Arc<Target<C>> {
        self.shared.targets.entry(target, || self.shared.blueprint.build(target))
    }
}

impl<C> Clone for Pipeline<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}
