use std::path::PathBuf;

use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};

/// How a client speaks TLS. Whether it does the URL says: it begins with `rediss`.
///
/// The server's certificate is always checked, and so is the host name that it is made out to. All files are PEM, and
/// are read when the client is made.
///
/// | field | default | what it is |
/// |---|---|---|
/// | `roots` | `[]` | files with the certificates of authorities that are trusted in place of the system's |
/// | `certificate` | none | a file with the client's own certificate, and those it hangs from |
/// | `key` | none | a file with its key; it may be the same file |
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// Files with the certificates of the authorities that are trusted, each file one or many. None: those that the
    /// system trusts.
    pub roots: Vec<PathBuf>,
    /// A file with the client's own certificate and those it hangs from, for a server that asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// A file with the key of that certificate. It may be the same file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

impl TlsConfig {
    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        let (field, other) = match (&self.certificate, &self.key) {
            (Some(_), None) => ("key", "certificate"),
            (None, Some(_)) => ("certificate", "key"),
            _ => return Ok(()),
        };
        Err(InvalidConfig::new(field, "none", format!("must be given with `{other}`")))
    }
}
