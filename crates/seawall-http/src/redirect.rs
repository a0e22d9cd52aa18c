//! What a redirect makes of a request: [RFC 9110 §15.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.4), as browsers
//! do it.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE,
    COOKIE, HOST, HeaderName, LOCATION, PROXY_AUTHORIZATION, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use seawall_core::{Error, FailureKind, Name};
use url::Url;

use crate::Body;
use crate::reception::Reception;
use crate::target::{CallName, Key};

/// Headers that say what is in a body.
const OF_A_BODY: [HeaderName; 6] =
    [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, TRANSFER_ENCODING];

/// Headers that prove who somebody is, beside those that are marked as sensitive.
const PROOFS: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE];

/// A request that was sent, to be sent somewhere else should the server say so.
pub(crate) struct Trail {
    head: Request<()>,
    /// Its body, if it can be sent again.
    body: Option<Body>,
    followed: usize,
}

/// Whether the server says that it is somewhere else, and where.
pub(crate) fn is_redirect<B>(response: &Response<B>) -> bool {
    let status = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    status && response.headers().contains_key(LOCATION)
}

impl Trail {
    pub(crate) fn of(request: &Request<Body>) -> Self {
        let mut head = Request::new(());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        *head.version_mut() = request.version();
        *head.headers_mut() = request.headers().clone();
        *head.extensions_mut() = request.extensions().clone();
        Self { head, body: request.body().try_clone(), followed: 0 }
    }

    /// The request that follows a redirect.
    pub(crate) fn follow(&mut self, response: &Response<Body>, max: usize) -> Result<Request<Body>, Error> {
        if self.followed == max {
            return Err(
                self.lost(format!("gave up following redirects: more than max_redirects, which is {max}"))
            );
        }
        self.followed += 1;
        self.change_method(response.status());
        let target = self.target(response.headers())?;
        self.go_to(target)?;
        let body = self.body.as_ref().and_then(Body::try_clone).ok_or_else(|| {
            self.lost("the server redirects the request, and its body can be sent only once".to_owned())
        })?;
        let mut request = Request::new(body);
        *request.method_mut() = self.head.method().clone();
        *request.uri_mut() = self.head.uri().clone();
        *request.version_mut() = self.head.version();
        *request.headers_mut() = self.head.headers().clone();
        *request.extensions_mut() = self.head.extensions().clone();
        Ok(request)
    }

    /// The URL that was called last, if that is not the first one.
    pub(crate) fn end(&self) -> Option<&Uri> {
        (self.followed > 0).then(|| self.head.uri())
    }

    fn change_method(&mut self, status: StatusCode) {
        let becomes_get = match (status, self.head.method()) {
            (StatusCode::SEE_OTHER, method) => method != Method::GET && method != Method::HEAD,
            // Not what they once meant, and what everybody does.
            (StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND, method) => method == Method::POST,
            _ => false,
        };
        if becomes_get {
            *self.head.method_mut() = Method::GET;
            self.body = Some(Body::empty());
            for name in &OF_A_BODY {
                self.head.headers_mut().remove(name);
            }
        }
    }

    fn target(&self, headers: &HeaderMap) -> Result<Uri, Error> {
        let location =
            headers.get(LOCATION).and_then(|location| std::str::from_utf8(location.as_bytes()).ok());
        let target = location.and_then(|location| {
            let mut target = Url::parse(&self.head.uri().to_string()).ok()?.join(location).ok()?;
            // Whoever wrote the location is not whom we are to be.
            target.set_username("").and_then(|()| target.set_password(None)).ok()?;
            target.set_fragment(None);
            Uri::try_from(target.as_str()).ok()
        });
        // Not shown: it may hold secrets.
        target.ok_or_else(|| self.lost("the server redirects to a url that makes no sense".to_owned()))
    }

    fn go_to(&mut self, target: Uri) -> Result<(), Error> {
        let method = self.head.method();
        let (from, to) = (Key::of(method, self.head.uri())?, Key::of(method, &target)?);
        if from.as_str() != to.as_str() {
            let away = Reception { away: true, ..Reception::of(&self.head) };
            away.say(self.head.extensions_mut());
            let headers = self.head.headers_mut();
            let secret =
                headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone());
            let secret: Vec<_> = secret.chain(PROOFS).chain([HOST]).collect();
            for name in secret {
                headers.remove(name);
            }
        }
        *self.head.uri_mut() = target;
        Ok(())
    }

    fn lost(&self, message: String) -> Error {
        Error::new(FailureKind::Permanent, "http", Name::from(&CallName::of(&self.head)))
            .with_message(message)
    }
}
