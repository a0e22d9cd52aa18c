//! Opening a source where an earlier run left it.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::StatusCode;
use seawall_core::{Error, FailureKind};
use seawall_fs::Fs;
use seawall_http::{Body, Http};
use tokio::io::{AsyncReadExt, Stdin};
use url::Url;

use super::ledger::History;
use super::ranges::{self, content_length, is_strong, lasting_version, unexpected_status, version_of};
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
    /// What tells this version of the source from another while it is being read.
    pub(crate) version: Option<String>,
    /// The same, if it will still tell in a later run.
    pub(crate) lasting_version: Option<String>,
    /// The bytes from `at` to its end, where it says so.
    pub(crate) length: Option<u64>,
}

/// Where the bytes come from.
#[derive(Debug)]
pub(crate) enum OpenBytes {
    File,
    Http(Body),
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
        let lasting_version = version.clone();
        let bytes = OpenBytes::File;
        Ok(Found::Open(Opened { bytes, at, version, lasting_version, length: Some(length) }))
    }

    async fn open_http(&self, url: &Url, history: &History, seekable: bool) -> Result<Found, Error> {
        let known = history.last().and_then(|last| last.version.as_deref());
        let done = history.last().is_some_and(|last| last.done);
        let from = check_from(history);
        let whole = || ranges::request(&self.http, url);
        let mut asked_from = 0;
        let request = match known {
            Some(version) if done => {
                let condition = if version.contains('"') { "if-none-match" } else { "if-modified-since" };
                whole().header(condition, version)
            }
            Some(version) if seekable && from > 0 && is_strong(version) => {
                asked_from = from;
                ranges::request_rest(&self.http, url, from, Some(version))
            }
            _ => whole(),
        };
        let mut response = request.send().await?;
        let unfit = match response.status() {
            // It became shorter, and the server did not heed `If-Range`.
            StatusCode::RANGE_NOT_SATISFIABLE => true,
            StatusCode::PARTIAL_CONTENT => !ranges::continues(&response, asked_from, known),
            _ => false,
        };
        if unfit {
            // The whole of it will tell.
            asked_from = 0;
            response = whole().send().await?;
        }
        let length = content_length(&response);
        let (at, version, lasting_version) = match response.status().as_u16() {
            304 => return Ok(Found::AlreadyDone),
            200 => (0, version_of(&response), lasting_version(&response)),
            206 if asked_from > 0 => (asked_from, known.map(str::to_owned), known.map(str::to_owned)),
            _ => return Err(unexpected_status(url, &response)),
        };
        let bytes = OpenBytes::Http(response.into_body());
        Ok(Found::Open(Opened { bytes, at, version, lasting_version, length }))
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
        Opened {
            bytes: OpenBytes::Stdin(head.into(), stdin),
            at: 0,
            version: None,
            lasting_version: None,
            length: None,
        },
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
