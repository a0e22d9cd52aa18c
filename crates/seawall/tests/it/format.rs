//! The formats that ingest reads, as a whole: what is true whatever the pieces a source comes in.

use std::fmt::Write as _;
use std::io::{self, Cursor, Read, Write as _};

use proptest::prelude::*;
use seawall::ingest::format::{
    Batch, BatchEnd, Compression, Delimiter, Format, FormatError, FormatOptions, Layout, Limits, Malformed,
    Mark, RowReader, Sample, decompress, parse_columns,
};
use seawall::sql::{Cell, Column};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

const CSV: Format = Format::Csv { delimiter: Delimiter::Comma };

/// Gives the bytes in pieces of the given sizes, over and over.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: Vec<usize>,
    next: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.next % self.sizes.len()];
        self.next += 1;
        let room = into.len();
        self.bytes.read(&mut into[..size.min(room)])
    }
}

/// Gives the bytes and then fails.
struct CutOff<'a>(&'a [u8]);

impl Read for CutOff<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::Error::new(io::ErrorKind::ConnectionReset, "the peer went away")),
            count => Ok(count),
        }
    }
}

/// What a source holds: its rows in words, each with its place, and its malformed records.
#[derive(Debug, Default, PartialEq)]
struct Content {
    rows: Vec<(u64, u64, String, Vec<String>)>,
    malformed: Vec<Malformed>,
}

impl Content {
    fn add(&mut self, batch: &Batch) {
        for index in 0..batch.rows.len() {
            let origin = batch.origin(index);
            let cells = batch.rows.row(index).map(|cell| format!("{cell:?}")).collect();
            self.rows.push((origin.position, origin.line, origin.raw.to_owned(), cells));
        }
        self.malformed.extend_from_slice(&batch.malformed);
    }
}

/// What a source holds, where each batch began and ended and its checksum, and how the source ended.
type Reading = (Content, Vec<(Mark, Mark, u64)>, Result<(), FormatError>);

fn read_all<R: Read>(mut reader: RowReader<R>, width: usize, limits: Limits) -> Reading {
    let (mut content, mut batches, mut batch) = (Content::default(), Vec::new(), Batch::new(width));
    loop {
        match reader.next_batch(&mut batch, &limits) {
            Ok(end) => {
                content.add(&batch);
                batches.push((batch.start, batch.end, batch.checksum));
                if end == BatchEnd::EndOfInput {
                    return (content, batches, Ok(()));
                }
            }
            Err(error) => return (content, batches, Err(error)),
        }
    }
}

fn layout(format: Format, columns: &str) -> Layout {
    Layout { format, columns: parse_columns(columns).expect("the tests name columns well") }
}

fn content(format: Format, columns: &str, bytes: &[u8]) -> Content {
    let layout = layout(format, columns);
    let reader = RowReader::new(bytes, &layout, 1 << 20, Mark::default());
    let (content, _, end) = read_all(reader, layout.columns.len(), Limits::default());
    end.expect("a slice can be read to its end");
    content
}

fn cells(content: &Content) -> Vec<Vec<&str>> {
    content.rows.iter().map(|(.., cells)| cells.iter().map(String::as_str).collect()).collect()
}

fn sample(name: &str, bytes: &[u8]) -> Result<Sample, FormatError> {
    Sample::read(&mut Cursor::new(bytes), name, &FormatOptions::default())
}

fn shown(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| format!("{} {}", column.name, column.column_type)).collect()
}

/// Text made of what CSV and JSON find special.
fn nasty_text() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"\"",
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b"a",
        "ü".as_bytes(),
        b"1",
        b"\xff",
        b"\0",
        b"x,y\n",
        b"\"p\nq\",z\n",
        b"{\"a\":1,\"b\":\"x\"}\n",
        b"{\"b\":{\"c\":[1]}}\n",
        b"0123456789abcdefghijklmnopqrstuvwxyz",
    ];
    let piece = prop::sample::select(pieces);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_chunking_and_any_limits_give_the_same_content(
        bytes in nasty_text(),
        sizes in prop::collection::vec(1_usize..40, 1..8),
        ndjson in any::<bool>(),
        max_record in 0_usize..60,
        rows in 1_usize..20,
        limit in 1_u64..200,
    ) {
        let layout = layout(if ndjson { Format::Ndjson } else { CSV }, "a text, b text");
        let whole = RowReader::new(&bytes[..], &layout, max_record, Mark::default());
        let (expected, _, end) = read_all(whole, 2, Limits { rows: usize::MAX, bytes: u64::MAX });
        end.unwrap();

        let pieces = Pieces { bytes: &bytes, sizes, next: 0 };
        let limits = Limits { rows, bytes: limit };
        let reader = RowReader::new(pieces, &layout, max_record, Mark::default());
        let (found, batches, end) = read_all(reader, 2, limits);
        end.unwrap();
        prop_assert_eq!(&found, &expected);

        // The batches tile the source: each vouches for its own bytes, and together they hash to the whole.
        let (mut at, mut together) = (0, Xxh3::new());
        for (start, end, checksum) in &batches {
            prop_assert_eq!(start.position, at);
            let part = &bytes[start.position as usize..end.position as usize];
            prop_assert_eq!(*checksum, xxh3_64(part));
            together.update(part);
            at = end.position;
        }
        prop_assert_eq!(at, bytes.len() as u64);
        prop_assert_eq!(together.digest(), xxh3_64(&bytes));

        // Whoever goes on where a batch ended finds the rest, the same. Eight places a case are enough.
        for (_, end, _) in batches.iter().step_by(batches.len().div_ceil(8)) {
            let rest = RowReader::new(&bytes[end.position as usize..], &layout, max_record, *end);
            let (rest, _, _) = read_all(rest, 2, limits);
            let rows = expected.rows.iter().filter(|row| row.0 >= end.position).cloned().collect();
            let malformed = expected.malformed.iter().filter(|row| row.position >= end.position).cloned().collect();
            prop_assert_eq!(rest, Content { rows, malformed });
        }
    }

    #[test]
    fn no_record_gets_lost(bytes in nasty_text(), cut in 0_usize..1000) {
        // A source that breaks off gives every record that is whole, each in its place, and then the error.
        let layout = layout(CSV, "a text, b text");
        let (all, ..) = read_all(RowReader::new(&bytes[..], &layout, 20, Mark::default()), 2, Limits::default());
        let cut = cut % (bytes.len() + 1);
        let broken = RowReader::new(CutOff(&bytes[..cut]), &layout, 20, Mark::default());
        let (found, batches, end) = read_all(broken, 2, Limits::default());
        prop_assert!(matches!(end, Err(FormatError::Read(_))), "{:?}", end);
        let reached = batches.last().map_or(0, |(_, end, _)| end.position);
        prop_assert!(reached <= cut as u64);
        if let Some((_, end, checksum)) = batches.last() {
            prop_assert_eq!(*checksum, xxh3_64(&bytes[..end.position as usize]));
        }
        let rows = all.rows.into_iter().filter(|row| row.0 < reached).collect();
        let malformed = all.malformed.into_iter().filter(|row| row.position < reached).collect();
        prop_assert_eq!(found, Content { rows, malformed });
    }

    #[test]
    fn csv_is_read_as_the_csv_crate_reads_it(text in "(a|b|ü|1|,|,|\"|\"|\"\"|\n|\r\n|\r| ){0,60}") {
        let mut oracle = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut records: Vec<Vec<String>> =
            oracle.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        // As many columns as the first record has fields, so that some fit and some do not.
        let width = records.first().map_or(1, Vec::len);
        let columns = (0..width).map(|index| format!("c{index} text")).collect::<Vec<_>>().join(", ");
        let found = content(CSV, &columns, text.as_bytes());
        // A quote that is never closed is taken as closed at the end by the csv crate; here it is malformed.
        if found.malformed.last().is_some_and(|last| last.reason.contains("never closed")) {
            records.pop();
        }
        let fitting: Vec<Vec<String>> = records
            .into_iter()
            .filter(|record| record.len() == width)
            .map(|record| record.iter().map(|text| format!("Text({text:?})")).collect())
            .collect();
        let rows: Vec<Vec<String>> = found
            .rows
            .into_iter()
            .map(|(.., cells)| {
                cells.into_iter().map(|cell| if cell == "Null" { "Text(\"\")".to_owned() } else { cell }).collect()
            })
            .collect();
        prop_assert_eq!(rows, fitting);
    }

    #[test]
    fn what_the_csv_crate_writes_comes_back(
        records in prop::collection::vec(prop::collection::vec("[a-c\"\r\n, ü]{0,6}", 3), 1..20),
        tab in any::<bool>(),
        crlf in any::<bool>(),
    ) {
        let delimiter = if tab { Delimiter::Tab } else { Delimiter::Comma };
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(delimiter.as_byte())
            .terminator(terminator)
            .quote_style(csv::QuoteStyle::Always)
            .from_writer(Vec::new());
        for record in &records {
            writer.write_record(record).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let found = content(Format::Csv { delimiter }, "a text, b text, c text", &bytes);
        prop_assert_eq!(found.malformed, []);
        let rows: Vec<Vec<String>> = found.rows.into_iter().map(|(.., cells)| cells).collect();
        let expected: Vec<Vec<String>> =
            records.iter().map(|record| record.iter().map(|text| format!("Text({text:?})")).collect()).collect();
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), name in "x(.csv|.ndjson|)") {
        if let Ok(sample) = sample(&name, &bytes) {
            let _ = sample.infer();
        }
        for compression in [Compression::Gzip, Compression::Zstd] {
            let _ = io::copy(&mut decompress(&bytes[..], compression).unwrap(), &mut io::sink());
        }
    }
}

#[test]
fn csv_values_are_typed_and_the_rest_is_malformed_with_line_and_reason() {
    let text = "1,ann,true,2.5\n2,\"\",f,\nx,bob,1,1\n3,c\n\n\"4\",\"q\"\"\n\",,NaN\n5,\u{ff},0,1\n";
    let bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let found = content(CSV, "id int, name text, up boolean, price real", &bytes);
    assert_eq!(
        cells(&found),
        [
            ["Integer(1)", "Text(\"ann\")", "Boolean(true)", "Real(2.5)"],
            ["Integer(2)", "Text(\"\")", "Boolean(false)", "Null"],
        ]
    );
    let malformed: Vec<_> = found
        .malformed
        .iter()
        .map(|row| (row.line, row.position, row.reason.as_str(), row.raw.as_str()))
        .collect();
    assert_eq!(
        malformed,
        [
            (3, 23, "column `id`: \"x\" is not an integer of 64 bits", "x,bob,1,1"),
            (4, 33, "2 fields where the header has 4", "3,c"),
            (6, 38, "column `price`: \"NaN\" is not a finite number", "\"4\",\"q\"\"\n\",,NaN"),
            (8, 54, "not UTF-8: byte 2 of the record is 0xff", "5,\u{fffd},0,1"),
        ]
    );
}

#[test]
fn an_empty_field_is_null_and_a_quoted_one_the_empty_string() {
    let found = content(CSV, "a text, b varchar(3), c numeric", b",,\n\"\",\"\",\"\"\n");
    assert_eq!(cells(&found), [["Null", "Null", "Null"], ["Text(\"\")", "Text(\"\")", "Null"]]);
}

#[test]
fn an_over_long_record_is_passed_over_with_bounded_memory() {
    let (long, layout) = (30 << 20, layout(CSV, "a text, b text"));
    let bytes =
        io::Cursor::new(b"x,\"1\n".to_vec()).chain(io::repeat(b'y').take(long)).chain(&b"\n\"\nu,v\n"[..]);
    let reader = RowReader::new(bytes, &layout, 1000, Mark::default());
    let (found, batches, end) = read_all(reader, 2, Limits::default());
    end.unwrap();
    assert_eq!(cells(&found), [["Text(\"u\")", "Text(\"v\")"]]);
    assert_eq!((found.rows[0].0, found.rows[0].1), (long + 8, 4));
    let length = long + 7;
    assert_eq!(
        found.malformed[0].reason,
        format!("the record has {length} bytes, more than the 1000 allowed")
    );
    assert!(found.malformed[0].raw.len() <= Malformed::MAX_RAW + "…".len());
    assert!(found.malformed[0].raw.ends_with("y…"));
    // 30 MiB are more than one batch's 4 MiB: the record that passes the limit is its last.
    assert_eq!(batches[0].1.position, long + 8);
}

#[test]
fn a_reader_that_breaks_inside_an_over_long_record_leaves_it_for_the_next_run() {
    let layout = layout(CSV, "a text, b text");
    let bytes = [&b"u,v\n"[..], &vec![b'y'; 100_000]].concat();
    let mut reader = RowReader::new(CutOff(&bytes), &layout, 1000, Mark::default());
    let mut batch = Batch::new(2);
    assert_eq!(reader.next_batch(&mut batch, &Limits::default()).unwrap(), BatchEnd::More);
    assert_eq!((batch.rows.len(), batch.end.position, batch.checksum), (1, 4, xxh3_64(b"u,v\n")));
    for _ in 0..3 {
        let error = reader.next_batch(&mut batch, &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "reading failed: the peer went away");
        assert!(batch.is_empty());
        assert_eq!(reader.mark().position, 4);
    }
}

#[test]
fn a_quote_that_is_never_closed_is_one_malformed_record() {
    let found = content(CSV, "a text, b text", b"1,2\n3,\"4\n5,6\n");
    assert_eq!(found.rows.len(), 1);
    assert_eq!(
        (found.malformed[0].line, found.malformed[0].reason.as_str()),
        (2, "a quoted field is never closed")
    );
}

#[test]
fn a_row_that_the_database_refuses_keeps_its_place() {
    let layout = layout(CSV, "a int, b text");
    let mut reader = RowReader::new(&b"x,1\n2,\"y\nz\"\n"[..], &layout, 100, Mark { position: 50, line: 7 });
    let mut batch = Batch::new(2);
    reader.next_batch(&mut batch, &Limits::default()).unwrap();
    let rejected = batch.reject(0, "unique constraint");
    let expected =
        Malformed { line: 9, position: 54, reason: "unique constraint".into(), raw: "2,\"y\nz\"".into() };
    assert_eq!(rejected, expected);
    assert_eq!((batch.end.position, batch.end.line), (62, 10));
}

fn numbered(rows: u64) -> Vec<u8> {
    let mut text = "id,name\n".to_owned();
    for id in 0..rows {
        writeln!(text, "{id},name-{}", id * id).expect("memory takes every write");
    }
    text.into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes every write");
    encoder.finish().expect("memory takes every write")
}

/// Compressed in two members, as a log that was appended to.
fn compressed(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let (one, two) = bytes.split_at(bytes.len() / 2);
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => [gzip(one), gzip(two)].concat(),
        Compression::Zstd => {
            [one, two].map(|part| zstd::encode_all(part, 1).expect("memory takes every write")).concat()
        }
    }
}

#[test]
fn a_source_is_the_same_in_every_compression_and_from_every_batch_on() {
    let plain = numbered(20_000);
    let columns = parse_columns("id int, name text").unwrap();
    let limits = Limits { rows: 3_000, bytes: u64::MAX };
    let mut expected: Option<(Content, Vec<_>)> = None;
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let bytes = compressed(&plain, compression);
        assert_eq!(Compression::detect("x", &bytes[..4]), compression);
        let open = |from: Option<Mark>| {
            let mut reader =
                decompress(Pieces { bytes: &bytes, sizes: vec![7, 4096, 1], next: 0 }, compression).unwrap();
            let sample = Sample::read(&mut reader, "x.csv", &FormatOptions::default()).unwrap();
            let from = from.unwrap_or(sample.first_record());
            sample.into_rows(reader, columns.clone(), from)
        };
        let (found, batches, end) = read_all(open(None).unwrap(), 2, limits);
        end.unwrap();
        assert_eq!(found.rows.len(), 20_000);
        assert_eq!(batches.len(), 7);
        // In the sample, behind it, and at the very end.
        for (done, (_, end, _)) in batches.iter().enumerate() {
            let (rest, again, _) = read_all(open(Some(*end)).unwrap(), 2, limits);
            assert_eq!(rest.rows, found.rows[((done + 1) * 3_000).min(20_000)..]);
            assert!(again.ends_with(&batches[done + 1..]));
        }
        let beyond = Mark { position: plain.len() as u64 + 1, line: 20_002 };
        let error = open(Some(beyond)).unwrap_err();
        assert!(
            matches!(error, FormatError::SourceShorter { length, .. } if length == plain.len() as u64),
            "{error}"
        );
        let expected = expected.get_or_insert((Content::default(), Vec::new()));
        if expected.1.is_empty() {
            *expected = (found, batches);
        } else {
            assert_eq!(*expected, (found, batches));
        }
    }
}

#[test]
fn a_truncated_stream_gives_what_is_whole_and_then_says_how_much_that_was() {
    let plain = numbered(20_000);
    for compression in [Compression::Gzip, Compression::Zstd] {
        let bytes = compressed(&plain, compression);
        for cut in [bytes.len() * 3 / 4, bytes.len() - 3, 2, 0] {
            let mut whole = Vec::new();
            let error = decompress(&bytes[..cut], compression).unwrap().read_to_end(&mut whole).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(plain.starts_with(&whole));
            let error = FormatError::from(error);
            assert!(
                matches!(error, FormatError::Truncated { bytes, .. } if bytes == whole.len() as u64),
                "{error:?} of {}",
                whole.len()
            );

            let mut reader = decompress(&bytes[..cut], compression).unwrap();
            let Ok(sample) = Sample::read(&mut reader, "x.csv", &FormatOptions::default()) else {
                assert!(cut <= 2);
                continue;
            };
            let (columns, from) = (sample.infer().unwrap(), sample.first_record());
            let (found, batches, end) =
                read_all(sample.into_rows(reader, columns, from).unwrap(), 2, Limits::default());
            assert!(matches!(end, Err(FormatError::Truncated { .. })));
            let lines = memchr::memchr_iter(b'\n', &whole).count();
            assert_eq!((found.rows.len(), found.malformed.len()), (lines - 1, 0));
            assert_eq!(batches.last().unwrap().1.line, lines as u64);
        }
    }
}

#[test]
fn a_damaged_stream_is_no_truncated_one_and_a_broken_reader_is_neither() {
    let mut bytes = gzip(&numbered(20_000));
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xff);
    let error =
        io::copy(&mut decompress(&bytes[..], Compression::Gzip).unwrap(), &mut io::sink()).unwrap_err();
    assert!(matches!(FormatError::from(error), FormatError::Undecodable { .. }));
    let bytes = gzip(&numbered(10));
    let error = io::copy(&mut decompress(CutOff(&bytes[..20]), Compression::Gzip).unwrap(), &mut io::sink())
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert!(matches!(FormatError::from(error), FormatError::Read(_)));
}

#[test]
fn compression_is_told_by_its_first_bytes_and_by_the_name_only_without_them() {
    assert_eq!(Compression::detect("a.csv", &gzip(b"")), Compression::Gzip);
    assert_eq!(Compression::detect("a.csv.gz", b"id,name"), Compression::None);
    assert_eq!(Compression::detect("a.csv.gz", b""), Compression::Gzip);
    assert_eq!(Compression::detect("a.csv.ZST", b"\x28"), Compression::Zstd);
    assert_eq!(Compression::detect("a.csv", b""), Compression::None);
}

#[test]
fn a_sample_finds_header_and_types() {
    let text = "\u{feff}id ,\"sym,bol\",ts,price,up,note\r\n\
                1,A,2024-01-01T00:00:00Z,1,true,\r\n\
                2,\"B\",2024-01-01T00:00:01+02:00,1.5,false,\r\n\
                too,few\r\n";
    let sample = sample("x.csv", text.as_bytes()).unwrap();
    let columns = sample.infer().unwrap();
    let expected = ["id integer", "sym,bol text", "ts timestamp", "price real", "up boolean", "note text"];
    assert_eq!(shown(&columns), expected);
    assert_eq!(sample.first_record(), Mark { position: 35, line: 1 });

    let mut declared = columns.clone();
    declared.reverse();
    assert_eq!(sample.fit(&declared).unwrap(), columns);
}

#[test]
fn a_sample_ends_between_records() {
    // The record that the sample cuts, after 256 KiB, does not count.
    let mut text = "a,b\n".to_owned();
    while text.len() < 256 * 1024 - 10 {
        text.push_str("1,2\n");
    }
    text.push_str("3,4,many,fields,and,more\n");
    assert_eq!(
        shown(&sample("x.csv", text.as_bytes()).unwrap().infer().unwrap()),
        ["a integer", "b integer"]
    );
}

#[test]
fn headers_that_are_none_are_refused_in_words() {
    let error = |text: &str| {
        let refused = sample("x.csv", text.as_bytes()).and_then(|sample| sample.infer().map(|_| ()));
        refused.unwrap_err().to_string()
    };
    for (text, part) in [
        ("", "the source is empty: there is no header"),
        ("\n\n", "the source is empty: there is no header"),
        ("1,AAPL,2.5\n", "the first line looks like data, not like a header: 1, AAPL, 2.5"),
        ("a,,b\n", "column 2 of the header has no name"),
        ("id,ID\n", "the header names column `ID` twice"),
        ("a;b\n", "its delimiter is ';'"),
        ("\"a,b\n", "never closed"),
    ] {
        assert!(error(text).contains(part), "{text:?}: {}", error(text));
    }
    assert!(error(&"x".repeat(300_000)).contains("does not end within the first 262144 bytes"));
    let error = sample("x.csv", b"id,n\xe4me\n1,2\n").unwrap_err().to_string();
    assert!(error.contains("not UTF-8 at byte 4") && error.contains("iconv -f WINDOWS-1252"), "{error}");
}

#[test]
fn a_reader_that_breaks_before_the_first_record_says_so() {
    for (name, bytes) in
        [("x.csv", &b""[..]), ("x.csv", b"id,na"), ("x.csv", b"id,name\n1,"), ("x.ndjson", b"{\"i")]
    {
        let broken = Sample::read(&mut CutOff(bytes), name, &FormatOptions::default()).unwrap_err();
        assert!(matches!(broken, FormatError::Read(_)), "{name}: {broken}");
    }
    assert!(Sample::read(&mut CutOff(b"{\"id\":1}\n{"), "x.ndjson", &FormatOptions::default()).is_ok());
}

#[test]
fn columns_that_do_not_match_are_named() {
    let sample = sample("x.csv", b"id,price\n1,2\n").unwrap();
    let error = sample.fit(&parse_columns("id int, price real, size int").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the source lacks `size`, which the table has; the source has `id`, `price`"
    );
    let error = sample.fit(&parse_columns("id int, size int").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the source has `price`, which the table lacks; the table has `id`, `size`"
    );
}

#[test]
fn a_utf16_source_names_its_encoding() {
    let bytes: Vec<u8> = "id,name\n1,x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [[b"\xff\xfe", &bytes[..]].concat(), bytes] {
        let error = sample("x.csv", &bytes).unwrap_err();
        assert!(matches!(error, FormatError::Encoding { encoding: "UTF-16LE" }), "{error}");
    }
}

#[test]
fn an_ndjson_source_is_read_by_its_keys() {
    let text = "\u{feff}{\"id\":1,\"tags\":[\"x\"]}\n\n{\"tags\":null,\"id\":2}\n{\"id\":3,\"x\":0}\n";
    let mut reader = text.as_bytes();
    let sample = Sample::read(&mut reader, "-", &FormatOptions::default()).unwrap();
    assert_eq!(sample.format(), Format::Ndjson);
    let declared = parse_columns("id int, tags text").unwrap();
    let (columns, from) = (sample.fit(&declared).unwrap(), sample.first_record());
    let (found, _, _) = read_all(sample.into_rows(reader, columns, from).unwrap(), 2, Limits::default());
    assert_eq!(cells(&found), [["Integer(1)", "Text(\"[\\\"x\\\"]\")"], ["Integer(2)", "Null"]]);
    assert_eq!(found.rows[0].0, 3);
    assert_eq!((found.malformed[0].line, found.malformed[0].reason.as_str()), (4, "no column for key `x`"));
}

#[test]
fn cells_keep_their_values_exactly() {
    let layout = layout(CSV, "i bigint, r real, t timestamptz");
    let text = "-9223372036854775808,0.1,2024-01-01T00:00:00.123456789+01:00\n";
    let mut batch = Batch::new(3);
    RowReader::new(text.as_bytes(), &layout, 100, Mark::default())
        .next_batch(&mut batch, &Limits::default())
        .unwrap();
    let row: Vec<_> = batch.rows.row(0).collect();
    assert_eq!(
        row,
        [Cell::Integer(i64::MIN), Cell::Real(0.1), Cell::Text("2024-01-01T00:00:00.123456789+01:00")]
    );
}
