use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line of an offset, counted from 1.
pub(super) fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Where a key such as `triggers[0].at` stands, or, if it is left out, what it belongs to.
pub(super) fn offset(text: &str, key: &str) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 0 };
    let (mut offset, mut table, mut array) = (0, Some(root.get_ref()), None);
    for step in key.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
        let value: Option<&Spanned<DeValue<'_>>> = match (table, array) {
            (Some(table), _) => table.get_key_value(step).map(|(key, value)| {
                offset = key.span().start;
                value
            }),
            (None, Some(array)) => step.parse().ok().and_then(|index: usize| {
                let values: &toml::de::DeArray<'_> = array;
                let value = values.get(index)?;
                offset = value.span().start;
                Some(value)
            }),
            (None, None) => None,
        };
        let Some(value) = value else { break };
        (table, array) = (value.get_ref().as_table(), value.get_ref().as_array());
    }
    offset
}

/// Whether that is where the whole file begins, rather than any of its tables.
pub(super) fn is_top(text: &str, offset: usize) -> bool {
    DeTable::parse(text).is_ok_and(|root| root.span().start == offset)
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
