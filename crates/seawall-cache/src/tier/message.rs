//! What caches in different processes tell each other: byte 0 is the version of the form, 1; byte 1 the kind; bytes 2–9
//! say who tells it, 10–17 are the hash of the cache's name; then come hashes of tags, or the text of one key.

use bytes::{Buf, BufMut, Bytes};

use crate::tags::hash;

/// Something that no process may go on serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Key(String),
    Tags(Vec<u64>),
    All,
}

const VERSION: u8 = 1;
const KEY: u8 = 1;
const TAGS: u8 = 2;
const ALL: u8 = 3;
const PREAMBLE: usize = 18;

impl Message {
    pub(super) fn write(&self, origin: u64, cache: &str) -> Bytes {
        let mut bytes = Vec::with_capacity(PREAMBLE + 32);
        bytes.put_u8(VERSION);
        bytes.put_u8(match self {
            Self::Key(_) => KEY,
            Self::Tags(_) => TAGS,
            Self::All => ALL,
        });
        bytes.put_u64_le(origin);
        bytes.put_u64_le(hash(cache));
        match self {
            Self::Key(key) => bytes.put_slice(key.as_bytes()),
            Self::Tags(tags) => tags.iter().for_each(|tag| bytes.put_u64_le(*tag)),
            Self::All => {}
        }
        bytes.into()
    }

    /// The message, unless it is our own, or another cache's, or none.
    pub(super) fn read(mut bytes: &[u8], origin: u64, cache: &str) -> Option<Self> {
        if bytes.len() < PREAMBLE || bytes.get_u8() != VERSION {
            return None;
        }
        let kind = bytes.get_u8();
        if bytes.get_u64_le() == origin || bytes.get_u64_le() != hash(cache) {
            return None;
        }
        match kind {
            KEY => Some(Self::Key(std::str::from_utf8(bytes).ok()?.to_owned())),
            TAGS if bytes.len().is_multiple_of(8) => {
                Some(Self::Tags(bytes.chunks_exact(8).map(|mut tag| tag.get_u64_le()).collect()))
            }
            ALL => Some(Self::All),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Message> {
        prop_oneof![
            any::<String>().prop_map(Message::Key),
            any::<Vec<u64>>().prop_map(Message::Tags),
            Just(Message::All),
        ]
    }

    proptest! {
        #[test]
        fn a_message_is_heard_by_the_same_cache_of_another_process_only(message in message()) {
            let bytes = message.write(1, "users");
            prop_assert_eq!(Message::read(&bytes, 2, "users"), Some(message));
            prop_assert_eq!(Message::read(&bytes, 1, "users"), None);
            prop_assert_eq!(Message::read(&bytes, 2, "orders"), None);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Message::read(&bytes, 1, "users");
        }
    }
}
