//! A download under way.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::TryStreamExt;
use seawall_core::{CallContext, Error, FailureKind};
use seawall_fs::Durability;
use seawall_http::{Interruption, Opened, RequestBuilder, Transfer};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::checkpoints::Checkpoints;
use super::part_file::PartFile;
use super::partial::{Description, Partial, Span};
use super::progress::Counted;
use super::received::Content;
use super::segment::{Segment, Stop};
use super::{Checksum, Download, Downloaded, Received, TransferProgress};
use crate::patience::Patience;

/// What is no longer than this is received in memory and written at once.
const SMALL: u64 = 1024 * 1024;

/// A connection of its own is worth while for at least so many bytes.
const SMALLEST_SEGMENT: u64 = 16 * 1024 * 1024;

/// A download and what it needs on its way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) download: Download,
    pub(super) url: Url,
    pub(super) partial: Partial,
}

impl Running {
    /// Downloads one version of the document.
    pub(super) async fn attempt(&self) -> Result<Received, Stop> {
        let Download { fs, .. } = &self.download;
        let known = if self.download.resume { self.partial.load(fs, &self.url).await? } else { None };
        let missing = known.as_ref().and_then(|known| known.segments.iter().find(|span| !span.is_done()));
        let begun = match (&known, missing) {
            (Some(known), Some(missing)) => Some((missing.position, known.version.as_str())),
            (Some(known), None) => {
                let bytes = known.bytes();
                let done = Downloaded { bytes, kept: bytes, version: Some(known.version.clone()) };
                let counted = Counted::new(Arc::clone(&self.download.progress), bytes, bytes);
                return self.check_file(done, None, Arc::new(counted)).await;
            }
            (None, _) => None,
        };
        let mut patience = Patience::new(self.download.patience);
        let transfer = loop {
            match self.request().transfer(begun).await {
                Ok(Opened::Body(transfer)) => break *transfer,
                Ok(Opened::NotModified) => {
                    return Err(self.error("nothing newer than the header asked for").into());
                }
                Err(error) => patience.wait_after(error).await?,
            }
        };
        let goes_on = begun.is_some_and(|(position, version)| {
            position == transfer.position() && transfer.version() == Some(version)
        });
        let known = known.filter(|_| goes_on);
        let length = transfer.end();
        if length.is_some_and(|length| length > self.download.max_size) {
            return Err(Stop::TooLarge);
        }
        if known.is_none() && length.is_some_and(|length| length <= SMALL) {
            return self.in_memory(transfer).await;
        }
        self.in_segments(transfer, known).await
    }

    fn request(&self) -> RequestBuilder {
        let request = self.download.http.get(&self.download.address);
        self.download
            .headers
            .iter()
            .fold(request, |request, (name, value)| request.header(name.as_str(), value.as_str()))
    }

    /// Receives a small file in memory, to be written in one go.
    async fn in_memory(&self, mut transfer: Transfer) -> Result<Received, Stop> {
        let progress = &self.download.progress;
        let counted = Counted::new(Arc::clone(progress), 0, transfer.end().unwrap_or_default());
        let expected = transfer.end().and_then(|end| usize::try_from(end).ok());
        let mut content = BytesMut::with_capacity(expected.unwrap_or_default());
        let mut patience = Patience::new(self.download.patience);
        loop {
            match transfer.chunk().await {
                None => break,
                Some(Ok(chunk)) => {
                    counted.moved(chunk.len() as u64);
                    content.extend_from_slice(&chunk);
                    patience.progressed();
                }
                Some(Err(broken)) => take_up(&mut transfer, &mut patience, progress, broken).await?,
            }
        }
        if let Some(checksum) = self.download.checksum {
            let mut hashing = checksum.begin();
            hashing.update(&content);
            self.compare(checksum, hashing.finish())?;
        }
        let bytes = content.len() as u64;
        let done = Downloaded { bytes, kept: 0, version: transfer.version().map(str::to_owned) };
        Ok(self.received(Content::InMemory(content.freeze()), Arc::new(counted), done))
    }

    /// Carries a file into its place beside the target, over as many connections as are worth while.
    async fn in_segments(&self, transfer: Transfer, known: Option<Description>) -> Result<Received, Stop> {
        let Download { fs, progress, .. } = &self.download;
        let file = PartFile::open(fs, &self.partial.content, self.download.patience).await?;
        let file = file.ok_or_else(|| self.error("another download into this file is under way"))?;
        match &known {
            // A download that was dropped may have written down some more before the file became ours.
            Some(known) if self.partial.load(fs, &self.url).await?.as_ref() != Some(known) => {
                return Err(Stop::GoneOnWith);
            }
            Some(_) => {}
            None => {
                self.partial.forget(fs).await;
                file.clear().await?;
            }
        }
        let file = Arc::new(file);
        let kept = known.as_ref().map_or(0, Description::bytes);
        let version = transfer.version().map(str::to_owned);
        let spans = known.map_or_else(|| self.divide(&transfer), |known| known.segments);
        let counted = Arc::new(Counted::new(Arc::clone(progress), kept, transfer.end().unwrap_or(kept)));
        let mut description = transfer
            .lasting_version()
            .map(|version| Description::new(&self.url, version, transfer.end(), spans.clone()));
        if self.download.durability == Durability::None
            && let Some(unsynced) = description
        {
            description = unsynced.until_the_next_boot(fs).await?;
        }
        let checkpoints = Arc::new(Checkpoints::new(fs, &self.partial, description));
        let bytes = self.carry(transfer, &spans, &file, &checkpoints, &counted).await?;
        self.check_file(Downloaded { bytes, kept, version }, Some(file), counted).await
    }

    /// Runs all segments that are not done. Returns the length of the document.
    async fn carry(
        &self,
        first: Transfer,
        spans: &[Span],
        file: &Arc<PartFile>,
        checkpoints: &Arc<Checkpoints>,
        counted: &Arc<Counted>,
    ) -> Result<u64, Stop> {
        let length = first.end();
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let mut begin = |number, transfer, is_open| {
            let segment = Segment {
                number,
                file: Arc::clone(file),
                counted: Arc::clone(counted),
                checkpoints: Arc::clone(checkpoints),
                max_size: self.download.max_size,
                patience: self.download.patience,
                stop: stop.clone(),
            };
            running.spawn(CallContext::current().scope(segment.run(transfer, is_open)));
        };
        let mut missing = spans.iter().enumerate().filter(|(_, span)| !span.is_done());
        let (number, span) = missing.next().expect("a download whose segments are all done is not opened");
        for (number, span) in missing {
            begin(number, first.part(span.position..span.end.unwrap_or(u64::MAX)), false);
        }
        let mut first = first;
        span.end.into_iter().for_each(|end| first.stop_at(end));
        begin(number, first, true);

        let (mut end, mut failure) = (0, None);
        while let Some(ended) = running.join_next().await {
            match ended.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic())) {
                Ok(position) => end = end.max(position),
                Err(stopped) => {
                    // The others write down what they have.
                    stop.cancel();
                    failure.get_or_insert(stopped);
                }
            }
        }
        match failure {
            Some(stopped) => Err(stopped),
            None => Ok(length.unwrap_or(end)),
        }
    }

    /// The parts that a document is fetched in.
    fn divide(&self, transfer: &Transfer) -> Vec<Span> {
        let whole = Span { start: 0, position: 0, end: transfer.end() };
        let Some(length) = transfer.end().filter(|_| transfer.takes_ranges()) else { return vec![whole] };
        let most = usize::try_from(length / SMALLEST_SEGMENT).unwrap_or(usize::MAX);
        let count = self.download.connections.get().min(most).max(1) as u64;
        let border = |number| u64::try_from(u128::from(length) * u128::from(number) / u128::from(count));
        let border = |number| border(number).expect("a border is no further than the end");
        (0..count)
            .map(|number| Span {
                start: border(number),
                position: border(number),
                end: Some(border(number + 1)),
            })
            .collect()
    }

    /// Checks what was carried into the file.
    async fn check_file(
        &self,
        done: Downloaded,
        held: Option<Arc<PartFile>>,
        counted: Arc<Counted>,
    ) -> Result<Received, Stop> {
        let Download { fs, checksum, .. } = &self.download;
        if let Some(expected) = *checksum {
            let mut hashing = expected.begin();
            let mut chunks = fs.stream(&self.partial.content, 0);
            while let Some(chunk) = chunks.try_next().await? {
                hashing.update(&chunk);
            }
            let compared = self.compare(expected, hashing.finish());
            if compared.is_err() {
                // Nothing of it can be trusted.
                self.partial.remove(fs).await;
            }
            compared?;
        }
        Ok(self.received(Content::InFile(self.partial.clone(), held), counted, done))
    }

    fn received(&self, content: Content, counted: Arc<Counted>, downloaded: Downloaded) -> Received {
        let Download { fs, target, durability, .. } = &self.download;
        Received {
            fs: fs.clone(),
            target: target.clone(),
            durability: *durability,
            content,
            counted,
            downloaded,
        }
    }

    fn compare(&self, expected: Checksum, actual: Checksum) -> Result<(), Error> {
        if expected == actual {
            return Ok(());
        }
        Err(self.error(format!("the checksum is {actual}, not {expected}; what was received is thrown away")))
    }

    pub(super) fn too_large(&self) -> Error {
        self.error(format!("the document is larger than the {} bytes allowed", self.download.max_size))
    }

    pub(super) fn error(&self, message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(FailureKind::Permanent, "download", self.download.target.display().to_string())
            .with_message(message)
    }
}

/// Waits, and takes a transfer up again where it broke.
pub(super) async fn take_up(
    transfer: &mut Transfer,
    patience: &mut Patience,
    progress: &TransferProgress,
    broken: Error,
) -> Result<(), Stop> {
    patience.wait_after(broken).await?;
    progress.resumed();
    reopen(transfer, patience).await
}

/// Asks for the rest until it comes or patience is at an end.
pub(super) async fn reopen(transfer: &mut Transfer, patience: &mut Patience) -> Result<(), Stop> {
    loop {
        match transfer.reopen().await {
            Ok(()) => return Ok(()),
            Err(Interruption::Failed(error)) => patience.wait_after(error).await?,
            Err(Interruption::Changed) => return Err(Stop::Changed),
        }
    }
}
