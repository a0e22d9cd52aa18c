use std::sync::Arc;

use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use url::Url;

use super::shared::{Shared, page_key};
use crate::Body;
use crate::target::Key;

/// Forgets what an unsafe request may have changed, when it is over or dropped (RFC 9111 §4.4).
pub(super) struct Invalidation {
    shared: Arc<Shared>,
    /// `None` once it is decided.
    uri: Option<Uri>,
}

impl Invalidation {
    pub(super) fn of(shared: &Arc<Shared>, method: &Method, uri: &Uri) -> Self {
        let uri = (!method.is_safe()).then(|| uri.clone());
        Self { shared: Arc::clone(shared), uri }
    }

    /// The request was answered. One that failed may have been carried out all the same, unless it is the request that
    /// was at fault.
    pub(super) fn answered<E>(mut self, answer: Result<&Response<Body>, &E>) {
        let Some(uri) = self.uri.take() else { return };
        if answer.is_ok_and(|response| response.status().is_client_error()) {
            return;
        }
        self.shared.forget(&page_key(&uri));
        let Ok(response) = answer else { return };
        if response.status() < StatusCode::BAD_REQUEST {
            for other in named(&uri, response.headers()) {
                self.shared.forget(&page_key(&other));
            }
        }
    }
}

impl Drop for Invalidation {
    fn drop(&mut self) {
        // A call that was given up may have been carried out.
        if let Some(uri) = &self.uri {
            self.shared.forget(&page_key(uri));
        }
    }
}

/// The URLs that a response names, if they are of the same origin: no server speaks for another.
fn named(uri: &Uri, headers: &HeaderMap) -> impl Iterator<Item = Uri> {
    let base = Url::parse(&uri.to_string()).ok();
    let origin = Key::of(&Method::GET, uri).ok();
    [LOCATION, CONTENT_LOCATION].into_iter().filter_map(move |name| {
        let named = base.as_ref()?.join(headers.get(name)?.to_str().ok()?).ok()?;
        let named = Uri::try_from(named.as_str()).ok()?;
        let same = Key::of(&Method::GET, &named).ok()?.as_str() == origin.as_ref()?.as_str();
        same.then_some(named)
    })
}
