use std::fmt;
use std::sync::{Arc, OnceLock};

use http::header::UPGRADE;
use http::{HeaderMap, Version};
use seawall_core::Error;

use super::carrier::Carrier;
use crate::builder;
use crate::config::{HttpConfig, HttpVersion};
use crate::cookies::Cookies;

/// A second client, for requests that ask to change the protocol: under TLS the first may have agreed on HTTP/2, where
/// that cannot be done. It is made when the first of them comes.
pub(super) struct Upgrades {
    config: HttpConfig,
    cookies: Option<Cookies>,
    carrier: OnceLock<Carrier>,
}

impl Upgrades {
    /// None for a client that speaks HTTP/1.1 anyway.
    pub(super) fn new(config: &HttpConfig, cookies: Option<&Cookies>) -> Option<Self> {
        (config.http_version != HttpVersion::Http1).then(|| Self {
            config: config.clone(),
            cookies: cookies.cloned(),
            carrier: OnceLock::new(),
        })
    }

    pub(super) fn carrier(&self) -> Result<&Carrier, Error> {
        if let Some(carrier) = self.carrier.get() {
            return Ok(carrier);
        }
        // Two that are made at once are one too many, and no harm.
        let client = builder::for_upgrades(&self.config, self.cookies.as_ref())?;
        Ok(self.carrier.get_or_init(|| Carrier::Own(Arc::new(client))))
    }
}

pub(super) fn asks_for_one(version: Version, headers: &HeaderMap) -> bool {
    version == Version::HTTP_11 && headers.contains_key(UPGRADE)
}

impl fmt::Debug for Upgrades {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrades").finish_non_exhaustive()
    }
}
