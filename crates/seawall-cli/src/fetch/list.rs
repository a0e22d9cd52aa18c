//! The list of what is to be fetched.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;
use seawall::transfer::Checksum;

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) url: String,
    /// Where it goes, below the folder.
    pub(super) name: String,
    pub(super) checksum: Option<Checksum>,
}

/// Reads a list, or says which line is wrong and why. Two lines of one name are wrong, too: one file would take the
/// other's place.
pub(super) fn parse(text: &str) -> Result<Vec<Item>, String> {
    let mut items: Vec<Item> = Vec::new();
    let mut lines_of_names = HashMap::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let item = item(line).map_err(|problem| format!("line {number}: {problem}"))?;
        // As a path, `a//b` is `a/b`.
        if let Some(other) = lines_of_names.insert(PathBuf::from(&item.name), number) {
            return Err(format!(
                "lines {other} and {number} both go into `{}`: give one of them another name",
                item.name
            ));
        }
        items.push(item);
    }
    Ok(items)
}

fn item(line: &str) -> Result<Item, String> {
    let mut words = line.split_whitespace();
    let url = words.next().unwrap_or_default();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        // What it is instead is not shown: it may hold a secret.
        return Err("begins with no http:// or https:// address".to_owned());
    }
    let (mut name, mut checksum) = (None, None);
    for word in words {
        if word.starts_with("sha256:") || word.starts_with("sha512:") {
            checksum = Some(word.parse::<Checksum>().map_err(|error| error.to_string())?);
        } else if name.is_none() {
            name = Some(word.to_owned());
        } else {
            return Err(format!("`{word}` is one word too many: give the address, a name and a checksum"));
        }
    }
    let name = name.or_else(|| name_in(url)).ok_or("the address names no file: give a name behind it")?;
    if !stays_inside(&name) {
        return Err(format!("`{name}` leads out of the folder"));
    }
    Ok(Item { url: url.to_owned(), name, checksum })
}

/// The last part of the path, as a file would be called.
fn name_in(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split(['?', '#']).next()?.split_once('/')?;
    let name = percent_decode_str(path.rsplit('/').next()?).decode_utf8().ok()?;
    // Decoded, it may hold what no name can.
    let fits = !name.is_empty() && !name.contains(['/', '\\', '\0']);
    fits.then(|| name.into_owned())
}

fn stays_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_address_a_name_and_a_checksum() {
        let hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let list = format!(
            "# a comment\n\nhttps://h/a%20b.txt?key=1#part\n  http://h/x dir/y.bin {hash}  \nhttp://h/z {hash}\n"
        );
        let items = parse(&list).unwrap();
        let named: Vec<_> = items.iter().map(|item| (item.name.as_str(), item.checksum.is_some())).collect();
        assert_eq!(named, [("a b.txt", false), ("dir/y.bin", true), ("z", true)]);
        assert_eq!(items[0].url, "https://h/a%20b.txt?key=1#part");
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said_with_its_number() {
        for (list, problem) in [
            ("http://h/a\nftp://h/b", "line 2: begins with no http:// or https:// address"),
            ("http://h/", "line 1: the address names no file: give a name behind it"),
            ("http://h", "line 1: the address names no file: give a name behind it"),
            ("http://h/..", "line 1: `..` leads out of the folder"),
            ("http://h/%2e%2e%2fetc", "line 1: the address names no file: give a name behind it"),
            ("http://h/a ../b", "line 1: `../b` leads out of the folder"),
            ("http://h/a /etc/b", "line 1: `/etc/b` leads out of the folder"),
            ("http://h/a b c", "line 1: `c` is one word too many: give the address, a name and a checksum"),
            ("http://h/1/a\n\nhttp://h/2/a", "lines 1 and 3 both go into `a`: give one of them another name"),
            (
                "http://h/1 a/b\nhttp://h/2 a//b",
                "lines 1 and 2 both go into `a//b`: give one of them another name",
            ),
        ] {
            assert_eq!(parse(list).unwrap_err(), problem, "{list}");
        }
        assert!(parse("http://h/a sha256:12").unwrap_err().contains("64"));
    }
}
