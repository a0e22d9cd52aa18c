use serde::{Deserialize, Serialize};

use super::Pem;

/// How a client speaks TLS.
///
/// | field | default | what it is |
/// |---|---|---|
/// | `extra_roots` | none | certificates of authorities that are trusted beside those of the system |
/// | `only_extra_roots` | `false` | whether those of the system are not trusted |
/// | `identity` | none | the client's own certificate and key |
/// | `min_version` | `1.2` | the oldest version that is spoken; or `1.3` |
/// | `danger_accept_any_certificate` | `false` | whether servers are not checked at all |
///
/// The certificates of the system are read when the first server shows one of its own, so that a client which speaks to
/// nobody by TLS needs none; with `extra_roots` they are read at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificates of authorities that are trusted beside those of the system, each PEM one or many.
    pub extra_roots: Vec<Pem>,
    /// Whether only `extra_roots` are trusted.
    pub only_extra_roots: bool,
    /// The client's own certificate with those it hangs from, and its key, in one PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Pem>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whether any certificate is taken from anybody, so that whoever stands between can read and change everything.
    /// For tests; an authority of your own belongs into `extra_roots`.
    pub danger_accept_any_certificate: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}
