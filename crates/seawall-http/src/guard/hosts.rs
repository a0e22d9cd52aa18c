use seawall_core::InvalidConfig;
use url::Host;

/// Which hosts an entry of an allow-list means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostRule {
    /// This one.
    Exactly(Host),
    /// Every one below this domain, which is kept with a dot in front.
    Below(String),
}

impl HostRule {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidConfig> {
        let invalid = || {
            let rule = "must be hosts, without scheme and port: example.com, *.example.com, 192.0.2.1, [2001:db8::1]";
            InvalidConfig::new("allowed_hosts", format!("{text:?}"), rule)
        };
        match text.strip_prefix("*.") {
            None if text.contains('*') => Err(invalid()),
            // Parsed as the hosts of URLs are, so that both are spelled alike.
            None => Host::parse(text).map(Self::Exactly).map_err(|_invalid| invalid()),
            Some(domain) => match Host::parse(domain) {
                Ok(Host::Domain(domain)) if !domain.contains('*') => Ok(Self::Below(format!(".{domain}"))),
                Ok(_) | Err(_) => Err(invalid()),
            },
        }
    }

    pub(crate) fn allows(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::Exactly(Host::Domain(allowed)), Host::Domain(host)) => allowed == without_root(host),
            (Self::Exactly(Host::Ipv4(allowed)), Host::Ipv4(host)) => allowed == host,
            (Self::Exactly(Host::Ipv6(allowed)), Host::Ipv6(host)) => allowed == host,
            (Self::Below(allowed), Host::Domain(host)) => {
                let host = without_root(host);
                host.len() > allowed.len() && host.ends_with(allowed.as_str())
            }
            _ => false,
        }
    }
}

/// `example.com.` is `example.com`.
fn without_root<'a>(host: &&'a str) -> &'a str {
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &str, host: &str) -> bool {
        let host = Host::parse(host).unwrap();
        let host = match &host {
            Host::Domain(domain) => Host::Domain(domain.as_str()),
            Host::Ipv4(address) => Host::Ipv4(*address),
            Host::Ipv6(address) => Host::Ipv6(*address),
        };
        HostRule::parse(rule).unwrap().allows(&host)
    }

    #[test]
    fn a_host_is_allowed_by_its_own_name_however_it_is_spelled() {
        assert!(allows("example.com", "EXAMPLE.com"));
        assert!(allows("example.com", "example.com."));
        assert!(allows("Bücher.example", "xn--bcher-kva.example"));
        assert!(!allows("example.com", "www.example.com"));
        assert!(!allows("example.com", "notexample.com"));
        assert!(!allows("example.com", "example.com.evil.test"));
    }

    #[test]
    fn a_star_allows_what_is_below_and_nothing_beside() {
        assert!(allows("*.example.com", "a.b.example.com"));
        assert!(!allows("*.example.com", "example.com"));
        assert!(!allows("*.example.com", "notexample.com"));
        assert!(!allows("*.example.com", "example.com.evil.test"));
    }

    #[test]
    fn an_address_is_allowed_however_it_is_spelled() {
        assert!(allows("127.0.0.1", "0x7f.1"));
        assert!(allows("[::1]", "[0:0:0:0:0:0:0:1]"));
        assert!(!allows("127.0.0.1", "127.0.0.2"));
        assert!(!allows("127.0.0.1", "[::ffff:127.0.0.1]"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for wrong in ["", "https://example.com", "example.com:80", "*.", "*", "*.*.com", "*.127.0.0.1", "a b"]
        {
            assert!(HostRule::parse(wrong).is_err(), "{wrong}");
        }
    }
}
