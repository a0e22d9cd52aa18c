//! What a client made by `Http::new` is: everything around the transport, put together in one place.
//!
//! Outermost first: what is done for a call → for each authority [ the pipeline → the wire ].

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use seawall_core::{CallContext, Error, Observer};
use seawall_tower::{Identity, Pipeline, PipelineService, Registry};
use tower::{Layer, ServiceExt};

use crate::client::misconfigured;
use crate::http_cache::HttpCacheHandle;
use crate::target::{CallName, Key};
use crate::transport::Transport;
use crate::wire::{Wire, Wiring};
use crate::{Body, HttpBackend, HttpConfig};

/// The stack of one client. What belongs to an authority is put together at its first call and kept.
pub(crate) struct Stack {
    wiring: Wiring,
    pipeline: Pipeline<HttpBackend>,
    /// By authority, as the pipeline knows its targets.
    services: Registry<PipelineService<Wire, HttpBackend>>,
    read_timeout: Option<Duration>,
    cache: Option<HttpCacheHandle>,
}

impl Stack {
    pub(crate) fn new(
        client: reqwest::Client,
        config: &HttpConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let identity = Identity::new("http").pipeline("http").observer(Arc::clone(&observer));
        let cache = config.cache.as_ref().map(|rules| HttpCacheHandle::new(identity, rules));
        let cache = cache.transpose().map_err(misconfigured)?;
        let wiring = Wiring::new(client, config, Arc::clone(&observer));
        let pipeline =
            Pipeline::new("http", &config.pipeline, HttpBackend, observer).map_err(misconfigured)?;
        // What is kept here is kept for its speed: the state is the pipeline's.
        let services = Registry::new(config.pipeline.max_targets, |_| true);
        Ok(Self { wiring, pipeline, services, read_timeout: config.read_timeout, cache })
    }

    /// Makes one call, and returns once the response's headers are there.
    pub(crate) async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let key = Key::of(request.method(), request.uri())?;
        let name = CallName::of(&request);
        let service = self.services.entry(key.as_str(), || self.assemble(key.as_str()));
        let response = PipelineService::clone(&service).oneshot(request).await?;
        Ok(self.answered(response, name))
    }

    /// Limits the time of a response's body.
    pub(crate) fn answered(&self, response: Response<Body>, name: CallName) -> Response<Body> {
        // The caller's deadline, not the pipeline's own: a long download is no late one.
        let deadline = CallContext::current_deadline();
        response.map(|body| body.within(self.read_timeout, deadline).of_call(name))
    }

    fn assemble(&self, key: &str) -> PipelineService<Wire, HttpBackend> {
        self.pipeline.layer(key).layer(self.wire(key))
    }

    /// What carries attempts to the authority of this key.
    pub(crate) fn wire(&self, key: &str) -> Wire {
        self.wiring.to(key, &self.pipeline)
    }

    pub(crate) fn transport(&self) -> Transport {
        self.wiring.transport()
    }

    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        self.wiring.observer()
    }

    pub(crate) const fn client(&self) -> &reqwest::Client {
        self.wiring.client()
    }

    /// The cache that the client puts around all this, if it has one.
    pub(crate) const fn cache(&self) -> Option<&HttpCacheHandle> {
        self.cache.as_ref()
    }

    pub(crate) const fn pipeline(&self) -> &Pipeline<HttpBackend> {
        &self.pipeline
    }
}
