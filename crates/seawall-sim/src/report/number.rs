//! Numbers as people read them: the same in tables and in reports.

use std::time::Duration;

/// A share, of 1, as a figure of a table. Never rounded up to all or down to nothing.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 0.005 => "< 0.01 %".to_owned(),
        percent if (99.995..100.0).contains(&percent) => "99.99 %".to_owned(),
        percent => format!("{percent:.2} %"),
    }
}

/// A share, of 1, as a part of a text.
pub(super) fn part(share: f64) -> String {
    format!("{} %", short(share * 100.0, 2))
}

/// A factor or an index, as a figure of a table.
pub(super) fn factor(factor: f64) -> String {
    format!("{factor:.3}")
}

/// So many times as much, as a part of a text.
pub(super) fn times(factor: f64) -> String {
    format!("{}×", short(factor, 2))
}

/// A time to recovery, which is in whole seconds.
pub(super) fn recovery(time: Option<Duration>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| format!("{} s", time.as_secs_f64().round()))
}

/// A time that answers took, as a figure of a table, with three digits.
pub(super) fn latency(time: Option<Duration>) -> String {
    let Some(time) = time else { return "-".to_owned() };
    match time.as_secs_f64() * 1e3 {
        ms if ms < 9.995 => format!("{ms:.2} ms"),
        ms if ms < 99.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1e3),
    }
}

/// A time as a part of a text.
pub(super) fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 100.0 => format!("{seconds:.0} s"),
        seconds if seconds >= 10.0 => format!("{} s", short(seconds, 1)),
        seconds if seconds >= 1.0 => format!("{} s", short(seconds, 2)),
        seconds if seconds >= 0.1 => format!("{:.0} ms", seconds * 1e3),
        0.0 => "0 s".to_owned(),
        seconds if seconds >= 0.01 => format!("{} ms", short(seconds * 1e3, 1)),
        seconds => format!("{} ms", short(seconds * 1e3, 2)),
    }
}

/// A number, without zeros at its end.
pub(super) fn short(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A count, in groups of three digits, which no line break parts.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let head = (!head.is_empty()).then(|| head.to_owned());
    head.into_iter().chain(groups).collect::<Vec<_>>().join("\u{202f}")
}

/// A number beside an axis, where thousands are many.
pub(super) fn tick(number: f64) -> String {
    match number.abs() {
        size if size >= 1e6 => format!("{}M", short(number / 1e6, 2)),
        size if size >= 1e4 => format!("{}k", short(number / 1e3, 1)),
        _ => short(number, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_not_rounded_to_all_or_nothing() {
        assert_eq!(percent(1.0), "100.00 %");
        assert_eq!(percent(0.999_999), "99.99 %");
        assert_eq!(percent(0.0), "0.00 %");
        assert_eq!(percent(0.000_001), "< 0.01 %");
        assert_eq!(percent(0.876_54), "87.65 %");
        assert_eq!(percent(-0.01), "-1.00 %");
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        assert_eq!(time(Duration::from_millis(20)), "20 ms");
        assert_eq!(time(Duration::from_micros(1_234_567)), "1.23 s");
        assert_eq!(time(Duration::ZERO), "0 s");
        assert_eq!(latency(Some(Duration::from_micros(9_999))), "10.0 ms");
        assert_eq!(latency(Some(Duration::from_millis(26))), "26.0 ms");
        assert_eq!(latency(Some(Duration::from_millis(1_500))), "1.50 s");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(42), "42");
        assert_eq!(count(0), "0");
        assert_eq!(tick(25_000.0), "25k");
        assert_eq!((times(1.0).as_str(), factor(1.0).as_str()), ("1×", "1.000"));
        assert_eq!((latency(None).as_str(), recovery(None).as_str()), ("-", "never"));
        assert_eq!(part(0.2), "20 %");
    }
}
