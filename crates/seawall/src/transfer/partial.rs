//! What is there of a download that is not whole yet: the bytes in one file beside the target, and in another what is
//! known of them.

use std::path::{Path, PathBuf};

use seawall_core::{Error, FailureKind};
use seawall_fs::{Durability, Fs};
use serde::{Deserialize, Serialize};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

/// A description is a few lines; what is larger is none.
const LARGEST: u64 = 64 * 1024;

/// Where the parts of one download are kept.
#[derive(Clone, Debug)]
pub(super) struct Partial {
    /// The bytes.
    pub(super) content: PathBuf,
    description: PathBuf,
}

/// What is known of the bytes that are there: which version of which address, and how far each part of it is.
///
/// It is written after the bytes that it counts, so a download that is killed at any moment finds at least those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    /// A hash of the address, which may hold secrets.
    address: String,
    pub(super) version: String,
    pub(super) length: Option<u64>,
    pub(super) segments: Vec<Span>,
    /// Where the bytes are not synced before they are counted: between which starts of the machine they were written.
    /// They need not outlive it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

/// A part of the document: the bytes before `position` are there, those from there to `end` are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) position: u64,
    /// `None` is the end of the document, wherever that is.
    pub(super) end: Option<u64>,
}

impl Span {
    pub(super) fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.position >= end)
    }
}

impl Description {
    pub(super) fn new(url: &Url, version: &str, length: Option<u64>, segments: Vec<Span>) -> Self {
        Self { address: hash_of(url), version: version.to_owned(), length, segments, boot: None }
    }

    /// Whether the bytes are synced before they are counted.
    pub(super) const fn is_synced(&self) -> bool {
        self.boot.is_none()
    }

    /// Of bytes that are not synced: believed until the machine is started again; `None` where nobody could tell.
    pub(super) async fn until_the_next_boot(self, fs: &Fs) -> Result<Option<Self>, Error> {
        Ok(this_boot(fs).await?.map(|boot| Self { boot: Some(boot), ..self }))
    }

    /// How many bytes are there.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|span| span.position - span.start).sum()
    }

    /// Whether it can be what this program wrote about that address: each part after the one before, up to the end.
    fn is_sound(&self, url: &Url) -> bool {
        let mut next = Some(0);
        let spans = self.segments.iter().all(|span| {
            let follows = next == Some(span.start) && span.position >= span.start;
            next = span.end;
            follows && span.end.is_none_or(|end| span.position <= end)
        });
        spans && !self.segments.is_empty() && self.address == hash_of(url) && next == self.length
    }
}

/// Where a download into `target` keeps what it knows of the bytes that are there: a file that exists if there is
/// something to go on with. Whoever begins many downloads can look at all of these at once, and spare each of them its
/// own look by [`resume(false)`](super::Download::resume).
pub fn resume_path(target: &Path) -> PathBuf {
    Partial::of(target).description
}

impl Partial {
    /// The places of a download to `target`.
    pub(super) fn of(target: &Path) -> Self {
        let name = target.file_name().unwrap_or_default();
        let beside = |ending: &str| {
            let mut file = std::ffi::OsString::from(".");
            file.push(name);
            file.push(ending);
            target.with_file_name(file)
        };
        Self { content: beside(".seawall-part"), description: beside(".seawall-part.json") }
    }

    /// What an earlier run left of that address, if it is worth anything. Passing trouble is told, so that it is not taken
    /// for nothing, and all that is there thrown away.
    pub(super) async fn load(&self, fs: &Fs, url: &Url) -> Result<Option<Description>, Error> {
        let Some(text) = if_any(fs.read(&self.description, LARGEST).await)? else { return Ok(None) };
        let Ok(description) = serde_json::from_slice::<Description>(&text) else { return Ok(None) };
        let Some(metadata) = if_any(fs.metadata(&self.content).await)? else { return Ok(None) };
        if !description.is_synced() && description.boot != this_boot(fs).await? {
            return Ok(None);
        }
        let needed = description.segments.iter().filter(|span| span.position > span.start);
        let needed = needed.map(|span| span.position).max().unwrap_or(0);
        Ok((description.is_sound(url) && metadata.len() >= needed).then_some(description))
    }

    /// Writes down what is known of the bytes that are there by now. After a power failure it may be an older one.
    pub(super) async fn save(&self, fs: &Fs, description: &Description) -> Result<(), Error> {
        let text = serde_json::to_vec(description).expect("a description is made of text and numbers");
        let durability = if description.is_synced() { Durability::Data } else { Durability::None };
        fs.write_atomic_with(&self.description, text, durability).await
    }

    /// Forgets what is known of the bytes; they are worth nothing then.
    pub(super) async fn forget(&self, fs: &Fs) {
        // What is not there or cannot be removed is overwritten by the next run.
        let _ = fs.remove(&self.description).await;
    }

    /// Puts the content in the place of `target`.
    pub(super) async fn put_at(&self, target: &Path, fs: &Fs, durability: Durability) -> Result<(), Error> {
        // The description first: whoever is killed in between receives this file anew, and leaves nothing behind.
        self.forget(fs).await;
        fs.rename_with(&self.content, target, durability).await
    }

    /// Removes everything.
    pub(super) async fn remove(&self, fs: &Fs) {
        self.forget(fs).await;
        let _ = fs.remove(&self.content).await;
    }
}

/// A name that the system gives to the time since it was started; `None` where it gives none.
async fn this_boot(fs: &Fs) -> Result<Option<String>, Error> {
    let name = if_any(fs.read("/proc/sys/kernel/random/boot_id", 64).await)?;
    Ok(name.and_then(|name| Some(std::str::from_utf8(&name).ok()?.trim().to_owned())))
}

/// `None` for what is not there, or cannot be used as it is.
fn if_any<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == FailureKind::Permanent => Ok(None),
        Err(error) => Err(error),
    }
}

fn hash_of(url: &Url) -> String {
    format!("{:016x}", xxh3_64(url.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_of_another_address_or_with_holes_is_not_believed() {
        let url = Url::parse("http://localhost/a").unwrap();
        let span = |start, position, end| Span { start, position, end };
        let whole = Description::new(&url, "v", Some(10), vec![span(0, 3, Some(5)), span(5, 5, Some(10))]);
        assert!(whole.is_sound(&url));
        assert_eq!(whole.bytes(), 3);
        assert!(!whole.is_sound(&Url::parse("http://localhost/b").unwrap()));
        for segments in [
            vec![],
            vec![span(0, 3, Some(5))],
            vec![span(0, 6, Some(5)), span(5, 5, Some(10))],
            vec![span(0, 3, Some(5)), span(6, 6, Some(10))],
            vec![span(0, 3, None), span(5, 5, Some(10))],
        ] {
            assert!(!Description { segments, ..whole.clone() }.is_sound(&url));
        }
        let endless = Description { length: None, segments: vec![span(0, 7, None)], ..whole };
        assert!(endless.is_sound(&url));
    }
}
