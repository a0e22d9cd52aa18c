//! Servers that follow a primary, and answer reads in its place where the configuration prefers that.

#[cfg(feature = "sentinel")]
mod followers;
#[cfg(feature = "sentinel")]
mod reads;

use std::sync::Arc;

use seawall_core::{Error, FailureKind, Observer};
use seawall_tower::pipeline::{AttemptLayer, AttemptService};
use seawall_tower::{Pipeline, Spares};
use tower::Layer;

use crate::classify::code_of;
use crate::dial::Dialer;
use crate::node::Node;
use crate::telemetry::{Observed, Peer};
use crate::wire::Wire;
use crate::{RedisClassifier, RedisConfig, Reply, Request};
#[cfg(feature = "sentinel")]
pub(crate) use {followers::Followers, reads::AtReplicas};

/// One replica, behind a circuit and limits of its own.
pub(crate) struct Replica {
    pub(crate) address: (String, u16),
    pub(crate) node: Arc<Node>,
    guard: AttemptLayer<RedisClassifier>,
    calls: Spares<AttemptService<Observed<Wire>, RedisClassifier>>,
}

impl Replica {
    /// Begins to connect in the background.
    pub(crate) fn new(
        address: (String, u16),
        dialer: Dialer,
        config: &RedisConfig,
        pipeline: &Pipeline<RedisClassifier>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let guard = pipeline.attempt_layer(&dialer.name());
        let peer = Arc::new(Peer::new(&dialer, observer));
        let node = Arc::new(Node::new(dialer, config));
        let wire = Observed::new(Wire::new(Arc::clone(&node)), peer);
        let calls = Spares::new(guard.layer(wire.clone()));
        Self { address, node, guard, calls }
    }

    /// What it answers; `None` if the primary is to be asked. What is wrong with the command is wrong there too.
    pub(crate) async fn read(&self, request: Request) -> Option<Result<Reply, Error>> {
        match self.calls.call(request).await {
            Err(error) if error.kind() != FailureKind::Permanent || is_about_the_caller(&error) => None,
            answer => Some(answer),
        }
    }

    fn is_well(&self) -> bool {
        self.node.is_connected() && !self.guard.is_refusing()
    }
}

/// Who may do what is each server's own affair.
fn is_about_the_caller(error: &Error) -> bool {
    matches!(code_of(error), None | Some("NOAUTH" | "NOPERM" | "WRONGPASS"))
}

/// Any of those that are well.
pub(crate) fn any(replicas: &[Arc<Replica>]) -> Option<&Arc<Replica>> {
    let count = replicas.len();
    if count == 0 {
        return None;
    }
    let first = fastrand::usize(..count);
    (0..count).map(|next| &replicas[(first + next) % count]).find(|replica| replica.is_well())
}

/// Those at these addresses: the ones that are known, and new ones made by `join`.
pub(crate) fn at(
    addresses: Vec<(String, u16)>,
    known: &[Arc<Replica>],
    mut join: impl FnMut((String, u16)) -> Replica,
) -> Vec<Arc<Replica>> {
    let find = |address: (String, u16)| {
        let found = known.iter().find(|replica| replica.address == address);
        found.map_or_else(|| Arc::new(join(address)), Arc::clone)
    };
    addresses.into_iter().map(find).collect()
}
