//! Which of a URL's responses a request gets (RFC 9111 §4.1).

use std::hash::{BuildHasher, Hasher, RandomState};

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, VARY};

use crate::http_cache::CacheScope;

/// The headers that a response depends on, in order and each once; `None` if no other request can ever match (`*`).
///
/// A private cache is that of one user, so it tells users apart by what they show: their credentials and cookies.
pub(crate) fn nominated(response: &HeaderMap, scope: CacheScope) -> Option<Box<[HeaderName]>> {
    let mut names = match scope {
        CacheScope::Shared => Vec::new(),
        CacheScope::Private => vec![AUTHORIZATION, COOKIE],
    };
    for line in response.get_all(VARY) {
        for item in line.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if !item.is_empty() {
                // A name that is none may stand for anything, as the star does.
                names.push(HeaderName::from_bytes(item).ok().filter(|name| name != "*")?);
            }
        }
    }
    names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    Some(names.into())
}

/// What a request says in the headers that a response depends on. A hash, so that no credentials are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VariantId(u64, u64);

/// The secret of the hashes: a server that is asked for many variants must not find two that are alike.
#[derive(Debug, Default)]
pub(crate) struct VariantKey(RandomState, RandomState);

impl VariantKey {
    /// Lines of one header are one list, and white space around its items means nothing. In a private cache, which
    /// always names `Authorization`, whatever is marked as a secret tells users apart as well.
    pub(crate) fn identify(&self, names: &[HeaderName], request: &HeaderMap) -> VariantId {
        let (mut one, mut other) = (self.0.build_hasher(), self.1.build_hasher());
        let mut write = |bytes: &[u8]| {
            one.write(bytes);
            other.write(bytes);
        };
        for name in names {
            write(name.as_str().as_bytes());
            // No header's value has these bytes, so nothing can pass for something else.
            write(b"\0");
            for line in request.get_all(name) {
                for item in line.as_bytes().split(|&byte| byte == b',') {
                    write(item.trim_ascii());
                    write(b"\n");
                }
            }
            write(b"\0");
        }
        if names.contains(&AUTHORIZATION) {
            let mut secrets: Vec<_> = request.iter().filter(|(_, value)| value.is_sensitive()).collect();
            secrets.sort_unstable_by_key(|(name, _)| name.as_str());
            for (name, value) in secrets {
                write(name.as_str().as_bytes());
                write(b"\0");
                write(value.as_bytes());
                write(b"\0");
            }
        }
        VariantId(one.finish(), other.finish())
    }
}
