use std::num::NonZeroU32;

/// A server's cache of what it would call for.
#[derive(Debug)]
pub(super) struct Cache {
    hit_ratio: f64,
    size: f64,
    /// Since it was flushed; none if it never was.
    misses: Option<f64>,
}

impl Cache {
    /// A full one.
    pub(super) fn new(hit_ratio: f64, size: NonZeroU32) -> Self {
        Self { hit_ratio, size: f64::from(size.get()), misses: None }
    }

    /// Empties it.
    pub(super) const fn flush(&mut self) {
        self.misses = Some(0.0);
    }

    /// Looks something up that was drawn in `0.0..1.0` among all that is asked for; a miss fills the cache further.
    ///
    /// Every miss brings in one entry, which may be there already: how full it is nears 1 exponentially.
    pub(super) fn look_up(&mut self, drawn: f64) -> bool {
        let full = self.misses.map_or(1.0, |misses| 1.0 - (-misses / self.size).exp());
        let hit = drawn < self.hit_ratio * full;
        if !hit && let Some(misses) = &mut self.misses {
            *misses += 1.0;
        }
        hit
    }
}
