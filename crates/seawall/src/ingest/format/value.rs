use std::borrow::Cow;

use jiff::Timestamp;
use seawall_sql::{Cell, Column, ColumnType};

/// How much of a value is shown in a reason.
const EXCERPT: usize = 40;

/// What a column's values must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Integer,
    Real,
    Timestamp,
    Text,
    /// The database reads it.
    Opaque,
}

impl Kind {
    pub(super) fn of(column: &Column) -> Self {
        match &column.column_type {
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Integer => Self::Integer,
            ColumnType::Real => Self::Real,
            ColumnType::Timestamp => Self::Timestamp,
            ColumnType::Text => Self::Text,
            ColumnType::Other(name) if is_text_type(name) => Self::Text,
            ColumnType::Other(_) => Self::Opaque,
        }
    }

    /// What a value that does not fit is not.
    fn noun(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::Integer => "an integer of 64 bits",
            Self::Real => "a finite number",
            Self::Timestamp => "a timestamp as in RFC 3339, with its offset",
            Self::Text | Self::Opaque => "text",
        }
    }

    /// Reads a value. `None` if it is not what it must be.
    pub(super) fn read(self, text: &str) -> Option<Cell<'_>> {
        match self {
            Self::Text => Some(Cell::Text(text)),
            // Nearly every value is without white space: it is looked for only when the value does not fit.
            _ => self.read_exactly(text).or_else(|| match text.trim_ascii() {
                "" => Some(Cell::Null),
                trimmed if trimmed.len() < text.len() => self.read_exactly(trimmed),
                _ => None,
            }),
        }
    }

    fn read_exactly(self, text: &str) -> Option<Cell<'_>> {
        match self {
            Self::Boolean => read_boolean(text).map(Cell::Boolean),
            Self::Integer => text.parse().ok().map(Cell::Integer),
            Self::Real => read_real(text).map(Cell::Real),
            Self::Timestamp => is_timestamp(text).then_some(Cell::Text(text)),
            Self::Text => Some(Cell::Text(text)),
            Self::Opaque => (!text.trim_ascii().is_empty()).then_some(Cell::Text(text)),
        }
    }
}

/// Says that a value does not fit its column.
pub(super) fn misfit(column: &str, kind: Kind, text: &str) -> String {
    format!("column `{}`: {} is not {}", excerpt(column), quote(text), kind.noun())
}

/// A value's beginning, quoted and escaped: it may hold anything, terminal control sequences too.
pub(super) fn quote(text: &str) -> String {
    format!("{:?}", excerpt(text))
}

/// A text's first characters.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn read_boolean(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("t") || text == "1" {
        Some(true)
    } else if is("false") || is("f") || text == "0" {
        Some(false)
    } else {
        None
    }
}

/// Rust also reads `inf` and `NaN`, which not every database has: finite numbers only.
fn read_real(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Whether it is a moment as RFC 3339 writes it. The form is checked here, for databases do not read the further
/// forms that jiff does; whether there is such a day and time, jiff knows.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((head, tail)) = bytes.split_at_checked(19) else { return false };
    let form = head.iter().zip(b"dddd-dd-ddTdd:dd:dd").all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        _ => byte == form,
    });
    let offset = match tail {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        _ => tail,
    };
    let has_offset = match offset {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    form && has_offset && text.parse::<Timestamp>().is_ok()
}

/// Whether an SQL type that we do not know by itself holds text, so that an empty string is a value of it.
fn is_text_type(name: &str) -> bool {
    let name = name.trim_ascii().to_ascii_lowercase();
    ["char", "varchar", "nchar", "nvarchar", "bpchar", "citext", "clob"]
        .iter()
        .any(|text| name.starts_with(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_the_columns_kind() {
        assert_eq!(Kind::Integer.read("-42"), Some(Cell::Integer(-42)));
        assert_eq!(Kind::Integer.read(" 7 "), Some(Cell::Integer(7)));
        assert_eq!(Kind::Integer.read("9223372036854775808"), None);
        assert_eq!(Kind::Integer.read("5.0"), None);
        assert_eq!(Kind::Real.read("1e3"), Some(Cell::Real(1000.0)));
        assert_eq!(Kind::Boolean.read("TRUE"), Some(Cell::Boolean(true)));
        assert_eq!(Kind::Boolean.read("0"), Some(Cell::Boolean(false)));
        assert_eq!(Kind::Boolean.read("yes"), None);
        assert_eq!(Kind::Text.read(" "), Some(Cell::Text(" ")));
        assert_eq!(Kind::Opaque.read("1.50"), Some(Cell::Text("1.50")));
    }

    #[test]
    fn blank_is_null_where_the_column_is_not_text() {
        for kind in [Kind::Boolean, Kind::Integer, Kind::Real, Kind::Timestamp, Kind::Opaque] {
            assert_eq!(kind.read(""), Some(Cell::Null));
            assert_eq!(kind.read("  "), Some(Cell::Null));
        }
    }

    #[test]
    fn numbers_that_are_not_finite_do_not_fit() {
        for text in ["NaN", "inf", "-Infinity", "1e999", "1,5", "0x10"] {
            assert_eq!(Kind::Real.read(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_rfc_3339_with_an_offset() {
        for text in [
            "2024-02-29T23:59:59Z",
            "2024-02-29 23:59:59.123456789+05:30",
            "1969-01-01t00:00:00z",
            "2024-01-01T00:00:00.5-00:00",
        ] {
            assert!(is_timestamp(text), "{text}");
        }
        for text in [
            "2023-02-29T00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+01",
            "2024-01-01T00:00:00+01:00[Europe/Berlin]",
            "20240101T000000Z",
            "ü024-01-01T00:00:00Z",
        ] {
            assert!(!is_timestamp(text), "{text}");
        }
    }

    #[test]
    fn a_misfit_shows_the_column_and_a_bounded_escaped_value() {
        let reason = misfit("price", Kind::Real, &format!("\u{1b}[2J{}", "x".repeat(100)));
        assert_eq!(
            reason,
            format!("column `price`: \"\\u{{1b}}[2J{}…\" is not a finite number", "x".repeat(36))
        );
    }
}
