use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line of an offset, counted from 1.
pub(super) fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Where a key such as `triggers[0].at` stands, or, if it is left out, what it belongs to.
pub(super) fn offset(text: &str, key: &str) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 0 };
    let root = Spanned::new(root.span(), DeValue::Table(root.into_inner()));
    let (mut offset, mut value) = (0, &root);
    for step in key.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
        let found = match value.get_ref() {
            DeValue::Table(table) => table.get_key_value(step).map(|(key, value)| (key.span().start, value)),
            DeValue::Array(values) => {
                let value = step.parse().ok().and_then(|index: usize| values.get(index));
                value.map(|value| (value.span().start, value))
            }
            _ => None,
        };
        let Some(found) = found else { break };
        (offset, value) = found;
    }
    offset
}

/// Whether that is the whole file, rather than any of its tables.
pub(super) fn is_whole(text: &str, span: &Range<usize>) -> bool {
    DeTable::parse(text).is_ok_and(|root| root.span() == *span)
}

/// The key that stands at an offset; of several, the innermost. Empty if none does.
pub(super) fn key(text: &str, offset: usize) -> String {
    DeTable::parse(text).ok().and_then(|root| within_table(root.get_ref(), offset)).unwrap_or_default()
}

fn within_table(table: &DeTable<'_>, offset: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        match within(value, offset) {
            Some(inner) if inner.is_empty() || inner.starts_with('[') => Some(format!("{name}{inner}")),
            Some(inner) => Some(format!("{name}.{inner}")),
            None => key.span().contains(&offset).then(|| name.to_string()),
        }
    })
}

fn within(value: &Spanned<DeValue<'_>>, offset: usize) -> Option<String> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => within_table(table, offset),
        DeValue::Array(values) => values.iter().enumerate().find_map(|(index, value)| {
            let inner = within(value, offset)?;
            let dot = if inner.is_empty() || inner.starts_with('[') { "" } else { "." };
            Some(format!("[{index}]{dot}{inner}"))
        }),
        _ => None,
    };
    inner.or_else(|| value.span().contains(&offset).then(String::new))
}
