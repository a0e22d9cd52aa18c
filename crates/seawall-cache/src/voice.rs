use std::fmt;
use std::sync::Arc;

use seawall_core::{Event, Observer, Origin};

/// What caches and their layers are called in events.
pub(crate) const STRATEGY: &str = "cache";

/// What a cache or a layer is called in errors and events, and who is told of them.
#[derive(Clone)]
pub(crate) struct Voice {
    pub(crate) pipeline: &'static str,
    pub(crate) name: Arc<str>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Voice {
    pub(crate) fn tell(&self, event: &Event) {
        if let Some(observer) = &self.observer {
            let origin = Origin { pipeline: self.pipeline, strategy: STRATEGY, target: &self.name };
            observer.observe(origin, event);
        }
    }
}

impl Default for Voice {
    fn default() -> Self {
        Self { pipeline: "default", name: "default".into(), observer: None }
    }
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice")
            .field("pipeline", &self.pipeline)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
