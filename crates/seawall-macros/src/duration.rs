//! Durations as people write them: the grammar of `seawall_core::friendly_duration`, read at compile time.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;

/// From the largest on, as they are written one after the other.
const UNITS: [(&str, u128); 7] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// Reads `250ms`, `1m 30s` or `1h30m`.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut nanos = 0_u128;
    let mut largest_left = u128::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let (_, unit) = UNITS.into_iter().find(|(name, _)| *name == &rest[..letters])?;
        if unit >= largest_left {
            return None;
        }
        largest_left = unit;
        nanos = nanos.checked_add(u128::from(count).checked_mul(unit)?)?;
        let after = &rest[letters..];
        rest = after.trim_start();
        if rest.is_empty() && !after.is_empty() {
            return None;
        }
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let below = (nanos % 1_000_000_000) as u32;
    (largest_left != u128::MAX).then(|| Duration::new(seconds, below))
}

/// The expression that makes it.
pub(crate) fn tokens(duration: Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Friendly(#[serde(with = "seawall_core::friendly_duration")] Duration);

    fn by_configuration(text: &str) -> Option<Duration> {
        serde_json::from_value::<Friendly>(text.into()).ok().map(|friendly| friendly.0)
    }

    #[test]
    fn reads_what_configurations_read() {
        for text in ["2s", "250ms", "1m 30s", "1h30m", "10us", "7 ns", "0s", "90m"] {
            let expected = by_configuration(text);
            assert!(expected.is_some(), "{text}");
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", " ", "2", "s", "2 apples", "-1s", "1s 1m", "1s 1s", "18446744073709551616s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_every_duration_that_a_configuration_writes(seconds in 0_u64..1_000_000, nanos in 0_u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanos);
            let written = serde_json::to_value(Friendly(duration)).unwrap();
            prop_assert_eq!(parse(written.as_str().unwrap()), Some(duration), "{}", written);
        }

        #[test]
        fn reads_nothing_that_a_configuration_refuses(text in "[0-9]{0,3} ?[a-zµ]{0,3} ?[0-9]{0,2}[hmsun]{0,2}") {
            if let Some(duration) = parse(&text) {
                prop_assert_eq!(by_configuration(&text), Some(duration));
            }
        }
    }
}
