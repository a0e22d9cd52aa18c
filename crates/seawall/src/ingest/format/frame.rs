use super::Format;

/// A record in the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// How long it is without its line end.
    pub(super) content: usize,
    /// How long it is with it.
    pub(super) total: usize,
    /// How many lines end in it.
    pub(super) lines: u64,
    /// Whether a quoted field is in it.
    pub(super) quoted: bool,
    /// Whether the input ended inside its last, quoted field.
    pub(super) unclosed: bool,
}

/// Finds where records end. It keeps what it knows of a record that is not whole yet, so that no byte is looked at
/// twice however small the pieces are in which the input comes.
#[derive(Clone, Debug)]
pub(super) struct Framer {
    /// The CSV delimiter; none for NDJSON.
    delimiter: Option<u8>,
    at: usize,
    in_quotes: bool,
    quoted: bool,
    lines: u64,
    /// Whether bytes of the record are gone already: it was too long to keep.
    cut: bool,
}

impl Framer {
    pub(super) fn new(format: Format) -> Self {
        let delimiter = match format {
            Format::Csv { delimiter } => Some(delimiter.as_byte()),
            Format::Ndjson => None,
        };
        Self { delimiter, at: 0, in_quotes: false, quoted: false, lines: 0, cut: false }
    }

    /// The record at the start of `bytes`, if it is whole: if its end is among them or they are `last`. The next
    /// call must bring the same bytes and more, or those behind the record.
    pub(super) fn next(&mut self, bytes: &[u8], last: bool) -> Option<Frame> {
        let end = match self.delimiter {
            Some(delimiter) => self.csv_end(bytes, delimiter, last),
            None => self.line_end(bytes),
        };
        let (content, total) = match end {
            Some(end) => end,
            None if last && !bytes.is_empty() => (bytes.len(), bytes.len()),
            None => return None,
        };
        let frame = Frame {
            content,
            total,
            lines: self.lines + u64::from(total > content),
            quoted: self.quoted,
            unclosed: self.in_quotes,
        };
        self.restart();
        Some(frame)
    }

    /// Forgets the record that is not whole yet.
    pub(super) fn restart(&mut self) {
        *self = Self { at: 0, in_quotes: false, quoted: false, lines: 0, cut: false, ..*self };
    }

    /// How many bytes of an unfinished record may be dropped; the next call then brings those behind.
    pub(super) fn cut(&mut self) -> usize {
        // The last byte that was looked at tells whether a quote behind it opens a field.
        let count = self.at.saturating_sub(1);
        self.at -= count;
        self.cut |= count > 0;
        count
    }

    fn line_end(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        let Some(offset) = memchr::memchr(b'\n', &bytes[self.at..]) else {
            self.at = bytes.len();
            return None;
        };
        let end = self.at + offset;
        let content = if bytes[..end].ends_with(b"\r") { end - 1 } else { end };
        Some((content, end + 1))
    }

    fn csv_end(&mut self, bytes: &[u8], delimiter: u8, last: bool) -> Option<(usize, usize)> {
        loop {
            let rest = &bytes[self.at..];
            if self.in_quotes {
                let quote = memchr::memchr(b'"', rest);
                let inside = &rest[..quote.unwrap_or(rest.len())];
                self.lines += memchr::memchr_iter(b'\n', inside).count() as u64;
                self.at += inside.len();
                quote?;
                match bytes.get(self.at + 1) {
                    Some(b'"') => self.at += 2,
                    None if !last => return None,
                    _ => {
                        self.in_quotes = false;
                        self.at += 1;
                    }
                }
            } else {
                let Some(offset) = memchr::memchr3(b'\n', b'\r', b'"', rest) else {
                    self.at = bytes.len();
                    return None;
                };
                let end = self.at + offset;
                match bytes[end] {
                    b'\n' => return Some((end, end + 1)),
                    b'\r' => match bytes.get(end + 1) {
                        Some(b'\n') => return Some((end, end + 2)),
                        None if !last => {
                            self.at = end;
                            return None;
                        }
                        _ => return Some((end, end + 1)),
                    },
                    _ => {
                        let opens = if end == 0 { !self.cut } else { bytes[end - 1] == delimiter };
                        self.in_quotes = opens;
                        self.quoted |= opens;
                        self.at = end + 1;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Delimiter;
    use super::*;

    fn contents(format: Format, text: &str) -> Vec<&str> {
        let (mut framer, mut rest, mut found) = (Framer::new(format), text, Vec::new());
        while let Some(frame) = framer.next(rest.as_bytes(), true) {
            found.push(&rest[..frame.content]);
            rest = &rest[frame.total..];
        }
        found
    }

    const CSV: Format = Format::Csv { delimiter: Delimiter::Comma };

    #[test]
    fn csv_records_end_outside_of_quotes_only() {
        assert_eq!(contents(CSV, "a,\"b\nc\"\r\nd\re\n\nf"), ["a,\"b\nc\"", "d", "e", "", "f"]);
        assert_eq!(contents(CSV, "a\"b\nc\n"), ["a\"b", "c"]);
        assert_eq!(contents(CSV, "\"a\"\"\n\",\"\"\nb"), ["\"a\"\"\n\",\"\"", "b"]);
    }

    #[test]
    fn ndjson_records_are_lines() {
        assert_eq!(contents(Format::Ndjson, "{\"a\":\"\r\"}\r\n\n{}"), ["{\"a\":\"\r\"}", "", "{}"]);
    }

    #[test]
    fn a_carriage_return_at_the_end_waits_for_what_follows() {
        let mut framer = Framer::new(CSV);
        assert_eq!(framer.next(b"a\r", false), None);
        assert_eq!(framer.next(b"a\r\nb", false).map(|frame| frame.total), Some(3));
    }

    #[test]
    fn lines_inside_of_quotes_are_counted() {
        let frame = Framer::new(CSV).next(b"\"a\n\nb\"\n", false).unwrap();
        assert_eq!((frame.lines, frame.quoted, frame.unclosed), (3, true, false));
        let frame = Framer::new(CSV).next(b"\"a\n", true).unwrap();
        assert_eq!((frame.lines, frame.unclosed), (1, true));
    }
}
