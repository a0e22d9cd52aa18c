use std::io;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use seawall_core::{BoxError, Error};
use url::Url;

use crate::builder::wrong;
use crate::config::{Proxy, ProxyConfig};
use crate::target::without_brackets;

/// Which proxy stands between here and where, if one does.
pub(crate) struct Proxies(Matcher);

impl Proxies {
    /// None where nothing can name one: each connection would be matched against that all the same.
    pub(crate) fn new(config: &Proxy) -> Result<Option<Self>, Error> {
        Ok(match config {
            Proxy::System if system_may_name_one() => Some(Self(Matcher::from_system())),
            Proxy::System | Proxy::Off => None,
            Proxy::Through(proxy) => Some(Self::through(proxy)?),
        })
    }

    fn through(config: &ProxyConfig) -> Result<Self, Error> {
        let url = with_user(config).map_err(|error| wrong("proxy.url", error))?;
        // One that is not understood would be passed by in silence.
        let everything = Matcher::builder().all(url.as_str()).build();
        if everything.intercept(&Uri::from_static("https://example.com/")).is_none() {
            return Err(wrong("proxy.url", "it is not one of a proxy"));
        }
        Ok(Self(Matcher::builder().all(url).no(config.no_proxy.join(",")).build()))
    }

    /// The one on the way there.
    pub(super) fn to(&self, uri: &Uri) -> Option<Intercept> {
        self.0.intercept(uri)
    }

    /// What the one on the way there is shown with each request, if it reads requests; others are shown it as the
    /// connection is made.
    pub(crate) fn authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        let reads_it = uri.scheme() == Some(&http::uri::Scheme::HTTP);
        let proxy = self.to(uri).filter(|_| reads_it)?;
        proxy.basic_auth().cloned()
    }
}

/// The URL as the matcher takes it, user and password within.
fn with_user(config: &ProxyConfig) -> Result<String, BoxError> {
    let url = Url::parse(&config.url)?;
    let (scheme, host) = (url.scheme(), url.host_str().ok_or("it has no host")?);
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let user = match config.user.as_str() {
        "" => String::new(),
        user => format!("{}:{}@", escaped(user), escaped(config.password.expose())),
    };
    Ok(format!("{scheme}://{user}{host}{port}/"))
}

/// Whether the system could name a proxy.
fn system_may_name_one() -> bool {
    const NAMES: [&str; 6] =
        ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"];
    // Those two have settings beside the environment.
    let has_settings = cfg!(any(windows, target_os = "macos"));
    has_settings || NAMES.iter().any(|name| std::env::var_os(name).is_some())
}

/// The address of a host, for a proxy that is given one.
pub(super) async fn looked_up(to: &Uri) -> Result<Uri, BoxError> {
    let host = without_brackets(to.host().unwrap_or_default());
    let port = to.port_u16().unwrap_or(if to.scheme_str() == Some("https") { 443 } else { 80 });
    let address = tokio::net::lookup_host((host, port)).await?.next();
    let address =
        address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
    with_authority(to, &address.to_string())
}

/// Where a SOCKS proxy listens unless its URL says otherwise (RFC 1928).
pub(super) fn with_port_of_socks(proxy: &Uri) -> Result<Uri, BoxError> {
    match (proxy.port(), proxy.host()) {
        (None, Some(host)) => with_authority(proxy, &format!("{host}:1080")),
        _ => Ok(proxy.clone()),
    }
}

fn with_authority(uri: &Uri, authority: &str) -> Result<Uri, BoxError> {
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(authority.parse()?);
    Ok(Uri::from_parts(parts)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(url: &str, user: &str, password: &str) -> Proxies {
        let (url, user, password) = (url.to_owned(), user.to_owned(), password.into());
        let proxy = ProxyConfig { url, user, password, ..ProxyConfig::default() };
        Proxies::new(&Proxy::Through(proxy)).unwrap().unwrap()
    }

    #[test]
    fn a_password_of_any_characters_arrives_as_it_is() {
        let proxies = through("socks5://[::1]:1081", "me", "50%41:p@ss/ö");
        let proxy = proxies.to(&Uri::from_static("https://example.com/")).unwrap();
        assert_eq!(proxy.raw_auth(), Some(("me", "50%41:p@ss/ö")));
        assert_eq!(proxy.uri(), "socks5://[::1]:1081/");
    }

    #[test]
    fn only_a_proxy_that_reads_requests_is_shown_its_credentials_with_them() {
        let (plain, secure) = (Uri::from_static("http://a.example/"), Uri::from_static("https://a.example/"));
        let proxies = through("http://proxy:3128", "me", "hunter2");
        assert_eq!(proxies.authorization(&plain).unwrap(), "Basic bWU6aHVudGVyMg==");
        assert!(proxies.authorization(&plain).unwrap().is_sensitive());
        assert_eq!(proxies.authorization(&secure), None);
        assert_eq!(through("socks5://proxy", "me", "hunter2").authorization(&plain), None);
        assert_eq!(through("http://proxy:3128", "", "").authorization(&plain), None);
    }

    #[test]
    fn a_socks_proxy_listens_at_its_own_port_unless_told() {
        let at = |url: &'static str| with_port_of_socks(&Uri::from_static(url)).unwrap().to_string();
        assert_eq!(at("socks5://proxy/"), "socks5://proxy:1080/");
        assert_eq!(at("socks5://[::1]/"), "socks5://[::1]:1080/");
        assert_eq!(at("socks5://proxy:9050/"), "socks5://proxy:9050/");
    }

    #[tokio::test]
    async fn an_address_is_handed_to_the_proxy_as_it_is() {
        let looked_up =
            async |url: &'static str| looked_up(&Uri::from_static(url)).await.unwrap().to_string();
        assert_eq!(looked_up("http://[::1]/").await, "http://[::1]:80/");
        assert_eq!(looked_up("https://127.0.0.1/").await, "https://127.0.0.1:443/");
    }
}
