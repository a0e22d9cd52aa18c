//! What a client made by `Redis::connect` is: the pipeline around what tells of each attempt, around the connections.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use seawall_core::{Error, Observer};
use seawall_tower::pipeline::{FailedPassage, FastPath};
use seawall_tower::{Pipeline, PipelineService, Spares};
use tokio::time::Instant;
use tower::Layer;

use crate::classify::{self, LAYER};
use crate::dial::Dialer;
use crate::keeper::Watch;
use crate::lanes::{Lanes, Times, yield_after};
use crate::nature::Lane;
use crate::node::Node;
use crate::pubsub::Post;
#[cfg(feature = "sentinel")]
use crate::replica::AtReplicas;
use crate::request::Action;
use crate::telemetry::{Observed, Peer};
use crate::url::{Address, Topology};
use crate::wire::Wire;
use crate::{ReadFrom, RedisClassifier, RedisConfig, RedisStats, Reply, Request};

type Guarded = PipelineService<Observed<Wire>, RedisClassifier>;

/// The stack of one client.
pub(crate) struct Stack {
    pub(crate) node: Arc<Node>,
    pub(crate) pipeline: Pipeline<RedisClassifier>,
    peer: Arc<Peer>,
    /// For first attempts of what shares connections.
    fast: FastPath<RedisClassifier>,
    lanes: Lanes<Guarded>,
    /// For what replicas may answer, if they are preferred.
    #[cfg(feature = "sentinel")]
    at_replicas: Option<Box<AtReplicas>>,
}

impl Stack {
    pub(crate) fn new(
        address: Address,
        config: &RedisConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        config.validate().map_err(classify::invalid)?;
        if config.read_from == ReadFrom::PreferReplica && matches!(address.topology, Topology::One) {
            return Err(classify::misconfigured(
                "`read_from` prefers replicas, but the URL names one server, of which none are known: let it name sentinels \
                 or a cluster",
            ));
        }
        let dialer = Dialer::new(address, config)?;
        let name = dialer.name();
        let peer = Arc::new(Peer::new(&dialer, Arc::clone(&observer)));
        let pipeline = Pipeline::new(LAYER, &config.pipeline, RedisClassifier, Arc::clone(&observer))
            .map_err(classify::invalid)?;
        let node = Arc::new(Node::new(dialer, config));
        let wire = Observed::new(Wire::new(Arc::clone(&node)), Arc::clone(&peer));
        let ordinary = Spares::new(pipeline.layer(&name).layer(wire.clone()));
        #[cfg(feature = "sentinel")]
        let at_replicas = (config.read_from == ReadFrom::PreferReplica)
            .then(|| Box::new(AtReplicas::new(&node.dialer, &wire, config, &pipeline, observer)));
        let dedicated = pipeline.layer(&format!("{name} dedicated")).layer(wire);
        let lanes = Lanes::new(ordinary, dedicated, Times::new(config));
        let fast = pipeline.fast_path(&name);
        Ok(Self {
            node,
            pipeline,
            peer,
            fast,
            lanes,
            #[cfg(feature = "sentinel")]
            at_replicas,
        })
    }

    /// Listens at the server.
    pub(crate) fn post(&self) -> Post {
        let (node, dialer) = (&self.node, Arc::clone(&self.node.dialer));
        let patience = node.time_of(Lane::Subscription);
        Post::new(dialer.name(), patience, node.closed(), move || Ok(Arc::clone(&dialer)))
    }

    pub(crate) fn stats(&self) -> RedisStats {
        let stats = self.node.stats();
        #[cfg(feature = "sentinel")]
        if let Some(at_replicas) = &self.at_replicas {
            return RedisStats { generation: stats.generation, ..stats.plus(at_replicas.stats()) };
        }
        stats
    }

    /// Makes no more calls, and waits for those under way until `deadline`. Says how many were left.
    pub(crate) async fn close(&self, deadline: Instant) -> usize {
        let left = self.node.close(deadline).await;
        #[cfg(feature = "sentinel")]
        if let Some(at_replicas) = &self.at_replicas {
            return left + at_replicas.close(deadline).await;
        }
        left
    }

    /// Makes a call: past the layers while a connection is there and none of them has a say, else through them.
    ///
    /// All of the short way is in this one future, which is as large as what it awaits: what is nested is moved from future
    /// to future, and that takes longer than what the layers do.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, Error> {
        #[cfg(feature = "sentinel")]
        if let Some(at_replicas) = &self.at_replicas
            && request.may_be_stale()
        {
            return Box::pin(at_replicas.call(request)).await;
        }
        if let (Action::Command(command), Lane::Shared) = (&request.action, request.nature.lane)
            && let Some(mut at_hand) = self.node.line(request.size)
            && let Some(passage) = self.fast.enter()
        {
            let until = passage.until();
            let mut record = self.peer.record(&request, until);
            let (live, connection, timer) = at_hand.parts();
            let watch = Watch::new(live, until);
            let answer = {
                let sent = pin!(connection.send_packed_command(command));
                let mut sent = timer.limit(until, sent);
                poll_fn(|cx| {
                    let _within = record.as_ref().map(|record| record.span().enter());
                    sent.poll_unpin(cx)
                })
                .await
            };
            let answer = if let Some(answer) = answer {
                watch.done();
                self.node.answer(live, request.nature, answer).map(Reply::Value)
            } else {
                drop(watch);
                Err(passage.ran_out().into())
            };
            drop(at_hand);
            if let Some(record) = &mut record {
                record.answered(&answer);
            }
            return match (passage.ended(answer.as_ref()), answer) {
                (Some(failed), Err(error)) => Box::pin(self.resume(request, error, failed)).await,
                (_, answer) => answer,
            };
        }
        // In a box, because most calls need none of it, and every future would have room for it.
        Box::pin(self.lanes.call(request)).await
    }

    async fn resume(&self, request: Request, error: Error, failed: FailedPassage) -> Result<Reply, Error> {
        let mut guarded = self.lanes.ordinary.original().clone();
        yield_after(guarded.resume(request, error, failed).await).await
    }
}
