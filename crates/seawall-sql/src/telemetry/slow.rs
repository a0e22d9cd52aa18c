use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use seawall_core::{InvalidConfig, or_off};
use serde::{Deserialize, Serialize};

use crate::clock::calendar;
use crate::named::CompiledCache;

/// The part of [`SqlConfig`](crate::SqlConfig) that says which queries are slow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlowQueriesConfig {
    /// A call that takes at least this long, all its waits and attempts included, is kept in mind. Default 500 ms, or
    /// `"off"`.
    #[serde(with = "or_off::duration")]
    pub threshold: Option<Duration>,
    /// How many different statements are kept in mind; the one that was not slow for longest makes room. Default 100.
    pub capacity: NonZeroUsize,
}

impl Default for SlowQueriesConfig {
    fn default() -> Self {
        Self {
            threshold: Some(Duration::from_millis(500)),
            capacity: const { NonZeroUsize::new(100).unwrap() },
        }
    }
}

impl SlowQueriesConfig {
    pub(crate) fn validate(&self) -> Result<(), InvalidConfig> {
        if self.capacity.get() > 10_000 {
            return Err(InvalidConfig::new("capacity", self.capacity, "must be at most 10000"));
        }
        Ok(())
    }
}

/// A statement whose calls were slow: what [`Sql::slow_queries`](crate::Sql::slow_queries) lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SlowQuery {
    /// What was asked, with a question mark in place of each value that was written into it. Bound values are not in it.
    pub statement: String,
    /// How many of its calls were slow. Those that were not are not counted.
    pub calls: u64,
    /// How long those took, all together.
    pub total: Duration,
    /// How long the slowest of them took.
    pub longest: Duration,
    /// When the last of them ended.
    pub last: SystemTime,
    /// Where in the code the last of them was asked for: file, line and column.
    pub place: String,
}

/// What is known of the slow ones; bounded.
pub(super) struct SlowQueries {
    threshold: Option<Duration>,
    capacity: usize,
    known: Mutex<HashMap<Arc<str>, Slow>>,
}

struct Slow {
    calls: u64,
    total: Duration,
    longest: Duration,
    last: SystemTime,
    place: &'static Location<'static>,
}

impl SlowQueries {
    pub(super) fn new(config: &SlowQueriesConfig) -> Self {
        Self { threshold: config.threshold, capacity: config.capacity.get(), known: Mutex::default() }
    }

    pub(super) fn is_on(&self) -> bool {
        self.threshold.is_some()
    }

    /// Whether a call was slow; it is kept in mind then.
    pub(super) fn note(&self, text: &Arc<str>, place: &'static Location<'static>, elapsed: Duration) -> bool {
        if self.threshold.is_none_or(|threshold| elapsed < threshold) {
            return false;
        }
        let last = calendar();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.capacity && !known.contains_key(text) {
            let oldest = known.iter().min_by_key(|(_, slow)| slow.last).map(|(text, _)| Arc::clone(text));
            oldest.and_then(|oldest| known.remove(&oldest));
        }
        let slow = known.entry(Arc::clone(text)).or_insert(Slow {
            calls: 0,
            total: Duration::ZERO,
            longest: Duration::ZERO,
            last,
            place,
        });
        slow.calls += 1;
        slow.total = slow.total.saturating_add(elapsed);
        slow.longest = slow.longest.max(elapsed);
        (slow.last, slow.place) = (last, place);
        true
    }

    /// Statements that differ only in the values written into them are one.
    pub(super) fn list(&self, limit: usize, texts: &CompiledCache) -> Vec<SlowQuery> {
        let mut listed: HashMap<String, SlowQuery> = HashMap::new();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (text, slow) in &*known {
            let statement = match texts.of(text) {
                Ok(_) if text.is_empty() => "begin".to_owned(),
                Ok(compiled) => compiled.normalised.to_string(),
                // It was never sent, for nobody can read it, and nobody knows where its values are.
                Err(_unreadable) => "?".to_owned(),
            };
            let place = slow.place.to_string();
            let Slow { calls, total, longest, last, .. } = *slow;
            listed
                .entry(statement.clone())
                .and_modify(|listed| {
                    listed.calls += calls;
                    listed.total = listed.total.saturating_add(total);
                    listed.longest = listed.longest.max(longest);
                    if last > listed.last {
                        listed.last = last;
                        listed.place.clone_from(&place);
                    }
                })
                .or_insert(SlowQuery { statement, calls, total, longest, last, place });
        }
        drop(known);
        let mut listed: Vec<SlowQuery> = listed.into_values().collect();
        listed.sort_by(|one, other| {
            other.total.cmp(&one.total).then_with(|| one.statement.cmp(&other.statement))
        });
        listed.truncate(limit);
        listed
    }
}
