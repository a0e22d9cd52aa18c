use std::collections::BTreeMap;
use std::fmt;

use http::{HeaderName, HeaderValue};
use seawall_core::InvalidConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

/// Text that nobody is to see: a [`SecretString`], which is wiped from memory when it is dropped, and which can stand in
/// a configuration: shown, logged or written down it is `[redacted]`.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

/// What is sent to which origin, unless the request brings something of its own.
///
/// | field | default | what it is |
/// |---|---|---|
/// | `by_origin` | none | [`Credentials`] by origin (`https://api.example.com`), or by `*` for every other |
/// | `allow_plain_http` | `false` | whether credentials are sent over plain `http://` to other machines too |
///
/// They are added to the first request of a call and to redirects that stay at its origin, innermost: no layer put around
/// the client sees them. From the first redirect to another origin on, a call has none any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialsConfig {
    /// By scheme, host and port, which may be left out if it is the usual one; or by `*`.
    pub by_origin: BTreeMap<String, Credentials>,
    /// Whether credentials are sent over plain `http://` to other machines, where anybody between can read them. This
    /// machine (`localhost`, `127.0.0.1`, `::1`) needs no such word. A header that you set yourself and did not mark as
    /// sensitive is not known to be one.
    pub allow_plain_http: bool,
}

/// How a client proves who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Credentials {
    /// `Authorization: Bearer TOKEN` (RFC 6750).
    Bearer(Secret),
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// Who.
        user: String,
        /// And the proof.
        password: Secret,
    },
    /// A key in a header of its own.
    ApiKey {
        /// The header's name, such as `x-api-key`.
        header: String,
        /// What is in it.
        key: Secret,
    },
    /// A key in the query of the URL, where servers and proxies write it into their logs: a header is better.
    ApiKeyInQuery {
        /// The parameter's name.
        parameter: String,
        /// What it is set to.
        key: Secret,
    },
}

const REDACTED: &str = "[redacted]";

impl Secret {
    /// The text, for whoever must have it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<SecretString> for Secret {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl From<&SecretString> for Secret {
    fn from(secret: &SecretString) -> Self {
        Self(secret.clone())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Secret {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.expose().is_empty() { "none" } else { REDACTED })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.expose().is_empty() { "" } else { REDACTED })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secret = SecretString::deserialize(deserializer)?;
        if secret.expose_secret() == REDACTED {
            // It would be sent as it stands, and the server would not say why it is wrong.
            return Err(serde::de::Error::custom("a secret was left out when this was written: put it in"));
        }
        Ok(Self(secret))
    }
}

impl CredentialsConfig {
    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        for (origin, credentials) in &self.by_origin {
            let field = || format!("by_origin.{origin}");
            if origin != "*" && origin_of(origin).is_none() {
                return Err(InvalidConfig::new(
                    "by_origin",
                    format!("{origin:?}"),
                    "must be * or an origin: https://example.com",
                ));
            }
            credentials.validate().map_err(|rule| InvalidConfig::new(field(), "credentials", rule))?;
        }
        Ok(())
    }
}

impl Credentials {
    /// What they break, if they break a rule.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        match self {
            Self::Bearer(token) => {
                is_header_value(token).then_some(()).ok_or("must be a token of visible ascii")
            }
            Self::Basic { user, .. } if user.contains(':') => Err("must have a user without a colon"),
            Self::ApiKey { header, .. } if HeaderName::try_from(header).is_err() => {
                Err("must name a valid header")
            }
            Self::ApiKey { key, .. } if !is_header_value(key) => Err("must have a key of visible ascii"),
            Self::ApiKeyInQuery { parameter, .. } if parameter.is_empty() => Err("must name a parameter"),
            Self::Basic { .. } | Self::ApiKey { .. } | Self::ApiKeyInQuery { .. } => Ok(()),
        }
    }
}

/// An origin as policies spell their targets: `scheme://host:port`.
pub(crate) fn origin_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare =
        url.path() == "/" && url.query().is_none() && url.username().is_empty() && url.password().is_none();
    if !bare || !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    Some(format!("{}://{}:{}", url.scheme(), url.host_str()?, url.port_or_known_default()?))
}

fn is_header_value(secret: &Secret) -> bool {
    HeaderValue::from_str(secret.expose()).is_ok()
}
