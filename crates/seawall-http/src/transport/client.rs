use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{ACCEPT, ACCEPT_ENCODING, COOKIE, Entry, HeaderName, PROXY_AUTHORIZATION, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderValue, Request, Response};
use hyper_util::client::legacy::{self, ResponseFuture};
use seawall_core::BoxError;
use url::Url;

use super::decompress::{CODINGS, decompressed};
use crate::Body;
use crate::config::HttpConfig;
use crate::connect::{Connector, Proxies};
use crate::cookies::Cookies;

/// hyper's client, and what a request and its answer have of the configuration.
pub(crate) struct Client {
    hyper: legacy::Client<Connector, Body>,
    /// Headers of requests that have none of their own by that name.
    defaults: Vec<(HeaderName, HeaderValue)>,
    decompress: bool,
    https_only: bool,
    proxies: Option<Arc<Proxies>>,
    cookies: Option<Cookies>,
}

impl Client {
    pub(crate) fn new(
        hyper: legacy::Client<Connector, Body>,
        config: &HttpConfig,
        user_agent: HeaderValue,
        proxies: Option<Arc<Proxies>>,
        cookies: Option<Cookies>,
    ) -> Self {
        let &HttpConfig { decompress, https_only, .. } = config;
        let mut defaults = vec![(ACCEPT, HeaderValue::from_static("*/*")), (USER_AGENT, user_agent)];
        if decompress {
            defaults.push((ACCEPT_ENCODING, HeaderValue::from_static(CODINGS)));
        }
        Self { hyper, defaults, decompress, https_only, proxies, cookies }
    }

    /// Sends it to its URL, which is as it is to be dialled.
    pub(super) fn send(&self, mut request: Request<Body>) -> Result<Pending, BoxError> {
        if self.https_only && request.uri().scheme() != Some(&Scheme::HTTPS) {
            return Err(NotHttps.into());
        }
        for (name, value) in &self.defaults {
            if let Entry::Vacant(entry) = request.headers_mut().entry(name) {
                entry.insert(value.clone());
            }
        }
        if let Some(proxies) = &self.proxies
            && let Some(credentials) = proxies.authorization(request.uri())
        {
            request.headers_mut().entry(PROXY_AUTHORIZATION).or_insert(credentials);
        }
        let jar = match &self.cookies {
            Some(cookies) => {
                Some(Box::new(Jar { at: add_cookies(cookies, &mut request)?, cookies: cookies.clone() }))
            }
            None => None,
        };
        Ok(Pending { answer: self.hyper.request(request), jar, decompress: self.decompress })
    }
}

/// Says where it goes, as the jar knows it.
fn add_cookies(cookies: &Cookies, request: &mut Request<Body>) -> Result<Url, BoxError> {
    let at = Url::parse(&request.uri().to_string())?;
    if let Entry::Vacant(entry) = request.headers_mut().entry(COOKIE)
        && let Some(header) = cookies.of(&at)
    {
        entry.insert(header);
    }
    Ok(at)
}

/// An answer that is to come.
pub(super) struct Pending {
    answer: ResponseFuture,
    jar: Option<Box<Jar>>,
    decompress: bool,
}

/// What is told which cookies an answer sets.
struct Jar {
    cookies: Cookies,
    at: Url,
}

impl Future for Pending {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(Pin::new(&mut self.answer).poll(cx))?;
        if let Some(jar) = &self.jar {
            jar.cookies.keep_those_of(response.headers(), &jar.at);
        }
        Poll::Ready(Ok(if self.decompress { decompressed(response) } else { response.map(Body::received) }))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A request that is not made at all.
#[derive(Debug)]
pub(crate) struct NotHttps;

impl fmt::Display for NotHttps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the url's scheme is not https, and https_only is on")
    }
}

impl std::error::Error for NotHttps {}
