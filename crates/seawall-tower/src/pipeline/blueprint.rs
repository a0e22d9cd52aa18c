use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use seawall_core::Observer;

use super::PipelineConfig;
use super::target::Target;
use crate::Identity;

/// What every target of a pipeline is built after.
pub(super) struct Blueprint<C> {
    name: &'static str,
    config: RwLock<Arc<PipelineConfig>>,
    classifier: C,
    observer: Arc<dyn Observer>,
    seed: u64,
}

impl<C> Blueprint<C> {
    /// After a configuration that was found to be valid.
    pub(super) fn new(
        name: &'static str,
        config: PipelineConfig,
        classifier: C,
        observer: Arc<dyn Observer>,
        seed: u64,
    ) -> Self {
        Self { name, config: RwLock::new(Arc::new(config)), classifier, observer, seed }
    }

    /// What is called so in telemetry.
    pub(super) fn identity(&self, target: &str) -> Identity {
        Identity::new(target).pipeline(self.name).observer(Arc::clone(&self.observer))
    }

    pub(super) fn config(&self) -> Arc<PipelineConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a configuration in force that was found to be valid, for targets to come.
    pub(super) fn adopt(&self, config: PipelineConfig) -> Arc<PipelineConfig> {
        let config = Arc::new(config);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&config);
        config
    }
}

impl<C: Clone> Blueprint<C> {
    pub(super) fn build(&self, target: &str, config: &PipelineConfig) -> Target<C> {
        Target::new(self.identity(target), config, self.classifier.clone(), part(self.seed, target))
            .expect("a configuration is validated before it is in force")
    }
}

/// The part of a seed that belongs to a name.
fn part(seed: u64, name: &str) -> fastrand::Rng {
    let mixed = |seed: u64, byte| fastrand::Rng::with_seed(seed ^ u64::from(byte)).u64(..);
    fastrand::Rng::with_seed(name.bytes().fold(seed, mixed))
}

// By hand, because an observer need not have a debug form.
impl<C: fmt::Debug> fmt::Debug for Blueprint<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blueprint")
            .field("name", &self.name)
            .field("config", &self.config())
            .field("classifier", &self.classifier)
            .finish_non_exhaustive()
    }
}
