use std::iter::Sum;
use std::time::Duration;

use fastrand::Rng;
use seawall_core::FailureKind;

use super::window::Window;
use super::{Model, Modelled};

/// The model of what Google's SRE book describes.
pub(super) const fn policy() -> Modelled<Sre> {
    Modelled::new(
        "sre",
        "a model of the clients in Google's SRE book, chapter 21 (2016): adaptive throttling with K = 2 over 2 minutes, \
         3 attempts, retries at most 10 % of a client's requests; with the common back-off",
        Sre::default,
    )
}

/// Adaptive throttling, and a ratio of retries per client.
///
/// A client that has made many more requests than were accepted drops the next one with a probability of
/// `(requests − 2 × accepts) / (requests + 1)`, before it is sent. Accepted is what was answered without error, and
/// retries are a share of the requests of the same two minutes (both assumed).
#[derive(Debug)]
pub struct Sre {
    window: Window<Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: f64,
    accepts: f64,
    retries: f64,
}

const K: f64 = 2.0;
const RETRY_RATIO: f64 = 0.1;

impl Default for Sre {
    /// With the book's values.
    fn default() -> Self {
        Self { window: Window::new(Duration::from_mins(2), 120) }
    }
}

impl Model for Sre {
    const ATTEMPTS: u32 = 3;
    type Attempt = ();

    fn attempt_began(&mut self, _: Option<FailureKind>, now: Duration, rng: &mut Rng) -> Option<()> {
        let Counts { requests, accepts, .. } = self.window.sum(now);
        self.window.now(now).requests += 1.0;
        let dropped = (requests - K * accepts) / (requests + 1.0);
        (rng.f64() >= dropped).then_some(())
    }

    fn attempt_ended(&mut self, (): (), result: Result<(), FailureKind>, now: Duration) {
        if result.is_ok() {
            self.window.now(now).accepts += 1.0;
        }
    }

    fn may_retry(&mut self, _: FailureKind, now: Duration) -> bool {
        let Counts { requests, retries, .. } = self.window.sum(now);
        let few = retries < RETRY_RATIO * requests;
        if few {
            self.window.now(now).retries += 1.0;
        }
        few
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(slots: I) -> Self {
        slots.fold(Self::default(), |sum, slot| Self {
            requests: sum.requests + slot.requests,
            accepts: sum.accepts + slot.accepts,
            retries: sum.retries + slot.retries,
        })
    }
}
