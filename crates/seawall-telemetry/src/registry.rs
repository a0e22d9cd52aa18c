use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use hashbrown::{Equivalent, HashMap};
use seawall_core::{Event, Origin};

use crate::durations::DurationHistograms;
use crate::names::OTHER;
use crate::series::{Labels, Series};

/// The series of all origins: bounded, never locked to find one, never shrinking.
pub(crate) struct Registry {
    index: ArcSwap<Index>,
    /// Held while a series is added, so that no addition is lost.
    adding: Mutex<()>,
    limits: Limits,
    /// None where nobody exports.
    histograms: Option<DurationHistograms>,
}

#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Distinct values of each label.
    pub(crate) labels: usize,
    pub(crate) series: usize,
}

impl Registry {
    pub(crate) fn new(limits: Limits, histograms: Option<DurationHistograms>) -> Self {
        let index = ArcSwap::from_pointee(Index::default());
        Self { index, adding: Mutex::new(()), limits, histograms }
    }

    pub(crate) fn record(&self, origin: Origin<'_>, event: &Event) {
        {
            let index = self.index.load();
            if let Some(series) = index.find(origin, self.limits) {
                return series.record(event);
            }
        }
        self.add(origin).record(event);
    }

    pub(crate) fn series(&self) -> Vec<Arc<Series>> {
        self.index.load().series.values().cloned().collect()
    }

    /// Copies the index for each series it adds, which is rare: afterwards every call finds its series.
    #[cold]
    fn add(&self, origin: Origin<'_>) -> Arc<Series> {
        let adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.index.load();
        if let Some(series) = current.find(origin, self.limits) {
            return Arc::clone(series);
        }
        let kept = current.place(origin, self.limits);
        let labels = Labels::from(kept);
        let series = Arc::new(Series::new(labels.clone(), self.histograms.as_ref()));
        let mut index = Index::clone(&current);
        index.insert(labels, Arc::clone(&series));
        self.index.store(Arc::new(index));
        // Whoever listens may tell of something new in turn.
        drop(adding);
        if kept != origin {
            tracing::warn!(
                target: crate::names::LOG_TARGET,
                max_labels = self.limits.labels,
                max_series = self.limits.series,
                "more series than telemetry keeps: further ones are counted together as {OTHER}"
            );
        }
        series
    }
}

#[derive(Clone, Default)]
struct Index {
    series: HashMap<Key, Arc<Series>>,
    pipelines: HashSet<Arc<str>>,
    strategies: HashSet<&'static str>,
    targets: HashSet<Arc<str>>,
}

impl Index {
    fn find(&self, origin: Origin<'_>, limits: Limits) -> Option<&Arc<Series>> {
        self.get(origin).or_else(|| {
            let kept = self.place(origin, limits);
            if kept == origin { None } else { self.get(kept) }
        })
    }

    fn get(&self, origin: Origin<'_>) -> Option<&Arc<Series>> {
        self.series.get(&BorrowedKey(origin.pipeline, origin.strategy, origin.target))
    }

    /// The origin under which a new origin is counted: itself, or with `_OTHER` for each label that is full.
    fn place<'a>(&self, origin: Origin<'a>, limits: Limits) -> Origin<'a> {
        let kept = Origin {
            pipeline: if has_room(&self.pipelines, origin.pipeline, limits) {
                origin.pipeline
            } else {
                OTHER
            },
            strategy: if has_room(&self.strategies, origin.strategy, limits) {
                origin.strategy
            } else {
                OTHER
            },
            target: if has_room(&self.targets, origin.target, limits) { origin.target } else { OTHER },
        };
        if self.series.len() < limits.series || self.get(kept).is_some() {
            kept
        } else {
            Origin { pipeline: OTHER, strategy: OTHER, target: OTHER }
        }
    }

    fn insert(&mut self, labels: Labels, series: Arc<Series>) {
        // `_OTHER` takes no place of its own.
        if &*labels.pipeline != OTHER {
            self.pipelines.insert(Arc::clone(&labels.pipeline));
        }
        if labels.strategy != OTHER {
            self.strategies.insert(labels.strategy);
        }
        if &*labels.target != OTHER {
            self.targets.insert(Arc::clone(&labels.target));
        }
        self.series.insert(Key(labels.pipeline, labels.strategy, labels.target), series);
    }
}

fn has_room<T: std::borrow::Borrow<str> + std::hash::Hash + Eq>(
    seen: &HashSet<T>,
    value: &str,
    limits: Limits,
) -> bool {
    seen.len() < limits.labels || seen.contains(value)
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key(Arc<str>, &'static str, Arc<str>);

/// Hashes as [`Key`] does, so that looking up a series allocates nothing.
#[derive(Hash)]
struct BorrowedKey<'a>(&'a str, &'a str, &'a str);

impl Equivalent<Key> for BorrowedKey<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == &*key.0 && self.1 == key.1 && self.2 == &*key.2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(labels: usize, series: usize) -> Registry {
        Registry::new(Limits { labels, series }, None)
    }

    fn tell<'a>(registry: &Registry, pipeline: &'a str, strategy: &'static str, target: &'a str) {
        registry.record(Origin { pipeline, strategy, target }, &Event::HalfOpened);
    }

    fn kept(registry: &Registry) -> Vec<(String, &'static str, String, u64)> {
        let mut kept: Vec<_> = registry
            .series()
            .iter()
            .map(|series| {
                let Labels { pipeline, strategy, target } = &series.labels;
                (pipeline.to_string(), *strategy, target.to_string(), series.events().iter().sum())
            })
            .collect();
        kept.sort();
        kept
    }

    #[test]
    fn a_label_keeps_its_first_values_and_calls_the_rest_other() {
        let registry = registry(2, 100);
        for target in ["a", "b", "c", "d", "a", "c"] {
            tell(&registry, "http", "retry", target);
        }
        let name = |target: &str, count| ("http".into(), "retry", target.into(), count);
        assert_eq!(kept(&registry), [name(OTHER, 3), name("a", 2), name("b", 1)]);
    }

    #[test]
    fn beyond_the_cap_on_series_everything_is_other() {
        let registry = registry(100, 2);
        for pipeline in ["a", "b", "c", "d", "a"] {
            tell(&registry, pipeline, "retry", "x");
        }
        let all: Vec<u64> = kept(&registry).iter().map(|(.., count)| *count).collect();
        assert_eq!(kept(&registry)[0].0, OTHER);
        assert_eq!(all, [2, 2, 1]);
    }

    #[test]
    fn threads_that_meet_at_a_new_origin_share_one_series() {
        let registry = registry(100, 100);
        let barrier = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    for target in ["a", "b", "c"] {
                        tell(&registry, "http", "retry", target);
                    }
                });
            }
        });
        let counts: Vec<u64> = kept(&registry).iter().map(|(.., count)| *count).collect();
        assert_eq!(counts, [8, 8, 8]);
    }
}
