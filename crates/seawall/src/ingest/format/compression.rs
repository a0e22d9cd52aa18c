use std::fmt;
use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The largest window a zstd frame may ask for, as a power of two: 8 MiB, what every decoder should have room for
/// (RFC 8878 §3.1.1.1.2) and more than `zstd -19` needs. Several sources are read at a time, so a frame made with
/// `--long` or `--ultra` may want more than a loader that keeps its memory flat can give.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a source is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952), of one member or several.
    Gzip,
    /// Zstandard (RFC 8878), of one frame or several.
    Zstd,
}

impl Compression {
    /// How many of the first bytes [`detect`](Self::detect) looks at.
    pub const MAGIC_LEN: usize = 4;

    /// Tells the compression from the first bytes of a source. The name decides only while there are too few
    /// bytes to tell, so that an empty `a.csv.gz` is a truncated gzip and a `.gz` that some server has already
    /// decompressed is read as it is.
    pub fn detect(name: &str, first: &[u8]) -> Self {
        if first.starts_with(GZIP_MAGIC) {
            Self::Gzip
        } else if first.starts_with(ZSTD_MAGIC) {
            Self::Zstd
        } else {
            match Self::of_name(name) {
                Self::Gzip if GZIP_MAGIC.starts_with(first) => Self::Gzip,
                Self::Zstd if ZSTD_MAGIC.starts_with(first) => Self::Zstd,
                _ => Self::None,
            }
        }
    }

    /// Tells the compression from a name's ending: `.gz`, `.gzip`, `.zst`, `.zstd`.
    pub fn of_name(name: &str) -> Self {
        match extension(name).as_str() {
            "gz" | "gzip" => Self::Gzip,
            "zst" | "zstd" => Self::Zstd,
            _ => Self::None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// The ending of a name without its dot, in lower case; empty when there is none.
pub(super) fn extension(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((_, extension)) => extension.to_ascii_lowercase(),
        None => String::new(),
    }
}

/// Reads `reader` through the decompressor that `compression` names.
///
/// # Errors
/// If the decompressor cannot be set up.
pub fn decompress<R: Read>(reader: R, compression: Compression) -> io::Result<Decompressed<R>> {
    let raw = Raw { reader, any: false, failed: false };
    let decoder = match compression {
        Compression::None => Decoder::None(raw),
        Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(raw)))),
        Compression::Zstd => {
            let mut decoder = ZstdDecoder::new(raw)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Decoder::Zstd(Box::new(decoder))
        }
    };
    Ok(Decompressed { decoder, compression, bytes: 0 })
}

/// The decompressed bytes of a source; see [`decompress`].
///
/// A stream that ends inside a gzip member or zstd frame, or that cannot be decoded, ends in an
/// [`io::Error`] which [`FormatError`](super::FormatError) turns into `Truncated` or `Undecodable`: all bytes
/// before it have been handed out by then. An error of the underlying reader passes through unchanged.
pub struct Decompressed<R: Read> {
    decoder: Decoder<R>,
    compression: Compression,
    bytes: u64,
}

enum Decoder<R: Read> {
    None(Raw<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Raw<R>>>>),
    Zstd(Box<ZstdDecoder<'static, BufReader<Raw<R>>>>),
}

/// Remembers what the decoders do not tell: whether there was any input, and whose error it is.
struct Raw<R> {
    reader: R,
    any: bool,
    failed: bool,
}

impl<R: Read> Read for Raw<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into);
        match &read {
            Ok(count) => self.any |= *count > 0,
            Err(error) => self.failed |= error.kind() != io::ErrorKind::Interrupted,
        }
        read
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (read, raw) = match &mut self.decoder {
            Decoder::None(raw) => return raw.read(into),
            Decoder::Gzip(decoder) => (decoder.read(into), decoder.get_ref().get_ref()),
            Decoder::Zstd(decoder) => (decoder.read(into), decoder.get_ref().get_ref()),
        };
        let (compression, bytes) = (self.compression, self.bytes);
        let ended = |kind, cause| io::Error::new(kind, StreamError { compression, bytes, cause });
        match read {
            Ok(0) if !raw.any && !into.is_empty() => Err(ended(io::ErrorKind::UnexpectedEof, None)),
            Ok(count) => {
                self.bytes += count as u64;
                Ok(count)
            }
            Err(error) if raw.failed || error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                let cause = (kind != io::ErrorKind::UnexpectedEof).then_some(error);
                Err(ended(kind, cause))
            }
        }
    }
}

impl<R: Read> fmt::Debug for Decompressed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressed")
            .field("compression", &self.compression)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Why a compressed stream ended early: it is cut off, or (with a cause) cannot be decoded.
#[derive(Debug)]
pub(super) struct StreamError {
    pub(super) compression: Compression,
    /// Decompressed bytes that came out whole before.
    pub(super) bytes: u64,
    pub(super) cause: Option<io::Error>,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compression, bytes, cause } = self;
        match cause {
            None => write!(f, "the {compression} stream is cut off after {bytes} decompressed bytes"),
            Some(cause) => {
                write!(
                    f,
                    "the {compression} stream cannot be decoded after {bytes} decompressed bytes: {cause}"
                )
            }
        }
    }
}

impl std::error::Error for StreamError {}
