use super::compression::extension;
use super::encoding::UTF8_BOM;
use super::{Compression, FormatError};

/// How the records of a source are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values (RFC 4180) under a header.
    Csv {
        /// What stands between two fields: a comma unless told otherwise.
        delimiter: Delimiter,
    },
    /// One JSON object a line.
    Ndjson,
}

/// What stands between two fields of CSV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delimiter {
    /// `,`
    #[default]
    Comma,
    /// `;`, where the comma is the decimal mark.
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Pipe,
}

impl Delimiter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    /// The delimiter as a byte.
    pub fn as_byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }
}

impl std::str::FromStr for Delimiter {
    type Err = &'static str;

    /// Reads the character itself, or `tab` or `\t`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "," => Ok(Self::Comma),
            ";" => Ok(Self::Semicolon),
            "\t" | "\\t" | "tab" => Ok(Self::Tab),
            "|" => Ok(Self::Pipe),
            _ => Err("a delimiter is one of `,` `;` `|` `tab`"),
        }
    }
}

impl Format {
    /// Tells the format from a name's ending (`.csv`, `.tsv`, `.ndjson`, `.jsonl`, `.json`, each also before
    /// the ending of a compression), else from the first byte that is not white space: `{` is NDJSON.
    ///
    /// # Errors
    /// [`FormatError::JsonArray`] if the source begins with `[` and does not call itself CSV.
    pub fn detect(name: &str, first: &[u8]) -> Result<Self, FormatError> {
        let text = first.strip_prefix(UTF8_BOM).unwrap_or(first);
        let byte = text.iter().find(|byte| !byte.is_ascii_whitespace());
        match (Self::of_name(name), byte) {
            (Some(Self::Csv { delimiter }), _) => Ok(Self::Csv { delimiter }),
            (_, Some(b'[')) => Err(FormatError::JsonArray),
            (Some(Self::Ndjson), _) | (None, Some(b'{')) => Ok(Self::Ndjson),
            (None, _) => Ok(Self::Csv { delimiter: Delimiter::Comma }),
        }
    }

    /// Tells the format from a name's ending alone.
    pub fn of_name(name: &str) -> Option<Self> {
        let stem = match Compression::of_name(name) {
            Compression::None => name,
            _ => name.rsplit_once('.').map_or(name, |(stem, _)| stem),
        };
        match extension(stem).as_str() {
            "csv" => Some(Self::Csv { delimiter: Delimiter::Comma }),
            "tsv" | "tab" => Some(Self::Csv { delimiter: Delimiter::Tab }),
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: Format = Format::Csv { delimiter: Delimiter::Comma };

    #[test]
    fn the_name_decides_and_else_the_first_byte() {
        assert_eq!(Format::detect("a.CSV", b"{").unwrap(), CSV);
        assert_eq!(Format::detect("a.csv.gz", b"").unwrap(), CSV);
        assert_eq!(Format::detect("a.tsv.zst", b"").unwrap(), Format::Csv { delimiter: Delimiter::Tab });
        assert_eq!(Format::detect("a.jsonl", b"x").unwrap(), Format::Ndjson);
        assert_eq!(Format::detect("-", b"\xef\xbb\xbf \n{\"a\":1}").unwrap(), Format::Ndjson);
        assert_eq!(Format::detect("data", b"id,name").unwrap(), CSV);
    }

    #[test]
    fn a_json_array_says_how_to_convert_it() {
        let error = Format::detect("a.json", b" [{\"a\":1}]").unwrap_err();
        assert!(error.to_string().contains("jq -c '.[]'"), "{error}");
    }

    #[test]
    fn delimiters_are_read_by_character_or_name() {
        for delimiter in Delimiter::ALL {
            assert_eq!(char::from(delimiter.as_byte()).to_string().parse(), Ok(delimiter));
        }
        assert_eq!("tab".parse(), Ok(Delimiter::Tab));
        assert!("::".parse::<Delimiter>().is_err());
    }
}
