use std::fmt;
use std::str::FromStr;

use super::format::{Compression, Layout};

/// What the ledger keeps of how a source is read, so that a run that goes on in its middle need not see its
/// beginning again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) compression: Compression,
    pub(crate) layout: Layout,
}

impl Recorded {
    /// Whether positions in the ledger are positions in the bytes as they come.
    pub(crate) fn is_seekable(&self) -> bool {
        self.compression == Compression::None
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.compression, self.layout)
    }
}

impl FromStr for Recorded {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (compression, layout) = text.split_once(' ').ok_or("is no layout")?;
        let all = [Compression::None, Compression::Gzip, Compression::Zstd];
        let compression = all
            .into_iter()
            .find(|known| known.to_string() == compression)
            .ok_or_else(|| format!("names an unknown compression, {compression}"))?;
        Ok(Self { compression, layout: layout.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_can_be_read_again() {
        for compression in ["plain", "gzip", "zstd"] {
            let text = format!(r#"{compression} {{"csv":",","columns":[["id","integer"],["a b","text"]]}}"#);
            assert_eq!(text.parse::<Recorded>().unwrap().to_string(), text);
        }
        assert!("bzip2 {}".parse::<Recorded>().is_err());
    }
}
