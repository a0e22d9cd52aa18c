use crate::Ttl;

/// How long a response is kept. A [`Ttl`] keeps every response for its time; a closure `Fn(&R) -> Option<Ttl>` decides.
pub trait TimeToLive<R> {
    /// The time to live of this response, or `None` if it is not to be kept. What is in the cache then stays as it is.
    fn time_to_live(&self, response: &R) -> Option<Ttl>;
}

impl<R> TimeToLive<R> for Ttl {
    fn time_to_live(&self, _: &R) -> Option<Ttl> {
        Some(*self)
    }
}

impl<F: Fn(&R) -> Option<Ttl>, R> TimeToLive<R> for F {
    fn time_to_live(&self, response: &R) -> Option<Ttl> {
        self(response)
    }
}
