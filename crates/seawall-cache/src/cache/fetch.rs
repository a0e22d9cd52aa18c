use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use seawall_core::Error;

/// What memory had, or a look into the second tier. Not futures-util's, because those move what is found as a whole, before
/// the processor has finished writing it, which it has to wait for.
pub(super) enum Fetch<'a, V> {
    Near(Option<V>),
    Far(BoxFuture<'a, Result<Option<V>, Error>>),
}

// Nothing in it is pinned in place.
impl<V> Unpin for Fetch<'_, V> {}

impl<V> Future for Fetch<'_, V> {
    type Output = Result<Option<V>, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Near(found) => Poll::Ready(Ok(found.take())),
            Self::Far(look) => look.as_mut().poll(cx),
        }
    }
}
