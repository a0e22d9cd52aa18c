//! An inner service that is as difficult as tower allows, and panics when a layer breaks tower's contract.
//!
//! - Readiness belongs to the instance: `call` panics unless `poll_ready` returned `Ready` on this very instance
//!   since its last `call`. A clone is never ready.
//! - Readiness and answers follow scripts, shared by all clones: pending first, failing, hanging, panicking.
//! - [`Hostile::counts`] says what the layer did: polls, calls, dropped calls, readiness held and given back.
//!
//! ```
//! use seawall_core::{Error, FailureKind};
//! use seawall_testkit::hostile::{Answer, HostileService, Readiness};
//! use tower_service::Service;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (mut service, hostile) = HostileService::<&str, &str, Error>::echo();
//! hostile.readiness([Readiness::Pending(2)]);
//! hostile.answers([Answer::failure(FailureKind::Transient)]);
//!
//! std::future::poll_fn(|cx| Service::poll_ready(&mut service, cx)).await.unwrap();
//! assert!(service.call("first").await.is_err());
//! std::future::poll_fn(|cx| Service::poll_ready(&mut service, cx)).await.unwrap();
//! assert_eq!(service.call("second").await.unwrap(), "second");
//! assert_eq!(hostile.counts().polls, 4);
//! # }
//! ```

mod answer;
mod control;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

pub use answer::Answer;
pub use control::{Counts, Hostile, Readiness};
use control::{Holding, Instance};

/// The hostile inner service. Made with its control, [`Hostile`], by [`echo`](HostileService::echo) or
/// [`new`](HostileService::new).
pub struct HostileService<Req, Res, E> {
    answer: Arc<dyn Fn(Req) -> Answer<Res, E> + Send + Sync>,
    control: Hostile<Res, E>,
    ready: Option<Holding>,
    instance: Instance,
}

impl<Req, Res, E> HostileService<Req, Res, E> {
    /// Answers each call with what `answer` says, unless [`Hostile::answers`] has something scripted.
    pub fn new(answer: impl Fn(Req) -> Answer<Res, E> + Send + Sync + 'static) -> (Self, Hostile<Res, E>) {
        let control = Hostile::new();
        let service = Self {
            answer: Arc::new(answer),
            control: control.clone(),
            ready: None,
            instance: control.instance(),
        };
        (service, control)
    }
}

impl<T: 'static, E: 'static> HostileService<T, T, E> {
    /// Answers each call with its request, unless [`Hostile::answers`] has something scripted.
    pub fn echo() -> (Self, Hostile<T, E>) {
        Self::new(Answer::Ok)
    }
}

impl<Req, Res, E> Service<Req> for HostileService<Req, Res, E>
where
    Res: Send + 'static,
    E: Send + 'static,
{
    type Response = Res;
    type Error = E;
    type Future = Pin<Box<dyn Future<Output = Result<Res, E>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let ready = self.control.poll_ready(self.ready.is_some(), cx);
        if let Poll::Ready(Ok(())) = ready {
            self.ready.get_or_insert_with(|| self.control.hold());
        }
        ready
    }

    /// # Panics
    ///
    /// When this instance is not ready.
    fn call(&mut self, request: Req) -> Self::Future {
        let Some(holding) = self.ready.take() else {
            panic!(
                "called without readiness: `poll_ready` must return `Ready(Ok)` on this very instance since its last \
                 `call`, and a clone is never ready"
            );
        };
        let flight = self.control.spend(holding);
        let answer = self.control.next_answer().unwrap_or_else(|| (self.answer)(request));
        let gate = self.control.gate();
        Box::pin(async move {
            let result = answer.give(&gate).await;
            flight.completed();
            result.unwrap_or_else(|| panic!("the hostile service was told to panic"))
        })
    }
}

impl<Req, Res, E> Clone for HostileService<Req, Res, E> {
    fn clone(&self) -> Self {
        Self {
            answer: Arc::clone(&self.answer),
            control: self.control.clone(),
            ready: None,
            instance: self.instance.clone(),
        }
    }
}

impl<Req, Res, E> fmt::Debug for HostileService<Req, Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostileService").field("ready", &self.ready.is_some()).finish_non_exhaustive()
    }
}
