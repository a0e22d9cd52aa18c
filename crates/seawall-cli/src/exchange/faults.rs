use std::time::Duration;

use clap::ValueEnum;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How much goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FaultLevel {
    /// Nothing.
    None,
    /// One request in five fails, never two of a path in a row.
    Light,
    /// Three requests in five fail, up to two of a path in a row.
    Heavy,
}

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An answer of status 500 or 503.
    Status(u16),
    /// An answer of status 429 that asks to wait so many seconds.
    TooManyRequests { retry_after: u64 },
    /// A reset in place of an answer.
    Reset,
    /// The answer is late.
    Stall(Duration),
    /// Something happens to the body when so many thousandths of it were sent.
    Body { fault: BodyFault, at: u64 },
}

/// What goes wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// The connection is reset.
    Reset,
    /// The connection is closed as if this were the end.
    Truncate,
    /// Nothing comes for a while.
    Stall(Duration),
    /// The next few bytes trickle.
    Slow,
}

/// Faults end here, for each path: whoever reads in small pieces need not suffer for ever.
const FAULTY_REQUESTS: u64 = 12;

struct Intensity {
    chance: f64,
    /// Every so many-th request of a path goes well, so that as many attempts always suffice.
    respite: u64,
    longest_stall: Duration,
}

impl FaultLevel {
    fn intensity(self) -> Option<Intensity> {
        let (chance, respite, longest_stall) = match self {
            Self::None => return None,
            Self::Light => (0.2, 2, Duration::from_millis(400)),
            Self::Heavy => (0.6, 3, Duration::from_millis(1500)),
        };
        Some(Intensity { chance, respite, longest_stall })
    }

    /// What goes wrong with the `nth` request (from 0) of `path`. It depends on nothing else, whatever order the
    /// requests of different paths come in.
    pub(super) fn fault(self, seed: u64, path: &str, nth: u64) -> Option<Fault> {
        let Intensity { chance, respite, longest_stall } = self.intensity()?;
        let mut rng =
            fastrand::Rng::with_seed(xxh3_64_with_seed(path.as_bytes(), seed ^ (nth + 1).rotate_right(8)));
        if nth >= FAULTY_REQUESTS || nth % respite == respite - 1 || rng.f64() >= chance {
            return None;
        }
        let stall = longest_stall.mul_f64(0.2 + 0.8 * rng.f64());
        let at = rng.u64(100..900);
        Some(match rng.u8(..10) {
            0 => Fault::Status(500),
            1 => Fault::Status(503),
            2 => Fault::TooManyRequests { retry_after: rng.u64(..=1) },
            3 => Fault::Reset,
            4 => Fault::Stall(stall),
            5 => Fault::Body { fault: BodyFault::Stall(stall), at },
            6 => Fault::Body { fault: BodyFault::Slow, at },
            7 => Fault::Body { fault: BodyFault::Truncate, at },
            _ => Fault::Body { fault: BodyFault::Reset, at },
        })
    }
}

impl Fault {
    /// Its name in the summary.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Status(_) => "server error",
            Self::TooManyRequests { .. } => "too many requests",
            Self::Reset => "reset",
            Self::Stall(_) => "stall",
            Self::Body { fault: BodyFault::Reset, .. } => "reset in body",
            Self::Body { fault: BodyFault::Truncate, .. } => "truncated body",
            Self::Body { fault: BodyFault::Stall(_), .. } => "stall in body",
            Self::Body { fault: BodyFault::Slow, .. } => "slow body",
        }
    }
}
