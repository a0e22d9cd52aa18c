use std::io::{self, Read};

use seawall_sql::Column;

use super::encoding::{UTF8_BOM, check_text};
use super::fields::Fields;
use super::frame::{Frame, Framer};
use super::window::Window;
use super::{Format, FormatError, FormatOptions, Layout, Mark, RowReader, infer};

/// How much of a source is looked at before it is read.
const SAMPLE: usize = 256 * 1024;

/// The beginning of a source: what tells its format and its columns.
#[derive(Debug)]
pub struct Sample {
    bytes: Vec<u8>,
    /// How the source ended, if it did within the sample.
    ended: Option<io::Result<()>>,
    format: Format,
    header: Vec<String>,
    first_record: Mark,
    max_record_bytes: usize,
}

impl Sample {
    /// Reads up to 256 KiB of decompressed bytes and the header in them. `name` tells the format unless `options` do.
    ///
    /// # Errors
    /// If the source cannot be read as CSV or NDJSON at all: it is in another encoding, or binary, or a JSON array,
    /// or its header is not one. If the reader fails before the first record is whole.
    pub fn read(reader: &mut impl Read, name: &str, options: &FormatOptions) -> Result<Self, FormatError> {
        let mut bytes = Vec::with_capacity(SAMPLE);
        let ended = match reader.by_ref().take(SAMPLE as u64).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() < SAMPLE => Some(Ok(())),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        };
        check_text(&bytes)?;
        let mut format = match options.format {
            Some(format) => format,
            None => Format::detect(name, &bytes)?,
        };
        if let (Format::Csv { delimiter }, Some(wanted)) = (&mut format, options.delimiter) {
            *delimiter = wanted;
        }
        let mark = if bytes.starts_with(UTF8_BOM) { UTF8_BOM.len() as u64 } else { 0 };
        let mut sample = Self {
            bytes,
            ended,
            format,
            header: Vec::new(),
            first_record: Mark { position: mark, line: 0 },
            max_record_bytes: options.max_record_bytes,
        };
        if let Format::Csv { delimiter } = format {
            sample.read_header(delimiter.as_byte())?;
        }
        // Without a whole record there is nothing to say before it.
        if sample.frames().next().is_none()
            && let Some(Err(error)) = sample.ended
        {
            return Err(error.into());
        }
        Ok(sample)
    }

    /// How the source's records are written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The names of the columns, in the order of the fields; none for NDJSON.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Where the first record is, behind the header.
    pub fn first_record(&self) -> Mark {
        self.first_record
    }

    /// Finds the columns by the values of the first 1000 records of the sample.
    ///
    /// A column is an integer, real, boolean or timestamp column if every value in it is one, and written so that
    /// nothing is lost by taking it for one: `007` and `+1` are text, and so is a number of more digits than 64 bits
    /// hold. A column without any value is text. The columns of NDJSON are the keys, in the order of appearance.
    ///
    /// # Errors
    /// If the header looks like data, or seems to use another delimiter; if no line is a JSON object.
    pub fn infer(&self) -> Result<Vec<Column>, FormatError> {
        let records = self.records().map(|(record, frame)| (record, frame.quoted));
        match self.format {
            Format::Csv { delimiter } => infer::csv(&self.header, delimiter, records),
            Format::Ndjson => infer::ndjson(records.map(|(record, _)| record)),
        }
    }

    /// Puts `declared` columns, those of a table or of a schema, into the order of the header.
    ///
    /// # Errors
    /// If the header lacks one of them, or has one that is not among them. NDJSON has no header: there the columns
    /// are taken as they are.
    pub fn fit(&self, declared: &[Column]) -> Result<Vec<Column>, FormatError> {
        if self.format == Format::Ndjson {
            return Ok(declared.to_vec());
        }
        // Names are compared to the letter, or without letter case where only that finds one: databases differ.
        let find = |name: &String| {
            let alike = |column: &&Column| column.name.eq_ignore_ascii_case(name);
            declared.iter().find(|column| column.name == *name).or_else(|| declared.iter().find(alike))
        };
        let unknown: Vec<_> = self.header.iter().filter(|name| find(name).is_none()).collect();
        if !unknown.is_empty() {
            let declared = list(declared.iter().map(|column| &column.name));
            return Err(FormatError::UnknownColumns { unknown: list(unknown), declared });
        }
        let has = |name: &str| self.header.iter().any(|given| given.eq_ignore_ascii_case(name));
        let missing: Vec<_> = declared.iter().map(|column| &column.name).filter(|name| !has(name)).collect();
        if !missing.is_empty() {
            return Err(FormatError::MissingColumns { missing: list(missing), present: list(&self.header) });
        }
        Ok(self.header.iter().filter_map(find).cloned().collect())
    }

    /// Reads the source's rows: the sample again and then `rest`, which is the reader that the sample was read from.
    /// It begins at `from`, [`first_record`](Self::first_record) or where a batch ended; what lies before is read and
    /// dropped.
    ///
    /// # Errors
    /// [`FormatError::SourceShorter`] if the source ends before `from`. If the reader fails before it.
    pub fn into_rows<R: Read>(
        self,
        mut rest: R,
        columns: Vec<Column>,
        from: Mark,
    ) -> Result<RowReader<R>, FormatError> {
        let Self { mut bytes, ended, format, max_record_bytes, .. } = self;
        let sampled = bytes.len() as u64;
        match (from.position.checked_sub(sampled), &ended) {
            (None, _) => drop(bytes.drain(..from.position as usize)),
            (Some(0), _) => bytes.clear(),
            (Some(_), Some(Ok(()))) => return Err(FormatError::SourceShorter { from, length: sampled }),
            (Some(beyond), _) => {
                bytes.clear();
                if let Some(Err(error)) = ended {
                    return Err(error.into());
                }
                let passed = io::copy(&mut rest.by_ref().take(beyond), &mut io::sink())?;
                if passed < beyond {
                    return Err(FormatError::SourceShorter { from, length: sampled + passed });
                }
            }
        }
        let window = Window::new(bytes, rest, ended);
        Ok(RowReader::over(window, &Layout { format, columns }, max_record_bytes, from))
    }

    fn read_header(&mut self, delimiter: u8) -> Result<(), FormatError> {
        let Some((start, frame)) = self.frames().find(|(_, frame)| frame.content > 0) else {
            return Err(match self.ended.take() {
                Some(Err(error)) => error.into(),
                None => FormatError::HeaderTooLong { limit: SAMPLE },
                Some(Ok(())) => FormatError::Empty("header"),
            });
        };
        if frame.unclosed {
            return Err(FormatError::HeaderUnclosed);
        }
        let text = std::str::from_utf8(&self.bytes[start.position as usize..][..frame.content])
            .map_err(|error| FormatError::HeaderNotUtf8 { at: error.valid_up_to() })?;
        let mut fields = Fields::default();
        fields.split(text, delimiter, frame.quoted);
        let names: Vec<String> = fields.of(text).map(|field| field.text.trim_ascii().to_owned()).collect();
        check_names(&names)?;
        self.first_record = start.after(&frame);
        self.header = names;
        Ok(())
    }

    /// The records from `first_record` on that are whole and not empty.
    fn records(&self) -> impl Iterator<Item = (&[u8], Frame)> {
        self.frames().filter(|(_, frame)| frame.content > 0).map(|(start, frame)| {
            let start = start.position as usize;
            (&self.bytes[start..start + frame.content], frame)
        })
    }

    /// All records from `first_record` on that are whole, and where they start.
    fn frames(&self) -> impl Iterator<Item = (Mark, Frame)> {
        let whole = matches!(self.ended, Some(Ok(())));
        let (mut framer, mut next) = (Framer::new(self.format), self.first_record);
        std::iter::from_fn(move || {
            let start = next;
            let frame = framer.next(&self.bytes[start.position as usize..], whole)?;
            next = start.after(&frame);
            Some((start, frame))
        })
    }
}

impl Mark {
    fn after(self, frame: &Frame) -> Self {
        Self { position: self.position + frame.total as u64, line: self.line + frame.lines }
    }
}

fn check_names(names: &[String]) -> Result<(), FormatError> {
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(FormatError::UnnamedColumn { number: index + 1 });
        }
        // SQLite, and Postgres without quotes, do not tell names by letter case.
        if names[..index].iter().any(|before| before.eq_ignore_ascii_case(name)) {
            return Err(FormatError::DuplicateColumn { name: name.clone() });
        }
    }
    Ok(())
}

/// Names as they are shown in a message.
fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
