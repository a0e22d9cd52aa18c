use std::future::pending;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// How the hostile service answers one call.
#[derive(Debug)]
pub enum Answer<Res, E> {
    /// With this response.
    Ok(Res),
    /// With this error.
    Err(E),
    /// Never. Dropping the future is the only way out.
    Hang,
    /// The future panics when it is polled.
    Panic,
    /// As said, so much later by tokio's clock.
    After(Duration, Box<Self>),
    /// As said, once [`Hostile::release`](super::Hostile::release) lets it.
    Held(Box<Self>),
}

impl<Res, E> Answer<Res, E> {
    /// This answer, so much later by tokio's clock.
    pub fn after(self, wait: Duration) -> Self {
        Self::After(wait, Box::new(self))
    }

    /// This answer, once [`Hostile::release`](super::Hostile::release) lets it.
    pub fn held(self) -> Self {
        Self::Held(Box::new(self))
    }

    /// The result; `None` asks for a panic.
    pub(super) async fn give(mut self, gate: &Semaphore) -> Option<Result<Res, E>> {
        loop {
            self = match self {
                Self::Ok(response) => return Some(Ok(response)),
                Self::Err(error) => return Some(Err(error)),
                Self::Hang => pending().await,
                Self::Panic => return None,
                Self::After(wait, then) => {
                    sleep(wait).await;
                    *then
                }
                Self::Held(then) => {
                    gate.acquire().await.expect("the gate is never closed").forget();
                    *then
                }
            };
        }
    }
}

impl<Res> Answer<Res, Error> {
    /// A failure of this kind, of layer `hostile`.
    pub fn failure(kind: FailureKind) -> Self {
        Self::Err(Error::new(kind, "hostile", "script"))
    }
}
