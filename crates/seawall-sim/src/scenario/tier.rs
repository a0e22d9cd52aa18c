use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

/// A service: replicas that are alike, each with workers and a queue in front of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// What triggers and other tiers call it.
    pub name: String,
    /// How many replicas. The network sends each attempt to one by chance, unless the policy balances. Default 1.
    #[serde(default = "one")]
    pub replicas: NonZeroU32,
    /// How many attempts a replica works on at a time.
    pub workers: NonZeroU32,
    /// How long a worker takes.
    pub service_time: ServiceTime,
    /// Where attempts wait for a worker.
    #[serde(default)]
    pub queue: Queue,
    /// Whether work is dropped whose caller has left: when it comes to its turn, and while it is worked on. Default: no,
    /// it is done for nobody, as most servers do.
    #[serde(default)]
    pub drops_abandoned: bool,
    /// The tiers that each attempt calls, one after another, when its own work is done, holding its worker. Each replica
    /// calls them by the policy, as a client of its own.
    #[serde(default)]
    pub calls: Vec<String>,
    /// How many of those calls are spared by a cache, as a share. Default none.
    #[serde(default)]
    pub cache_hit_ratio: f64,
    /// How many misses fill the cache again by two thirds after it was flushed. Default 1000.
    #[serde(default = "thousand")]
    pub cache_size: NonZeroU32,
}

/// How long a worker takes for an attempt.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ServiceTime {
    /// Always as long.
    Fixed {
        /// So long.
        #[serde(with = "seawall_core::friendly_duration")]
        time: Duration,
    },
    /// Exponentially distributed.
    Exponential {
        /// The mean.
        #[serde(with = "seawall_core::friendly_duration")]
        mean: Duration,
    },
    /// Exponential, some of them with a longer mean.
    Bimodal {
        /// The mean of most.
        #[serde(with = "seawall_core::friendly_duration")]
        mean: Duration,
        /// The mean of the others.
        #[serde(with = "seawall_core::friendly_duration")]
        slow_mean: Duration,
        /// The share of the others.
        slow_share: f64,
    },
    /// Pareto (Lomax) distributed: no limit to how long some take.
    HeavyTail {
        /// The mean.
        #[serde(with = "seawall_core::friendly_duration")]
        mean: Duration,
        /// The shape, above 1; the nearer to 1, the heavier. 1.5 is heavy, 3 is light.
        shape: f64,
    },
}

/// Where attempts wait for a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// Who is next.
    pub kind: QueueKind,
    /// How many wait at most at a replica; one more is refused at once. Default: no bound.
    pub bound: Option<u32>,
    /// What one is told that is refused.
    pub refusal: QueueRefusal,
}

/// What one is told for whom a queue has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueRefusal {
    /// That the server has too much to do.
    #[default]
    Overloaded,
    /// Nothing that tells it from another passing failure, such as a connection that is reset.
    Transient,
}

/// Who is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueKind {
    /// Who came first.
    #[default]
    Fifo,
    /// Who came last.
    Lifo,
    /// The most important; among equals, who came first.
    Priority,
}

const fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

const fn thousand() -> NonZeroU32 {
    const { NonZeroU32::new(1000).unwrap() }
}
