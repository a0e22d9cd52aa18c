//! A cluster: many servers, each with a part of the keys.
//!
//! A request goes to the server that has the slot of its key, over connections that are kept as those of a single
//! server are, behind a circuit of that server's own; retries are above that, so that each attempt finds its server
//! anew. Where a server says `MOVED` or `ASK`, the request follows; when a server is silent or knows nothing, the
//! cluster is asked in the background who has which slot by now.

mod across;
mod keys;
mod map;
mod member;
mod members;
mod redirect;
mod route;
mod several;
mod slot;
mod topology;

use std::sync::Arc;

use seawall_core::{Error, FailureKind, Observer};
use seawall_tower::pipeline::CallService;
use seawall_tower::{Pipeline, Spares};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tower::Layer;

use crate::classify::{self, LAYER};
use crate::dial::Dialer;
use crate::lanes::{Lanes, Times};
use crate::nature::Lane;
use crate::pubsub::Post;
use crate::{RedisClassifier, RedisConfig, RedisStats, Reply, Request, url};
use map::Address;
use members::Members;
use route::Router;

type Guarded = CallService<Router, RedisClassifier>;

/// The stack of one client of a cluster.
pub(crate) struct Cluster {
    members: Arc<Members>,
    pub(crate) pipeline: Pipeline<RedisClassifier>,
    lanes: Lanes<Guarded>,
    times: Times,
    following: AbortOnDropHandle<()>,
}

impl Cluster {
    pub(crate) fn new(
        server: url::Address,
        seeds: Vec<(String, u16)>,
        config: &RedisConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        config.validate().map_err(classify::invalid)?;
        let template = Dialer::new(server, config)?;
        let pipeline = Pipeline::new(LAYER, &config.pipeline, RedisClassifier, Arc::clone(&observer))
            .map_err(classify::invalid)?;
        let name = format!("cluster of {}", template.name());
        let seeds = seeds.into_iter().map(|(host, port)| Address { host, port }).collect();
        let members = Members::new(template, seeds, config.clone(), pipeline.clone(), observer);
        let members = Arc::new(members);
        let router = Router(Arc::clone(&members));
        let ordinary = Spares::new(pipeline.call_layer(&name).layer(router.clone()));
        let dedicated = pipeline.call_layer(&format!("{name} dedicated")).layer(router);
        let following = AbortOnDropHandle::new(tokio::spawn(members::follow(Arc::downgrade(&members))));
        let times = Times::new(config);
        Ok(Self { members, pipeline, lanes: Lanes::new(ordinary, dedicated, times), times, following })
    }

    /// Asks who has which slot, or why that cannot be asked.
    pub(crate) async fn first(&self) -> Result<(), Error> {
        self.members.ask(true).await
    }

    pub(crate) async fn call(&self, request: Request) -> Result<Reply, Error> {
        self.lanes.call(request).await
    }

    /// Asks every server that has slots.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        self.members.ask(true).await?;
        let map = self.members.map();
        for member in map.serving() {
            member.node.ping().await?;
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> RedisStats {
        let map = self.members.map();
        let members = map.members.iter().map(|member| member.node.stats());
        let each = members.chain(map.replicas().map(|replica| replica.node.stats()));
        RedisStats { generation: self.generation(), ..each.fold(RedisStats::default(), RedisStats::plus) }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.members.generation()
    }

    pub(crate) fn name(&self) -> Arc<str> {
        self.members.name()
    }

    /// Listens at any server: what is published at one is heard at all.
    pub(crate) fn post(&self) -> Post {
        let members = Arc::downgrade(&self.members);
        let name = self.name();
        Post::new(
            self.name(),
            self.times.of(Lane::Subscription),
            self.members.closed.subscribe(),
            move || {
                let member = members.upgrade().and_then(|members| members.map().any().cloned());
                member.map(|member| Arc::clone(&member.node.dialer)).ok_or_else(|| {
                    Error::new(FailureKind::Transient, LAYER, Arc::clone(&name))
                        .not_executed()
                        .with_message("no server of the cluster is known")
                })
            },
        )
    }

    /// Makes no more calls, and waits for those under way until `deadline`. Says how many were left.
    pub(crate) async fn close(&self, deadline: Instant) -> usize {
        self.following.abort();
        self.members.closed.send_replace(true);
        let map = self.members.map();
        let mut left = 0;
        for member in &map.members {
            left += member.node.close(deadline).await;
        }
        for replica in map.replicas() {
            left += replica.node.close(deadline).await;
        }
        left
    }
}
