use serde::Serialize;

pub use crate::dedicated::DedicatedStats;
pub use crate::keeper::ReplacementStats;

/// How the connections of a client stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RedisStats {
    /// Connections that are shared, the one for large requests included once there was one.
    pub connections: usize,
    /// How many of them are there now.
    pub connected: usize,
    /// Calls under way over them.
    pub in_flight: usize,
    /// Grows whenever a connection was lost: what was known of the server's data may have become wrong since, because a
    /// message was missed or another server took its place.
    pub generation: u64,
    /// How often they were replaced.
    pub replaced: ReplacementStats,
    /// Those that are used by one caller at a time.
    pub dedicated: DedicatedStats,
}
