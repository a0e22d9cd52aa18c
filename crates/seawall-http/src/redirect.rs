//! What a redirect makes of a request: [RFC 9110 §15.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.4), as browsers
//! do it.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE,
    COOKIE, HOST, HeaderName, LOCATION, PROXY_AUTHORIZATION, TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use seawall_core::{Error, FailureKind, Name};
use url::Url;

use crate::Body;
use crate::outgoing::{Head, Outgoing};
use crate::target::Key;

/// Headers that say what is in a body.
const OF_A_BODY: [HeaderName; 6] =
    [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, TRANSFER_ENCODING];

/// Headers that prove who somebody is, beside those that are marked as sensitive.
const PROOFS: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE];

/// A request that was sent, to be sent somewhere else should the server say so.
pub(crate) struct Trail {
    /// Without a body that can be sent only once.
    copy: Outgoing,
    /// Whether there was one.
    is_stream: bool,
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
    pub(crate) fn of(request: &Outgoing) -> Self {
        Self { copy: request.without_stream(), is_stream: request.is_stream(), followed: 0 }
    }

    /// The request that follows a redirect.
    pub(crate) fn follow(&mut self, response: &Response<Body>, max: usize) -> Result<Outgoing, Error> {
        if self.followed == max {
            return Err(
                self.lost(format!("gave up following redirects: more than max_redirects, which is {max}"))
            );
        }
        self.followed += 1;
        let target = self.target(response.headers())?;
        self.copy = self.sent_to(target, response.status())?;
        if self.is_stream {
            return Err(
                self.lost("the server redirects the request, and its body can be sent only once".to_owned())
            );
        }
        Ok(self.copy.without_stream())
    }

    /// The URL that was called last, if that is not the first one.
    pub(crate) fn end(&self) -> Option<&Uri> {
        (self.followed > 0).then(|| &self.copy.head.uri)
    }

    fn target(&self, headers: &HeaderMap) -> Result<Uri, Error> {
        let location =
            headers.get(LOCATION).and_then(|location| std::str::from_utf8(location.as_bytes()).ok());
        let target = location.and_then(|location| {
            let mut target = Url::parse(&self.copy.head.uri.to_string()).ok()?.join(location).ok()?;
            // Whoever wrote the location is not whom we are to be.
            target.set_username("").and_then(|()| target.set_password(None)).ok()?;
            target.set_fragment(None);
            Uri::try_from(target.as_str()).ok()
        });
        // Not shown: it may hold secrets.
        target.ok_or_else(|| self.lost("the server redirects to a url that makes no sense".to_owned()))
    }

    fn sent_to(&mut self, uri: Uri, status: StatusCode) -> Result<Outgoing, Error> {
        let (head, mut headers, mut body) = self.copy.without_stream().into_parts();
        let Head { mut method, uri: from, version, mut reception, extensions } = Head::clone(&head);
        if becomes_get(&method, status) {
            method = Method::GET;
            body = Body::empty();
            self.is_stream = false;
            for name in &OF_A_BODY {
                headers.remove(name);
            }
        }
        if Key::of(&method, &from)?.as_str() != Key::of(&method, &uri)?.as_str() {
            reception.away = true;
            let secret =
                headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone());
            let secret: Vec<_> = secret.chain(PROOFS).chain([HOST]).collect();
            for name in secret {
                headers.remove(name);
            }
        }
        Ok(Outgoing::new(Head { method, uri, version, reception, extensions }, headers, body))
    }

    fn lost(&self, message: String) -> Error {
        Error::new(FailureKind::Permanent, "http", Name::from(&self.copy.name())).with_message(message)
    }
}

fn becomes_get(method: &Method, status: StatusCode) -> bool {
    match status {
        StatusCode::SEE_OTHER => method != Method::GET && method != Method::HEAD,
        // Not what they once meant, and what everybody does.
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
        _ => false,
    }
}
