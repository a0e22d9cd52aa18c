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

#[cfg(any(feature = "cluster", feature = "sentinel"))]
impl RedisStats {
    /// Those of two servers together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            connections: self.connections + other.connections,
            connected: self.connected + other.connected,
            in_flight: self.in_flight + other.in_flight,
            generation: self.generation + other.generation,
            replaced: ReplacementStats {
                dropped: self.replaced.dropped + other.replaced.dropped,
                read_only: self.replaced.read_only + other.replaced.read_only,
                master_down: self.replaced.master_down + other.replaced.master_down,
                timed_out: self.replaced.timed_out + other.replaced.timed_out,
                aged: self.replaced.aged + other.replaced.aged,
            },
            dedicated: DedicatedStats {
                max: self.dedicated.max + other.dedicated.max,
                open: self.dedicated.open + other.dedicated.open,
                in_use: self.dedicated.in_use + other.dedicated.in_use,
                waiting: self.dedicated.waiting + other.dedicated.waiting,
            },
        }
    }
}
