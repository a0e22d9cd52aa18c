use std::fmt;
use std::sync::OnceLock;

use http::header::UPGRADE;
use http::{HeaderMap, Version};
use seawall_core::Error;

use crate::builder;
use crate::config::{HttpConfig, HttpVersion};
use crate::cookies::Cookies;

/// A second client, for requests that ask to change the protocol: under TLS the first may have agreed on HTTP/2, where
/// that cannot be done. It is made when the first of them comes.
pub(super) struct Upgrades {
    config: HttpConfig,
    cookies: Option<Cookies>,
    client: OnceLock<reqwest::Client>,
}

impl Upgrades {
    /// None for a client that speaks HTTP/1.1 anyway.
    pub(super) fn new(config: &HttpConfig, cookies: Option<&Cookies>) -> Option<Self> {
        (config.http_version != HttpVersion::Http1).then(|| Self {
            config: config.clone(),
            cookies: cookies.cloned(),
            client: OnceLock::new(),
        })
    }

    pub(super) fn client(&self) -> Result<reqwest::Client, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        // Two that are made at once are one too many, and no harm.
        let client = builder::for_upgrades(&self.config, self.cookies.as_ref())?;
        Ok(self.client.get_or_init(|| client).clone())
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
