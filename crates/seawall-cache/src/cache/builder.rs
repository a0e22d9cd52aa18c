use std::fmt;
use std::fmt::Display;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::Arc;

use seawall_core::{InvalidConfig, Observer};

use super::Cache;
use crate::chance::{Chance, Jitter};
use crate::clock::Clock;
use crate::engine::{Bounds, Engine, Weigher};
use crate::entry::Entry;
use crate::flight::Flights;
use crate::shared::Shared;
use crate::shelf::{OVERHEAD, in_bytes};
use crate::stats::Counters;
use crate::tier::{Link, Remote};
use crate::versions::Versions;
use crate::voice::Voice;
use crate::{CacheConfig, Codec, Encoded, Key, SecondTier, TierListener, Value};

/// As many entries as a cache of one type holds if nobody says.
const ENTRIES: NonZeroU64 = const { NonZeroU64::new(10_000).unwrap() };
/// A shard of fewer entries is too small a sample to know what is popular.
const SMALLEST_SHARD: u64 = 128;
/// Threads wait for each other where they meet in a shard, so there are many more shards than processors.
const MOST_SHARDS: u64 = 256;

/// Makes a [`Cache`]. See [`Cache::builder`] and [`Cache::any`].
pub struct CacheBuilder<K, V> {
    voice: Voice,
    version: u16,
    config: CacheConfig,
    bound: Bound<K, V>,
    second_tier: Option<Link<K, V>>,
}

/// What the capacity counts.
enum Bound<K, V> {
    Entries,
    Weight(Weigher<K, V>),
    /// Bytes, by this.
    Bytes(fn(&K, &V) -> u64),
}

impl<K, V> CacheBuilder<K, V> {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            voice: Voice { name, ..Voice::default() },
            version: 0,
            config: CacheConfig { capacity: ENTRIES, ..CacheConfig::default() },
            bound: Bound::Entries,
            second_tier: None,
        }
    }

    /// Takes all of a configuration, its capacity too.
    pub fn config(mut self, config: &CacheConfig) -> Self {
        self.config = config.clone();
        self
    }

    /// How much the cache holds at most: in entries, 10 000 by default, or in what its [weigher](Self::weigher) says. At
    /// least 1.
    pub fn capacity(mut self, capacity: u64) -> Self {
        self.config.capacity = NonZeroU64::new(capacity).unwrap_or(NonZeroU64::MIN);
        self
    }

    /// Says how much an entry weighs: its bytes, for example. It must weigh the same every time; nothing weighs less than 1.
    pub fn weigher(mut self, weigh: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.bound = Bound::Weight(Arc::new(weigh));
        self
    }

    /// The version of the value's type, 0 until then. What other versions have written into the second tier counts as
    /// nothing, so change it with the type. Keys and tags are those of all versions: while a new one is rolled out, each
    /// hears what the other invalidates.
    pub fn version(mut self, version: u16) -> Self {
        self.version = version;
        self
    }

    /// Puts a second tier behind the memory, which holds values as `codec` writes them.
    ///
    /// Keys are written as they are shown, so two that show the same text are one there, and are read again from it when
    /// another process says that one is outdated.
    pub fn second_tier(mut self, tier: Arc<dyn SecondTier>, codec: impl Codec<V>) -> Self
    where
        K: Display + FromStr,
    {
        self.second_tier = Some(Link {
            tier,
            codec: Arc::new(codec),
            write_key: |key| key.to_string(),
            read_key: |text| text.parse().ok(),
        });
        self
    }

    /// Names the pipeline the cache stands in, in events. `default` until then.
    pub fn pipeline(mut self, pipeline: &'static str) -> Self {
        self.voice.pipeline = pipeline;
        self
    }

    /// Says who is told when the second tier fails, its circuit opens or closes, or something old answers in place of a
    /// failure. Nobody until then.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.voice.observer = Some(observer);
        self
    }
}

impl<K: Key, V: Value> CacheBuilder<K, V> {
    /// An empty cache.
    ///
    /// # Errors
    /// When a value of the configuration is out of its bounds, or the name is empty or has a colon in it, which separates
    /// names from keys in the second tier.
    pub fn build(self) -> Result<Cache<K, V>, InvalidConfig> {
        let Self { voice, version, config, bound, second_tier } = self;
        config.validate()?;
        if voice.name.is_empty() || voice.name.contains(':') {
            return Err(InvalidConfig::new("name", &voice.name, "must not be empty or contain a colon"));
        }
        let counters = Arc::<Counters>::default();
        let remote = second_tier
            .map(|link| Remote::new(link, voice.clone(), version, &config, Arc::clone(&counters)))
            .transpose()?;
        let shared = Arc::new(Shared {
            engine: bound.engine(config.capacity),
            flights: Flights::default(),
            versions: Versions::default(),
            clock: Clock::new(),
            chance: Chance::new(config.seed),
            jitter: Jitter::new(config.jitter),
            counters,
            remote,
            config,
            voice,
        });
        if let Some(remote) = &shared.remote {
            let listener: Arc<dyn TierListener> = Arc::<Shared<K, V>>::clone(&shared);
            remote.listen(Arc::downgrade(&listener));
        }
        Ok(Cache(shared))
    }
}

impl<K: Key, V: Value> Bound<K, V> {
    fn engine(self, capacity: NonZeroU64) -> Engine<K, Entry<V>> {
        match self {
            Self::Entries => {
                Engine::new(&Bounds::divided(capacity.get(), 1, SMALLEST_SHARD, MOST_SHARDS), None)
            }
            Self::Weight(weigh) => {
                // Few, because one entry must fit into one, and nobody knows how heavy they are.
                let shards = if capacity.get() < 1024 { 1 } else { 8 };
                let bounds = Bounds { capacity: capacity.get(), usual_weight: 1024, shards };
                Engine::new(&bounds, Some(weigh_values(move |key, value| weigh(key, value))))
            }
            Self::Bytes(weigh) => Engine::new(&in_bytes(capacity), Some(weigh_values(weigh))),
        }
    }
}

/// What an entry weighs, by what its value does. A remembered failure weighs as if it had no value.
fn weigh_values<K, V>(weigh: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Weigher<K, Entry<V>> {
    Arc::new(move |key, entry| entry.value().map_or(OVERHEAD, |value| weigh(key, value)))
}

impl CacheBuilder<String, Encoded> {
    pub(super) fn any(name: Arc<str>) -> Self {
        Self {
            config: CacheConfig::default(),
            bound: Bound::Bytes(|key, value| key.len() as u64 + value.0.len() as u64 + OVERHEAD),
            ..Self::new(name)
        }
    }
}

impl<K, V> fmt::Debug for CacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("voice", &self.voice)
            .field("version", &self.version)
            .field("config", &self.config)
            .field("second_tier", &self.second_tier.is_some())
            .finish_non_exhaustive()
    }
}
