//! Postgres' binary form of arrays (`array_send` and `array_recv` in `src/backend/utils/adt/arrayfuncs.c`).

use sqlx::TypeInfo;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgTypeInfo;

use super::postgres_values;
use crate::Value;

/// Writes an array of one dimension: how many dimensions, whether there are NULLs, the type, the length, the number of
/// the first element, and then each with its length.
pub(super) fn encode(values: &[Value], element: &PgTypeInfo, bytes: &mut Vec<u8>) -> Result<(), String> {
    let oid = element.oid().ok_or_else(|| {
        format!("arrays of {} cannot be bound: the server does not number them", element.name())
    })?;
    let holds_null = values.contains(&Value::Null);
    let length = i32::try_from(values.len()).map_err(|_long| "the bound list is too long".to_owned())?;
    bytes.reserve(20 + values.len() * 12);
    let dimensions = i32::from(!values.is_empty());
    bytes.extend_from_slice(&dimensions.to_be_bytes());
    bytes.extend_from_slice(&i32::from(holds_null).to_be_bytes());
    bytes.extend_from_slice(&oid.0.to_be_bytes());
    if dimensions == 0 {
        return Ok(());
    }
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&1_i32.to_be_bytes());
    for value in values {
        // The length of the element, or of none.
        let before = bytes.len();
        bytes.extend_from_slice(&(-1_i32).to_be_bytes());
        if postgres_values::encode(value, element, bytes)? {
            let length =
                i32::try_from(bytes.len() - before - 4).map_err(|_long| "a bound value is too long")?;
            bytes[before..before + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

/// Reads an array of one dimension.
pub(super) fn decode(bytes: &[u8], element: &PgTypeInfo) -> Result<Value, BoxDynError> {
    let mut rest = bytes;
    let dimensions = word(&mut rest)?;
    let (_holds_null, _oid) = (word(&mut rest)?, word(&mut rest)?);
    if dimensions == 0 {
        return Ok(Value::List(Vec::new()));
    }
    if dimensions != 1 {
        return Err("arrays of several dimensions are not read: select the column as text (`…::text`)".into());
    }
    let (length, _first) = (word(&mut rest)?, word(&mut rest)?);
    let mut values = Vec::new();
    for _ in 0..length {
        let Ok(length) = usize::try_from(word(&mut rest)?) else {
            values.push(Value::Null);
            continue;
        };
        let (value, others) = rest.split_at_checked(length).ok_or("an array that ends too soon")?;
        values.push(postgres_values::binary(value, element)?);
        rest = others;
    }
    Ok(Value::List(values))
}

fn word(bytes: &mut &[u8]) -> Result<i32, BoxDynError> {
    let (word, rest) = bytes.split_first_chunk().ok_or("an array that ends too soon")?;
    *bytes = rest;
    Ok(i32::from_be_bytes(*word))
}
