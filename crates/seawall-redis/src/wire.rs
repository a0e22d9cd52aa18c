//! The innermost service: requests to the connections, answers back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::Error;
use tower::Service;

use crate::nature::Lane;
use crate::node::Node;
use crate::request::Action;
use crate::{Reply, Request, Session};

/// Sends each request over the connection that is right for it.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Node>);

impl Wire {
    pub(crate) const fn new(node: Arc<Node>) -> Self {
        Self(node)
    }
}

impl Service<Request> for Wire {
    type Response = Reply;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

    /// Always ready: a connection is waited for inside of the call, where the deadline is known.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let node = Arc::clone(&self.0);
        let Request { action, nature, size } = request;
        match (action, nature.lane) {
            (Action::Command(command), Lane::Blocking(_)) => Box::pin(async move {
                let mut lent = node.lend().await?;
                let ask = async |connection: &mut redis::aio::MultiplexedConnection| {
                    connection.send_packed_command(&command).await
                };
                node.ask(&mut lent, nature, ask).await.map(Reply::Value)
            }),
            (Action::Command(command), _) => {
                Box::pin(async move { node.command(&command, nature, size).await.map(Reply::Value) })
            }
            (Action::Pipelined(pipeline), _) => {
                Box::pin(async move { node.pipelined(&pipeline, nature, size).await.map(Reply::Value) })
            }
            (Action::Session(_), _) => Box::pin(async move {
                let lent = node.lend().await?;
                Ok(Reply::Session(Session::new(lent, node)))
            }),
        }
    }
}
