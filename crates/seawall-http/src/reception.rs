use http::{Extensions, Request};

/// How one request is to be sent and its response received, where that is not as usual: in the request's extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reception {
    /// Whether the response is read whole, as a part of the attempt.
    pub(crate) collect: bool,
    /// How many bytes its body may have, in place of what is configured.
    pub(crate) max_size: Option<u64>,
    /// Whether the URL holds credentials.
    pub(crate) secret_url: bool,
    /// Whether a redirect led away from the first origin, so that the client's credentials stay behind.
    pub(crate) away: bool,
}

impl Reception {
    /// What is said of a request, where nobody is to know of it any more.
    pub(crate) fn take<B>(request: &mut Request<B>) -> Self {
        // Most requests have none.
        if request.extensions().is_empty() {
            Self::default()
        } else {
            request.extensions_mut().remove().unwrap_or_default()
        }
    }

    /// Says it of a request, unless it is as usual anyway.
    pub(crate) fn say(self, extensions: &mut Extensions) {
        if self != Self::default() {
            extensions.insert(self);
        }
    }
}
