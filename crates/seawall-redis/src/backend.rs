//! What is behind a client: one server, or a cluster.

use std::sync::Arc;

use seawall_core::{Error, Observer};
use seawall_tower::Pipeline;
use tokio::time::Instant;

#[cfg(feature = "cluster")]
use crate::cluster::Cluster;
use crate::pubsub::Post;
use crate::stack::Stack;
use crate::url::Address;
#[cfg(feature = "cluster")]
use crate::url::Topology;
use crate::{RedisClassifier, RedisConfig, RedisStats};

#[derive(Clone)]
pub(crate) enum Backend {
    /// One server, whichever that is at the moment.
    One(Arc<Stack>),
    #[cfg(feature = "cluster")]
    Cluster(Arc<Cluster>),
}

impl Backend {
    /// Reads the URL, and begins to connect in the background.
    pub(crate) fn new(url: &str, config: &RedisConfig, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let address = Address::read(url)?;
        #[cfg(feature = "cluster")]
        if let Topology::Cluster { seeds } = &address.topology {
            let seeds = seeds.clone();
            return Cluster::new(address, seeds, config, observer)
                .map(|cluster| Self::Cluster(Arc::new(cluster)));
        }
        Stack::new(address, config, observer).map(|stack| Self::One(Arc::new(stack)))
    }

    /// Waits until it is known whether it can be reached.
    pub(crate) async fn first(&self) -> Result<(), Error> {
        match self {
            Self::One(stack) => stack.node.first().await,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.first().await,
        }
    }

    pub(crate) async fn ping(&self) -> Result<(), Error> {
        match self {
            Self::One(stack) => stack.node.ping().await,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.ping().await,
        }
    }

    pub(crate) async fn close(&self, deadline: Instant) -> usize {
        match self {
            Self::One(stack) => stack.close(deadline).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.close(deadline).await,
        }
    }

    pub(crate) fn post(&self) -> Post {
        match self {
            Self::One(stack) => stack.post(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.post(),
        }
    }

    pub(crate) fn stats(&self) -> RedisStats {
        match self {
            Self::One(stack) => stack.stats(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.stats(),
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        match self {
            Self::One(stack) => stack.node.generation(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.generation(),
        }
    }

    pub(crate) fn pipeline(&self) -> &Pipeline<RedisClassifier> {
        match self {
            Self::One(stack) => &stack.pipeline,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => &cluster.pipeline,
        }
    }

    pub(crate) fn name(&self) -> Arc<str> {
        match self {
            Self::One(stack) => stack.node.dialer.name(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.name(),
        }
    }
}
