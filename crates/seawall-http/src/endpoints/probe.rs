use std::sync::Arc;
use std::time::Duration;

use http::{Request, Uri};
use seawall_tower::BalanceHandle;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt as _;

use super::HealthConfig;
use super::address::Address;
use super::health::{Change, Health};
use crate::Body;
use crate::transport::Transport;

/// Longer than any process runs. The next good answers take an endpoint back before.
const UNTIL_IT_IS_WELL: Duration = Duration::from_hours(10 * 365 * 24);

/// The probes of one endpoint. They stop when this is dropped.
#[derive(Debug)]
pub(super) struct Probes {
    _task: AbortOnDropHandle<()>,
}

impl Probes {
    pub(super) fn start<S: Send + 'static>(
        runtime: &Handle,
        transport: Transport,
        address: &Address,
        config: HealthConfig,
        endpoints: BalanceHandle<S>,
    ) -> Self {
        // Checked when the configuration was.
        let path = config.path.parse().unwrap_or(Uri::from_static("/"));
        let (uri, name) = (address.resolve(&path), address.name());
        let task = runtime.spawn(probe(transport, uri, name, config, endpoints));
        Self { _task: AbortOnDropHandle::new(task) }
    }
}

async fn probe<S>(
    transport: Transport,
    uri: Uri,
    name: Arc<str>,
    config: HealthConfig,
    endpoints: BalanceHandle<S>,
) {
    let mut health = Health::new();
    let mut chance = fastrand::Rng::new();
    loop {
        let good = is_well(&transport, &uri, config.timeout).await;
        match health.record(good, &config) {
            Some(Change::Failed) => {
                endpoints.eject_because(&name, UNTIL_IT_IS_WELL, "its health probes fail");
            }
            Some(Change::Recovered) => {
                endpoints.readmit(&name);
            }
            None => {}
        }
        // So that many clients, or many endpoints, do not ask in step.
        tokio::time::sleep(config.interval.mul_f64(0.9 + 0.2 * chance.f64())).await;
    }
}

async fn is_well(transport: &Transport, uri: &Uri, timeout: Duration) -> bool {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri.clone();
    // The body is dropped unread: the status says it all.
    let answer = tokio::time::timeout(timeout, transport.clone().oneshot(request.into())).await;
    matches!(answer, Ok(Ok(response)) if response.status().is_success())
}
