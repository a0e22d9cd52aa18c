use std::fmt;
use std::str::FromStr;

use seawall_sql::{Column, ColumnType};
use serde::{Deserialize, Serialize};

use super::{Compression, Delimiter, Format};

/// How sources are read, where that is not left to be found out.
///
/// | field | default |
/// |---|---|
/// | `compression` | told from the first bytes |
/// | `format` | told from the name, else from the first bytes |
/// | `delimiter` | `,`, or a tab in `.tsv` files |
/// | `max_record_bytes` | 1 MiB |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatOptions {
    /// How the source is compressed.
    pub compression: Option<Compression>,
    /// How its records are written.
    pub format: Option<Format>,
    /// What stands between two fields of CSV.
    pub delimiter: Option<Delimiter>,
    /// A longer record is malformed.
    pub max_record_bytes: usize,
}

impl Default for FormatOptions {
    fn default() -> Self {
        Self { compression: None, format: None, delimiter: None, max_record_bytes: 1 << 20 }
    }
}

/// What it takes to read the records of a source from any place on.
///
/// It can be written to text and read back, so that a run that goes on in the middle need not see the header again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How the records are written.
    pub format: Format,
    /// What they hold; in CSV, in the order of the fields.
    ///
    /// | type | value |
    /// |---|---|
    /// | boolean | `true`, `t`, `1`, `false`, `f`, `0`, in any letter case |
    /// | integer | decimal, of 64 bits |
    /// | real | decimal, with or without fraction and exponent; finite |
    /// | timestamp | RFC 3339 with seconds and an offset; between date and time stands `T` or a space |
    /// | text, other | anything without NUL |
    pub columns: Vec<Column>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    csv: Option<char>,
    columns: Vec<(String, String)>,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let csv = match self.format {
            Format::Csv { delimiter } => Some(char::from(delimiter.as_byte())),
            Format::Ndjson => None,
        };
        let columns = self.columns.iter().map(|column| (column.name.clone(), column.column_type.to_string()));
        let written = Written { csv, columns: columns.collect() };
        f.write_str(&serde_json::to_string(&written).expect("strings are always JSON"))
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let written: Written =
            serde_json::from_str(text).map_err(|error| format!("is no layout: {error}"))?;
        let format = match written.csv {
            Some(delimiter) => Format::Csv { delimiter: delimiter.to_string().parse()? },
            None => Format::Ndjson,
        };
        let columns = written.columns.into_iter().map(|(name, column_type)| {
            let column_type = match column_type.as_str() {
                "boolean" => ColumnType::Boolean,
                "integer" => ColumnType::Integer,
                "real" => ColumnType::Real,
                "timestamp" => ColumnType::Timestamp,
                "text" => ColumnType::Text,
                _ => ColumnType::Other(column_type),
            };
            Column { name, column_type }
        });
        Ok(Self { format, columns: columns.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_survives_being_written() {
        let column = |name: &str, column_type| Column { name: name.into(), column_type };
        for format in [Format::Csv { delimiter: Delimiter::Tab }, Format::Ndjson] {
            let layout = Layout {
                format,
                columns: vec![
                    column("id", ColumnType::Integer),
                    column("a \"b\", c", ColumnType::Text),
                    column("price", ColumnType::Other("numeric(10, 2)".into())),
                ],
            };
            assert_eq!(layout.to_string().parse(), Ok(layout));
        }
        assert!("csv".parse::<Layout>().is_err());
    }

    #[test]
    fn defaults_are_as_documented() {
        let FormatOptions { compression, format, delimiter, max_record_bytes } = FormatOptions::default();
        assert_eq!((compression, format, delimiter, max_record_bytes), (None, None, None, 1_048_576));
        assert_eq!(super::super::Limits::default(), super::super::Limits { rows: 16_384, bytes: 4_194_304 });
    }
}
