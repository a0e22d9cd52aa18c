//! Chance out of a seed.

use fastrand::Rng;

/// A seed, of which everything that is left to chance has a part of its own.
///
/// What is drawn for one purpose does not depend on what was drawn for another before. So all policies meet the same
/// calls at the same times, with the same work in them (common random numbers), and differ only by what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

/// What a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// When calls arrive.
    Arrivals = 1,
    /// Which class a call belongs to.
    Priority,
    /// How much work an attempt is.
    Work,
    /// Whether an attempt is one of those that a trigger breaks.
    Fate,
    /// Where the network sends an attempt.
    Route,
    /// What a client's stack draws from.
    Client,
    /// Which calls a server makes for an attempt.
    InnerCall,
    /// Whether a server finds what it needs in its cache.
    Cache,
}

impl Seed {
    /// The generator for a purpose and two numbers, such as a call and an attempt.
    pub fn rng(self, purpose: Purpose, a: u64, b: u64) -> Rng {
        Rng::with_seed(self.part(purpose, a, b))
    }

    /// The seed for a purpose and two numbers.
    pub fn part(self, purpose: Purpose, a: u64, b: u64) -> u64 {
        [purpose as u64, a, b].into_iter().fold(self.0, |mixed, part| mix(mixed ^ mix(part)))
    }
}

/// Spreads every bit over all (`SplitMix64`: G. Steele, D. Lea and C. Flood, 2014).
const fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
