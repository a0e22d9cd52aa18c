//! What serde says of a scenario, in the words of the file format.

use super::kinds::{MISSING, OF_EVERY_TRIGGER};

/// Says what is wrong with a key, and what to do.
pub(super) fn wording(key: &str, message: &str) -> String {
    // A kind whose keys have a value each, and one without keys, in toml's and serde's words.
    let of_kind = message.strip_prefix("unexpected keys in table: ");
    if let Some((_, known)) = of_kind.and_then(|rest| rest.split_once(", available keys: ")) {
        return unknown_beside_kind(key, known.split(", ").collect());
    }
    if message.starts_with("unknown field") && message.ends_with("there are no fields") {
        return unknown_beside_kind(key, Vec::new());
    }
    if let Some((_, known)) = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, "))
    {
        return format!("unknown key, {known}");
    }
    if let Some(kinds) = message.strip_prefix(&format!("unknown variant `{MISSING}`, ")) {
        return format!("missing key `kind`, {kinds}");
    }
    if let Some(name) = message.strip_prefix("missing field ") {
        return format!("missing key {name}, add it");
    }
    if message.contains("\"friendly\"") || message.ends_with("expected an unsigned duration string") {
        return "this is no time, write one such as \"500ms\" or \"1m 30s\"".to_owned();
    }
    if let Some((found, _)) = message.rsplit_once("expected struct ") {
        return format!("{found}expected a table");
    }
    let known = [
        ("unknown variant", "unknown name"),
        ("string \"", "text \""),
        ("expected a nonzero u32", "expected a whole number from 1 to 4294967295"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected f64", "expected a number"),
        ("expected a string", "expected a text"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
    ];
    known.iter().fold(message.to_owned(), |message, (rust, toml)| message.replace(rust, toml))
}

fn unknown_beside_kind(key: &str, own: Vec<&str>) -> String {
    let mut known = vec!["kind"];
    if key.starts_with("triggers[") {
        known.extend(OF_EVERY_TRIGGER);
    }
    known.extend(own);
    let choice = if known.len() == 1 { "expected" } else { "expected one of" };
    format!("unknown key, {choice} `{}`", known.join("`, `"))
}
