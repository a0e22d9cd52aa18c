use std::net::Ipv4Addr;

use http::Uri;
use http::uri::InvalidUri;
use url::{ParseError, Url};

/// Where a request goes. What is spelled as it is sent is not taken apart first, which would cost as much as all the rest
/// of building a request, and more.
pub(super) enum Address {
    Plain(Uri),
    Parsed(Url),
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, ParseError> {
        if is_plain(text)
            && let Ok(uri) = Uri::try_from(text)
        {
            return Ok(Self::Plain(uri));
        }
        Url::parse(text).map(Self::Parsed)
    }

    /// As an URL that can be changed.
    pub(super) fn parsed(&mut self) -> Result<&mut Url, ParseError> {
        if let Self::Plain(uri) = self {
            *self = Self::Parsed(Url::parse(&uri.to_string())?);
        }
        match self {
            Self::Parsed(url) => Ok(url),
            Self::Plain(_) => Err(ParseError::RelativeUrlWithoutBase),
        }
    }

    pub(super) fn uri(&self) -> Result<Uri, InvalidUri> {
        match self {
            Self::Plain(uri) => Ok(uri.clone()),
            Self::Parsed(url) => Uri::try_from(url.as_str()),
        }
    }

    pub(super) fn into_uri(self) -> Result<Uri, InvalidUri> {
        match self {
            Self::Plain(uri) => Ok(uri),
            Self::Parsed(url) => Uri::try_from(url.as_str()),
        }
    }
}

/// Whether parsing would give back the same: a URL in lower case up to its path, with nothing in it that is to be escaped,
/// resolved or left out. Most are; of the others some are taken for less plain than they are.
fn is_plain(url: &str) -> bool {
    let (rest, default_port) = match url.strip_prefix("http://") {
        Some(rest) => (rest, "80"),
        None => match url.strip_prefix("https://") {
            Some(rest) => (rest, "443"),
            None => return false,
        },
    };
    let Some(slash) = rest.bytes().position(|byte| byte == b'/') else { return false };
    let (authority, path) = rest.split_at(slash);
    let host = match authority.bytes().position(|byte| byte == b':').map(|colon| authority.split_at(colon)) {
        None => authority,
        Some((host, port)) if is_plain_port(&port[1..]) && port[1..] != *default_port => host,
        Some(_) => return false,
    };
    is_plain_host(host) && is_plain_path(path)
}

fn is_plain_port(port: &str) -> bool {
    !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok()
}

/// Names of letters of ASCII, and addresses in four parts.
fn is_plain_host(host: &str) -> bool {
    let (mut before, mut begins_label_with) = (b'.', b'.');
    for byte in host.bytes() {
        let is_plain = match byte {
            b'a'..=b'z' | b'0'..=b'9' => true,
            b'.' => before != b'.',
            // A label with two hyphens may be one of another alphabet, which is looked at more closely.
            b'-' => before != b'-',
            _ => false,
        };
        if !is_plain {
            return false;
        }
        if before == b'.' {
            begins_label_with = byte;
        }
        before = byte;
    }
    match begins_label_with {
        b'0'..=b'9' => host.parse::<Ipv4Addr>().is_ok(),
        _ => before != b'.' && host.len() <= 253,
    }
}

/// Paths and queries without segments that lead back up, which may be escaped too.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let (mut before, mut is_escaped) = (0, false);
    for byte in path.bytes() {
        if !PLAIN_IN_PATHS[usize::from(byte)] || (byte == b'.' && before == b'/') {
            return false;
        }
        is_escaped |= byte == b'%';
        before = byte;
    }
    !is_escaped || !["%2e", "%2E"].iter().any(|dot| path.contains(dot))
}

/// Letters and digits among them; not the quotes, brackets, slashes and signs that are escaped or end a path.
const PLAIN_IN_PATHS: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        plain[byte] = matches!(
            byte as u8,
            b'!' | b'$'..=b'&' | b'('..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~'
        );
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_plain_is_parsed_to_itself(
            url in "(http|https)://[a-z0-9.x-]{0,12}(:[0-9]{0,6})?[/.a-z0-9%2eE?&=;:@!$'()*+,_~|^A-Z-]{0,16}"
        ) {
            if is_plain(&url) {
                let parsed = Url::parse(&url);
                prop_assert_eq!(parsed.as_ref().map(Url::as_str), Ok(url.as_str()));
                prop_assert_eq!(Uri::try_from(&url).unwrap().to_string(), url);
            }
        }
    }

    #[test]
    fn most_urls_are_plain() {
        for url in [
            "http://127.0.0.1:8080/small/one",
            "https://api.example.com/v1/items?page=2&sort=name%20up",
            "http://localhost:3000/",
            "https://a-b.example/~me/file.tar.gz",
        ] {
            assert!(is_plain(url), "{url}");
        }
    }

    #[test]
    fn what_is_changed_by_parsing_is_not_plain() {
        for url in [
            "HTTP://example.com/",
            "http://EXAMPLE.com/",
            "http://example.com",
            "http://example.com:80/",
            "https://example.com:443/",
            "http://example.com:080/",
            "http://example.com:/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://127.000.0.1/",
            "http://me:secret@example.com/",
            "http://bücher.example/",
            "http://xn--bcher-kva.example/",
            "http://example.com/a/../b",
            "http://example.com/a/%2e%2E/b",
            "http://example.com/a b",
            "http://example.com/?q='",
            "http://example.com/#part",
            "http://[::1]/",
            " http://example.com/",
            "ftp://example.com/",
            "/relative",
        ] {
            assert!(!is_plain(url), "{url}");
        }
    }
}
