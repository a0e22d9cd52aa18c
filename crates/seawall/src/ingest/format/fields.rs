/// The fields of one CSV record. The memory is reused from record to record.
#[derive(Debug, Default)]
pub(super) struct Fields {
    spans: Vec<Span>,
    /// The text of fields that do not stand in the record as they are, for the escaped quotes in them.
    unescaped: String,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
    quoted: bool,
    unescaped: bool,
}

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) text: &'a str,
    /// Whether it stands in quotes: a quoted empty field is not the same as an empty one.
    pub(super) quoted: bool,
}

impl Fields {
    /// Takes a whole record apart. `quoted` says whether a quoted field is in it.
    pub(super) fn split(&mut self, record: &str, delimiter: u8, quoted: bool) {
        self.spans.clear();
        self.unescaped.clear();
        if quoted {
            self.split_quoted(record, delimiter);
            return;
        }
        let mut start = 0;
        for end in memchr::memchr_iter(delimiter, record.as_bytes()) {
            self.spans.push(Span { start, end, quoted: false, unescaped: false });
            start = end + 1;
        }
        self.spans.push(Span { start, end: record.len(), quoted: false, unescaped: false });
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The fields of `record`, which must be the one that was split last.
    pub(super) fn of<'a>(&'a self, record: &'a str) -> impl Iterator<Item = Field<'a>> {
        self.spans.iter().map(move |span| {
            let text = if span.unescaped { &self.unescaped } else { record };
            Field { text: &text[span.start..span.end], quoted: span.quoted }
        })
    }

    fn split_quoted(&mut self, record: &str, delimiter: u8) {
        let bytes = record.as_bytes();
        let field_end =
            |from: usize| memchr::memchr(delimiter, &bytes[from..]).map_or(bytes.len(), |at| from + at);
        let mut start = 0;
        loop {
            let end = if bytes.get(start) == Some(&b'"') {
                self.push_quoted(record, start + 1, field_end)
            } else {
                let end = field_end(start);
                self.spans.push(Span { start, end, quoted: false, unescaped: false });
                end
            };
            if end == bytes.len() {
                return;
            }
            start = end + 1;
        }
    }

    /// Adds the field whose first byte behind the opening quote is at `open`, and says where it ends.
    fn push_quoted(&mut self, record: &str, open: usize, field_end: impl Fn(usize) -> usize) -> usize {
        let bytes = record.as_bytes();
        let unescaped_start = self.unescaped.len();
        let mut piece = open;
        let close = loop {
            // A record in which a quote is not closed is malformed and comes here only as a sample.
            let quote = memchr::memchr(b'"', &bytes[piece..]).map_or(bytes.len(), |at| piece + at);
            if bytes.get(quote + 1) != Some(&b'"') {
                break quote;
            }
            self.unescaped.push_str(&record[piece..=quote]);
            piece = quote + 2;
        };
        let behind = (close + 1).min(bytes.len());
        let end = field_end(behind);
        if piece == open && end == behind {
            self.spans.push(Span { start: open, end: close, quoted: true, unescaped: false });
        } else {
            // What stands between the closing quote and the delimiter belongs to the field.
            self.unescaped.push_str(&record[piece..close]);
            self.unescaped.push_str(&record[behind..end]);
            let (start, end) = (unescaped_start, self.unescaped.len());
            self.spans.push(Span { start, end, quoted: true, unescaped: true });
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(record: &str) -> Vec<(String, bool)> {
        let mut fields = Fields::default();
        fields.split(record, b',', record.contains('"'));
        fields.of(record).map(|field| (field.text.to_owned(), field.quoted)).collect()
    }

    fn plain(text: &str) -> (String, bool) {
        (text.to_owned(), false)
    }

    fn quoted(text: &str) -> (String, bool) {
        (text.to_owned(), true)
    }

    #[test]
    fn fields_stand_between_delimiters() {
        assert_eq!(split("a,,ü,"), [plain("a"), plain(""), plain("ü"), plain("")]);
        assert_eq!(split("a"), [plain("a")]);
    }

    #[test]
    fn quotes_protect_delimiters_line_ends_and_quotes() {
        assert_eq!(split("\"a,b\",\"c\nd\",\"e\"\"f\""), [quoted("a,b"), quoted("c\nd"), quoted("e\"f")]);
        assert_eq!(split("\"\",x,\"\""), [quoted(""), plain("x"), quoted("")]);
        assert_eq!(split("\"\"\"\"\"\",\"\"\"a\""), [quoted("\"\""), quoted("\"a")]);
    }

    #[test]
    fn quotes_elsewhere_are_text() {
        assert_eq!(split("5\" pipe,\"a\"b\",c"), [plain("5\" pipe"), quoted("ab\""), plain("c")]);
    }
}
