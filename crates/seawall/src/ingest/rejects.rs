use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::format::Malformed;

/// What every line that we write begins with: it tells a torn line of ours from somebody else's text.
const LINE_START: &[u8] = b"{\"source\":";

/// The file that malformed rows go to: NDJSON, one object a line with `source`, `table`, `generation` (which version
/// of the source, from 0), `line`, `position`, `reason` and `row`.
///
/// It belongs to the exactly-once promise: rejects are on disk before their batch commits, and those of a batch that
/// never did are taken out again when its source is resumed. The file is made when there is something to reject.
/// All jobs of a process share one value; two processes must not share one file.
#[derive(Debug)]
pub(crate) struct Rejects {
    path: PathBuf,
    /// The table that the rows were meant for.
    table: String,
    file: Mutex<Option<File>>,
}

/// Why rejects cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("rejects file `{}`: cannot {doing}: {cause}", path.display())]
pub(crate) struct RejectsError {
    path: PathBuf,
    doing: &'static str,
    #[source]
    cause: io::Error,
}

#[derive(Serialize)]
struct Entry<'a> {
    source: &'a str,
    table: &'a str,
    generation: i64,
    line: u64,
    position: u64,
    reason: &'a str,
    row: &'a str,
}

/// What tells an entry from others.
#[derive(Deserialize)]
struct EntryKey<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, default)]
    table: Cow<'a, str>,
    #[serde(default)]
    generation: i64,
    position: u64,
}

impl Rejects {
    /// Rejects of rows for `table` that will go to the file at `path`; nothing is opened yet.
    pub(crate) fn new(path: impl Into<PathBuf>, table: impl Into<String>) -> Self {
        Self { path: path.into(), table: table.into(), file: Mutex::new(None) }
    }

    /// Where they go.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the rejects of one batch of `source` and waits until they are on disk. Call it before the batch
    /// commits. An append that fails is taken back.
    ///
    /// # Errors
    /// If the file cannot be opened or written: no rights, a full disk.
    pub(crate) fn append<'a>(
        &self,
        source: &str,
        generation: i64,
        rejects: impl IntoIterator<Item = &'a Malformed>,
    ) -> Result<(), RejectsError> {
        let mut lines = Vec::new();
        for Malformed { line, position, reason, raw } in rejects {
            let entry = Entry {
                source,
                table: &self.table,
                generation,
                line: *line,
                position: *position,
                reason,
                row: raw,
            };
            serde_json::to_writer(&mut lines, &entry)
                .map_err(|error| self.error("write to it", error.into()))?;
            lines.push(b'\n');
        }
        if lines.is_empty() {
            return Ok(());
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *file {
            Some(file) => file,
            closed => closed.insert(open(&self.path).map_err(|cause| self.error("open it", cause))?),
        };
        append(file, &lines).map_err(|cause| self.error("write to it", cause))
    }

    /// Takes out the entries of this version of `source` at `position` or behind, for they will come again, and a
    /// last line that a crash tore. Call it before a source is read from `position` on. Either the old file stays or
    /// the new one is there, whole.
    ///
    /// # Errors
    /// If the file cannot be read or replaced, or ends in a torn line that is none of ours.
    pub(crate) fn forget_from(
        &self,
        source: &str,
        generation: i64,
        position: u64,
    ) -> Result<(), RejectsError> {
        self.forget(source, |key| key.generation == generation && key.position >= position)
    }

    /// Takes out the entries of older versions of `source`, whose rows are gone too.
    ///
    /// # Errors
    /// As [`forget_from`](Self::forget_from).
    pub(crate) fn forget_older(&self, source: &str, generation: i64) -> Result<(), RejectsError> {
        self.forget(source, |key| key.generation < generation)
    }

    fn forget(&self, source: &str, wanted: impl Fn(&EntryKey<'_>) -> bool) -> Result<(), RejectsError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // What is written to a pipe or a device is gone: there is nothing to take out.
            Ok(metadata) if !metadata.is_file() => return Ok(()),
            _ => {}
        }
        // The next append opens what is there then.
        *file = None;
        let forget = |line: &[u8]| {
            serde_json::from_slice::<EntryKey<'_>>(line)
                .is_ok_and(|key| key.source == source && key.table == self.table && wanted(&key))
        };
        rewrite(&self.path, forget).map_err(|cause| self.error("take entries out of it", cause))
    }

    fn error(&self, doing: &'static str, cause: io::Error) -> RejectsError {
        RejectsError { path: self.path.clone(), doing, cause }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let existed = path.exists();
    // Not in append mode: the end of the file is ours alone, and a torn line there has to be cut.
    let mut file = OpenOptions::new().read(existed).write(true).create(true).truncate(false).open(path)?;
    if file.metadata()?.is_file() {
        if existed {
            let whole = whole_lines(&mut file)?;
            file.set_len(whole)?;
        } else {
            sync_folder(path)?;
        }
        file.seek(SeekFrom::End(0))?;
    }
    Ok(file)
}

fn append(file: &mut File, lines: &[u8]) -> io::Result<()> {
    if !file.metadata()?.is_file() {
        return file.write_all(lines);
    }
    let before = file.stream_position()?;
    file.write_all(lines).and_then(|()| file.sync_data()).inspect_err(|_| {
        // The disk is full or broken. If this fails too, the next run finds the line torn and cuts it.
        let _ = file.set_len(before).and_then(|()| file.seek(SeekFrom::Start(before)));
    })
}

/// How long the file is without a last line that a crash tore.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut start = length;
    let mut block = vec![0; 4096];
    // Backwards to the last line end.
    while start > 0 {
        let size = start.min(block.len() as u64);
        file.seek(SeekFrom::Start(start - size))?;
        let block = &mut block[..size as usize];
        file.read_exact(block)?;
        if let Some(end) = memchr::memrchr(b'\n', block) {
            start = start - size + end as u64 + 1;
            break;
        }
        start -= size;
    }
    if start < length {
        file.seek(SeekFrom::Start(start))?;
        let mut begin = Vec::new();
        file.take(LINE_START.len() as u64).read_to_end(&mut begin)?;
        if !LINE_START.starts_with(&begin) {
            let words = "it ends in an unfinished line that is no reject; name another file";
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
    }
    Ok(start)
}

/// Writes the file again without a torn last line and the lines to `forget`, and puts it in the old one's place.
fn rewrite(path: &Path, forget: impl Fn(&[u8]) -> bool) -> io::Result<()> {
    // A link stays one: what it points to is replaced.
    let path = &fs::canonicalize(path)?;
    let mut old = File::open(path)?;
    let whole = whole_lines(&mut old)?;
    let (mut any, mut kept) = (whole < old.metadata()?.len(), false);
    each_line(&mut old, whole, |line| {
        let forgotten = forget(line);
        any |= forgotten;
        kept |= !forgotten;
        Ok(())
    })?;
    if !any {
        return Ok(());
    }
    if !kept {
        fs::remove_file(path)?;
        return sync_folder(path);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".rewrite");
    let fresh_path = path.with_file_name(name);
    let written = (|| {
        let fresh = File::create(&fresh_path)?;
        fresh.set_permissions(old.metadata()?.permissions())?;
        let mut fresh = BufWriter::new(fresh);
        each_line(&mut old, whole, |line| if forget(line) { Ok(()) } else { fresh.write_all(line) })?;
        fresh.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&fresh_path, path)
    })();
    if written.is_err() {
        // The old file is whole and in its place; what was written beside it is of no use.
        let _ = fs::remove_file(&fresh_path);
    }
    written.and_then(|()| sync_folder(path))
}

/// Reads the first `length` bytes line by line, line ends included.
fn each_line(file: &mut File, length: u64, mut visit: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut lines = BufReader::new(file.take(length));
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        visit(&line)?;
        line.clear();
    }
    Ok(())
}

/// Makes a new, renamed or removed name in the path's folder last.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(position: u64, raw: &str) -> Malformed {
        Malformed { line: position / 10 + 1, position, reason: "no \"number\"".into(), raw: raw.into() }
    }

    fn positions(path: &Path, source: &str) -> Vec<u64> {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'));
        let keys = text.lines().map(|line| serde_json::from_str::<EntryKey<'_>>(line).unwrap());
        keys.filter(|key| key.source == source).map(|key| key.position).collect()
    }

    #[test]
    fn the_file_is_made_with_the_first_reject() {
        let folder = tempfile::tempdir().unwrap();
        let rejects = Rejects::new(folder.path().join("r.ndjson"), "t");
        rejects.append("a", 0, &[]).unwrap();
        rejects.forget_from("a", 0, 0).unwrap();
        assert!(!rejects.path().exists());
        rejects.append("a", 0, &[rejected(10, "x,\u{1}\"\n")]).unwrap();
        let text = fs::read_to_string(rejects.path()).unwrap();
        let line = r#"{"source":"a","table":"t","generation":0,"line":2,"position":10,"reason":"no \"number\"","row":"x,\u0001\"\n"}"#;
        assert_eq!(text, format!("{line}\n"));
    }

    #[test]
    fn a_resumed_source_loses_what_was_not_committed_and_others_keep_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.ndjson");
        let before = Rejects::new(&path, "t");
        before.append("a", 0, &[rejected(10, "1"), rejected(20, "2")]).unwrap();
        before.append("b", 0, &[rejected(30, "3")]).unwrap();
        before.append("a", 0, &[rejected(30, "4")]).unwrap();
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"source\":\"a\",\"li")
            .unwrap();

        let after = Rejects::new(&path, "t");
        after.forget_from("a", 0, 20).unwrap();
        assert_eq!((positions(&path, "a"), positions(&path, "b")), (vec![10], vec![30]));
        after.append("a", 0, &[rejected(20, "2")]).unwrap();
        after.forget_from("b", 0, 0).unwrap();
        after.append("b", 0, &[rejected(30, "3")]).unwrap();
        assert_eq!((positions(&path, "a"), positions(&path, "b")), (vec![10, 20], vec![30]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_version_of_a_source_leaves_the_rejects_of_the_older_one_and_of_other_tables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.ndjson");
        let (t, u) = (Rejects::new(&path, "t"), Rejects::new(&path, "u"));
        t.append("a", 0, &[rejected(10, "1")]).unwrap();
        u.append("a", 0, &[rejected(20, "2")]).unwrap();
        t.forget_from("a", 1, 0).unwrap();
        t.append("a", 1, &[rejected(30, "3")]).unwrap();
        assert_eq!(positions(&path, "a"), [10, 20, 30]);
        t.forget_older("a", 1).unwrap();
        assert_eq!(positions(&path, "a"), [20, 30]);
    }

    #[test]
    fn a_file_with_nothing_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let rejects = Rejects::new(folder.path().join("r.ndjson"), "t");
        rejects.append("a", 0, &[rejected(10, "1")]).unwrap();
        rejects.forget_from("a", 0, 0).unwrap();
        assert!(!rejects.path().exists());
        rejects.append("a", 0, &[rejected(10, "1")]).unwrap();
        assert_eq!(positions(rejects.path(), "a"), [10]);
    }

    #[test]
    fn a_torn_line_is_cut_by_an_append_too_but_only_one_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.ndjson");
        let whole = "{\"source\":\"a\",\"position\":1}\n";
        fs::write(&path, format!("{whole}{{\"source\":\"{}", "x".repeat(10_000))).unwrap();
        Rejects::new(&path, "t").append("a", 0, &[rejected(2, "")]).unwrap();
        assert_eq!(positions(&path, "a"), [1, 2]);

        fs::write(&path, "dear diary").unwrap();
        let error = Rejects::new(&path, "t").append("a", 0, &[rejected(2, "")]).unwrap_err();
        assert!(error.to_string().contains("name another file"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "dear diary");
    }

    #[test]
    fn a_file_that_cannot_be_made_says_which_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let rejects = Rejects::new(folder.path().join("absent").join("r.ndjson"), "t");
        let error = rejects.append("a", 0, &[rejected(1, "")]).unwrap_err();
        assert_eq!(error.cause.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("r.ndjson`: cannot open it: "), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_the_null_device_takes_everything() {
        let error = Rejects::new("/dev/full", "t").append("a", 0, &[rejected(1, "")]).unwrap_err();
        assert_eq!(error.cause.kind(), io::ErrorKind::StorageFull);
        let rejects = Rejects::new("/dev/null", "t");
        rejects.append("a", 0, &[rejected(1, "")]).unwrap();
        rejects.forget_from("a", 0, 0).unwrap();
    }

    #[test]
    fn jobs_share_it() {
        let folder = tempfile::tempdir().unwrap();
        let rejects = Rejects::new(folder.path().join("r.ndjson"), "t");
        std::thread::scope(|scope| {
            for source in ["a", "b", "c", "d"] {
                let rejects = &rejects;
                scope.spawn(move || {
                    for position in 0..50 {
                        rejects.append(source, 0, &[rejected(position, "row")]).unwrap();
                        if position == 25 {
                            rejects.forget_from(source, 0, 20).unwrap();
                        }
                    }
                });
            }
        });
        for source in ["a", "b", "c", "d"] {
            let expected: Vec<u64> = (0..20).chain(26..50).collect();
            assert_eq!(positions(rejects.path(), source), expected);
        }
    }
}
