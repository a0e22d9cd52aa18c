use std::time::{Duration, Instant};

/// Each power of two is cut into so many equal buckets.
const PARTS: usize = 16;
const PART_BITS: u32 = PARTS.trailing_zeros();
/// Times from 2¹⁰ ns (a microsecond) to 2⁴² ns (73 minutes) have buckets; others fall into the first or the last.
const SHORTEST: u32 = 10;
const LONGEST: u32 = 42;
const BUCKETS: usize = (LONGEST - SHORTEST) as usize * PARTS;

/// A quantile of recent times, such as the 95th percentile of response times.
///
/// It is read off a histogram whose buckets grow with what they hold: 16 to each power of two. So it is never below the
/// true quantile and at most 1/16 (6.25 %) above it, for times from a microsecond to an hour. The histogram is that of
/// `HdrHistogram` (G. Tene, 2012) and, in spirit, of `DDSketch` (C. Masson, J. Rim, H. Lee, VLDB 2019).
///
/// It forgets by halves: it looks at the half window under way and the one before, so at between half of the window
/// and all of it. After a whole window without samples it knows nothing.
///
/// Memory is 4 KiB, fixed. A sample costs the same however many there are: the quantile's place is kept and moved,
/// not searched for.
///
/// ```
/// use std::time::{Duration, Instant};
/// use seawall_core::MovingQuantile;
///
/// let now = Instant::now();
/// let mut p95 = MovingQuantile::new(0.95, Duration::from_secs(30), now);
/// for millis in 1..=100 {
///     p95.record(Duration::from_millis(millis), now);
/// }
/// let value = p95.value().unwrap().as_millis();
/// assert!((95..=101).contains(&value), "{value}");
/// ```
#[derive(Clone, Debug)]
pub struct MovingQuantile {
    quantile: f64,
    half: Duration,
    half_began: Instant,
    /// The half window under way, and the one before.
    halves: Box<[[u32; BUCKETS]; 2]>,
    samples: u64,
    /// The bucket that holds the quantile, and how many samples are in those before it.
    place: usize,
    before: u64,
}

impl MovingQuantile {
    /// The quantile, above 0 and at most 1, of the times of a window.
    ///
    /// A quantile out of bounds is taken for the nearest one within, and a window below two nanoseconds for two.
    pub fn new(quantile: f64, window: Duration, now: Instant) -> Self {
        Self {
            quantile: quantile.clamp(0.0, 1.0),
            half: (window / 2).max(Duration::from_nanos(1)),
            half_began: now,
            halves: Box::new([[0; BUCKETS]; 2]),
            samples: 0,
            place: 0,
            before: 0,
        }
    }

    /// Takes note of a time.
    pub fn record(&mut self, time: Duration, now: Instant) {
        self.advance(now);
        let bucket = bucket(time);
        self.halves[0][bucket] = self.halves[0][bucket].saturating_add(1);
        self.samples += 1;
        self.before += u64::from(bucket < self.place);
        self.find_place();
    }

    /// The quantile as of the last [`record`](Self::record), or `None` without samples.
    pub fn value(&self) -> Option<Duration> {
        (self.samples > 0).then(|| upper_end(self.place))
    }

    /// How many samples it looks at.
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// Looks for another quantile, in another window; what it has seen stays.
    pub fn retarget(&mut self, quantile: f64, window: Duration) {
        self.quantile = quantile.clamp(0.0, 1.0);
        self.half = (window / 2).max(Duration::from_nanos(1));
        self.find_place();
    }

    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.half_began);
        if passed < self.half {
            return;
        }
        let [current, before] = &mut *self.halves;
        let outlived: u64 = before.iter().map(|&count| u64::from(count)).sum();
        *before = std::mem::replace(current, [0; BUCKETS]);
        self.samples -= outlived;
        self.half_began += self.half;
        if passed >= 2 * self.half {
            *before = [0; BUCKETS];
            self.samples = 0;
            self.half_began = now;
        }
        (self.place, self.before) = (0, 0);
        self.find_place();
    }

    /// Moves the place to where the quantile is. A sample moves it past no more than one bucket that holds any.
    fn find_place(&mut self) {
        let rank = ((self.samples as f64 * self.quantile).ceil() as u64).clamp(1, self.samples.max(1));
        while self.before >= rank {
            self.place -= 1;
            self.before -= self.count(self.place);
        }
        while self.place + 1 < BUCKETS && self.before + self.count(self.place) < rank {
            self.before += self.count(self.place);
            self.place += 1;
        }
    }

    fn count(&self, bucket: usize) -> u64 {
        u64::from(self.halves[0][bucket]) + u64::from(self.halves[1][bucket])
    }
}

fn bucket(time: Duration) -> usize {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).clamp(1 << SHORTEST, (1 << LONGEST) - 1);
    let power = nanos.ilog2();
    let part = (nanos >> (power - PART_BITS)) as usize % PARTS;
    (power - SHORTEST) as usize * PARTS + part
}

fn upper_end(bucket: usize) -> Duration {
    let power = SHORTEST + (bucket / PARTS) as u32;
    let parts = (PARTS + bucket % PARTS + 1) as u64;
    Duration::from_nanos(parts << (power - PART_BITS))
}
