use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use seawall_core::Error;
use seawall_tower::concurrency_limit::Permit;

use super::carrier::Pending;
use super::{Limits, Site};
use crate::connections::Connections;
use crate::response::Proven;
use crate::target::CallName;
use crate::{Body, failure};

pin_project! {
    /// The answer of one attempt: once its headers are there, or its body if that is collected. Dropped, it closes its
    /// connection.
    #[project = Projected]
    pub(crate) enum Attempt {
        Failed { error: Option<Error> },
        Sent { pending: Pending, order: Option<Order> },
        // In a box only where a body is to be waited for anyway.
        Collecting { whole: Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>> },
    }
}

/// What is to become of an answer.
pub(super) struct Order {
    pub(super) name: CallName,
    pub(super) permit: Option<Permit>,
    pub(super) site: Arc<Site>,
}

impl Attempt {
    pub(super) const fn failed(error: Error) -> Self {
        Self::Failed { error: Some(error) }
    }

    pub(super) fn sent(pending: Pending, order: Order) -> Self {
        Self::Sent { pending, order: Some(order) }
    }
}

impl Future for Attempt {
    type Output = Result<Response<Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project() {
                Projected::Failed { error } => {
                    return Poll::Ready(Err(error.take().expect("it is not polled once it was ready")));
                }
                Projected::Sent { pending, order } => {
                    let answer = ready!(Pin::new(pending).poll(cx));
                    let order = order.take().expect("it is not polled once it was ready");
                    match answer {
                        Err(error) => {
                            return Poll::Ready(Err(failure::of_request(error, (&order.name).into())));
                        }
                        Ok(response) => match order.received(response) {
                            Err(refused) => return Poll::Ready(Err(refused)),
                            Ok((response, None)) => return Poll::Ready(Ok(response)),
                            Ok((response, Some(max))) => {
                                self.set(Self::Collecting { whole: Box::pin(collect(response, max)) });
                            }
                        },
                    }
                }
                Projected::Collecting { whole } => return whole.as_mut().poll(cx),
            }
        }
    }
}

impl Order {
    /// The response, and within what limit it is to be collected, if it is.
    fn received(self, response: Response<Body>) -> Result<(Response<Body>, Option<u64>), Error> {
        let Self { name, permit, site } = self;
        if let Some(quota) = &site.quota {
            quota.heed(&response);
        }
        let speaks_alone = |connections: &Connections| connections.spoke(response.version());
        let permit = permit.filter(|_| site.connections.as_ref().is_some_and(speaks_alone));
        let Limits { max, collect } = site.rules.receive(&response, &name)?;
        // Whether the client's credentials went with the request.
        let proven = site.keys.has(name.reception());
        let mut response =
            response.map(|body| body.answering(name, max, site.rules.read_timeout).holding(permit));
        if proven {
            response.extensions_mut().insert(Proven);
        }
        Ok((response, collect))
    }
}

async fn collect(response: Response<Body>, max: u64) -> Result<Response<Body>, Error> {
    let (parts, body) = response.into_parts();
    Ok(Response::from_parts(parts, body.gather(max).await?))
}
