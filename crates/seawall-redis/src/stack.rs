//! What a client made by `Redis::connect` is: the pipeline around what tells of each attempt, around the connections.

use std::sync::Arc;
use std::time::Duration;

use seawall_core::{CallContext, Error, FailureKind, Observer};
use seawall_tower::{Pipeline, PipelineService};
use tower::{Layer, ServiceExt};

use crate::classify::{self, LAYER};
use crate::dial::Dialer;
use crate::nature::Lane;
use crate::node::Node;
use crate::pubsub::Post;
use crate::shards::Shards;
use crate::telemetry::{Observed, Peer};
use crate::url::Address;
use crate::wire::Wire;
use crate::{RedisClassifier, RedisConfig, Reply, Request};

type Guarded = PipelineService<Observed<Wire>, RedisClassifier>;

/// The stack of one client.
pub(crate) struct Stack {
    pub(crate) node: Arc<Node>,
    pub(crate) pipeline: Pipeline<RedisClassifier>,
    /// For what shares connections.
    ordinary: Shards<Guarded>,
    /// For what has one of its own: it waits for other things than the server, so its circuit is another.
    dedicated: Guarded,
}

impl Stack {
    pub(crate) fn new(
        address: Address,
        config: &RedisConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let misconfigured =
            |invalid: seawall_core::InvalidConfig| classify::misconfigured(invalid.to_string());
        config.validate().map_err(misconfigured)?;
        let dialer = Dialer::new(address, config)?;
        let name = dialer.name();
        let peer = Arc::new(Peer::new(&dialer, Arc::clone(&observer)));
        let pipeline =
            Pipeline::new(LAYER, &config.pipeline, RedisClassifier, observer).map_err(misconfigured)?;
        let node = Arc::new(Node::new(dialer, config));
        let wire = Observed::new(Wire::new(Arc::clone(&node)), peer);
        let ordinary = Shards::new(|| pipeline.layer(&name).layer(wire.clone()));
        let dedicated = pipeline.layer(&format!("{name} dedicated")).layer(wire);
        Ok(Self { node, pipeline, ordinary, dedicated })
    }

    /// Listens at the server.
    pub(crate) fn post(&self) -> Post {
        let (node, dialer) = (&self.node, Arc::clone(&self.node.dialer));
        let patience = node.time_of(Lane::Subscription);
        Post::new(dialer.name(), patience, node.closed(), move || Ok(Arc::clone(&dialer)))
    }

    pub(crate) async fn call(&self, request: Request) -> Result<Reply, Error> {
        let answer = match request.nature.lane {
            Lane::Shared => self.ordinary.call(request).await,
            // In a box, because most calls need none of it, and every future would have room for it.
            _ => Box::pin(self.call_patiently(request)).await,
        };
        if answer.is_err() {
            // A refusal takes no time. Callers in a loop would keep the runtime from what brings the connection back.
            tokio::task::coop::consume_budget().await;
        }
        answer
    }

    /// Calls that have a time limit of their own in place of the pipeline's.
    async fn call_patiently(&self, request: Request) -> Result<Reply, Error> {
        let context = match request.nature.lane {
            Lane::Session | Lane::Subscription => return Err(self.not_here(&request)),
            lane @ Lane::Slow => {
                return within(self.node.time_of(lane)).scope(self.ordinary.call(request)).await;
            }
            // A session is not begun for longer than an attempt may take.
            Lane::Blocking(_) if request.name() == "SESSION" => CallContext::current(),
            lane => within(self.node.time_of(lane)),
        };
        context.scope(self.dedicated.clone().oneshot(request)).await
    }

    fn not_here(&self, request: &Request) -> Error {
        let name = request.name();
        let instead = match request.nature.lane {
            Lane::Subscription => "listen with `subscribe`",
            _ => "use `session`, or `transaction` and `pipelined().atomic()` for `WATCH` and `MULTI`",
        };
        Error::new(FailureKind::Permanent, LAYER, self.node.dialer.name()).not_executed().with_message(
            format!("`{name}` changes the connection it is sent over, which others share: {instead}"),
        )
    }
}

/// The context of a call that has so much time, whatever the pipeline gives to others.
pub(crate) fn within(time: Option<Duration>) -> CallContext {
    let context = CallContext::current().unhurried();
    match time {
        Some(time) => context.within(time, tokio::time::Instant::now().into_std()),
        None => context,
    }
}
