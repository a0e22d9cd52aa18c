use std::time::Duration;

use serde::Deserialize;

use super::kinds::nothing;

/// Something that goes wrong for a while.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// When it begins.
    #[serde(with = "seawall_core::friendly_duration")]
    pub at: Duration,
    /// How long it lasts.
    #[serde(with = "seawall_core::friendly_duration")]
    pub lasts: Duration,
    /// Which tier it befalls. Default: the first.
    #[serde(default)]
    pub tier: Option<String>,
    /// Which of its replicas, counted from 0. Default: all.
    #[serde(default)]
    pub replicas: Option<Vec<u32>>,
    /// What goes wrong.
    pub kind: TriggerKind,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TriggerKind {
    /// Fewer workers.
    CapacityCut {
        /// The share that is left.
        to: f64,
    },
    /// More calls.
    LoadSpike {
        /// So many times as many.
        factor: f64,
    },
    /// Some attempts fail. The error is transient, unless `overloaded` is set.
    PartialFailure {
        /// The share that fails.
        share: f64,
        /// How long it takes to fail. Short: a fast failure. Long: a slow one.
        #[serde(with = "seawall_core::friendly_duration")]
        after: Duration,
        /// Whether a failure waits in the queue and takes a worker for its time, or is seen before. Default: before.
        #[serde(default)]
        takes_worker: bool,
        /// Whether the error says that the server has too much to do.
        #[serde(default)]
        overloaded: bool,
    },
    /// Every attempt takes longer.
    Brownout {
        /// So many times as long.
        slower: f64,
    },
    /// Some attempts are never answered.
    BlackHole {
        /// The share of them. Default all.
        #[serde(default = "all")]
        share: f64,
    },
    /// The tier's cache is empty when it begins, and fills again by use.
    #[serde(deserialize_with = "nothing")]
    CacheFlush,
    /// The replicas start anew: what they hold fails, and they are slow until they are warm, when it ends.
    ColdStart {
        /// So many times as slow, at first.
        slower: f64,
    },
    /// Everything stands still, again and again, as for a garbage collection.
    Pauses {
        /// From one to the next.
        #[serde(with = "seawall_core::friendly_duration")]
        every: Duration,
        /// How long each.
        #[serde(rename = "for", with = "seawall_core::friendly_duration")]
        length: Duration,
    },
    /// Down and up, in turns: while down, every attempt is refused at once, as by a closed port.
    Flapping {
        /// How long it is down.
        #[serde(with = "seawall_core::friendly_duration")]
        down: Duration,
        /// How long it is up in between.
        #[serde(with = "seawall_core::friendly_duration")]
        up: Duration,
    },
}

const fn all() -> f64 {
    1.0
}
