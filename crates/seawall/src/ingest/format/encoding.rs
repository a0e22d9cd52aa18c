use super::FormatError;

/// The byte order mark of UTF-8, which some programs write and which is no part of the text.
pub(super) const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";

/// How many bytes are searched for NULs.
const WINDOW: usize = 4096;

/// What the first bytes say when they are no text at all, and what to do then.
const BINARY: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a zip archive", "unpack it, or pipe it: `unzip -p FILE`"),
    (b"BZh", "compressed with bzip2", "pipe it: `bzip2 -dc FILE`"),
    (b"\xfd7zXZ\0", "compressed with xz", "pipe it: `xz -dc FILE`"),
    (b"\x1f\x8b", "compressed with gzip twice", "pipe it: `zcat FILE`"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd twice", "pipe it: `zstd -dc FILE`"),
    (b"PAR1", "a Parquet file", "export it as CSV first"),
    (b"SQLite format 3\0", "an SQLite database", "export it as CSV first: `sqlite3 -csv -header FILE`"),
];

/// Refuses a source that as a whole cannot be UTF-8 text, by its first bytes.
///
/// Single bytes that are wrong do not count here: they make their own row malformed.
pub(super) fn check_text(first: &[u8]) -> Result<(), FormatError> {
    if let Some(&(_, what, advice)) = BINARY.iter().find(|(magic, ..)| first.starts_with(magic)) {
        return Err(FormatError::NotText { what, advice });
    }
    match encoding_of(first) {
        Some(encoding) => Err(FormatError::Encoding { encoding }),
        None if mostly_nul(first) => Err(FormatError::NotText {
            what: "binary data (it is full of NUL bytes)",
            advice: "export it as CSV first",
        }),
        None => Ok(()),
    }
}

/// Names a Unicode encoding of wider units, by its byte order mark or by where its NULs lie.
fn encoding_of(first: &[u8]) -> Option<&'static str> {
    // UTF-32 before UTF-16: the mark of UTF-16LE begins that of UTF-32LE.
    if first.starts_with(b"\xff\xfe\0\0") {
        return Some("UTF-32LE");
    } else if first.starts_with(b"\0\0\xfe\xff") {
        return Some("UTF-32BE");
    } else if first.starts_with(b"\xff\xfe") {
        return Some("UTF-16LE");
    } else if first.starts_with(b"\xfe\xff") {
        return Some("UTF-16BE");
    }
    let window = &first[..first.len().min(WINDOW)];
    let units = window.len() / 4;
    if units == 0 {
        return None;
    }
    // Text in the Latin script leaves the high bytes of nearly every unit zero and the low byte of none.
    let nuls = |lane: usize| window.chunks_exact(4).filter(|unit| unit[lane] == 0).count();
    let lanes = [nuls(0), nuls(1), nuls(2), nuls(3)].map(|count| count * 4 >= units * 3);
    match lanes {
        [false, true, true, true] => Some("UTF-32LE"),
        [true, true, true, false] => Some("UTF-32BE"),
        [false, true, false, true] => Some("UTF-16LE"),
        [true, false, true, false] => Some("UTF-16BE"),
        _ => None,
    }
}

/// Whether a byte in eight or more is NUL.
fn mostly_nul(first: &[u8]) -> bool {
    let window = &first[..first.len().min(WINDOW)];
    let nuls = memchr::memchr_iter(0, window).count();
    nuls > 0 && nuls * 8 >= window.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, unit: usize, little: bool) -> Vec<u8> {
        text.bytes()
            .flat_map(|byte| {
                let mut bytes = vec![0; unit];
                bytes[if little { 0 } else { unit - 1 }] = byte;
                bytes
            })
            .collect()
    }

    #[test]
    fn wide_encodings_are_named_with_and_without_their_mark() {
        let text = "id,symbol\n1,AAPL\n2,MSFT\n";
        for (name, unit, little, mark) in [
            ("UTF-16LE", 2, true, &b"\xff\xfe"[..]),
            ("UTF-16BE", 2, false, b"\xfe\xff"),
            ("UTF-32LE", 4, true, b"\xff\xfe\0\0"),
            ("UTF-32BE", 4, false, b"\0\0\xfe\xff"),
        ] {
            let bare = wide(text, unit, little);
            let marked = [mark, &bare].concat();
            for bytes in [bare, marked] {
                let error = check_text(&bytes).unwrap_err();
                assert!(error.to_string().contains(&format!("iconv -f {name} -t UTF-8")), "{error}");
            }
        }
    }

    #[test]
    fn text_passes_with_umlauts_a_mark_or_a_stray_nul() {
        for text in
            ["", "a", "id,name\n1,Jörg\n", "\u{feff}id,name\n1,x\n", "id,name\n1,a\0b\n2,some more text\n"]
        {
            check_text(text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn binary_files_are_named() {
        let error = check_text(b"PK\x03\x04....").unwrap_err();
        assert!(error.to_string().starts_with("the source is a zip archive"), "{error}");
        let error = check_text(&[7, 0, 0, 1, 0, 0, 9, 0, 0, 3, 0]).unwrap_err();
        assert!(error.to_string().contains("binary data"), "{error}");
    }
}
