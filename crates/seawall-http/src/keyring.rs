//! Credentials on their way into requests, and what keeps them from going where they should not.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, Entry};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use seawall_core::{BoxError, Error, FailureKind, Name};
use url::form_urlencoded;

use crate::config::{Credentials, CredentialsConfig, Secret, origin_of};
use crate::reception::Reception;
use crate::target::{CallName, without_brackets};

/// The credentials of one client, ready to be sent.
#[derive(Default)]
pub(crate) struct Keyring {
    by_origin: HashMap<String, Arc<Proof>>,
    otherwise: Option<Arc<Proof>>,
    allow_plain_http: bool,
}

/// What holds for requests to one origin.
#[derive(Clone)]
pub(crate) struct Keys {
    proof: Option<Arc<Proof>>,
    /// Whether anybody between could read what is sent there.
    in_the_clear: bool,
}

/// What a request proves with who sent it.
pub(crate) enum Proof {
    Header(HeaderName, HeaderValue),
    Query { parameter: String, key: Secret },
}

impl Keyring {
    /// That of a configuration that was found to be valid.
    pub(crate) fn new(config: &CredentialsConfig) -> Self {
        let mut keyring = Self { allow_plain_http: config.allow_plain_http, ..Self::default() };
        for (origin, credentials) in &config.by_origin {
            let Ok(proof) = Proof::of(credentials).map(Arc::new) else { continue };
            match origin_of(origin) {
                Some(origin) => drop(keyring.by_origin.insert(origin, proof)),
                None => keyring.otherwise = Some(proof),
            }
        }
        keyring
    }

    /// What is sent to an origin, by its key of policies.
    pub(crate) fn keys(&self, origin: &str) -> Keys {
        let proof = self.by_origin.get(origin).or(self.otherwise.as_ref()).cloned();
        let plain = origin.strip_prefix("http://").and_then(|authority| authority.rsplit_once(':'));
        let in_the_clear = plain.is_some_and(|(host, _)| !self.allow_plain_http && !is_this_machine(host));
        Keys { proof, in_the_clear }
    }
}

impl Keys {
    /// Whether it adds something to a request.
    pub(crate) const fn has(&self, reception: Reception) -> bool {
        self.proof.is_some() && !reception.away
    }

    /// Adds the origin's, unless the request brings something of its own, or comes from another origin. Says where it
    /// goes instead, if the credentials are a part of that.
    ///
    /// # Errors
    /// [`Refused`](FailureKind::Refused) where anybody could read it.
    pub(crate) fn add_to(
        &self,
        headers: &mut HeaderMap,
        uri: &Uri,
        reception: Reception,
        call: &CallName,
    ) -> Result<Option<Uri>, Error> {
        let proof = self.proof.as_ref().filter(|_| !reception.away);
        let with_key = proof.and_then(|proof| proof.add_to(headers, uri));
        if !self.in_the_clear {
            return Ok(with_key);
        }
        let in_query = matches!(self.proof.as_deref(), Some(Proof::Query { .. })) && !reception.away;
        if in_query || reception.secret_url || headers.values().any(HeaderValue::is_sensitive) {
            return Err(Error::new(FailureKind::Refused, "http", Name::from(call)).not_executed().with_message(
                "credentials are not sent over plain http to other machines, where anybody between can read them: \
                 use https://, or set credentials.allow_plain_http",
            ));
        }
        Ok(with_key)
    }
}

impl Proof {
    /// The header or parameter. An error shows no secret.
    pub(crate) fn of(credentials: &Credentials) -> Result<Self, BoxError> {
        Ok(match credentials {
            Credentials::Bearer(token) => {
                Self::Header(AUTHORIZATION, sensitive(format!("Bearer {}", token.expose()))?)
            }
            Credentials::Basic { user, password } => {
                let pair = format!("{user}:{}", password.expose());
                Self::Header(AUTHORIZATION, sensitive(format!("Basic {}", STANDARD.encode(pair)))?)
            }
            Credentials::ApiKey { header, key } => {
                Self::Header(HeaderName::try_from(header)?, sensitive(key.expose())?)
            }
            Credentials::ApiKeyInQuery { parameter, key } => {
                Self::Query { parameter: parameter.clone(), key: key.clone() }
            }
        })
    }

    /// The URI with it, if it is a part of that.
    fn add_to(&self, headers: &mut HeaderMap, uri: &Uri) -> Option<Uri> {
        match self {
            Self::Header(name, value) => {
                if let Entry::Vacant(entry) = headers.entry(name) {
                    entry.insert(value.clone());
                }
                None
            }
            Self::Query { parameter, .. } if has_parameter(uri, parameter) => None,
            Self::Query { parameter, key } => with_parameter(uri, parameter, key.expose()),
        }
    }
}

/// A header's value that nobody shows or logs.
pub(crate) fn sensitive(
    value: impl TryInto<HeaderValue, Error = http::header::InvalidHeaderValue>,
) -> Result<HeaderValue, BoxError> {
    let mut value = value.try_into()?;
    value.set_sensitive(true);
    Ok(value)
}

fn has_parameter(uri: &Uri, parameter: &str) -> bool {
    uri.query()
        .is_some_and(|query| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == parameter))
}

fn with_parameter(uri: &Uri, parameter: &str, value: &str) -> Option<Uri> {
    let mut query = String::from(uri.query().unwrap_or_default());
    form_urlencoded::Serializer::for_suffix(&mut query, 0).append_pair(parameter, value);
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{}?{query}", uri.path())).ok()?);
    Uri::from_parts(parts).ok()
}

/// Whether what is sent there leaves this machine.
fn is_this_machine(host: &str) -> bool {
    if let Ok(address) = without_brackets(host).parse::<std::net::IpAddr>() {
        return address.is_loopback();
    }
    // RFC 6761 §6.3.
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("in_the_clear", &self.in_the_clear).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_key_in_the_query_is_escaped_and_added_once() {
        let proof = Proof::Query { parameter: "key".to_owned(), key: Secret::from("a&b c") };
        let keyring = Keyring { otherwise: Some(Arc::new(proof)), ..Keyring::default() };
        let keys = keyring.keys("https://example.com:443");
        for (before, after) in [
            ("https://example.com/", "https://example.com/?key=a%26b+c"),
            ("https://example.com/p?q=1", "https://example.com/p?q=1&key=a%26b+c"),
            ("https://example.com/p?key=mine", "https://example.com/p?key=mine"),
        ] {
            let request = Request::get(before).body(()).unwrap();
            let (call, uri) = (CallName::of(&request), request.uri());
            let with_key = keys.add_to(&mut HeaderMap::new(), uri, Reception::default(), &call).unwrap();
            assert_eq!(with_key.as_ref().unwrap_or(uri), after);
        }
    }

    #[test]
    fn credentials_go_to_other_machines_over_tls_only_unless_told() {
        let proof = || Some(Arc::new(Proof::Query { parameter: "key".to_owned(), key: Secret::from("k") }));
        let sent = |keyring: &Keyring, origin: &str, away: bool| {
            let request = Request::get(origin).body(()).unwrap();
            let (call, reception) = (CallName::of(&request), Reception { away, ..Reception::default() });
            keyring.keys(origin).add_to(&mut HeaderMap::new(), request.uri(), reception, &call)
        };
        let keyring = Keyring { otherwise: proof(), ..Keyring::default() };
        assert!(sent(&keyring, "https://example.com:443", false).is_ok());
        assert!(sent(&keyring, "http://127.0.0.1:80", false).is_ok());
        assert!(sent(&keyring, "http://[::1]:80", false).is_ok());
        assert_eq!(sent(&keyring, "http://example.com:80", false).unwrap_err().kind(), FailureKind::Refused);
        assert!(sent(&keyring, "http://example.com:80", true).is_ok(), "they stayed behind");
        let told = Keyring { otherwise: proof(), allow_plain_http: true, ..Keyring::default() };
        assert!(sent(&told, "http://example.com:80", false).is_ok());
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for host in ["localhost", "LOCALHOST", "api.localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "notlocalhost", "10.0.0.1", "[fe80::1]"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
