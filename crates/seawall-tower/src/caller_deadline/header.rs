use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// How a caller says how much time it has left: by which header, and how that spells a time.
///
/// All of them are relative: a time of day would need two clocks that agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeadlineHeader {
    /// `grpc-timeout: 1500m`: at most eight digits and a unit, from hours to nanoseconds. The most widely read: by gRPC
    /// servers of every language, by Envoy, and for plain HTTP by grpc-gateway.
    /// ([gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), "Timeout").
    #[default]
    #[serde(rename = "grpc-timeout")]
    GrpcTimeout,
    /// `x-envoy-expected-rq-timeout-ms: 1500`: what Envoy tells those it calls. Milliseconds
    /// ([Envoy, router filter](https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter)).
    #[serde(rename = "x-envoy-expected-rq-timeout-ms")]
    EnvoyExpectedTimeout,
    /// `connect-timeout-ms: 1500`: at most ten digits of milliseconds
    /// ([Connect protocol](https://connectrpc.com/docs/protocol)).
    #[serde(rename = "connect-timeout-ms")]
    ConnectTimeout,
}

/// From the finest, with nanoseconds to each.
const UNITS: [(char, u64); 6] = [
    ('n', 1),
    ('u', 1_000),
    ('m', 1_000_000),
    ('S', 1_000_000_000),
    ('M', 60_000_000_000),
    ('H', 3_600_000_000_000),
];

impl DeadlineHeader {
    /// The header's name.
    pub const fn name(self) -> HeaderName {
        HeaderName::from_static(match self {
            Self::GrpcTimeout => "grpc-timeout",
            Self::EnvoyExpectedTimeout => "x-envoy-expected-rq-timeout-ms",
            Self::ConnectTimeout => "connect-timeout-ms",
        })
    }

    /// Spells a time: in whole milliseconds, at least one, or in a coarser unit where those would be too many. It is
    /// never rounded up.
    pub fn write(self, time: Duration) -> HeaderValue {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        match self {
            Self::GrpcTimeout => spell(milliseconds),
            Self::EnvoyExpectedTimeout => milliseconds.into(),
            Self::ConnectTimeout => milliseconds.min(9_999_999_999).into(),
        }
    }

    /// Reads a time back; nothing if it is none.
    pub fn read(self, value: &HeaderValue) -> Option<Duration> {
        let value = value.to_str().ok()?.trim();
        match self {
            Self::GrpcTimeout => {
                let unit = value.chars().next_back()?;
                let (_, nanoseconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
                let count = whole_number(&value[..value.len() - 1], 8)?;
                // Eight digits of hours are more than a clock holds, and less than this does.
                let total = u128::from(count) * u128::from(nanoseconds);
                Some(Duration::from_nanos_u128(total))
            }
            Self::EnvoyExpectedTimeout => whole_number(value, 19).map(Duration::from_millis),
            Self::ConnectTimeout => whole_number(value, 10).map(Duration::from_millis),
        }
    }
}

fn spell(milliseconds: u64) -> HeaderValue {
    const MOST: u64 = 99_999_999;
    let coarser =
        UNITS[2..].iter().map(|(unit, nanoseconds)| (unit, milliseconds / (nanoseconds / 1_000_000)));
    let (unit, count) = coarser.clone().find(|(_, count)| *count <= MOST).unwrap_or((&'H', MOST));
    // Eight digits and a letter, written from behind: every attempt has one, and formatting costs as much as the rest.
    let (mut spelled, mut at, mut rest) = ([0; 9], 8, count);
    spelled[at] = *unit as u8;
    while at == 8 || (rest > 0 && at > 0) {
        at -= 1;
        spelled[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    HeaderValue::from_bytes(&spelled[at..]).expect("digits and a letter are a header's value")
}

fn whole_number(digits: &str, most: usize) -> Option<u64> {
    // `parse` alone would take a sign.
    let is_number = (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}
