use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;

use super::{Model, Modelled};
use crate::policy::Reading;

/// The model of Netflix's Gradient2 limiter.
pub(super) const fn policy() -> Modelled<Gradient2> {
    Modelled::new(
        "gradient2",
        "a model of Netflix concurrency-limits 0.5.4: a Gradient2 limit per client in windows of 1 s (initial 20, from \
         20 to 200), more is refused at once; with the common back-off and 3 retries (assumed: it has none of its own)",
        Gradient2::default,
    )
}

/// Netflix's `Gradient2Limit` in a `WindowedLimit` (`78a74b9`), around each attempt.
///
/// A time-out is a sample as long as it took. Another failure is none: it says nothing about how long the work takes.
#[derive(Debug)]
pub struct Gradient2 {
    limit: f64,
    in_flight: u32,
    long: LongTerm,
    window: Samples,
    window_ends: Duration,
}

/// An attempt under way: when it began, and how many there were then, itself included.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    at: Duration,
    in_flight: u32,
}

/// An exponential average that begins as a plain one.
#[derive(Clone, Copy, Debug, Default)]
struct LongTerm {
    value: f64,
    sum: f64,
    samples: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Samples {
    count: u32,
    sum: Duration,
    most_in_flight: u32,
}

const INITIAL: f64 = 20.0;
const MIN: f64 = 20.0;
const MAX: f64 = 200.0;
const SMOOTHING: f64 = 0.2;
const QUEUE: f64 = 4.0;
const TOLERANCE: f64 = 1.5;
const LONG_WINDOW: f64 = 600.0;
const WARM_UP: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);
const FEWEST_SAMPLES: u32 = 10;
const SHORTEST_SAMPLE: Duration = Duration::from_micros(100);

impl Default for Gradient2 {
    /// With the library's defaults.
    fn default() -> Self {
        Self {
            limit: INITIAL,
            in_flight: 0,
            long: LongTerm::default(),
            window: Samples::default(),
            window_ends: Duration::ZERO,
        }
    }
}

impl Gradient2 {
    fn sample(&mut self, began: Began, now: Duration) {
        let took = now.saturating_sub(began.at);
        if took < SHORTEST_SAMPLE {
            return;
        }
        self.window.add(took, began.in_flight);
        if now > self.window_ends {
            let samples = std::mem::take(&mut self.window);
            // The library asks for twice the shortest sample, but within a second and a second.
            self.window_ends = now + WINDOW;
            if samples.count >= FEWEST_SAMPLES {
                self.update(samples);
            }
        }
    }

    fn update(&mut self, samples: Samples) {
        let short = (samples.sum / samples.count).as_secs_f64();
        let long = self.long.add(short);
        if long / short > 2.0 {
            self.long.value *= 0.95;
        }
        if f64::from(samples.most_in_flight) < self.limit / 2.0 {
            return;
        }
        let gradient = (TOLERANCE * long / short).clamp(0.5, 1.0);
        let target = self.limit * gradient + QUEUE;
        self.limit = (self.limit * (1.0 - SMOOTHING) + target * SMOOTHING).clamp(MIN, MAX);
    }
}

impl Model for Gradient2 {
    const ATTEMPTS: u32 = 4;
    type Attempt = Began;

    fn attempt_began(&mut self, _: Option<FailureKind>, now: Duration, _: &mut Rng) -> Option<Began> {
        if f64::from(self.in_flight) >= self.limit.floor() {
            return None;
        }
        self.in_flight += 1;
        Some(Began { at: now, in_flight: self.in_flight })
    }

    fn attempt_ended(&mut self, began: Began, result: Result<(), FailureKind>, now: Duration) {
        self.in_flight -= 1;
        if matches!(result, Ok(()) | Err(FailureKind::Timeout)) {
            self.sample(began, now);
        }
    }

    fn reading(&self) -> Reading {
        Reading { limit: Some(self.limit), ..Reading::default() }
    }
}

impl LongTerm {
    fn add(&mut self, sample: f64) -> f64 {
        if self.samples < WARM_UP {
            self.samples += 1;
            self.sum += sample;
            self.value = self.sum / f64::from(self.samples);
        } else {
            let weight = 2.0 / (LONG_WINDOW + 1.0);
            self.value = self.value * (1.0 - weight) + sample * weight;
        }
        self.value
    }
}

impl Samples {
    fn add(&mut self, took: Duration, in_flight: u32) {
        self.count += 1;
        self.sum += took;
        self.most_in_flight = self.most_in_flight.max(in_flight);
    }
}
