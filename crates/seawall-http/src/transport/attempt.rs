use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Response, Uri};
use pin_project_lite::pin_project;
use seawall_core::Error;
use seawall_tower::concurrency_limit::Permit;
use tower::Service;

use super::Rules;
use crate::connections::Connections;
use crate::reception::Reception;
use crate::response::{Proven, RedirectedTo};
use crate::target::CallName;
use crate::{Body, failure};

type Pending = <reqwest::Client as Service<reqwest::Request>>::Future;

pin_project! {
    /// The answer of one attempt: once its headers are there, or its body if that is collected. Dropped, it closes its
    /// connection.
    #[project = Projected]
    pub(crate) enum Attempt {
        Failed { error: Option<Error> },
        Sent { #[pin] pending: Pending, order: Order },
        // In a box only where a body is to be waited for anyway.
        Collecting { whole: Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>> },
    }
}

/// What is to become of an answer.
pub(crate) struct Order {
    name: CallName,
    permit: Option<(Permit, Connections)>,
    rules: Arc<Rules>,
    reception: Reception,
    /// Whether the client's credentials went with the request.
    proven: bool,
}

impl Attempt {
    pub(super) const fn failed(error: Error) -> Self {
        Self::Failed { error: Some(error) }
    }

    pub(super) const fn sent(
        pending: Pending,
        name: CallName,
        permit: Option<(Permit, Connections)>,
        rules: Arc<Rules>,
        reception: Reception,
        proven: bool,
    ) -> Self {
        Self::Sent { pending, order: Order { name, permit, rules, reception, proven } }
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
                Projected::Sent { pending, order } => match ready!(pending.poll(cx)) {
                    Err(error) => return Poll::Ready(Err(failure::of_request(error, (&order.name).into()))),
                    Ok(response) => match order.received(response) {
                        Err(refused) => return Poll::Ready(Err(refused)),
                        Ok((response, None)) => return Poll::Ready(Ok(response)),
                        Ok((response, Some(max))) => {
                            let whole = collect(response, order.name.clone(), max);
                            self.set(Self::Collecting { whole: Box::pin(whole) });
                        }
                    },
                },
                Projected::Collecting { whole } => return whole.as_mut().poll(cx),
            }
        }
    }
}

impl Order {
    /// The response, and within what limit it is to be collected, if it is.
    fn received(&mut self, response: reqwest::Response) -> Result<(Response<Body>, Option<u64>), Error> {
        let elsewhere = (self.rules.may_be_elsewhere && !self.name.is_at(response.url()))
            .then(|| Uri::try_from(response.url().as_str()).ok());
        let mut response = Response::from(response).map(Body::of_answer);
        if let Some(uri) = elsewhere.flatten() {
            response.extensions_mut().insert(RedirectedTo(uri));
        }
        if self.proven {
            response.extensions_mut().insert(Proven);
        }
        let permit = self
            .permit
            .take()
            .and_then(|(permit, connections)| connections.spoke(response.version()).then_some(permit));
        let response = response.map(|body| body.holding(permit));
        self.rules.receive(response, self.reception, &self.name)
    }
}

async fn collect(response: Response<Body>, name: CallName, max: u64) -> Result<Response<Body>, Error> {
    let (parts, body) = response.into_parts();
    let body = body.of_call(name).gather(max).await?;
    Ok(Response::from_parts(parts, body))
}
