use super::{Draft, RequestBuilder};
use crate::config::{Credentials, Secret};
use crate::keyring::Proof;

/// Credentials of this request, in place of the client's own ([`CredentialsConfig`](crate::CredentialsConfig)). Errors
/// and logs do not show them, a redirect to another origin does not get them, and over plain `http://` they go to this
/// machine only, unless `credentials.allow_plain_http` is set.
impl RequestBuilder {
    /// Sends `Authorization: Bearer TOKEN`.
    pub fn bearer(self, token: impl Into<Secret>) -> Self {
        self.credentials(&Credentials::Bearer(token.into()))
    }

    /// Sends `Authorization: Basic …`. A user with a colon in it is refused: the server could not tell where it ends.
    pub fn basic(self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.credentials(&Credentials::Basic { user: user.into(), password: password.into() })
    }

    /// Sends a key in a header of its own: `.api_key("x-api-key", key)`.
    pub fn api_key(self, header: impl Into<String>, key: impl Into<Secret>) -> Self {
        self.credentials(&Credentials::ApiKey { header: header.into(), key: key.into() })
    }

    /// Sends a key in the query of the URL, where servers and proxies write it into their logs: a header is better.
    pub fn api_key_in_query(self, parameter: impl Into<String>, key: impl Into<Secret>) -> Self {
        self.credentials(&Credentials::ApiKeyInQuery { parameter: parameter.into(), key: key.into() })
    }

    /// Sends any credentials.
    pub fn credentials(mut self, credentials: &Credentials) -> Self {
        self.reception.secret_url |= matches!(credentials, Credentials::ApiKeyInQuery { .. });
        self.change(|draft| draft.prove(credentials))
    }
}

impl Draft {
    fn prove(&mut self, credentials: &Credentials) -> Result<(), seawall_core::Error> {
        let proof = credentials.validate().map_err(Into::into).and_then(|()| Proof::of(credentials));
        match proof.map_err(|error| self.invalid("the credentials cannot be sent", error))? {
            Proof::Header(name, value) => drop(self.headers.insert(name, value)),
            Proof::Query { parameter, key } => {
                self.url()?.query_pairs_mut().append_pair(&parameter, key.expose());
            }
        }
        Ok(())
    }
}
