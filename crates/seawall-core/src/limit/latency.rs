use std::time::{Duration, Instant};

use super::{LimitAlgorithm, LimitConfig};

/// Once so many windows in a row have spoken against growth, a lower limit is tried.
const WINDOWS_BEFORE_PROBE: u32 = 5;
/// What a probe leaves of the limit, and a cut at most takes.
const PROBE: f64 = 0.7;
/// If calls still take at least so much of the time after a probe's cut, it is not our calls that they wait for.
const UNMOVED: f64 = 0.85;
/// How far what is usual follows a window in which calls took less.
const DOWN: f64 = 0.05;
/// A change of less is none.
const STILL: f64 = 0.02;

/// How long calls take, window by window, and what that says about the limit.
///
/// It knows how long calls `usually` take, which is the least it has seen. A backend may become slower for good, and
/// noise makes the least too little; then it would hold the limit down for ever. So when windows keep speaking against
/// growth, it tries with fewer calls for one window: if they do not get faster, they did not wait for each other, and
/// what they take is usual now. Only that ever raises it, so a queue that stays is not mistaken for the backend's pace.
#[derive(Debug, Default)]
pub(super) struct Latency {
    window: Window,
    /// Seconds.
    usually: Option<f64>,
    /// Windows in a row that spoke against growth.
    against: u32,
    /// What calls took, in seconds, before the probe under way.
    probing: Option<f64>,
    /// When the window began.
    began: Option<Instant>,
}

#[derive(Debug, Default)]
struct Window {
    calls: u32,
    seconds: f64,
    peak: u32,
}

/// What a full window says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Advice {
    /// Calls do not wait for each other: grow as for any answer.
    Grow,
    /// Leave the limit, or move it to this.
    Hold(f64),
    /// Cut it to this.
    Cut(f64),
}

impl Latency {
    /// Whether the last window had nothing against growth.
    pub(super) const fn lets_grow(&self) -> bool {
        self.against == 0 && self.probing.is_none()
    }

    /// Begins anew after a cut for other reasons. What calls usually take stays.
    pub(super) fn restart(&mut self) {
        *self = Self { usually: self.usually, ..Self::default() };
    }

    /// Takes note of an answer; says something with each full window.
    pub(super) fn record(
        &mut self,
        took: Duration,
        in_flight: u32,
        limit: f64,
        config: &LimitConfig,
        now: Instant,
    ) -> Option<Advice> {
        let began = *self.began.get_or_insert(now);
        self.window.calls += 1;
        self.window.seconds += took.as_secs_f64();
        self.window.peak = self.window.peak.max(in_flight);
        if self.window.calls < config.latency_window.get() || f64::from(self.window.calls) < limit {
            return None;
        }
        let Window { calls, seconds, peak } = std::mem::take(&mut self.window);
        self.began = Some(now);
        // No call takes no time: nothing divides by zero.
        let took = (seconds / f64::from(calls)).max(1e-9);
        let usually = self.learn(took);
        if f64::from(peak) * 2.0 < limit {
            // The limit held nobody back: whatever made calls slow, it was not that.
            self.against = 0;
            return Some(Advice::Grow);
        }
        let advice = match config.algorithm {
            LimitAlgorithm::Vegas => {
                // By J. Little's law: what is answered each second, times what each of them waited.
                let busy = seconds / now.saturating_duration_since(began).as_secs_f64().max(1e-9);
                vegas(busy.min(limit) * (1.0 - usually / took), limit, config)
            }
            _ => gradient(took / usually, limit, config),
        };
        Some(self.weigh(advice, took, limit))
    }

    fn weigh(&mut self, advice: Advice, took: f64, limit: f64) -> Advice {
        if advice == Advice::Grow {
            self.against = 0;
            return advice;
        }
        self.against += 1;
        if self.against > WINDOWS_BEFORE_PROBE {
            self.probing = Some(took);
            return Advice::Cut(limit * PROBE);
        }
        advice
    }

    fn learn(&mut self, took: f64) -> f64 {
        let usually = match (self.probing.take(), self.usually) {
            (_, None) => took,
            (Some(before), Some(usually)) => {
                self.against = 0;
                if took > before * UNMOVED { took } else { took.min(usually) }
            }
            (None, Some(usually)) if took < usually => usually + (took - usually) * DOWN,
            (None, Some(usually)) => usually,
        };
        self.usually = Some(usually);
        usually
    }
}

/// By how many calls wait at the backend (L. Brakmo and L. Peterson, 1995; the logarithm is Netflix's).
fn vegas(waiting: f64, limit: f64, config: &LimitConfig) -> Advice {
    let scale = limit.log10().max(1.0);
    let (alpha, beta) = (config.vegas_alpha * scale, config.vegas_beta * scale);
    if waiting < alpha {
        Advice::Grow
    } else if waiting <= beta {
        Advice::Hold(limit)
    } else {
        Advice::Cut((limit - (waiting - f64::midpoint(alpha, beta))).max(limit * PROBE))
    }
}

/// By what factor calls take longer than is borne, with room for the square root of the limit.
fn gradient(slower: f64, limit: f64, config: &LimitConfig) -> Advice {
    let gradient = (config.gradient_tolerance / slower).max(0.5);
    if gradient >= 1.0 {
        return Advice::Grow;
    }
    let next = limit + config.smoothing * (limit * gradient + limit.sqrt() - limit);
    if next < limit * (1.0 - STILL) { Advice::Cut(next) } else { Advice::Hold(next.max(limit)) }
}
