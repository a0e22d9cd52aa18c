//! How quotas are spelled.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Quota;
use crate::retry_after;

/// No wait in seconds is so long: the times of the Unix clock from the year 2001 on are.
const FIRST_TIME: f64 = 1e9;
/// Nor is a time in seconds: from the year 2001 on, those in milliseconds are.
const FIRST_TIME_IN_MILLISECONDS: f64 = 1e12;

/// The tightest of the quotas in `RateLimit`.
pub(super) fn structured(headers: &HeaderMap) -> Option<Quota> {
    const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
    let values = headers.get_all(RATE_LIMIT).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(of_value).max_by_key(|quota| quota.tightness())
}

/// A list of policies with parameters, as the draft has it now, or one dictionary, as its version 7 had.
fn of_value(value: &str) -> Option<Quota> {
    let members = || split(value, ',');
    let of_list = members().filter_map(|member| {
        let mut parameters = split(member, ';').skip(1).filter_map(|parameter| parameter.split_once('='));
        of_pairs(&mut parameters, "r", "t")
    });
    of_list.max_by_key(|quota| quota.tightness()).or_else(|| {
        let mut entries = members().filter_map(|member| member.split_once('='));
        of_pairs(&mut entries, "remaining", "reset")
    })
}

fn of_pairs<'a>(
    pairs: &mut dyn Iterator<Item = (&'a str, &'a str)>,
    remaining: &str,
    reset: &str,
) -> Option<Quota> {
    let (mut left, mut until) = (None, None);
    for (name, value) in pairs {
        let place = match name.trim() {
            name if name == remaining => &mut left,
            name if name == reset => &mut until,
            _ => continue,
        };
        *place = whole_number(value.trim());
    }
    Some(Quota { remaining: left?, reset: until.map(Duration::from_secs) })
}

/// Splits where `separator` stands outside of quotes.
fn split(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value
        .split(move |c| {
            let separates = c == separator && !quoted;
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => {}
            }
            separates
        })
        .map(str::trim)
}

/// A wait in seconds.
pub(super) fn wait(value: &HeaderValue) -> Option<Duration> {
    Duration::try_from_secs_f64(number(value.to_str().ok()?.trim())?).ok()
}

/// A wait in seconds, or the time until then.
pub(super) fn wait_or_time(value: &HeaderValue, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let time = match number(text) {
        Some(milliseconds) if milliseconds >= FIRST_TIME_IN_MILLISECONDS => since_epoch(milliseconds / 1e3),
        Some(seconds) if seconds >= FIRST_TIME => since_epoch(seconds),
        Some(_) => return wait(value),
        None => httpdate::parse_http_date(text).ok(),
    };
    let since = retry_after::date(headers).unwrap_or(now);
    Some(time?.duration_since(since).unwrap_or(Duration::ZERO))
}

fn since_epoch(seconds: f64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// A number of digits, perhaps with a fraction. `parse` alone would take signs, exponents and infinity.
pub(super) fn number(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits =
        |part: &str| (1..=18).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_digits(whole) && is_digits(fraction)).then(|| text.parse().ok())?
}

/// An integer of a structured field: at most 15 digits (RFC 9651 §3.3.1).
fn whole_number(text: &str) -> Option<u64> {
    let is_number = (1..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}
