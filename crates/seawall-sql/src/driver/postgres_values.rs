//! Postgres' binary forms of the types that a [`Value`] can carry.
//! They are those of the server's own send and receive functions (`src/backend/utils/adt`).

use std::fmt::Write;

use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgTypeKind, PgValueFormat, PgValueRef};
use sqlx::{TypeInfo, ValueRef};

use super::postgres_arrays;
use crate::Value;

/// Postgres counts from the first of January 2000: this many microseconds after Unix.
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;

/// Whether values of a type travel as their own text.
fn is_text(info: &PgTypeInfo) -> bool {
    matches!(info.name(), "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" | "JSON" | "citext" | "xml")
        || matches!(info.kind(), PgTypeKind::Enum(_))
}

/// Reads a value that the server sent.
#[expect(clippy::needless_pass_by_value, reason = "has the same shape for every driver")]
pub(super) fn value(raw: PgValueRef<'_>) -> Result<Value, BoxDynError> {
    if raw.is_null() {
        return Ok(Value::Null);
    }
    if raw.format() == PgValueFormat::Text {
        return Ok(Value::Text(raw.as_str()?.to_owned()));
    }
    binary(raw.as_bytes()?, &raw.type_info())
}

/// Reads the binary form of a value that is not NULL.
pub(super) fn binary(bytes: &[u8], info: &PgTypeInfo) -> Result<Value, BoxDynError> {
    if let PgTypeKind::Array(element) = info.kind() {
        return postgres_arrays::decode(bytes, element);
    }
    Ok(match info.name() {
        "BOOL" => Value::Bool(bytes != [0]),
        "INT2" => Value::Integer(i16::from_be_bytes(bytes.try_into()?).into()),
        "INT4" => Value::Integer(i32::from_be_bytes(bytes.try_into()?).into()),
        "INT8" => Value::Integer(i64::from_be_bytes(bytes.try_into()?)),
        "OID" => Value::Integer(u32::from_be_bytes(bytes.try_into()?).into()),
        "FLOAT4" => Value::Real(f32::from_be_bytes(bytes.try_into()?).into()),
        "FLOAT8" => Value::Real(f64::from_be_bytes(bytes.try_into()?)),
        "BYTEA" => Value::Bytes(bytes.to_vec()),
        "VOID" => Value::Null,
        "\"CHAR\"" => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        "JSONB" => Value::Text(std::str::from_utf8(bytes.get(1..).unwrap_or_default())?.to_owned()),
        "UUID" => Value::Text(uuid_text(bytes)),
        "NUMERIC" => Value::Text(numeric_text(bytes).ok_or("a numeric that cannot be read")?),
        "TIMESTAMPTZ" => moment(bytes, |moment| moment.to_string())?,
        "TIMESTAMP" => moment(bytes, |moment| TimeZone::UTC.to_datetime(moment).to_string())?,
        "DATE" => {
            let days = i32::from_be_bytes(bytes.try_into()?);
            Value::Text(match days {
                i32::MAX => "infinity".into(),
                i32::MIN => "-infinity".into(),
                days => date(2000, 1, 1).checked_add(Span::new().try_days(days)?)?.to_string(),
            })
        }
        "TIME" => {
            let microseconds = i64::from_be_bytes(bytes.try_into()?);
            Value::Text(
                Time::midnight().checked_add(Span::new().try_microseconds(microseconds)?)?.to_string(),
            )
        }
        _ if is_text(info) => Value::Text(std::str::from_utf8(bytes)?.to_owned()),
        name => {
            return Err(
                format!("values of type {name} are not read: select the column as text (`…::text`)").into()
            );
        }
    })
}

fn moment(bytes: &[u8], show: impl Fn(Timestamp) -> String) -> Result<Value, BoxDynError> {
    Ok(Value::Text(match i64::from_be_bytes(bytes.try_into()?) {
        i64::MAX => "infinity".into(),
        i64::MIN => "-infinity".into(),
        microseconds => {
            let since_unix =
                microseconds.checked_add(EPOCH_MICROSECONDS).ok_or("a moment beyond all calendars")?;
            show(Timestamp::from_microsecond(since_unix)?)
        }
    }))
}

/// Writes a value as the server expects it, `false` for NULL, or says why that cannot be done.
pub(super) fn encode(value: &Value, wanted: &PgTypeInfo, buffer: &mut Vec<u8>) -> Result<bool, String> {
    let name = wanted.name();
    match (name, value) {
        // The usual ones, without an allocation of their own.
        (_, Value::Null) => return Ok(false),
        ("INT8", Value::Integer(value)) => buffer.extend_from_slice(&value.to_be_bytes()),
        ("FLOAT8", Value::Real(value)) => buffer.extend_from_slice(&value.to_be_bytes()),
        ("TEXT" | "VARCHAR", Value::Text(value)) => buffer.extend_from_slice(value.as_bytes()),
        ("BYTEA", Value::Bytes(value)) => buffer.extend_from_slice(value),
        _ => {
            // A type without a number has no kind.
            if let Value::List(values) = value
                && let PgTypeKind::Array(element) = wanted.kind()
            {
                postgres_arrays::encode(values, element, buffer)?;
            } else {
                buffer.extend_from_slice(&converted(value, wanted)?);
            }
        }
    }
    Ok(true)
}

/// The bytes of a value that may have to become what is wanted.
fn converted(value: &Value, wanted: &PgTypeInfo) -> Result<Vec<u8>, String> {
    let name = wanted.name();
    let misfit =
        || format!("{} does not fit a parameter of type {name}: cast it, as in `:name::text`", value.kind());
    let out_of_range = || format!("a bound number does not fit a parameter of type {name}");
    Ok(match (name, value) {
        ("BOOL", Value::Bool(value)) => vec![u8::from(*value)],
        ("INT2", Value::Integer(value)) => {
            be(i16::try_from(*value).map_err(|_wide| out_of_range())?.to_be_bytes())
        }
        ("INT4", Value::Integer(value)) => {
            be(i32::try_from(*value).map_err(|_wide| out_of_range())?.to_be_bytes())
        }
        ("OID", Value::Integer(value)) => {
            be(u32::try_from(*value).map_err(|_wide| out_of_range())?.to_be_bytes())
        }
        ("FLOAT4", Value::Real(value)) => be((*value as f32).to_be_bytes()),
        ("FLOAT4", Value::Integer(value)) => be((*value as f32).to_be_bytes()),
        ("FLOAT8", Value::Integer(value)) => be((*value as f64).to_be_bytes()),
        ("NUMERIC", Value::Integer(value)) => numeric_bytes(&value.to_string()).ok_or_else(misfit)?,
        ("NUMERIC", Value::Real(value)) => numeric_bytes(&value.to_string()).ok_or_else(misfit)?,
        ("NUMERIC", Value::Text(value)) => numeric_bytes(value).ok_or_else(|| unreadable(name))?,
        ("JSONB", Value::Text(value)) => [&[1], value.as_bytes()].concat(),
        ("UUID", Value::Text(value)) => uuid_bytes(value).ok_or_else(|| unreadable(name))?,
        ("TIMESTAMPTZ", Value::Text(value)) => {
            since_2000(value.parse::<Timestamp>().map_err(|error| format!("{}: {error}", unreadable(name)))?)
        }
        ("TIMESTAMP", Value::Text(value)) => {
            let civil: DateTime = value.parse().map_err(|error| format!("{}: {error}", unreadable(name)))?;
            since_2000(TimeZone::UTC.to_timestamp(civil).map_err(|error| error.to_string())?)
        }
        ("DATE", Value::Text(value)) => {
            let day: Date = value.parse().map_err(|error| format!("{}: {error}", unreadable(name)))?;
            be(day
                .duration_since(date(2000, 1, 1))
                .as_hours()
                .div_euclid(24)
                .try_into()
                .map_or([0; 4], i32::to_be_bytes))
        }
        ("TIME", Value::Text(value)) => {
            let time: Time = value.parse().map_err(|error| format!("{}: {error}", unreadable(name)))?;
            be((time.duration_since(Time::midnight()).as_micros() as i64).to_be_bytes())
        }
        (_, value) if is_text(wanted) => match value {
            Value::Text(value) => value.clone().into_bytes(),
            Value::Integer(value) => value.to_string().into_bytes(),
            Value::Real(value) => value.to_string().into_bytes(),
            Value::Bool(value) => value.to_string().into_bytes(),
            _ => return Err(misfit()),
        },
        _ => return Err(misfit()),
    })
}

fn be<const N: usize>(bytes: [u8; N]) -> Vec<u8> {
    bytes.to_vec()
}

/// The message must not hold the value.
fn unreadable(name: &str) -> String {
    format!("the bound text is no {name}")
}

fn since_2000(moment: Timestamp) -> Vec<u8> {
    be((moment.as_microsecond() - EPOCH_MICROSECONDS).to_be_bytes())
}

fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("writing into a string cannot fail");
    }
    text
}

fn uuid_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !matches!(c, '-' | '{' | '}'))
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    (digits.len() == 32).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// Reads `numeric`: groups of four decimal digits, the place of the first, a sign, and the digits after the point.
fn numeric_text(bytes: &[u8]) -> Option<String> {
    let mut words = bytes.chunks_exact(2).map(|word| u16::from_be_bytes([word[0], word[1]]));
    let groups = usize::from(words.next()?);
    let weight = i32::from(words.next()?.cast_signed());
    let sign = words.next()?;
    let scale = usize::from(words.next()?);
    match sign {
        NAN => return Some("NaN".into()),
        INFINITY => return Some("Infinity".into()),
        NEGATIVE_INFINITY => return Some("-Infinity".into()),
        _ => {}
    }
    let digits: Vec<u16> = words.take(groups).collect();
    let group =
        |place: i32| usize::try_from(weight - place).ok().and_then(|index| digits.get(index)).copied();
    let mut text = if sign == NEGATIVE { String::from("-") } else { String::new() };
    let mut whole = String::new();
    for place in (0..=weight.max(0)).rev() {
        write!(whole, "{:04}", group(place).unwrap_or(0)).ok()?;
    }
    let whole = whole.trim_start_matches('0');
    text.push_str(if whole.is_empty() { "0" } else { whole });
    if scale > 0 {
        let mut fraction = String::new();
        let mut place = -1;
        while fraction.len() < scale {
            write!(fraction, "{:04}", group(place).unwrap_or(0)).ok()?;
            place -= 1;
        }
        text.push('.');
        text.push_str(&fraction[..scale]);
    }
    Some(text)
}

/// Writes `numeric` from plain decimal notation.
fn numeric_bytes(text: &str) -> Option<Vec<u8>> {
    let special = match text {
        "NaN" => Some(NAN),
        "inf" | "Infinity" => Some(INFINITY),
        "-inf" | "-Infinity" => Some(NEGATIVE_INFINITY),
        _ => None,
    };
    if let Some(sign) = special {
        return Some([0, 0, sign, 0].into_iter().flat_map(u16::to_be_bytes).collect());
    }
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (NEGATIVE, rest),
        None => (0, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
    let padded = format!("{whole}{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
    let groups: Vec<u16> = padded
        .as_bytes()
        .chunks(4)
        .map(|four| four.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
        .collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let weight = i16::try_from(whole.len() / 4).ok()? - 1 - i16::try_from(leading).ok()?;
    let groups = &groups[leading..];
    let head = [
        u16::try_from(groups.len()).ok()?,
        weight.cast_unsigned(),
        sign,
        u16::try_from(fraction.len()).ok()?,
    ];
    Some(head.into_iter().chain(groups.iter().copied()).flat_map(u16::to_be_bytes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_survive_the_way_there_and_back() {
        for text in [
            "0",
            "1",
            "-1",
            "10000",
            "12345678.90",
            "0.0001",
            "-0.10000",
            "99999999999999999999.5",
            "1.00000",
        ] {
            assert_eq!(numeric_text(&numeric_bytes(text).unwrap()).as_deref(), Some(text));
        }
        for text in ["", "-", ".", "1e5", "1.2.3", "x"] {
            assert_eq!(numeric_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn uuids_survive_the_way_there_and_back() {
        let text = "550e8400-e29b-41d4-a716-446655440000";
        assert_eq!(uuid_text(&uuid_bytes(text).unwrap()), text);
        assert_eq!(uuid_bytes("550e"), None);
    }
}
