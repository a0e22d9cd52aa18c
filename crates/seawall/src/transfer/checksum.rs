use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256, Sha512};

/// What a file must hash to: `sha256:HEX` or `sha512:HEX`, as the files beside downloads say.
///
/// ```
/// use seawall::transfer::Checksum;
///
/// let checksum: Checksum = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse()?;
/// assert!("sha256:e3b0".parse::<Checksum>().is_err());
/// # Ok::<(), seawall::transfer::InvalidChecksum>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Checksum(Value);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

impl Checksum {
    pub(super) fn begin(self) -> Hashing {
        match self.0 {
            Value::Sha256(_) => Hashing::Sha256(Sha256::new()),
            Value::Sha512(_) => Hashing::Sha512(Sha512::new()),
        }
    }
}

/// A checksum of bytes that are still coming.
#[derive(Debug)]
pub(super) enum Hashing {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hashing {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Checksum {
        Checksum(match self {
            Self::Sha256(hasher) => Value::Sha256(hasher.finalize().into()),
            Self::Sha512(hasher) => Value::Sha512(hasher.finalize().into()),
        })
    }
}

impl FromStr for Checksum {
    type Err = InvalidChecksum;

    fn from_str(text: &str) -> Result<Self, InvalidChecksum> {
        let invalid = || InvalidChecksum(text.to_owned());
        let (name, digits) = text.split_once(':').ok_or_else(invalid)?;
        let value = match name {
            "sha256" => bytes_of(digits).map(Value::Sha256),
            "sha512" => bytes_of(digits).map(Value::Sha512),
            _ => None,
        };
        value.map(Self).ok_or_else(invalid)
    }
}

fn bytes_of<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let digits = digits.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes): (_, &[u8]) = match &self.0 {
            Value::Sha256(bytes) => ("sha256", bytes),
            Value::Sha512(bytes) => ("sha512", bytes),
        };
        write!(f, "{name}:")?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no checksum: give sha256: and 64, or sha512: and 128 hexadecimal digits")]
pub struct InvalidChecksum(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_matches_the_bytes_it_was_made_of() {
        for empty in [
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ] {
            let checksum: Checksum = empty.parse().unwrap();
            assert_eq!(checksum.to_string(), empty);
            assert_eq!(checksum.begin().finish(), checksum);
            let mut other = checksum.begin();
            other.update(b"a");
            assert_ne!(other.finish(), checksum);
        }
    }

    #[test]
    fn what_is_no_checksum_says_what_one_looks_like() {
        for text in ["", "sha256", "sha256:", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:é"] {
            let error = text.parse::<Checksum>().unwrap_err();
            assert!(error.to_string().contains("64"), "{error}");
        }
    }
}
