use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_fs::{Durability, Fs};
use seawall_http::Http;
use url::Url;

use super::partial::Partial;
use super::running::Running;
use super::segment::Stop;
use super::{Checksum, Downloaded, Received, TransferProgress};
use crate::AsyncIoSystem;

/// How often a document may change under its download, or what another download leaves of it.
const CHANGES: usize = 5;

/// A download into a file, begun by [`AsyncIoSystem::download`].
///
/// The file is as it was until everything is there and right; then the new content takes its place in one step.
/// A transfer that breaks is taken up where it broke, and a download that was stopped, failed or killed goes on where it
/// was the next time it is asked for, if the server still has the same version and tells versions apart (`ETag` or an
/// old enough `Last-Modified`). What is there until then is kept beside the file, as `.NAME.seawall-part` and
/// `.NAME.seawall-part.json`.
///
/// | setting | default |
/// |---|---|
/// | [`checksum`](Self::checksum) | not checked |
/// | [`connections`](Self::connections) | 1 |
/// | [`durability`](Self::durability) | [`Durability::Full`] |
/// | [`max_size`](Self::max_size) | no limit but the disk's |
/// | [`patience`](Self::patience) | 60 s without a byte |
/// | [`resume`](Self::resume) | yes |
///
/// ```no_run
/// # async fn run(io: seawall::AsyncIoSystem) -> Result<(), Box<dyn std::error::Error>> {
/// let done = io
///     .download("https://example.com/data.tar.zst", "data.tar.zst")
///     .checksum("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse()?)
///     .run()
///     .await?;
/// println!("{} bytes, {} of them from an earlier run", done.bytes, done.kept);
/// # Ok(()) }
/// ```
#[must_use = "a download does nothing until it is run"]
#[derive(Debug)]
pub struct Download {
    pub(super) http: Http,
    pub(super) fs: Fs,
    pub(super) address: String,
    pub(super) target: PathBuf,
    pub(super) headers: Vec<(String, String)>,
    pub(super) checksum: Option<Checksum>,
    pub(super) connections: NonZeroUsize,
    pub(super) durability: Durability,
    pub(super) max_size: u64,
    pub(super) patience: Duration,
    pub(super) progress: Arc<TransferProgress>,
    pub(super) resume: bool,
}

impl AsyncIoSystem {
    /// Begins a download of what `url` names into the file `target`.
    pub fn download(&self, url: impl Into<String>, target: impl AsRef<Path>) -> Download {
        Download {
            http: self.http().clone(),
            fs: self.fs().clone(),
            address: url.into(),
            target: target.as_ref().to_owned(),
            headers: Vec::new(),
            checksum: None,
            connections: NonZeroUsize::MIN,
            durability: Durability::Full,
            max_size: u64::MAX,
            patience: Duration::from_mins(1),
            progress: Arc::default(),
            resume: true,
        }
    }
}

impl Download {
    /// Sends a header with every request of it.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Refuses what does not hash to this; the file is as it was then.
    pub fn checksum(self, checksum: Checksum) -> Self {
        Self { checksum: Some(checksum), ..self }
    }

    /// Over how many connections a large file is fetched, in parts of at least 16 MiB. It takes a server that has
    /// ranges and tells versions apart for sure; any other sends it over one.
    pub fn connections(self, connections: NonZeroUsize) -> Self {
        Self { connections, ..self }
    }

    /// What the file outlives once it is there. With [`Durability::None`] what an earlier run left is used until the machine is
    /// started again, and not at all where the system does not tell when that was (it does on Linux).
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// Refuses a file of more bytes than this.
    pub fn max_size(self, bytes: u64) -> Self {
        Self { max_size: bytes, ..self }
    }

    /// How long no byte may arrive before it is given up.
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Counts into `progress`, which several downloads may share.
    pub fn progress(self, progress: Arc<TransferProgress>) -> Self {
        Self { progress, ..self }
    }

    /// Whether what an earlier run left is used.
    pub fn resume(self, resume: bool) -> Self {
        Self { resume, ..self }
    }

    /// Downloads it.
    ///
    /// # Errors
    /// What the server, the network or the file system said at last; [`Permanent`](FailureKind::Permanent) for a wrong
    /// checksum, a file that is too large, and a document that does not stop changing. The file is as it was, and
    /// unless the checksum was wrong, what was received is kept for the next time.
    ///
    /// # Cancel safety
    /// Cancel safe: the file is as it was, and the next run goes on where this one was, less at most 16 MiB or one
    /// second for each connection.
    pub async fn run(self) -> Result<Downloaded, Error> {
        self.receive().await?.put_in_place().await
    }

    /// Downloads it, and leaves the file as it is until [`put_in_place`](Received::put_in_place): between the two, nothing
    /// more comes over the network, and what came can be looked at or waited for.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    ///
    /// # Cancel safety
    /// That of [`run`](Self::run).
    pub async fn receive(self) -> Result<Received, Error> {
        let url = Url::parse(&self.address).map_err(|error| {
            let message = "the address is no absolute url";
            Error::new(FailureKind::Permanent, "download", self.target.display().to_string())
                .with_message(message)
                .with_source(error)
                .not_executed()
        })?;
        let running = Running { partial: Partial::of(&self.target), url, download: self };
        for _ in 0..CHANGES {
            match running.attempt().await {
                Ok(received) => return Ok(received),
                Err(Stop::Changed) => running.partial.forget(&running.download.fs).await,
                Err(Stop::GoneOnWith) => {}
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::TooLarge) => return Err(running.too_large()),
            }
        }
        Err(running.error(
            "the document, or what other downloads leave of it, changes faster than it can be downloaded",
        ))
    }
}
