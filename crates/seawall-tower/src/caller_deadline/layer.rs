use std::time::Duration;

use tower_layer::Layer;

use super::{CallerDeadline, DeadlineHeader};

/// Ends work when its caller has no use for it any more. See the [module](super).
///
/// | setting | default | |
/// |---|---|---|
/// | [`header`](Self::header) | [`grpc-timeout`](DeadlineHeader::GrpcTimeout) | where the caller says how long it waits |
/// | [`at_most`](Self::at_most) | `1h` | the longest that it is believed |
#[derive(Clone, Copy, Debug)]
pub struct CallerDeadlineLayer {
    header: DeadlineHeader,
    longest: Duration,
}

impl CallerDeadlineLayer {
    /// Reads `grpc-timeout`, up to an hour.
    pub const fn new() -> Self {
        Self { header: DeadlineHeader::GrpcTimeout, longest: Duration::from_hours(1) }
    }

    /// Reads this header.
    pub const fn header(self, header: DeadlineHeader) -> Self {
        Self { header, ..self }
    }

    /// Takes a longer time for this one.
    pub const fn at_most(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }
}

impl Default for CallerDeadlineLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CallerDeadlineLayer {
    type Service = CallerDeadline<S>;

    fn layer(&self, inner: S) -> CallerDeadline<S> {
        CallerDeadline::new(inner, self.header, self.longest)
    }
}
