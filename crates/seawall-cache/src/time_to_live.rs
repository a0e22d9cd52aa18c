use std::time::Duration;

use seawall_core::Error;

use crate::{Tags, Ttl};

/// How long a value is kept, and under which tags. A [`Duration`] or a [`Ttl`] keeps every value for its time; a closure
/// `Fn(&R) -> Option<Ttl>` decides by the value; [`Tagged`] adds tags.
pub trait TimeToLive<R: ?Sized> {
    /// The time to live of this value, or `None` if it is not to be kept. What is in the cache then stays as it is.
    fn time_to_live(&self, value: &R) -> Option<Ttl>;

    /// For how long the failure of a load is remembered, if at all. Not at all by default.
    fn failure_time(&self, _error: &Error) -> Option<Duration> {
        None
    }

    /// The tags of every value that is kept by this. None by default.
    fn tags(&self) -> Tags {
        Tags::default()
    }
}

impl<R: ?Sized> TimeToLive<R> for Ttl {
    fn time_to_live(&self, _: &R) -> Option<Ttl> {
        Some(*self)
    }

    fn failure_time(&self, _: &Error) -> Option<Duration> {
        self.failures
    }
}

impl<R: ?Sized> TimeToLive<R> for Duration {
    fn time_to_live(&self, _: &R) -> Option<Ttl> {
        Some(Ttl::fresh(*self))
    }
}

impl<F: Fn(&R) -> Option<Ttl>, R: ?Sized> TimeToLive<R> for F {
    fn time_to_live(&self, value: &R) -> Option<Ttl> {
        self(value)
    }
}

/// A [`TimeToLive`] with tags. See [`Ttl::tagged`].
#[derive(Clone, Debug)]
pub struct Tagged<T> {
    time: T,
    tags: Tags,
}

impl<T> Tagged<T> {
    /// Keeps values as `time` says, under these tags.
    pub fn new(time: T, tags: impl Into<Tags>) -> Self {
        Self { time, tags: tags.into() }
    }
}

impl<T: TimeToLive<R>, R: ?Sized> TimeToLive<R> for Tagged<T> {
    fn time_to_live(&self, value: &R) -> Option<Ttl> {
        self.time.time_to_live(value)
    }

    fn failure_time(&self, error: &Error) -> Option<Duration> {
        self.time.failure_time(error)
    }

    fn tags(&self) -> Tags {
        self.tags.clone()
    }
}

/// One time for what is there, another for the knowledge that nothing is. See [`Ttl::or_absent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrAbsent {
    pub(crate) present: Ttl,
    pub(crate) absent: Ttl,
}

impl OrAbsent {
    /// The same under these tags.
    pub fn tagged(self, tags: impl Into<Tags>) -> Tagged<Self> {
        Tagged::new(self, tags)
    }
}

impl<R> TimeToLive<Option<R>> for OrAbsent {
    fn time_to_live(&self, value: &Option<R>) -> Option<Ttl> {
        Some(if value.is_some() { self.present } else { self.absent })
    }

    fn failure_time(&self, _: &Error) -> Option<Duration> {
        self.present.failures
    }
}
