use seawall_core::InvalidConfig;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Secret;

/// Which proxy requests go through: `"system"`, `"off"`, or a [`ProxyConfig`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proxy {
    /// Those that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name, in capitals or not.
    #[default]
    System,
    /// None.
    Off,
    /// This one.
    #[serde(untagged)]
    Through(ProxyConfig),
}

/// A proxy for all requests but some.
///
/// | field | default | what it is |
/// |---|---|---|
/// | `url` | | `http://`, `https://`, `socks5://` or `socks5h://`, host and port |
/// | `user`, `password` | none | who asks |
/// | `no_proxy` | none | hosts that are called directly: `example.com` with all below it, `10.0.0.0/8` |
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyConfig {
    /// Where it is. `socks5` looks names up here, `socks5h` and the others have the proxy do it. Without user and
    /// password, which have fields of their own.
    pub url: String,
    /// Who asks. Empty for nobody.
    pub user: String,
    /// And with which password.
    pub password: Secret,
    /// Hosts that are called directly, each with all below it, and addresses or ranges of them.
    pub no_proxy: Vec<String>,
}

impl Proxy {
    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        match self {
            Self::System | Self::Off => Ok(()),
            Self::Through(proxy) => proxy.validate(),
        }
    }
}

impl ProxyConfig {
    fn validate(&self) -> Result<(), InvalidConfig> {
        // What does not parse, and what has a password in it, is not shown.
        let invalid = |value: &str, rule: &'static str| Err(InvalidConfig::new("url", value, rule));
        let Ok(url) = Url::parse(&self.url) else {
            return invalid("no url", "must be one, such as http://proxy:3128");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("a url with a user", "must have none: there are fields for user and password");
        }
        if !["http", "https", "socks5", "socks5h"].contains(&url.scheme()) {
            return invalid(&self.url, "must begin with http://, https://, socks5:// or socks5h://");
        }
        Ok(())
    }
}
