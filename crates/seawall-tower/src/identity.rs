use std::fmt;
use std::sync::Arc;

use seawall_core::{Event, FailureKind, InvalidConfig, Name, Observer, Origin, Refusal, Refused};

/// What a layer is called in errors and events, and who is told of them.
///
/// ```
/// use seawall_tower::Identity;
///
/// let identity = Identity::new("billing.example.com").pipeline("http");
/// assert_eq!(identity.target(), "billing.example.com");
/// ```
#[derive(Clone)]
pub struct Identity {
    pipeline: &'static str,
    target: Arc<str>,
    observer: Option<Arc<dyn Observer>>,
}

impl Identity {
    /// Names what the layer guards. The name is shown and logged: it must hold no secret.
    pub fn new(target: impl Into<Arc<str>>) -> Self {
        Self { pipeline: "default", target: target.into(), observer: None }
    }

    /// Names the pipeline the layer stands in. `default` until then.
    pub fn pipeline(mut self, pipeline: &'static str) -> Self {
        self.pipeline = pipeline;
        self
    }

    /// Says who is told of events. Nobody until then.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// What the layer guards.
    pub fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn is_observed(&self) -> bool {
        self.observer.is_some()
    }

    /// Tells the observer, if there is one; for layers that stand beside those of this crate.
    pub fn tell(&self, strategy: &'static str, event: &Event) {
        self.tell_of(strategy, &self.target, event);
    }

    /// Tells something about a part of the target, such as an endpoint.
    pub(crate) fn tell_of(&self, strategy: &'static str, target: &str, event: &Event) {
        if let Some(observer) = &self.observer {
            observer.observe(Origin { pipeline: self.pipeline, strategy, target }, event);
        }
    }

    /// Tells how a live change of configuration went.
    pub fn tell_reconfigured(&self, strategy: &'static str, result: &Result<(), InvalidConfig>) {
        let event = if result.is_ok() { Event::Reconfigured } else { Event::ReconfigurationRefused };
        self.tell(strategy, &event);
    }

    /// What errors call the target.
    pub(crate) fn name(&self) -> Name {
        Name::from(&self.target)
    }

    /// Tells that a call was refused, and makes the refusal that its caller gets.
    pub(crate) fn refuse(&self, strategy: &'static str, refused: Refused) -> Refusal {
        let Refused { reason, retry_after } = refused;
        self.tell(strategy, &Event::Refused { reason, retry_after });
        let refusal = self.refusal(strategy, FailureKind::Refused, reason);
        match retry_after {
            Some(wait) => refusal.retry_after(wait),
            None => refusal,
        }
    }

    pub(crate) fn refusal(&self, layer: &'static str, kind: FailureKind, reason: &'static str) -> Refusal {
        Refusal::new(layer, &self.target, kind, reason)
    }
}

impl Default for Identity {
    /// Target and pipeline are called `default`, and nobody is told of anything.
    fn default() -> Self {
        Self::new("default")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("pipeline", &self.pipeline)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
