use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{Method, Request, Response, StatusCode};
use seawall_core::{BoxError, CallContext, Error, FailureKind};
use tokio::sync::oneshot;
use tower::Service;
use tracing::Instrument;

use super::HttpCacheConfig;
use super::cache_status::{CacheStatus, Forward};
use super::fetch::Fetch;
use super::flights::{Landed, Pilot, Waiter, within_deadline};
use super::pages::Found;
use super::rules::{
    RequestDirectives, Reuse, may_be_used, may_stand_in_for_an_error, satisfies_the_clients_condition,
};
use super::shared::{Boarding, Shared, page_key};
use super::stored::Stored;
use crate::Body;

/// A GET or HEAD in search of its answer.
pub(super) struct Seeker<O> {
    origin: O,
    shared: Arc<Shared>,
    rules: Arc<HttpCacheConfig>,
    url: Arc<str>,
    request: Request<()>,
    wanted: RequestDirectives,
    /// Why it waited for the fetch of another, if it did.
    collapsed: Option<Forward>,
    /// Whether it has to ask for itself.
    alone: bool,
}

/// What a seeker comes back with.
pub(super) enum Sought<O> {
    Answer(Response<Body>),
    /// The cache can do nothing for this request: it goes to the origin as it is.
    ForTheOrigin(O, Request<()>),
}

/// A service that a request can be fetched from in a task.
pub(super) trait Origin:
    Service<Request<Body>, Response = Response<Body>, Error: Into<BoxError> + Send, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> Origin for S
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
}

impl<O: Origin> Seeker<O> {
    pub(super) fn new(origin: O, shared: Arc<Shared>, request: Request<()>) -> Self {
        let wanted = RequestDirectives::of(request.headers());
        Self {
            origin,
            rules: shared.rules(),
            url: page_key(request.uri()),
            shared,
            request,
            // Who says so does not mean a fetch that began before.
            alone: wanted.no_cache,
            wanted,
            collapsed: None,
        }
    }

    pub(super) async fn seek(mut self) -> Result<Sought<O>, Error> {
        loop {
            let found = self.shared.pages.find(&self.url, self.request.headers(), self.shared.now());
            if let Some(stored) = found.stored() {
                if let Some(response) = self.answer_with(stored, &found) {
                    return Ok(Sought::Answer(response));
                }
                // What another has just brought does not do for this request, so there is nothing to wait for.
                self.alone |= self.collapsed.is_some();
            }
            if self.wanted.only_if_cached {
                return Ok(Sought::Answer(not_stored()));
            }
            self.alone |= matches!(found, Found::Uncacheable);
            let is_get = self.request.method() == Method::GET;
            if self.wanted.no_store || !is_get || (self.alone && self.is_conditional()) {
                return Ok(Sought::ForTheOrigin(self.origin, self.request));
            }
            let landed = match self.board(&found, self.alone) {
                Boarding::LookAgain => continue,
                Boarding::Pilot(pilot) if self.is_conditional() => {
                    // A fetch for the cache, which then knows whether anything has changed for the client.
                    let waiter = pilot.waiter();
                    self.spawn(pilot, &found, None);
                    self.wait(waiter, &found).await?
                }
                Boarding::Pilot(pilot) => {
                    let answer = self.fetch(pilot, &found);
                    return within_deadline(answer)
                        .await?
                        .unwrap_or_else(|_dropped| abandoned())
                        .map(Sought::Answer);
                }
                Boarding::Waiter(waiter) => {
                    self.shared.tell_collapsed();
                    self.wait(waiter, &found).await?
                }
            };
            match landed {
                Landed::Stored => {}
                Landed::ForOneOnly => self.alone = true,
                Landed::Failed(error) => {
                    if let Some(stale) = found.stored().and_then(|stored| self.in_place_of_an_error(stored)) {
                        return Ok(Sought::Answer(stale));
                    }
                    match error {
                        Some(error) => return Err(error),
                        None => self.alone = true,
                    }
                }
            }
        }
    }

    /// The stored response, if it may be used.
    fn answer_with(&self, stored: &Stored, found: &Found) -> Option<Response<Body>> {
        let now = self.shared.now();
        let status = match self.collapsed {
            Some(why) => CacheStatus::forwarded(why).collapsed(),
            None => CacheStatus::hit(),
        };
        let status = status.ttl(stored, now);
        let (status, stale) = match may_be_used(stored, &self.wanted, &self.rules, now) {
            Reuse::Validate => return None,
            Reuse::Fresh => (status, false),
            Reuse::Stale => (status.detail("max-stale"), true),
            Reuse::WhileRevalidating => {
                self.renew_behind_the_scenes(found);
                (status.detail("stale-while-revalidate"), true)
            }
        };
        self.shared.tell_hit(stale);
        Some(self.respond(stored, status))
    }

    /// The stored response in place of an error, if it may be.
    fn in_place_of_an_error(&self, stored: &Stored) -> Option<Response<Body>> {
        let now = self.shared.now();
        may_stand_in_for_an_error(stored, &self.wanted, &self.rules, now).then(|| {
            self.shared.tell_hit(true);
            let status = CacheStatus::forwarded(Forward::Stale).collapsed().ttl(stored, now);
            self.respond(stored, status.detail("stale-if-error"))
        })
    }

    fn respond(&self, stored: &Stored, status: CacheStatus) -> Response<Body> {
        let mut response = stored.to_response(self.shared.now());
        let unchanged = stored.status == StatusCode::OK
            && satisfies_the_clients_condition(self.request.headers(), &stored.headers);
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            for of_the_body in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING] {
                response.headers_mut().remove(of_the_body);
            }
        }
        if unchanged || self.request.method() == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        status.write(response.headers_mut());
        response
    }

    fn is_conditional(&self) -> bool {
        let headers = self.request.headers();
        headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE)
    }

    fn board(&self, found: &Found, alone: bool) -> Boarding {
        self.shared.board(&self.url, self.request.headers(), found, alone)
    }

    async fn wait(&mut self, waiter: Waiter, found: &Found) -> Result<Landed, Error> {
        self.collapsed = Some(self.why(found));
        waiter.wait().await
    }

    fn renew_behind_the_scenes(&self, found: &Found) {
        // One that is under way does it already, and what has changed since we looked needs no renewal.
        if !self.wanted.only_if_cached
            && let Boarding::Pilot(pilot) = self.board(found, false)
        {
            self.spawn(pilot, found, None);
        }
    }

    fn fetch(&self, pilot: Pilot, found: &Found) -> oneshot::Receiver<Result<Response<Body>, Error>> {
        self.shared.tell_missed();
        let (caller, answer) = oneshot::channel();
        self.spawn(pilot, found, Some(caller));
        answer
    }

    fn spawn(
        &self,
        pilot: Pilot,
        found: &Found,
        caller: Option<oneshot::Sender<Result<Response<Body>, Error>>>,
    ) {
        let mut request = self.request.clone();
        *request.method_mut() = Method::GET;
        for condition in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
            request.headers_mut().remove(condition);
        }
        let fetch = Fetch {
            shared: Arc::clone(&self.shared),
            rules: Arc::clone(&self.rules),
            request,
            wanted: self.wanted.clone(),
            stale: found.stored().cloned(),
            why: self.why(found),
            pilot,
            caller,
        };
        // The others who wait may have longer than this caller, and so may who reads the body.
        let context = CallContext::current().without_deadline();
        tokio::spawn(context.scope(fetch.run(self.origin.clone())).in_current_span());
    }

    fn why(&self, found: &Found) -> Forward {
        match found {
            _ if self.wanted.no_cache => Forward::Request,
            Found::Stored(..) => Forward::Stale,
            Found::OtherVariants(_) => Forward::VaryMiss,
            Found::Uncacheable | Found::Nothing => Forward::UriMiss,
        }
    }
}

fn not_stored() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    CacheStatus::only_if_cached().write(response.headers_mut());
    response
}

fn abandoned() -> Result<Response<Body>, Error> {
    Err(Error::new(FailureKind::Permanent, "http", "cache")
        .with_message("the fetch panicked, or its runtime shut down"))
}
