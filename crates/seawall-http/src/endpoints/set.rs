use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Request, Response};
use seawall_core::{Error, FailureKind};
use seawall_tower::pipeline::AttemptService;
use seawall_tower::{Balance, BalanceHandle, EndpointStatus, Identity};
use tokio::runtime::Handle;
use tower::{Layer as _, ServiceExt as _, service_fn};
use url::Url;

use super::EndpointsConfig;
use super::address::{Address, Toward};
use super::probe::Probes;
use crate::client::misconfigured;
use crate::stack::Stack;
use crate::target::CallName;
use crate::wire::Wire;
use crate::{Body, Http, HttpBackend, RequestBuilder};

/// Several base addresses for one logical service, called by path.
///
/// Each call goes to the less loaded of two endpoints taken by chance, and to none that misbehaves: see
/// [`seawall_tower::balance`] for how that is judged, and for what happens when too few are well. Deadline, retries with
/// their budget, and hedging are the service's; circuit breaker, limits and attempt time-out are each endpoint's, and
/// shared with whatever else the client calls there. So retries and hedges go where the call has not been, as long as there
/// is such an endpoint, and a call that one refuses (its circuit is open, its queue full) is made at another.
///
/// Endpoints come and go while calls are under way: [`add`](Self::add), [`remove`](Self::remove),
/// [`replace`](Self::replace). With [`EndpointsConfig::health`] each is asked how it does until it is removed, or until
/// the last clone of this, and of its [`client`](Self::client), is dropped.
///
/// ```no_run
/// # async fn run(http: seawall_http::Http) -> Result<(), seawall_core::Error> {
/// let users = http.endpoints("users", ["http://10.0.0.1:8080", "http://10.0.0.2:8080"])?;
/// let user = users.get("/users/7").send().await?;
/// users.add("http://10.0.0.3:8080")?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Endpoints {
    shared: Arc<Shared>,
    client: Http,
}

struct Shared {
    name: Box<str>,
    stack: Arc<Stack>,
    endpoints: BalanceHandle<Endpoint>,
    config: EndpointsConfig,
    /// By the endpoint's name; empty without health probes.
    probes: Mutex<HashMap<Arc<str>, Probes>>,
    /// What the probes run in.
    runtime: Option<Handle>,
}

type Endpoint = AttemptService<Toward<Wire>, HttpBackend>;

impl Http {
    /// A logical service with these base addresses, guarded by the policies of this client. `name` is the host in the
    /// URLs of its requests, and its name in errors and telemetry.
    ///
    /// Layers around this client are not around it: put them around [`Endpoints::client`].
    ///
    /// # Errors
    /// As [`Endpoints::new`].
    pub fn endpoints<U: AsRef<str>>(
        &self,
        name: &str,
        urls: impl IntoIterator<Item = U>,
    ) -> Result<Endpoints, Error> {
        Endpoints::new(self, name, urls, &EndpointsConfig::default())
    }
}

impl Endpoints {
    /// The same with a configuration of its own.
    ///
    /// # Errors
    /// [`Permanent`](FailureKind::Permanent) if the name is no host's, an address is no base address, the configuration
    /// makes no sense, the client was made by [`Http::from_service`], or there are to be health probes and no runtime.
    pub fn new<U: AsRef<str>>(
        http: &Http,
        name: &str,
        urls: impl IntoIterator<Item = U>,
        config: &EndpointsConfig,
    ) -> Result<Self, Error> {
        config.validate().map_err(misconfigured)?;
        let of_host = Url::parse(&format!("http://{name}/"));
        if of_host.ok().is_none_or(|url| url.host_str() != Some(name) || url.port().is_some()) {
            return Err(invalid(
                name,
                "the name of the service must be one that a host could have, in lower case",
            ));
        }
        let Some(stack) = http.standard() else {
            return Err(invalid(
                name,
                "the client has no policies of its own: it was made of another service",
            ));
        };
        let runtime = config.health.is_some().then(Handle::try_current).transpose();
        let runtime =
            runtime.map_err(|error| invalid(name, "health probes need a runtime").with_source(error))?;
        let identity = Identity::new(name).pipeline("http").observer(stack.observer());
        let none: [(&str, Endpoint); 0] = [];
        let endpoints = BalanceHandle::new(identity, &config.balance, none).map_err(misconfigured)?;
        let shared = Arc::new(Shared {
            name: name.into(),
            stack: Arc::clone(stack),
            endpoints,
            config: config.clone(),
            probes: Mutex::default(),
            runtime,
        });
        for url in urls {
            shared.add(url.as_ref())?;
        }
        let of_calls = Arc::clone(&shared);
        let client = Http::from_service(service_fn(move |request| {
            let shared = Arc::clone(&of_calls);
            async move { shared.call(request).await }
        }));
        Ok(Self { shared, client })
    }

    /// Begins a GET of a path, with or without a query.
    pub fn get(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// Begins a HEAD.
    pub fn head(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, path)
    }

    /// Begins a POST.
    pub fn post(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// Begins a PUT.
    pub fn put(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, path)
    }

    /// Begins a DELETE.
    pub fn delete(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    /// Begins a PATCH.
    pub fn patch(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, path)
    }

    /// Begins a request. What is wrong with it, `send` says.
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> RequestBuilder {
        let path = path.as_ref();
        let slash = if path.starts_with('/') { "" } else { "/" };
        self.client.request(method, format!("http://{}{slash}{path}", self.shared.name))
    }

    /// The service as a client: whatever the host in its URLs, its calls go to the endpoints. To put layers around, or for
    /// what takes a client.
    pub const fn client(&self) -> &Http {
        &self.client
    }

    /// Adds an endpoint. One of the same address is begun anew, with nothing held against it.
    ///
    /// # Errors
    /// [`Permanent`](FailureKind::Permanent) if it is no base address: absolute, `http` or `https`, without user, query
    /// and fragment.
    pub fn add(&self, url: impl AsRef<str>) -> Result<(), Error> {
        self.shared.add(url.as_ref())
    }

    /// Removes an endpoint; calls under way there go on. `false` if there was none.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn remove(&self, url: impl AsRef<str>) -> Result<bool, Error> {
        Ok(self.shared.remove(&Address::parse(url.as_ref())?.name()))
    }

    /// Adds those that are missing and removes those that are not named; the others keep what is known of them. Changes
    /// nothing if one of them is no base address.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn replace<U: AsRef<str>>(&self, urls: impl IntoIterator<Item = U>) -> Result<(), Error> {
        let addresses =
            urls.into_iter().map(|url| Address::parse(url.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let current: Vec<_> = self.status().into_iter().map(|status| status.endpoint).collect();
        for address in &addresses {
            if !current.iter().any(|name| **name == *address.name()) {
                self.shared.add(&address.name())?;
            }
        }
        for name in current {
            if !addresses.iter().any(|address| *address.name() == *name) {
                self.shared.remove(&name);
            }
        }
        Ok(())
    }

    /// How each endpoint does, in the order they were added. What its circuit and its limits do,
    /// [`Http::targets`] of the client says.
    pub fn status(&self) -> Vec<EndpointStatus> {
        self.shared.endpoints.endpoints()
    }
}

impl Shared {
    fn add(&self, url: &str) -> Result<(), Error> {
        let address = Arc::new(Address::parse(url)?);
        let (key, name) = (address.key()?, address.name());
        let guard = self.stack.pipeline().attempt_layer(key.as_str());
        let endpoint = guard.layer(Toward::new(self.stack.wire(key.as_str()), Arc::clone(&address)));
        // Locked until it is in: of two who add and remove the same, one is first in both places.
        let mut probes = self.probes();
        self.endpoints.insert_unless(Arc::clone(&name), endpoint, move || guard.is_refusing());
        if let (Some(health), Some(runtime)) = (&self.config.health, &self.runtime) {
            let (transport, endpoints) = (self.stack.transport(key.as_str()), self.endpoints.clone());
            probes.insert(name, Probes::start(runtime, transport, &address, health.clone(), endpoints));
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> bool {
        let mut probes = self.probes();
        probes.remove(name);
        self.endpoints.remove(name)
    }

    async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let name = CallName::of(&request);
        let endpoints = self.endpoints.clone();
        let balance = Balance::for_one_call(endpoints.clone()).classifier(HttpBackend);
        // One that says no is not the service that says no, as long as there is another to ask.
        let elsewhere = balance.map_err(move |error| match error.kind() {
            FailureKind::Refused if endpoints.is_available() => may_be_made_elsewhere(&error),
            _ => error,
        });
        let service = self.stack.pipeline().call_layer(&self.name).layer(elsewhere);
        let response = service.oneshot(request).await?;
        Ok(Stack::answered(response, name))
    }

    fn probes(&self) -> MutexGuard<'_, HashMap<Arc<str>, Probes>> {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal as what may be retried: nothing was sent. When it is worth asking *this* endpoint again is left out.
fn may_be_made_elsewhere(refused: &Error) -> Error {
    Error::new(FailureKind::Transient, refused.layer(), refused.name().to_owned())
        .not_executed()
        .with_message("the endpoint refused the call")
        .with_source(refused.clone())
}

fn invalid(name: &str, what: &'static str) -> Error {
    Error::new(FailureKind::Permanent, "http", name.to_owned()).not_executed().with_message(what)
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints")
            .field("name", &self.shared.name)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
