use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use http::{Request, Response, StatusCode, response};
use http_body::Body as _;
use seawall_core::{BoxError, Error, FailureKind};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tower::Service;

use super::HttpCacheConfig;
use super::cache_status::{CacheStatus, Forward};
use super::fill::Fill;
use super::flights::{Landed, Pilot};
use super::rules::{
    Exchange, RequestDirectives, ResponseDirectives, add_conditions, answers_validation_of, has_validator,
    may_be_stored, may_stand_in_for_an_error, merge, nominated,
};
use super::shared::Shared;
use super::stored::Stored;
use crate::Body;
use crate::response::RedirectedTo;

/// One fetch from the origin, in a task of its own: whoever gives up waiting for it stops nothing.
pub(super) struct Fetch {
    pub(super) shared: Arc<Shared>,
    pub(super) rules: Arc<HttpCacheConfig>,
    pub(super) request: Request<()>,
    pub(super) wanted: RequestDirectives,
    pub(super) stale: Option<Arc<Stored>>,
    pub(super) why: Forward,
    pub(super) pilot: Pilot,
    /// The caller it is for; none behind the scenes.
    pub(super) caller: Option<oneshot::Sender<Result<Response<Body>, Error>>>,
}

impl Fetch {
    pub(super) async fn run<S>(mut self, inner: S)
    where
        S: Service<Request<Body>, Response = Response<Body>> + Clone,
        S::Error: Into<BoxError>,
    {
        // A time beyond what the clock can hold is no limit worth speaking of.
        let begun = Instant::now();
        let until = begun.checked_add(self.rules.fetch_timeout).unwrap_or(begun + super::LONGEST);
        let mut validated = self.stale.clone().filter(|stale| has_validator(&stale.headers));
        loop {
            let request = self.request(validated.as_deref());
            let sent = self.shared.now();
            let answer = match timeout_at(until, make(inner.clone(), request)).await {
                Ok(answer) => answer.map_err(|error| Error::from_boxed(error.into(), "http", "cache")),
                Err(_elapsed) => Err(Error::new(FailureKind::Timeout, "http", "cache")
                    .with_message(format!("the fetch took longer than {:?}", self.rules.fetch_timeout))),
            };
            let exchange = Exchange { sent, received: self.shared.now() };
            match answer {
                Ok(response) if response.status() == StatusCode::NOT_MODIFIED => {
                    let Some(stored) = validated.take() else { return self.pass_on(response) };
                    if answers_validation_of(&stored.headers, response.headers()) {
                        return self.renew(&stored, &response.into_parts().0, exchange);
                    }
                    // It speaks of something that we do not have, so everything has to be asked for.
                }
                Ok(response) if is_error(response.status()) && self.may_use_stale(exchange.received) => {
                    let status = CacheStatus::forwarded(self.why).status(response.status());
                    self.use_stale(status, exchange.received);
                    return self.pilot.land(Landed::Failed(None));
                }
                Err(error) => return self.fail(error, exchange.received),
                Ok(response) => return self.answer(response, exchange, until).await,
            }
        }
    }

    fn request(&self, validated: Option<&Stored>) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = self.request.method().clone();
        *request.uri_mut() = self.request.uri().clone();
        *request.version_mut() = self.request.version();
        *request.headers_mut() = self.request.headers().clone();
        *request.extensions_mut() = self.request.extensions().clone();
        if let Some(stored) = validated {
            self.shared.counts.validations.fetch_add(1, Relaxed);
            add_conditions(request.headers_mut(), &stored.headers);
        }
        request
    }

    /// The stored response still holds.
    fn renew(mut self, stored: &Stored, head: &response::Parts, exchange: Exchange) {
        let mut head = stored.head_with(merge(&stored.headers, &head.headers));
        let renewed = Arc::new(Stored::new(&head, stored.body.clone(), exchange, &self.rules));
        let status = CacheStatus::forwarded(self.why).status(StatusCode::NOT_MODIFIED);
        let said = ResponseDirectives::of(&head.headers);
        let status = if let Some(names) = self.names_to_store_by(&head, &said) {
            self.store(names, Arc::clone(&renewed));
            status.stored()
        } else {
            self.remember_uncacheable();
            status
        };
        head.headers.clone_from(&renewed.headers);
        status.ttl(&renewed, exchange.received).write(&mut head.headers);
        self.reply(Ok(Response::from_parts(head, Body::from(renewed.body.clone()))));
    }

    /// Any other answer of the origin: stored on its way to the caller, or handed on as it is.
    async fn answer(mut self, response: Response<Body>, exchange: Exchange, until: Instant) {
        let (mut head, body) = response.into_parts();
        let said = ResponseDirectives::of(&head.headers);
        let limit = self.rules.max_body.min(self.shared.pages.shelf().heaviest());
        let names = self.names_to_store_by(&head, &said).filter(|_| body.size_hint().lower() <= limit);
        // Worth its place only if it is fresh for a while or can be validated.
        let empty = Stored::new(&head, bytes::Bytes::new(), exchange, &self.rules);
        let names = names.filter(|_| empty.answers_others() || has_validator(&head.headers));
        let Some(names) = names else {
            if speaks_of_the_resource(head.status) {
                self.remember_uncacheable();
            }
            return self.pass_on(Response::from_parts(head, body));
        };
        if !empty.answers_others() {
            // Whoever waits would have to validate it, and need not wait for the body to do that.
            self.pilot.land(Landed::ForOneOnly);
        }
        let kept = head.clone();
        CacheStatus::forwarded(self.why).status(head.status).stored().write(&mut head.headers);
        let (fill, passing) = Fill::new(body, limit, &kept.headers);
        self.reply(Ok(Response::from_parts(head, passing)));
        match fill.run(until).await {
            Ok(filled) => {
                self.store(names, Arc::new(Stored::new(&kept, filled.body, exchange, &self.rules)));
                filled.end.send();
            }
            Err(landed) => {
                if matches!(landed, Landed::ForOneOnly) {
                    self.remember_uncacheable();
                }
                self.pilot.land(landed);
            }
        }
    }

    fn fail(mut self, error: Error, now: SystemTime) {
        if self.may_use_stale(now) {
            self.use_stale(CacheStatus::forwarded(self.why), now);
        } else {
            self.reply(Err(error.clone()));
        }
        self.pilot.land(Landed::Failed(Some(error)));
    }

    fn pass_on(mut self, mut response: Response<Body>) {
        let landed = if is_error(response.status()) { Landed::Failed(None) } else { Landed::ForOneOnly };
        self.pilot.land(landed);
        CacheStatus::forwarded(self.why).status(response.status()).write(response.headers_mut());
        self.reply(Ok(response));
    }

    fn may_use_stale(&self, now: SystemTime) -> bool {
        self.stale
            .as_deref()
            .is_some_and(|stale| may_stand_in_for_an_error(stale, &self.wanted, &self.rules, now))
    }

    fn use_stale(&mut self, status: CacheStatus, now: SystemTime) {
        let Some(stale) = self.stale.clone() else { return };
        self.shared.tell_hit(true);
        let mut response = stale.to_response(now);
        status.ttl(&stale, now).detail("stale-if-error").write(response.headers_mut());
        self.reply(Ok(response));
    }

    /// The headers that tell its variants apart, if the response may be stored.
    fn names_to_store_by(
        &self,
        head: &response::Parts,
        said: &ResponseDirectives,
    ) -> Option<Box<[http::HeaderName]>> {
        // What a redirect led to is the answer to another URL.
        let may = may_be_stored(self.request.headers(), head, said, &self.rules)
            && head.extensions.get::<RedirectedTo>().is_none();
        may.then(|| nominated(&head.headers, self.rules.scope)).flatten()
    }

    /// Stores it unless its URL was forgotten meanwhile, and tells those who wait.
    fn store(&self, names: Box<[http::HeaderName]>, stored: Arc<Stored>) {
        let answers_others = stored.answers_others();
        let flights = self.shared.flights.lock();
        let kept = flights.owns(&self.pilot)
            && self.shared.pages.put(&self.pilot.url, names, self.request.headers(), stored, &self.rules);
        drop(flights);
        if kept {
            self.shared.counts.stored.fetch_add(1, Relaxed);
        }
        self.pilot.land(if kept && answers_others { Landed::Stored } else { Landed::ForOneOnly });
    }

    fn remember_uncacheable(&self) {
        let until = self.shared.now() + self.rules.remember_uncacheable.min(super::LONGEST);
        let flights = self.shared.flights.lock();
        if flights.owns(&self.pilot) {
            self.shared.pages.put_uncacheable(&self.pilot.url, self.request.headers(), until);
        }
    }

    fn reply(&mut self, answer: Result<Response<Body>, Error>) {
        if let Some(caller) = self.caller.take() {
            // It may have given up; the fetch was for the cache too.
            let _gone = caller.send(answer);
        }
    }
}

/// The errors that a stale answer may stand in for (RFC 5861 §4).
const fn is_error(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Whether an answer is the state of what was asked for, and not of the asking.
fn speaks_of_the_resource(status: StatusCode) -> bool {
    status.is_success()
        || status.is_redirection()
        || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

/// Makes a call once the service is ready.
pub(super) async fn make<S>(mut inner: S, request: Request<Body>) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    poll_fn(|cx| inner.poll_ready(cx)).await?;
    inner.call(request).await
}
