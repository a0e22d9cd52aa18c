//! Opening a source where an earlier run left it.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use seawall_core::{Error, FailureKind};
use seawall_fs::Fs;
use seawall_http::{Http, Opened as HttpOpened, Transfer};
use tokio::io::{AsyncReadExt, Stdin};
use url::Url;

use super::ledger::History;
use super::source::Source;

/// What standard input is told apart by: XXH3 of so many first bytes.
const STDIN_HEAD: usize = 64 * 1024;

/// A source that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) bytes: OpenBytes,
    /// Where its bytes begin. Positions in the ledger are of the decompressed source, so this is not 0 only for
    /// sources that are not compressed.
    pub(crate) at: u64,
    /// What tells this version of the source from another, if it will still tell in a later run.
    pub(crate) lasting_version: Option<String>,
    /// The bytes from `at` to its end, where it says so.
    pub(crate) length: Option<u64>,
}

/// Where the bytes come from.
#[derive(Debug)]
pub(crate) enum OpenBytes {
    File,
    Http(Box<Transfer>),
    /// The first bytes, already read, and what reads the rest.
    Stdin(Bytes, Stdin),
}

/// The clients that sources are read with.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    pub(crate) fs: Fs,
    pub(crate) http: Http,
}

/// What opening found.
#[derive(Debug)]
pub(crate) enum Found {
    Open(Opened),
    /// All of this version was committed before.
    AlreadyDone,
}

impl Readers {
    /// Opens `source` at the last batch of `history` if it is the same version still, else at its start.
    ///
    /// `seekable` says whether positions in the ledger are positions in the bytes as they come.
    pub(crate) async fn open(
        &self,
        source: &Source,
        history: &History,
        seekable: bool,
    ) -> Result<Found, Error> {
        match source {
            Source::File(path) => self.open_file(path, history, seekable).await,
            Source::Http(url) => self.open_http(url, history, seekable).await,
            // Its name in the ledger depends on its first bytes: `open_stdin` comes before the history is known.
            Source::Stdin => Err(Error::new(FailureKind::Permanent, "ingest", "stdin")
                .with_message("standard input can be read once; name it once")),
        }
    }

    async fn open_file(
        &self,
        path: &std::path::Path,
        history: &History,
        seekable: bool,
    ) -> Result<Found, Error> {
        let metadata = self.fs.metadata(path).await?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let version = modified.map(|since| format!("{}:{}", metadata.len(), since.as_nanos()));
        let unchanged = is_unchanged(history, version.as_deref());
        if unchanged && history.last().is_some_and(|last| last.done) {
            return Ok(Found::AlreadyDone);
        }
        let at = if unchanged && seekable { check_from(history) } else { 0 };
        let length = metadata.len().saturating_sub(at);
        let bytes = OpenBytes::File;
        Ok(Found::Open(Opened { bytes, at, lasting_version: version, length: Some(length) }))
    }

    async fn open_http(&self, url: &Url, history: &History, seekable: bool) -> Result<Found, Error> {
        let known = history.last().and_then(|last| last.version.as_deref());
        let done = history.last().is_some_and(|last| last.done);
        let request = self.http.get(url.as_str());
        let opened = match known {
            Some(version) if done => {
                let condition = if version.contains('"') { "if-none-match" } else { "if-modified-since" };
                request.header(condition, version).transfer(None).await?
            }
            Some(version) if seekable => request.transfer(Some((check_from(history), version))).await?,
            _ => request.transfer(None).await?,
        };
        let transfer = match opened {
            HttpOpened::NotModified => return Ok(Found::AlreadyDone),
            HttpOpened::Body(transfer) => transfer,
        };
        let at = transfer.position();
        Ok(Found::Open(Opened {
            at,
            lasting_version: transfer.lasting_version().map(str::to_owned),
            length: transfer.end().map(|end| end.saturating_sub(at)),
            bytes: OpenBytes::Http(transfer),
        }))
    }
}

/// Reads the head of standard input; its hash is part of the name in the ledger, so that the same input piped in
/// again goes on where it stopped, and another one is another source.
pub(crate) async fn open_stdin() -> Result<(String, Opened), Error> {
    let mut head = Vec::with_capacity(STDIN_HEAD);
    // One handle from here on: it may have read ahead of what it was asked for.
    let mut stdin = tokio::io::stdin();
    (&mut stdin).take(STDIN_HEAD as u64).read_to_end(&mut head).await.map_err(|error| {
        Error::new(FailureKind::Permanent, "ingest", "stdin")
            .with_message("cannot be read")
            .with_source(error)
    })?;
    let name = format!("stdin:{:016x}", xxhash_rust::xxh3::xxh3_64(&head));
    Ok((
        name,
        Opened { bytes: OpenBytes::Stdin(head.into(), stdin), at: 0, lasting_version: None, length: None },
    ))
}

/// Where reading begins so that the last committed batch that holds bytes can be compared again.
fn check_from(history: &History) -> u64 {
    history.entries.iter().rev().find(|entry| entry.position > entry.start).map_or(0, |entry| entry.start)
}

fn is_unchanged(history: &History, version: Option<&str>) -> bool {
    let known = history.last().and_then(|last| last.version.as_deref());
    version.is_some() && known == version
}
