use std::ops::Range;

/// What part of a file an answer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Bytes(Range<u64>),
    /// The range begins behind the end.
    Unsatisfiable,
}

impl Part {
    /// Reads a `Range` header (RFC 9110, section 14) for a file of `len` bytes. A header that is malformed, in another
    /// unit or of several ranges is ignored, as the standard allows.
    pub(super) fn of(header: &str, len: u64) -> Self {
        Self::parse(header, len).unwrap_or(Self::Whole)
    }

    fn parse(header: &str, len: u64) -> Option<Self> {
        let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
        if first.is_empty() {
            let suffix = number(last)?;
            let start = len.saturating_sub(suffix);
            return Some(if suffix == 0 { Self::Unsatisfiable } else { Self::Bytes(start..len) });
        }
        let first = number(first)?;
        let end = if last.is_empty() { len } else { number(last)?.saturating_add(1).min(len) };
        if first >= len {
            return Some(Self::Unsatisfiable);
        }
        (first < end).then_some(Self::Bytes(first..end))
    }
}

fn number(digits: &str) -> Option<u64> {
    // `parse` alone would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
