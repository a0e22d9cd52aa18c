use std::sync::Arc;

use seawall_core::{Error, Observer};
use seawall_tower::pipeline::AttemptService;
use seawall_tower::{Pipeline, Spares};
use tower::{Layer, ServiceExt};

use super::map::Address;
use super::redirect::Redirects;
use crate::dial::Dialer;
use crate::nature::Lane;
use crate::node::Node;
use crate::telemetry::{Observed, Peer};
use crate::wire::Wire;
use crate::{RedisClassifier, RedisConfig, Reply, Request};

type Guarded = AttemptService<Redirects<Observed<Wire>>, RedisClassifier>;

/// One server of a cluster, behind a circuit and limits of its own.
pub(super) struct Member {
    pub(super) address: Address,
    pub(super) node: Arc<Node>,
    ordinary: Spares<Guarded>,
    dedicated: Guarded,
}

impl Member {
    /// Begins to connect in the background.
    pub(super) fn new(
        address: Address,
        dialer: Dialer,
        config: &RedisConfig,
        pipeline: &Pipeline<RedisClassifier>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let name = dialer.name();
        let peer = Arc::new(Peer::new(&dialer, observer));
        let node = Arc::new(Node::new(dialer, config));
        let wire = Redirects(Observed::new(Wire::new(Arc::clone(&node)), peer));
        let ordinary = Spares::new(pipeline.attempt_layer(&name).layer(wire.clone()));
        let dedicated = pipeline.attempt_layer(&format!("{name} dedicated")).layer(wire);
        Self { address, node, ordinary, dedicated }
    }

    /// Makes a call there. Where else it is to be made is an answer, no error.
    pub(super) async fn call(&self, request: Request) -> Result<Reply, Error> {
        match request.nature.lane {
            Lane::Blocking(_) => self.dedicated.clone().oneshot(request).await,
            _ => self.ordinary.call(request).await,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.node.is_connected()
    }
}
