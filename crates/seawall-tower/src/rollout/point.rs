use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::Xxh3;

/// Where a call stands between 0 and 1: implemented by [`ByTurns`] and by closures that hash a key of the request.
pub trait Place<Req> {
    /// The hash of the request's key; `None` if it has none and takes its turn.
    fn key(&self, request: &Req) -> Option<u64>;
}

/// Calls have no key: they take turns, so that the canary gets its share exactly and evenly.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByTurns;

impl<Req> Place<Req> for ByTurns {
    fn key(&self, _: &Req) -> Option<u64> {
        None
    }
}

impl<F: Fn(&Req) -> u64, Req> Place<Req> for F {
    fn key(&self, request: &Req) -> Option<u64> {
        Some(self(request))
    }
}

/// A hash that is the same in every process on every machine of one architecture, unlike the standard library's.
///
/// It is XXH3 (Y. Collet), which is no secret: whoever may choose their key may choose their stack.
///
/// ```
/// use seawall_tower::rollout::stable_hash;
///
/// assert_eq!(stable_hash("ada"), stable_hash(&String::from("ada")));
/// ```
pub fn stable_hash<T: Hash + ?Sized>(key: &T) -> u64 {
    let mut hasher = Xxh3::new();
    key.hash(&mut hasher);
    Hasher::finish(&hasher)
}

/// The point of a key in the rollout of this name: different rollouts try out on different users.
pub(super) fn of_key(name: &str, key: u64) -> f64 {
    unit(stable_hash(&(name, key)))
}

/// The point of the n-th call without a key: a Weyl sequence by the golden ratio, of which every stretch is spread
/// evenly.
pub(super) fn of_turn(turn: u64) -> f64 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    unit(turn.wrapping_mul(GOLDEN))
}

/// From 0 (included) to 1 (excluded), by the highest bits.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
