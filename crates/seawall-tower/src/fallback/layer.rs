use std::sync::Arc;

use seawall_core::{ByKind, Event, FailureKind};
use tower_layer::Layer;

use super::{Fallback, STRATEGY};
use crate::Identity;

/// Puts a [`Fallback`] around services.
#[derive(Debug)]
pub struct FallbackLayer<A, C = ByKind> {
    settings: Arc<Settings<A, C>>,
}

#[derive(Debug)]
pub(super) struct Settings<A, C> {
    pub(super) action: A,
    pub(super) classifier: C,
    when: fn(FailureKind) -> bool,
    identity: Identity,
}

impl<A> FallbackLayer<A> {
    /// Answers with `action`, and takes every response for a success and every error at its word ([`ByKind`]).
    pub fn new(action: A) -> Self {
        let when = |kind| kind != FailureKind::Permanent;
        Self::of(Settings { action, classifier: ByKind, when, identity: Identity::default() })
    }
}

impl<A: Clone, C: Clone> FallbackLayer<A, C> {
    /// Says how results are judged.
    pub fn classifier<D>(self, classifier: D) -> FallbackLayer<A, D> {
        let Settings { action, when, identity, .. } = Arc::unwrap_or_clone(self.settings);
        FallbackLayer::of(Settings { action, classifier, when, identity })
    }

    /// Says which kinds of failure are answered for. Until then all but [`FailureKind::Permanent`];
    /// [`FailureKind::Cancelled`] never is.
    pub fn when(self, when: fn(FailureKind) -> bool) -> Self {
        Self::of(Settings { when, ..Arc::unwrap_or_clone(self.settings) })
    }

    /// Says what the layer is called and who is told.
    pub fn identity(self, identity: Identity) -> Self {
        Self::of(Settings { identity, ..Arc::unwrap_or_clone(self.settings) })
    }
}

impl<A, C> FallbackLayer<A, C> {
    fn of(settings: Settings<A, C>) -> Self {
        Self { settings: Arc::new(settings) }
    }
}

impl<A, C> Clone for FallbackLayer<A, C> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings) }
    }
}

impl<S, A, C> Layer<S> for FallbackLayer<A, C> {
    type Service = Fallback<S, A, C>;

    fn layer(&self, inner: S) -> Fallback<S, A, C> {
        Fallback::new(inner, Arc::clone(&self.settings))
    }
}

impl<A, C> Settings<A, C> {
    pub(super) fn answers_for(&self, kind: FailureKind) -> bool {
        kind != FailureKind::Cancelled && (self.when)(kind)
    }

    pub(super) fn fell_back(&self, kind: FailureKind) {
        self.identity.tell(STRATEGY, &Event::FellBack { kind });
    }
}

impl<A: Clone, C: Clone> Clone for Settings<A, C> {
    fn clone(&self) -> Self {
        let Self { action, classifier, when, identity } = self;
        Self {
            action: action.clone(),
            classifier: classifier.clone(),
            when: *when,
            identity: identity.clone(),
        }
    }
}
