//! What a server of MySQL's kind sends, as a [`Value`].
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html>

use sqlx::error::BoxDynError;
use sqlx::mysql::types::MySqlTime;
use sqlx::mysql::{MySql, MySqlValueRef};
use sqlx::{Decode, Type, TypeInfo, ValueRef};

use crate::Value;

/// Reads a value that the server sent.
pub(super) fn value(raw: MySqlValueRef<'_>) -> Result<Value, BoxDynError> {
    // Dates that are all zeros are NULL too: they are no dates.
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let info = raw.type_info().into_owned();
    Ok(match info.name() {
        // The one integer that comes with its first byte first.
        "BIT" => unsigned(<u64 as Decode<MySql>>::decode(raw)?),
        // Before the names: `TINYINT(1) UNSIGNED` is called a boolean.
        _ if <u64 as Type<MySql>>::compatible(&info) => unsigned(<u64 as Decode<MySql>>::decode(raw)?),
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "YEAR" => {
            Value::Integer(<i64 as Decode<MySql>>::decode(raw)?)
        }
        "FLOAT" | "DOUBLE" => Value::Real(<f64 as Decode<MySql>>::decode(raw)?),
        "DECIMAL" | "JSON" | "ENUM" | "SET" => Value::Text(<String as Decode<MySql>>::decode(raw)?),
        "DATE" => Value::Text(date(<&[u8] as Decode<MySql>>::decode(raw)?)?.0),
        "DATETIME" => Value::Text(moment(<&[u8] as Decode<MySql>>::decode(raw)?)?),
        // Every session's time zone is UTC.
        "TIMESTAMP" => Value::Text(moment(<&[u8] as Decode<MySql>>::decode(raw)?)? + "Z"),
        "TIME" => Value::Text(time(MySqlTime::decode(raw)?)),
        _ if <String as Type<MySql>>::compatible(&info) => {
            Value::Text(<String as Decode<MySql>>::decode(raw)?)
        }
        _ => Value::Bytes(<Vec<u8> as Decode<MySql>>::decode(raw)?),
    })
}

/// One that no integer of ours holds travels as text.
fn unsigned(value: u64) -> Value {
    i64::try_from(value).map_or_else(|_wide| Value::Text(value.to_string()), Value::Integer)
}

/// A date, and what is left: how many bytes there are, the year, the month, the day.
fn date(bytes: &[u8]) -> Result<(String, &[u8]), BoxDynError> {
    let [_, year, century, month, day, rest @ ..] = bytes else {
        return Err("a date that cannot be read".into());
    };
    let year = u16::from_le_bytes([*year, *century]);
    Ok((format!("{year:04}-{month:02}-{day:02}"), rest))
}

/// A date and a time of day: hour, minute, second, microseconds, as far as they are not zero.
fn moment(bytes: &[u8]) -> Result<String, BoxDynError> {
    let (date, rest) = date(bytes)?;
    Ok(match rest {
        [] => format!("{date}T00:00:00"),
        [hour, minute, second] => format!("{date}T{hour:02}:{minute:02}:{second:02}"),
        [hour, minute, second, fraction @ ..] => {
            let fraction = fraction_text(u32::from_le_bytes(fraction.try_into()?));
            format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}")
        }
        _ => return Err("a time that cannot be read".into()),
    })
}

fn time(time: MySqlTime) -> String {
    let sign = if time.sign().is_negative() { "-" } else { "" };
    let fraction = fraction_text(time.microseconds());
    format!("{sign}{:02}:{:02}:{:02}{fraction}", time.hours(), time.minutes(), time.seconds())
}

fn fraction_text(microseconds: u32) -> String {
    if microseconds == 0 {
        return String::new();
    }
    format!(".{microseconds:06}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_as_they_are_everywhere() {
        assert_eq!(date(&[4, 0xe8, 7, 2, 29]).unwrap().0, "2024-02-29");
        assert_eq!(moment(&[4, 0xe8, 7, 2, 29]).unwrap(), "2024-02-29T00:00:00");
        assert_eq!(moment(&[7, 0xe8, 7, 2, 29, 8, 5, 9]).unwrap(), "2024-02-29T08:05:09");
        let half = 500_000_u32.to_le_bytes();
        let bytes = [[11, 0xe8, 7, 2, 29, 8, 5, 9].as_slice(), &half].concat();
        assert_eq!(moment(&bytes).unwrap(), "2024-02-29T08:05:09.5");
        for cut in [&[][..], &[4, 0xe8, 7], &[5, 0xe8, 7, 2, 29, 8], &[8, 0xe8, 7, 2, 29, 8, 5, 9, 1]] {
            assert!(moment(cut).is_err());
        }
    }

    #[test]
    fn numbers_beyond_ours_are_text() {
        assert_eq!(unsigned(1 << 63), Value::Text("9223372036854775808".into()));
        assert_eq!(unsigned((1 << 63) - 1), Value::Integer(i64::MAX));
    }
}
