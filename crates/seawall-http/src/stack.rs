//! What a client made by `Http::new` is: everything around the transport, put together in one place.
//!
//! Outermost first: redirects → for each authority [ the pipeline → the wire ].

use std::pin::pin;
use std::sync::Arc;

use http::{Method, Response};
use seawall_core::{CallContext, Error, FailureKind, Name, Observer};
use seawall_tower::{Identity, Pipeline, PipelineService, Registry, Spares};
use tower::{Layer, Service, ServiceExt};

use crate::builder::Connected;
use crate::client::misconfigured;
use crate::config::HttpConfig;
use crate::cookies::Cookies;
use crate::http_cache::HttpCacheHandle;
use crate::once::Once;
use crate::outgoing::Outgoing;
use crate::redirect::{self, Trail};
use crate::response::RedirectedTo;
use crate::target::{CallName, Key};
use crate::transport::{Transport, Transports};
use crate::wire::{Wire, Wiring};
use crate::{Body, HttpBackend};

/// What calls to one authority are made by. In a box, because it goes into the future of a call and comes back out of it.
pub(crate) type Instance = Box<PipelineService<Wire, HttpBackend>>;

/// The stack of one client. What belongs to an authority is put together at its first call and kept.
pub(crate) struct Stack {
    wiring: Wiring,
    cookies: Option<Cookies>,
    pipeline: Pipeline<HttpBackend>,
    /// By authority, as the pipeline knows its targets.
    services: Registry<Spares<Instance>>,
    cache: Option<HttpCacheHandle>,
    config: HttpConfig,
}

impl Stack {
    pub(crate) fn new(
        connected: Connected,
        config: &HttpConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let identity = Identity::new("http").pipeline("http").observer(Arc::clone(&observer));
        let cache = config.cache.as_ref().map(|rules| HttpCacheHandle::new(identity, rules));
        let cache = cache.transpose().map_err(misconfigured)?;
        let cookies = connected.cookies.clone();
        let transports = Transports::new(connected, config, Arc::clone(&observer));
        let wiring = Wiring::new(transports, config, Arc::clone(&observer));
        let pipeline =
            Pipeline::new("http", &config.pipeline, HttpBackend, observer).map_err(misconfigured)?;
        Ok(Self {
            wiring,
            cookies,
            pipeline,
            // Of those that nobody uses none is missed: the state is the pipeline's.
            services: Registry::new(config.pipeline.max_targets, |_| true),
            cache,
            config: config.clone(),
        })
    }

    /// Makes one call, and follows where the server says that it is somewhere else. Each redirect is a call of its own to
    /// its own authority; all of them together have the time of one.
    pub(crate) async fn call(&self, request: Outgoing) -> Result<Response<Body>, Error> {
        // The caller's, not the pipeline's own: a long download is no late one.
        let deadline = CallContext::current_deadline();
        let response = match self.config.max_redirects {
            0 => self.send(request).await?,
            max => self.follow(request, max).await?,
        };
        Ok(response.map(|body| body.until(deadline)))
    }

    async fn follow(&self, request: Outgoing, max: usize) -> Result<Response<Body>, Error> {
        let began = tokio::time::Instant::now().into_std();
        let mut trail = Trail::of(&request);
        let mut response = self.send(request).await?;
        while redirect::is_redirect(&response) {
            let request = trail.follow(&response, max)?;
            // It may hold the connection that the next needs.
            drop(response);
            let context = match self.pipeline.config().deadline {
                Some(total) => CallContext::current().within(total, began),
                None => CallContext::current(),
            };
            // In a box, because most calls need none, and every future would have room for it.
            response = Box::pin(context.scope(self.send(request))).await?;
        }
        if let Some(end) = trail.end() {
            response.extensions_mut().insert(RedirectedTo(end.clone()));
        }
        Ok(response)
    }

    /// Sends one request to one URL.
    async fn send(&self, mut request: Outgoing) -> Result<Response<Body>, Error> {
        let spares = self.services_for(&request)?;
        let once = Once::of(&mut request, self.config.max_replay_body);
        let mut service = spares.take();
        let answer = match service.ready().await {
            Ok(ready) => {
                // Made where it stays: moved from place to place, it would cost more than all the rest.
                let call = pin!(ready.call(request));
                // If some layer has refused the call, those within it have what they reserved for it still.
                if service.get_ref().get_ref().was_called() {
                    spares.keep(service);
                }
                call.await
            }
            Err(error) => Err(error),
        };
        answer.map_err(|error| once.explain(error))
    }

    /// What guards and carries the calls to the authority of a request. The key stays in here, where no future has room for it.
    pub(crate) fn services_for(&self, request: &Outgoing) -> Result<Arc<Spares<Instance>>, Error> {
        let key = Key::of(&request.head.method, &request.head.uri)?;
        if request.head.method == Method::CONNECT {
            return Err(no_tunnels(&request.name()));
        }
        Ok(self.services.entry(key.as_str(), || Spares::new(self.assemble(key.as_str()))))
    }

    /// What an endpoint answered, by the same rules.
    pub(crate) fn answered(response: Response<Body>, name: CallName) -> Response<Body> {
        let deadline = CallContext::current_deadline();
        response.map(|body| body.of_call(name).until(deadline))
    }

    fn assemble(&self, key: &str) -> Instance {
        Box::new(self.pipeline.layer(key).layer(self.wire(key)))
    }

    /// What carries attempts to the authority of this key.
    pub(crate) fn wire(&self, key: &str) -> Wire {
        self.wiring.to(key, &self.pipeline)
    }

    pub(crate) fn transport(&self, key: &str) -> Transport {
        self.wiring.transport(key)
    }

    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        self.wiring.observer()
    }

    pub(crate) const fn reqwest(&self) -> Option<&reqwest::Client> {
        self.wiring.reqwest()
    }

    pub(crate) const fn cookies(&self) -> Option<&Cookies> {
        self.cookies.as_ref()
    }

    /// The cache that the client puts around all this, if it has one.
    pub(crate) const fn cache(&self) -> Option<&HttpCacheHandle> {
        self.cache.as_ref()
    }

    pub(crate) const fn pipeline(&self) -> &Pipeline<HttpBackend> {
        &self.pipeline
    }
}

fn no_tunnels(call: &CallName) -> Error {
    Error::new(FailureKind::Permanent, "http", Name::from(call)).not_executed().with_message(
        "CONNECT asks for a tunnel and not for a response: set a proxy in the configuration instead",
    )
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use http::Request;
    use seawall_core::FailureKind;
    use seawall_tower::{PipelineConfig, RetryConfig};

    use crate::outgoing::Outgoing;
    use crate::{Body, Http, HttpConfig};

    #[tokio::test]
    async fn an_instance_is_used_again_unless_its_call_was_refused_on_the_way() {
        let retry = RetryConfig { max_attempts: NonZeroU32::MIN, ..RetryConfig::default() };
        let pipeline = PipelineConfig { retry, ..PipelineConfig::default() };
        let http = Http::new(&HttpConfig { pipeline, ..HttpConfig::default() }, Arc::new(())).unwrap();
        // Nobody listens there.
        let url = "http://127.0.0.1:1/";
        let request = Outgoing::from(Request::get(url).body(Body::empty()).unwrap());
        let spares = http.standard().unwrap().services_for(&request).unwrap();
        for _ in 0..2 {
            assert_eq!(http.get(url).send().await.unwrap_err().kind(), FailureKind::Transient);
            assert_eq!(spares.len(), 1);
        }
        http.breaker("http://127.0.0.1:1").unwrap().force_open();
        assert_eq!(http.get(url).send().await.unwrap_err().kind(), FailureKind::Refused);
        assert_eq!(spares.len(), 0, "it was taken, and not kept");
    }
}
