use seawall_core::{InvalidConfig, or_off};
use serde::{Deserialize, Serialize};

use crate::guard::HostRule;

/// What a client refuses, so that nobody can make it read too much, or call where it should not. Each refusal is of kind
/// [`Refused`](seawall_core::FailureKind::Refused), is not repeated, and says which guard it was and what to set.
///
/// | field | default | what it is |
/// |---|---|---|
/// | `max_response_size` | `"off"` | bytes of a response body, decompressed; a request can say otherwise |
/// | `max_response_headers` | 100 | header lines of a response |
/// | `max_response_header_bytes` | 64 KiB | their names and values together |
/// | `allowed_hosts` | all | the only hosts that are called: `example.com`, `*.example.com`, `192.0.2.1` |
/// | `refuse_private_addresses` | `false` | whether only addresses of the public internet are called |
///
/// They hold for each redirect too, and are looked at before a connection is made or used. `allowed_hosts` and the
/// limits on size hold with a proxy as well; `refuse_private_addresses` needs `proxy = "off"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardsConfig {
    /// How many bytes a response body may have, counted as they are read: decompressed. `None` (`"off"`) is no limit
    /// for one that streams; one that is collected has [`max_collected_size`](super::HttpConfig::max_collected_size).
    #[serde(with = "or_off")]
    pub max_response_size: Option<u64>,
    /// How many header lines a response may have. Above zero.
    pub max_response_headers: u32,
    /// How many bytes their names and values may have together. Above zero; over HTTP/1 no more than some 400 KiB are
    /// ever read.
    pub max_response_header_bytes: u32,
    /// The only hosts that are called, redirects included: each exactly as named, or with `*.` in front every host
    /// below it (and not itself). Empty allows all.
    pub allowed_hosts: Vec<String>,
    /// Whether addresses are refused that are not of the public internet: private, loopback, link-local (where clouds
    /// keep their metadata), shared, reserved, multicast, unique local, and each of them inside of an IPv6 one. Looked at
    /// after names are resolved, and what is looked at is what is dialled.
    pub refuse_private_addresses: bool,
}

impl Default for GuardsConfig {
    fn default() -> Self {
        Self {
            max_response_size: None,
            max_response_headers: 100,
            max_response_header_bytes: 64 << 10,
            allowed_hosts: Vec::new(),
            refuse_private_addresses: false,
        }
    }
}

impl GuardsConfig {
    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        for (field, limit) in [
            ("max_response_headers", self.max_response_headers),
            ("max_response_header_bytes", self.max_response_header_bytes),
        ] {
            if limit == 0 {
                return Err(InvalidConfig::new(field, limit, "must be above zero"));
            }
        }
        self.allowed_hosts.iter().try_for_each(|host| HostRule::parse(host).map(|_| ()))
    }
}
