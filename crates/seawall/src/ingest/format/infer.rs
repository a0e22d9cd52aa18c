use std::collections::HashMap;

use seawall_sql::{Column, ColumnType};

use super::fields::Fields;
use super::ndjson::{each_member, string};
use super::value::{excerpt, is_timestamp};
use super::{Delimiter, FormatError};

/// How many records are looked at.
const RECORDS: usize = 1000;

/// A float of 64 bits holds every decimal number of so many digits apart from its neighbours; more are written by
/// something that has more.
const REAL_DIGITS: usize = 17;

/// Every whole number up to here is a float of 64 bits.
const REAL_INTEGER: u64 = 1 << 53;

pub(super) fn csv<'a>(
    header: &[String],
    delimiter: Delimiter,
    records: impl Iterator<Item = (&'a [u8], bool)>,
) -> Result<Vec<Column>, FormatError> {
    check_header(header, delimiter)?;
    let mut evidence = vec![Evidence::default(); header.len()];
    let mut fields = Fields::default();
    for (record, quoted) in records.take(RECORDS) {
        let Ok(record) = std::str::from_utf8(record) else { continue };
        fields.split(record, delimiter.as_byte(), quoted);
        if fields.len() == header.len() {
            for (field, evidence) in fields.of(record).zip(&mut evidence) {
                evidence.weigh(field.text);
            }
        }
    }
    let columns = header.iter().zip(evidence);
    Ok(columns.map(|(name, evidence)| evidence.column(name.clone())).collect())
}

pub(super) fn ndjson<'a>(records: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Column>, FormatError> {
    let mut found: Vec<(String, Evidence)> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let texts = records.filter_map(|record| std::str::from_utf8(record).ok());
    for record in texts.filter(|record| !record.trim_ascii().is_empty()).take(RECORDS) {
        let mut members = Vec::new();
        let whole = each_member(record, |key, value| {
            members.push((key, value.get()));
            Ok(())
        });
        if whole.is_err() {
            continue;
        }
        for (key, json) in members {
            let index = *by_name.entry(key.clone().into_owned()).or_insert_with(|| {
                found.push((key.into_owned(), Evidence::default()));
                found.len() - 1
            });
            found[index].1.weigh_json(json);
        }
    }
    if found.is_empty() {
        return Err(FormatError::Empty("JSON object in its beginning"));
    }
    Ok(found.into_iter().map(|(name, evidence)| evidence.column(name)).collect())
}

fn check_header(header: &[String], delimiter: Delimiter) -> Result<(), FormatError> {
    if let [only] = header {
        let other = |other: &Delimiter| *other != delimiter && only.contains(char::from(other.as_byte()));
        if let Some(found) = Delimiter::ALL.into_iter().find(other) {
            let found = char::from(found.as_byte());
            return Err(FormatError::Delimiter { header: excerpt(only).into_owned(), found });
        }
    }
    let values = header.iter().filter(|name| name.parse::<f64>().is_ok() || is_timestamp(name)).count();
    if values * 2 >= header.len() {
        let line = header.iter().map(|name| excerpt(name)).collect::<Vec<_>>().join(", ");
        return Err(FormatError::NoHeader { line: excerpt(&line).into_owned() });
    }
    Ok(())
}

type LooksLikeOne = fn(&str) -> bool;

/// The types that a column can be found to have, the first that fits winning, and what their values look like.
const TYPES: [(ColumnType, LooksLikeOne); 4] = [
    (ColumnType::Integer, is_plain_integer),
    (ColumnType::Real, is_plain_real),
    (ColumnType::Boolean, is_boolean),
    (ColumnType::Timestamp, is_timestamp),
];

/// What the values of a column say about its type.
#[derive(Clone, Copy)]
struct Evidence {
    /// Whether there was a value at all.
    any: bool,
    /// Which of [`TYPES`] no value speaks against.
    fits: [bool; TYPES.len()],
}

impl Default for Evidence {
    fn default() -> Self {
        Self { any: false, fits: [true; TYPES.len()] }
    }
}

impl Evidence {
    fn weigh(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.any = true;
        for (fits, (_, is_one)) in self.fits.iter_mut().zip(&TYPES) {
            *fits = *fits && is_one(text);
        }
    }

    /// JSON says itself what is a number: a string of digits is text.
    fn weigh_json(&mut self, json: &str) {
        match json.as_bytes()[0] {
            b'n' => {}
            b'"' => {
                self.any = true;
                let timestamp = string(json).is_ok_and(|text| is_timestamp(&text));
                for (fits, (column_type, _)) in self.fits.iter_mut().zip(&TYPES) {
                    *fits = *fits && timestamp && *column_type == ColumnType::Timestamp;
                }
            }
            _ => self.weigh(json),
        }
    }

    fn column(self, name: String) -> Column {
        let fitting = TYPES.into_iter().zip(self.fits).find(|(_, fits)| *fits && self.any);
        let column_type = fitting.map_or(ColumnType::Text, |((column_type, _), _)| column_type);
        Column { name, column_type }
    }
}

fn is_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// Whether it is an integer of 64 bits as a database would write it: then nothing is lost by taking it for one.
fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    is_whole(digits) && text != "-0" && text.parse::<i64>().is_ok()
}

/// Whether it is a number that a float of 64 bits holds.
fn is_plain_real(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mantissa = digits.split_once(['e', 'E']).map_or(digits, |(mantissa, _)| mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if mantissa == digits && !digits.contains('.') {
        return is_whole(digits) && digits.parse().is_ok_and(|value: u64| value <= REAL_INTEGER);
    }
    let significant = whole.trim_start_matches('0').len() + fraction.len();
    (whole.is_empty() || is_whole(whole))
        && significant <= REAL_DIGITS
        && text.parse().is_ok_and(|value: f64| value.is_finite())
}

/// Decimal digits without leading zeros: `007` is a name, not a number.
fn is_whole(digits: &str) -> bool {
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_of(values: &[&str]) -> String {
        let mut evidence = Evidence::default();
        for value in values {
            evidence.weigh(value);
        }
        evidence.column(String::new()).column_type.to_string()
    }

    #[test]
    fn a_column_is_what_all_its_values_are() {
        assert_eq!(type_of(&["1", "", "-9223372036854775808"]), "integer");
        assert_eq!(type_of(&["1", "2.5", "-1e-3", ".5"]), "real");
        assert_eq!(type_of(&["true", "False"]), "boolean");
        assert_eq!(type_of(&["2024-01-01T00:00:00Z", "2024-01-01 00:00:00+02:00"]), "timestamp");
        assert_eq!(type_of(&["1", "x"]), "text");
        assert_eq!(type_of(&["1", "true"]), "text");
        assert_eq!(type_of(&["", ""]), "text");
    }

    #[test]
    fn what_a_number_would_lose_stays_text() {
        for value in [
            "007",
            "+1",
            "9223372036854775808",
            "00.5",
            " 1",
            "1 ",
            "NaN",
            "1e999",
            "0.123456789012345678901",
        ] {
            assert_eq!(type_of(&[value]), "text", "{value}");
        }
        assert_eq!(type_of(&["9007199254740993", "0.5"]), "text");
        assert_eq!(type_of(&["0.30000000000000004"]), "real");
    }

    #[test]
    fn json_says_itself_what_is_a_number() {
        let lines = [
            r#"{"a":1,"s":"1","t":"2024-01-01T00:00:00Z","n":null}"#,
            "not json",
            r#"{"a":2.5,"b":true,"o":{"x":1},"s":"2"}"#,
        ];
        let columns = ndjson(lines.iter().map(|line| line.as_bytes())).unwrap();
        let shown: Vec<_> =
            columns.iter().map(|column| format!("{} {}", column.name, column.column_type)).collect();
        assert_eq!(shown, ["a real", "s text", "t timestamp", "n text", "b boolean", "o text"]);
    }
}
