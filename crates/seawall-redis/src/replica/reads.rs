use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use seawall_core::{Error, Observer};
use seawall_tower::pipeline::{AttemptService, CallService};
use seawall_tower::{Pipeline, Spares};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tower::{Layer, Service};

use super::Followers;
use crate::dial::Dialer;
use crate::lanes::{Lanes, Times};
use crate::telemetry::Observed;
use crate::wire::Wire;
use crate::{RedisClassifier, RedisConfig, RedisStats, Reply, Request};

type Attempts = Spares<AttemptService<Observed<Wire>, RedisClassifier>>;

/// The stack of reads that replicas may answer.
pub(crate) struct AtReplicas {
    lanes: Lanes<CallService<Reads, RedisClassifier>>,
    followers: Arc<Followers>,
    following: AbortOnDropHandle<()>,
}

impl AtReplicas {
    /// For the replicas of the primary that `wire` leads to.
    pub(crate) fn new(
        dialer: &Arc<Dialer>,
        wire: &Observed<Wire>,
        config: &RedisConfig,
        pipeline: &Pipeline<RedisClassifier>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let name = dialer.name();
        let (followers, following) = Followers::start(Arc::clone(dialer), config, pipeline, observer);
        let attempts = pipeline.attempt_layer(&name);
        let primary = Spares::new(attempts.layer(wire.clone()));
        let reads = Reads(Arc::new(Servers { followers: Arc::clone(&followers), primary }));
        let calls = pipeline.call_layer(&name);
        let ordinary = Spares::new(calls.layer(reads.clone()));
        let lanes = Lanes::new(ordinary, calls.layer(reads), Times::new(config));
        Self { lanes, followers, following }
    }

    pub(crate) async fn call(&self, request: Request) -> Result<Reply, Error> {
        self.lanes.call(request).await
    }

    /// How the connections to them stand.
    pub(crate) fn stats(&self) -> RedisStats {
        let list = self.followers.list();
        list.iter().map(|replica| replica.node.stats()).fold(RedisStats::default(), RedisStats::plus)
    }

    /// Looks for replicas no more, and waits for calls under way until `deadline`. Says how many were left.
    pub(crate) async fn close(&self, deadline: Instant) -> usize {
        self.following.abort();
        let mut left = 0;
        for replica in self.followers.list().iter() {
            left += replica.node.close(deadline).await;
        }
        left
    }
}

/// Has reads answered by a replica, and by the primary if there is none that can.
#[derive(Clone)]
struct Reads(Arc<Servers>);

struct Servers {
    followers: Arc<Followers>,
    primary: Attempts,
}

impl Service<Request> for Reads {
    type Response = Reply;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send>>;

    /// Always ready: whose turn it is to be ready shows when the server is chosen.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let servers = Arc::clone(&self.0);
        Box::pin(async move {
            let replica = super::any(&servers.followers.list()).cloned();
            if let Some(replica) = replica {
                if let Some(answer) = replica.read(request.clone()).await {
                    return answer;
                }
                servers.followers.doubt();
            }
            servers.primary.call(request).await
        })
    }
}
