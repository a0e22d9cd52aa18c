use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use seawall_sql::{Cell, Column, RowBatch};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value::{Kind, excerpt, misfit};

/// Turns NDJSON records into rows.
#[derive(Debug)]
pub(super) struct JsonRows {
    columns: Vec<(String, Kind)>,
    by_name: HashMap<String, usize>,
}

impl JsonRows {
    pub(super) fn new(columns: &[Column]) -> Self {
        let by_name =
            columns.iter().enumerate().map(|(index, column)| (column.name.clone(), index)).collect();
        let columns = columns.iter().map(|column| (column.name.clone(), Kind::of(column))).collect();
        Self { columns, by_name }
    }

    /// Adds the record's row, or says why it is none; then the batch may hold some of its cells.
    pub(super) fn read(&mut self, record: &str, rows: &mut RowBatch) -> Result<(), String> {
        let mut values: Vec<Option<&RawValue>> = vec![None; self.columns.len()];
        // Most writers keep one order of keys: the next column is the likeliest.
        let mut likely = 0;
        each_member(record, |key, value| {
            let index = match self.columns.get(likely) {
                Some((name, _)) if *name == key => likely,
                _ => *self
                    .by_name
                    .get(&*key)
                    .ok_or_else(|| format!("no column for key `{}`", excerpt(&key)))?,
            };
            likely = index + 1;
            match values[index].replace(value) {
                None => Ok(()),
                Some(_) => Err(format!("key `{}` comes twice", excerpt(&key))),
            }
        })?;
        for (value, (name, kind)) in values.into_iter().zip(&self.columns) {
            push(value, name, *kind, rows)?;
        }
        Ok(())
    }
}

fn push(value: Option<&RawValue>, column: &str, kind: Kind, rows: &mut RowBatch) -> Result<(), String> {
    let json = value.map_or("null", RawValue::get);
    let text = match json.as_bytes()[0] {
        b'n' => {
            rows.push(Cell::Null);
            return Ok(());
        }
        b'"' => string(json).map_err(|reason| format!("column `{}`: {reason}", excerpt(column)))?,
        b'{' | b'[' if !matches!(kind, Kind::Text | Kind::Opaque) => return Err(misfit(column, kind, json)),
        _ => Cow::Borrowed(json),
    };
    rows.push(kind.read(&text).ok_or_else(|| misfit(column, kind, &text))?);
    Ok(())
}

/// The text that a JSON string stands for.
pub(super) fn string(json: &str) -> Result<Cow<'_, str>, String> {
    if memchr::memchr(b'\\', json.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(&json[1..json.len() - 1]));
    }
    let text: String = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if text.contains('\0') {
        return Err("a NUL character, which no text column can hold".to_owned());
    }
    Ok(Cow::Owned(text))
}

/// Visits the members of the one object that `record` is, without looking into their values.
pub(super) fn each_member<'a>(
    record: &'a str,
    visit: impl FnMut(Cow<'a, str>, &'a RawValue) -> Result<(), String>,
) -> Result<(), String> {
    let mut json = serde_json::Deserializer::from_str(record);
    let mut refused = None;
    let members = Members { visit, refused: &mut refused };
    let read = json.deserialize_map(members).and_then(|()| json.end());
    read.map_err(|error| describe(record, &error))?;
    refused.map_or(Ok(()), Err)
}

/// serde's words for what is no object speak of maps; and a record is a line, so only the column tells anything.
fn describe(record: &str, error: &serde_json::Error) -> String {
    let is_object = record.trim_ascii_start().starts_with('{');
    if !is_object && serde_json::from_str::<&RawValue>(record).is_ok() {
        return "JSON, but not an object".to_owned();
    }
    let words = error.to_string();
    let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
    format!("not JSON: {words} at character {}", error.column())
}

struct Members<'r, F> {
    visit: F,
    refused: &'r mut Option<String>,
}

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue) -> Result<(), String>> Visitor<'de> for Members<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some((Key(key), value)) = members.next_entry::<Key<'de>, &'de RawValue>()? {
            // The rest is read even so: a record that is no JSON at all says that first.
            if self.refused.is_none()
                && let Err(reason) = (self.visit)(key, value)
            {
                *self.refused = Some(reason);
            }
        }
        Ok(())
    }
}

/// A key, borrowed unless there are escapes in it.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use seawall_sql::ColumnType;

    use super::*;

    fn read(record: &str) -> Result<Vec<String>, String> {
        let column = |name: &str, column_type| Column { name: name.into(), column_type };
        let columns = [
            column("id", ColumnType::Integer),
            column("note", ColumnType::Text),
            column("up", ColumnType::Boolean),
        ];
        let mut rows = RowBatch::new(3);
        JsonRows::new(&columns).read(record, &mut rows)?;
        Ok(rows.row(0).map(|cell| format!("{cell:?}")).collect())
    }

    #[test]
    fn keys_come_in_any_order_and_absent_ones_are_null() {
        assert_eq!(read(r#"{"note":"x","id":1}"#).unwrap(), ["Integer(1)", "Text(\"x\")", "Null"]);
        assert_eq!(read(r#"{"id":null}"#).unwrap(), ["Null", "Null", "Null"]);
        assert_eq!(read(r#" {"\u0069d": 2, "up": true} "#).unwrap(), ["Integer(2)", "Null", "Boolean(true)"]);
    }

    #[test]
    fn text_columns_take_every_value_as_it_is_written() {
        for (json, text) in [
            (r#""a\n\u00fc\"""#, "a\nü\""),
            (r#""""#, ""),
            ("1.50", "1.50"),
            ("true", "true"),
            (r#"{"a": [1, 2]}"#, r#"{"a": [1, 2]}"#),
            ("[]", "[]"),
        ] {
            assert_eq!(read(&format!("{{\"note\":{json}}}")).unwrap()[1], format!("Text({text:?})"));
        }
    }

    #[test]
    fn what_is_no_row_says_why() {
        for (record, reason) in [
            (r#"{"id":1,"size":2}"#, "no column for key `size`"),
            (r#"{"id":1,"id":2}"#, "key `id` comes twice"),
            (r#"{"id":"x"}"#, "column `id`: \"x\" is not an integer of 64 bits"),
            (r#"{"id":[1]}"#, "column `id`: \"[1]\" is not an integer of 64 bits"),
            (r#"{"note":"a\u0000b"}"#, "column `note`: a NUL character, which no text column can hold"),
            ("[1]", "JSON, but not an object"),
            ("17", "JSON, but not an object"),
        ] {
            assert_eq!(read(record).unwrap_err(), reason);
        }
        for record in [r#"{"id":1"#, r#"{"id":1} {"id":2}"#, "id,note", "{'id':1}", r#"{"note":"\ud800"}"#] {
            let reason = read(record).unwrap_err();
            assert!(reason.starts_with("not JSON: ") || reason.starts_with("column `note`: "), "{reason}");
        }
    }
}
