use std::sync::Arc;

use seawall_core::ByKind;
use tower_layer::Layer;

use super::PipelineService;
use super::target::Target;

/// Puts the stack of one target around services. Made by [`Pipeline::layer`](super::Pipeline::layer).
#[derive(Debug)]
pub struct PipelineLayer<C = ByKind> {
    target: Arc<Target<C>>,
}

impl<C> PipelineLayer<C> {
    pub(super) const fn new(target: Arc<Target<C>>) -> Self {
        Self { target }
    }
}

impl<C> Clone for PipelineLayer<C> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.target))
    }
}

impl<S, C: Clone> Layer<S> for PipelineLayer<C> {
    type Service = PipelineService<S, C>;

    fn layer(&self, inner: S) -> PipelineService<S, C> {
        PipelineService::new(inner, Arc::clone(&self.target))
    }
}
