use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use seawall_core::{Error, FailureKind, InvalidConfig};

use super::guard::Guard;
use super::message::Message;
use super::record::{MOST_TAGS, Record, TOMBSTONE, head};
use super::{SecondTier, TierListener};
use crate::clock::{LONGEST, nanoseconds};
use crate::stats::Counters;
use crate::voice::Voice;
use crate::{CacheConfig, Codec, Tags, Ttl};

/// The tag that every entry has: it ends when the whole cache is cleared.
const GENERATION: u64 = 0;
/// How long a tag's token is kept. When it is lost, its entries are invalid, which is safe.
const TOKEN_TIME: Duration = Duration::from_hours(30 * 24);

/// How keys and values of one cache look in its second tier.
pub(crate) struct Link<K, V> {
    pub(crate) tier: Arc<dyn SecondTier>,
    pub(crate) codec: Arc<dyn Codec<V>>,
    pub(crate) write_key: fn(&K) -> String,
    pub(crate) read_key: fn(&str) -> Option<K>,
}

/// The second tier as one cache sees it.
///
/// Entries are under `name:k:key`, in the form of a [`Record`]. Each tag has a token, a random number, under `name:t:hash`;
/// an entry holds while its tags have the tokens that they had before its value was read. To invalidate a tag is to give
/// it another token: one write, however many entries there are. A token that is lost invalidates too.
pub(crate) struct Remote<K, V> {
    link: Link<K, V>,
    guard: Guard,
    name: Arc<str>,
    version: u16,
    /// How long a tombstone keeps loads that began before it from putting their value back.
    tombstone_time: Duration,
    /// Who we are to those who hear our messages.
    origin: u64,
    /// Records written before this were possibly to be overwritten or removed by a request of ours that failed, in
    /// milliseconds since 1970.
    distrusted: AtomicU64,
}

/// What the second tier said about a key.
pub(crate) struct Look<V> {
    pub(crate) found: Option<Seen<V>>,
    /// On what a value that is loaded now may be written; `None` if the second tier could not be asked.
    basis: Option<Basis>,
}

/// A value of the second tier, fresh or not.
pub(crate) struct Seen<V> {
    pub(crate) value: V,
    pub(crate) ttl: Ttl,
    pub(crate) age: Duration,
    pub(crate) cost: u64,
    pub(crate) tags: Tags,
}

struct Basis {
    head: Bytes,
    /// Tags and their tokens.
    tokens: Vec<(u64, u64)>,
}

/// Tags and their tokens, as far as these are known.
type Known = Vec<(u64, Option<u64>)>;

/// What is to be written.
pub(crate) struct Write {
    /// The value's form.
    pub(crate) payload: Vec<u8>,
    pub(crate) ttl: Ttl,
    pub(crate) cost: u64,
    /// When it is, in milliseconds since 1970.
    pub(crate) now: u64,
}

impl<K: 'static, V: 'static> Remote<K, V> {
    pub(crate) fn new(
        link: Link<K, V>,
        voice: Voice,
        version: u16,
        config: &CacheConfig,
        counters: Arc<Counters>,
    ) -> Result<Self, InvalidConfig> {
        let name = Arc::clone(&voice.name);
        Ok(Self {
            link,
            guard: Guard::new(&config.second_tier, counters, voice)?,
            name,
            version,
            tombstone_time: config.load_timeout.min(LONGEST) * 2,
            // Not from the seed: two processes with the same seed are still two.
            origin: fastrand::u64(..),
            distrusted: AtomicU64::new(0),
        })
    }

    pub(crate) fn listen(&self, listener: std::sync::Weak<dyn TierListener>) {
        self.link.tier.listen(listener);
    }

    pub(crate) fn understand(&self, message: &[u8]) -> Option<Message> {
        Message::read(message, self.origin, &self.name)
    }

    pub(crate) fn read_key(&self, text: &str) -> Option<K> {
        (self.link.read_key)(text)
    }

    /// The form of a value.
    pub(crate) fn encode(&self, value: &V) -> Result<Vec<u8>, Error> {
        let mut payload = Vec::new();
        match self.link.codec.encode(value, &mut payload) {
            Ok(()) => Ok(payload),
            Err(cause) => Err(Error::new(FailureKind::Permanent, "cache", &self.name)
                .with_message("the value has no form in the second tier")
                .with_source(cause)
                .not_executed()),
        }
    }

    /// Asks for a key, and for the tokens that a value loaded now would be written with.
    pub(crate) async fn look(&self, key: &K, tags: &Tags, now: u64) -> Look<V> {
        let mut tags: Vec<_> = [GENERATION].into_iter().chain(tags.hashes().iter().copied()).collect();
        tags.dedup();
        let mut keys = vec![self.key(key)];
        keys.extend(tags.iter().map(|tag| self.token_key(*tag)));
        let Ok(mut answer) = self.get(&keys).await else { return Look { found: None, basis: None } };
        let bytes = answer[0].take().unwrap_or_default();
        let known: Vec<_> =
            tags.into_iter().zip(answer[1..].iter().map(|bytes| token(bytes.as_ref()))).collect();
        let found = self.seen(bytes.clone(), &known, now).await;
        // Now, and not when the value is written: who invalidates in between gives the tag another token.
        let tokens = self.tokens(known).await;
        Look { found, basis: tokens.ok().map(|tokens| Basis { head: head(&bytes), tokens }) }
    }

    /// Writes what was loaded after `look`, unless somebody has written or removed it meanwhile.
    pub(crate) async fn fill(&self, key: &K, look: Look<V>, write: &Write) {
        let Some(Basis { head, tokens }) = look.basis else { return };
        let Some(bytes) = self.record(tokens, write) else { return };
        let (key, time) = (self.key(key), lifetime(write.ttl));
        // Somebody else's is as good or better, so that it was not written is no failure; what fails, the guard tells.
        let _written = self.guard.ask(|| self.link.tier.replace(&key, &head, bytes, time)).await;
    }

    /// Writes a value, whatever is there, and tells the other processes.
    pub(crate) async fn set(&self, key: &K, tags: &Tags, write: &Write) -> Result<(), Error> {
        let written = async {
            let tags: Vec<_> = [GENERATION].into_iter().chain(tags.hashes().iter().copied()).collect();
            let keys: Vec<_> = tags.iter().map(|tag| self.token_key(*tag)).collect();
            let known = tags
                .into_iter()
                .zip(self.get(&keys).await?.iter().map(|bytes| token(bytes.as_ref())))
                .collect();
            match self.record(self.tokens(known).await?, write) {
                None => self.bury(key, write.now).await,
                Some(bytes) => {
                    let (key, time) = (self.key(key), lifetime(write.ttl));
                    self.guard.ask(|| self.link.tier.set(&key, bytes, time)).await
                }
            }
        };
        let written = written.await;
        self.settle(written, write.now)?;
        self.publish(&Message::Key((self.link.write_key)(key))).await
    }

    pub(crate) async fn remove(&self, key: &K, now: u64) -> Result<(), Error> {
        let buried = self.bury(key, now).await;
        self.settle(buried, now)?;
        self.publish(&Message::Key((self.link.write_key)(key))).await
    }

    pub(crate) async fn invalidate(&self, tags: &Tags, now: u64) -> Result<(), Error> {
        self.retoken(tags.hashes(), now).await?;
        self.publish(&Message::Tags(tags.hashes().to_vec())).await
    }

    pub(crate) async fn clear(&self, now: u64) -> Result<(), Error> {
        self.retoken(&[GENERATION], now).await?;
        self.publish(&Message::All).await
    }

    async fn retoken(&self, tags: &[u64], now: u64) -> Result<(), Error> {
        for tag in tags {
            let (key, token) = (self.token_key(*tag), fastrand::u64(..));
            let value = Bytes::copy_from_slice(&token.to_le_bytes());
            let set = self.guard.ask(|| self.link.tier.set(&key, value, TOKEN_TIME)).await;
            self.settle(set, now)?;
        }
        Ok(())
    }

    async fn bury(&self, key: &K, now: u64) -> Result<(), Error> {
        let tombstone = Record::tombstone(fastrand::u64(..), now).write();
        let key = self.key(key);
        self.guard.ask(|| self.link.tier.set(&key, tombstone.into(), self.tombstone_time)).await
    }

    async fn publish(&self, message: &Message) -> Result<(), Error> {
        let bytes = message.write(self.origin, &self.name);
        self.guard.ask(|| self.link.tier.publish(bytes)).await
    }

    /// Remembers that a write failed: what it was to end may still be there.
    fn settle(&self, written: Result<(), Error>, now: u64) -> Result<(), Error> {
        if written.is_err() {
            self.distrusted.fetch_max(now, Relaxed);
        }
        written
    }

    async fn get(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, Error> {
        let answer = self.guard.ask(|| self.link.tier.get(keys)).await?;
        if answer.len() == keys.len() {
            return Ok(answer);
        }
        let message = "the second tier did not answer for every key";
        Err(Error::new(FailureKind::Permanent, "cache", &self.name).with_message(message))
    }

    /// The value of a record, if it is one of ours, and its tags hold.
    async fn seen(&self, bytes: Bytes, known: &Known, now: u64) -> Option<Seen<V>> {
        let (record, payload) = Record::read(bytes)?;
        let ours = record.codec == self.link.codec.id() && record.version == self.version;
        let trusted = record.written > self.distrusted.load(Relaxed);
        if record.codec == TOMBSTONE || !ours || !trusted || !self.hold(&record.tags, known).await {
            return None;
        }
        let value = self.link.codec.decode(payload).ok()?;
        let milliseconds = |number| Duration::from_millis(number).min(LONGEST);
        let nanoseconds = |number| nanoseconds(milliseconds(number));
        let tags = record.tags.iter().map(|(tag, _)| *tag).filter(|tag| *tag != GENERATION).collect();
        Some(Seen {
            value,
            ttl: Ttl {
                fresh: nanoseconds(record.fresh),
                stale: nanoseconds(record.stale),
                on_error: nanoseconds(record.on_error),
                idle: (record.idle > 0).then(|| milliseconds(record.idle)),
                failures: None,
            },
            // A record from the future is from a process whose calendar is ahead of ours.
            age: milliseconds(now.saturating_sub(record.written)),
            cost: record.cost,
            tags: Tags::from_hashes(tags),
        })
    }

    /// Whether each tag still has its token. Those that were not asked for yet are asked for.
    async fn hold(&self, tags: &[(u64, u64)], known: &Known) -> bool {
        let mut unknown = Vec::new();
        for (tag, token) in tags {
            match known.iter().find(|(other, _)| other == tag) {
                Some((_, now)) if *now == Some(*token) => {}
                Some(_) => return false,
                None => unknown.push((*tag, *token)),
            }
        }
        if unknown.is_empty() {
            return true;
        }
        let keys: Vec<_> = unknown.iter().map(|(tag, _)| self.token_key(*tag)).collect();
        self.get(&keys).await.is_ok_and(|answer| {
            unknown.iter().zip(&answer).all(|((_, token), now)| self::token(now.as_ref()) == Some(*token))
        })
    }

    /// The bytes to write; `None` if there are too many tags for a record.
    fn record(&self, tags: Vec<(u64, u64)>, write: &Write) -> Option<Bytes> {
        if tags.len() > MOST_TAGS {
            return None;
        }
        let Ttl { fresh, stale, on_error, idle, .. } = write.ttl;
        let milliseconds = |nanoseconds| nanoseconds / 1_000_000;
        let mut bytes = Record {
            codec: self.link.codec.id(),
            version: self.version,
            id: fastrand::u64(..),
            written: write.now,
            fresh: milliseconds(fresh),
            stale: milliseconds(stale),
            on_error: milliseconds(on_error),
            idle: idle.map_or(0, |idle| (idle.min(LONGEST).as_millis() as u64).max(1)),
            cost: write.cost,
            tags,
        }
        .write();
        bytes.extend_from_slice(&write.payload);
        Some(bytes.into())
    }

    /// A token for each tag: tags that have none get one.
    async fn tokens(&self, known: Known) -> Result<Vec<(u64, u64)>, Error> {
        let mut tokens = Vec::with_capacity(known.len());
        for (tag, known) in known {
            tokens.push((tag, self.token(tag, known).await?));
        }
        Ok(tokens)
    }

    async fn token(&self, tag: u64, known: Option<u64>) -> Result<u64, Error> {
        if let Some(token) = known {
            return Ok(token);
        }
        let (keys, token) = ([self.token_key(tag)], fastrand::u64(..));
        let value = Bytes::copy_from_slice(&token.to_le_bytes());
        let ours = self.guard.ask(|| self.link.tier.replace(&keys[0], &[], value, TOKEN_TIME)).await?;
        if ours {
            return Ok(token);
        }
        // Somebody was faster. What has no token even now is invalid from the start.
        Ok(self.get(&keys).await?.iter().find_map(|bytes| self::token(bytes.as_ref())).unwrap_or(token))
    }

    fn key(&self, key: &K) -> String {
        format!("{}:k:{}", self.name, (self.link.write_key)(key))
    }

    fn token_key(&self, tag: u64) -> String {
        format!("{}:t:{tag:016x}", self.name)
    }
}

fn token(bytes: Option<&Bytes>) -> Option<u64> {
    bytes.map(|bytes| &bytes[..]).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
}

/// How long the second tier has a use for an entry.
fn lifetime(ttl: Ttl) -> Duration {
    Duration::from_nanos(ttl.fresh + ttl.stale.max(ttl.on_error)).max(Duration::from_millis(1))
}
