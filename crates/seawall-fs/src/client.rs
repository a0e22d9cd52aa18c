use std::fmt;
use std::sync::Arc;

use seawall_core::{BoxError, Error, FailureKind, InvalidConfig, Observer};
use seawall_tower::{Pipeline, Spares};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::at_once::ShortWay;
use crate::engine::turn;
use crate::losses::LossCounter;
use crate::span;
use crate::{FileService, FsClassifier, FsConfig, FsRequest, FsResponse};

pub(crate) type Stack = BoxCloneSyncService<FsRequest, FsResponse, Error>;

/// File I/O that never half-writes. A clone is another handle on the same stack, slots and circuit breaker.
///
/// It needs a tokio runtime with its time driver. Every wait ends at the deadline of the call's
/// [`CallContext`](seawall_core::CallContext). Every error names the operation and the path, and has the
/// [`io::Error`](std::io::Error) as its [`source`](std::error::Error::source).
#[derive(Clone)]
pub struct Fs {
    // All in one, so that a clone counts up one number, which all threads pass to and fro.
    shared: Arc<Shared>,
}

struct Shared {
    stack: Spares<Stack>,
    pipeline: Option<Pipeline<FsClassifier>>,
    losses: LossCounter,
    /// Where the stack is the default one and nothing else.
    short_way: Option<ShortWay>,
    /// Who says whether a span is worth making, if any are to be made.
    spans: Option<Arc<dyn Observer>>,
}

impl Fs {
    /// A client with the default stack: retry with budget and circuit breaker, as configured, around
    /// [`FileService`].
    ///
    /// What the page cache answers goes past it, unless the circuit is open, and is told to the observer as a call that
    /// took no attempt.
    ///
    /// # Errors
    /// When a value of the configuration is out of its bounds.
    pub fn new(config: &FsConfig, observer: Arc<dyn Observer>) -> Result<Self, InvalidConfig> {
        let spans = Some(Arc::clone(&observer));
        let pipeline = Pipeline::new("fs", &config.pipeline(), FsClassifier, Arc::clone(&observer))?;
        let service = FileService::observed(config, observer);
        let is_plain = config.bytes_per_second.is_none() && !config.spans;
        let short_way = is_plain.then(|| ShortWay {
            engine: service.engine().clone(),
            circuit: pipeline.breaker(&config.target),
        });
        let stack = pipeline.layer(&config.target).layer(service);
        Ok(Self::of(Shared {
            pipeline: Some(pipeline),
            short_way,
            spans: spans.filter(|_| config.spans),
            ..Shared::around(Spares::new(erased(stack)))
        }))
    }

    /// A client over any stack of your own, usually layers around [`FileService`].
    pub fn from_service<S>(service: S) -> Self
    where
        S: Service<FsRequest, Response = FsResponse, Error: Into<BoxError>, Future: Send + 'static>,
        S: Clone + Send + Sync + 'static,
    {
        Self::of(Shared::around(Spares::none(erased(service))))
    }

    fn of(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// This client with one more layer around it, outermost.
    pub fn layer<L>(&self, layer: L) -> Self
    where
        L: Layer<BoxCloneSyncService<FsRequest, FsResponse, Error>>,
        L::Service: Service<FsRequest, Response = FsResponse, Error: Into<BoxError>, Future: Send + 'static>,
        L::Service: Clone + Send + Sync + 'static,
    {
        let Shared { stack, pipeline, losses, short_way: _, spans } = &*self.shared;
        let (pipeline, losses, spans) = (pipeline.clone(), losses.clone(), spans.clone());
        let stack = Spares::none(erased(layer.layer(stack.original().clone())));
        Self::of(Shared { pipeline, losses, spans, ..Shared::around(stack) })
    }

    /// The default stack's pipeline, to look at its circuit or to switch it; none of a stack of your own.
    pub fn pipeline(&self) -> Option<&Pipeline<FsClassifier>> {
        self.shared.pipeline.as_ref()
    }

    /// Sends a request through the stack; the other methods are names for this one.
    ///
    /// # Errors
    /// Those of the operation and of the layers.
    pub async fn call(&self, request: FsRequest) -> Result<FsResponse, Error> {
        if let Some(observer) = &self.shared.spans
            && observer.wants_span()
        {
            // In a box, because it is off unless asked for, and every future would have room for it otherwise.
            return Box::pin(span::around(self.shared.stack.original().clone(), request)).await;
        }
        // Here and not further inside, where it would take memory.
        if turn::is_over() {
            turn::let_others().await;
        }
        self.shared.stack.call(request).await
    }

    /// The way past the default stack, if nobody has put a layer around it.
    pub(crate) fn short_way(&self) -> Option<&ShortWay> {
        self.shared.short_way.as_ref()
    }

    /// Counts what is lost in the background.
    pub(crate) fn loss_counter(&self) -> &LossCounter {
        &self.shared.losses
    }

    /// Sends a request and takes the answer that belongs to it.
    pub(crate) async fn ask<T: 'static>(&self, request: FsRequest) -> Result<T, Error> {
        let label = request.label();
        let response = self.call(request).await?;
        // Only a stack of the user's own can answer one operation with the response of another.
        response.downcast().map_err(|stray| {
            let message = format!("the stack answered with the wrong response: {}", stray.type_name());
            label.error(FailureKind::Permanent, message)
        })
    }
}

impl Shared {
    /// What is known of any stack.
    fn around(stack: Spares<Stack>) -> Self {
        Self { stack, pipeline: None, losses: LossCounter::default(), short_way: None, spans: None }
    }
}

impl fmt::Debug for Fs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fs").finish_non_exhaustive()
    }
}

fn erased<S>(service: S) -> Stack
where
    S: Service<FsRequest, Response = FsResponse, Error: Into<BoxError>, Future: Send + 'static>,
    S: Clone + Send + Sync + 'static,
{
    let stack = service.map_err(|error| Error::from_boxed(error.into(), "fs", "middleware"));
    BoxCloneSyncService::new(stack)
}
