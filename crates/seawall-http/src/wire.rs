//! What carries one attempt to a server: telemetry of the attempt → the transport.

use std::sync::Arc;
use std::time::Duration;

use seawall_core::Observer;
use seawall_tower::{DeadlineHeader, Pipeline};

use crate::quota::HeedQuota;
use crate::telemetry::{Observed, Peer};
use crate::transport::{Transport, Transports};
use crate::{HttpBackend, HttpConfig};

pub(crate) type Wire = Observed<Transport>;

/// What every wire of a client is made of.
pub(crate) struct Wiring {
    transports: Transports,
    deadline_header: Option<DeadlineHeader>,
    quota_pause: Option<Duration>,
    observer: Arc<dyn Observer>,
}

impl Wiring {
    pub(crate) fn new(transports: Transports, config: &HttpConfig, observer: Arc<dyn Observer>) -> Self {
        let HttpConfig { deadline_header, quota_pause, .. } = *config;
        Self { transports, deadline_header, quota_pause, observer }
    }

    /// The wire to the authority of this key of policies. It pauses the rate limiter that the pipeline has for it.
    pub(crate) fn to(&self, key: &str, pipeline: &Pipeline<HttpBackend>) -> Wire {
        let quota = self.quota_pause.map(|longest| HeedQuota::new(pipeline.rate_limiter(key), longest));
        let transport = self.transports.to(key, quota, self.deadline_header);
        Observed::new(transport, Arc::new(Peer::of_key(key, Arc::clone(&self.observer))))
    }

    /// The bare transport to the authority of this key, which heeds no quota, and tells no deadline.
    pub(crate) fn transport(&self, key: &str) -> Transport {
        self.transports.to(key, None, None)
    }

    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.observer)
    }

    pub(crate) const fn reqwest(&self) -> Option<&reqwest::Client> {
        self.transports.reqwest()
    }
}
