//! What a SOURCE argument means: which files and addresses, under which name in the ledger.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use seawall_core::{Error, FailureKind};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

/// One stream of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file, by its absolute path.
    File(PathBuf),
    /// An `http(s)://` address.
    Http(Url),
    /// Standard input.
    Stdin,
}

impl Source {
    /// Its name in messages and in the ledger. Holds no secret: an address loses its user and password, and its
    /// query is replaced by a hash, which still tells two queries apart.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Http(url) => {
                let mut shown = url.clone();
                // Neither can fail for http(s), which always has a host.
                let _ = shown.set_username("");
                let _ = shown.set_password(None);
                if let Some(query) = url.query() {
                    shown.set_query(Some(&format!("{:016x}", xxh3_64(query.as_bytes()))));
                }
                shown.to_string()
            }
            Self::Stdin => "stdin".to_owned(),
        }
    }

    /// The part of the name whose ending tells format and compression.
    pub(crate) fn file_name(&self) -> &str {
        match self {
            Self::File(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or_default(),
            Self::Http(url) => url.path_segments().and_then(Iterator::last).unwrap_or_default(),
            Self::Stdin => "",
        }
    }
}

/// Every source that the arguments name, in order and each once, and the files of folders that were passed over.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) sources: Vec<Source>,
    /// Files in named folders whose ending is none of a format we read.
    pub(crate) skipped: Vec<PathBuf>,
}

/// Expands SOURCE arguments. Blocks on the file system.
///
/// # Errors
/// An argument that names nothing says so, and what was looked for.
pub(crate) fn expand(arguments: &[String]) -> Result<Expanded, Error> {
    let mut expanded = Expanded::default();
    let mut names = HashSet::new();
    for argument in arguments {
        let found = expand_one(argument, &mut expanded.skipped)?;
        for source in found {
            // By the name that the ledger knows: two that it cannot tell apart are one.
            if names.insert(source.name()) {
                expanded.sources.push(source);
            }
        }
    }
    Ok(expanded)
}

/// The table name that the first argument suggests: `data/trades-2024.csv.gz` is `trades_2024`.
pub(crate) fn suggested_table(argument: &str) -> String {
    let path = argument.split(['?', '#']).next().unwrap_or(argument).trim_end_matches('/');
    let last = path.rsplit('/').find(|part| !part.contains(['*', '[', '{'])).unwrap_or_default();
    let stem = last.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    let mut name: String =
        stem.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    if name.trim_matches('_').is_empty() { "ingest".to_owned() } else { name }
}

fn expand_one(argument: &str, skipped: &mut Vec<PathBuf>) -> Result<Vec<Source>, Error> {
    if argument == "-" {
        return Ok(vec![Source::Stdin]);
    }
    if let Some((scheme, _)) = argument.split_once("://") {
        // The argument may hold a password: name only what is wrong with it.
        return match Url::parse(argument) {
            Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
                url.set_fragment(None);
                Ok(vec![Source::Http(url)])
            }
            Ok(_) => Err(bad_source(
                scheme,
                "is no scheme to read from; give an http(s) address or a file".to_owned(),
            )),
            Err(error) => Err(bad_source("address", format!("is no valid http(s) address: {error}"))),
        };
    }
    let path = Path::new(argument);
    if path.is_dir() {
        let (data, other): (Vec<_>, Vec<_>) = files_below(path)?.into_iter().partition(|file| is_data(file));
        skipped.extend(other);
        if data.is_empty() {
            let why = "holds no .csv, .tsv, .ndjson or .jsonl file (plain, .gz or .zst); name its files one by one \
                       if they are called otherwise";
            return Err(bad_source(argument, why.to_owned()));
        }
        return data.iter().map(|file| file_source(file)).collect();
    }
    if path.exists() {
        return Ok(vec![file_source(path)?]);
    }
    if argument.contains(['*', '?', '[', '{']) {
        return expand_glob(argument);
    }
    Err(bad_source(argument, "there is no such file or folder".to_owned()))
}

fn expand_glob(pattern: &str) -> Result<Vec<Source>, Error> {
    let glob = GlobBuilder::new(pattern.trim_start_matches("./"))
        .literal_separator(true)
        .build()
        .map_err(|error| bad_source(pattern, format!("is no valid glob: {}", error.kind())))?
        .compile_matcher();
    // Walk only below the part that is no pattern.
    let fixed = pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', '{']));
    let fixed: Vec<&str> = fixed.collect();
    let root = match fixed.as_slice() {
        [] => PathBuf::from("."),
        [""] => PathBuf::from("/"),
        parts => PathBuf::from(parts.join("/")),
    };
    let mut sources = Vec::new();
    if root.is_dir() {
        for file in files_below(&root)? {
            if !is_rejects(&file) && glob.is_match(file.strip_prefix("./").unwrap_or(&file)) {
                sources.push(file_source(&file)?);
            }
        }
    }
    if sources.is_empty() {
        return Err(bad_source(pattern, "no file matches".to_owned()));
    }
    Ok(sources)
}

/// All files below a folder, sorted, so that a second run sees the same order.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error: std::io::Error| unreadable(&folder, error);
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // Links to folders are not followed: they may lead in a circle.
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() || entry.path().is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn file_source(path: &Path) -> Result<Source, Error> {
    let path = path.canonicalize().map_err(|error| unreadable(path, error))?;
    if path.to_str().is_none() {
        let why = "its path is not UTF-8, and the ledger could not tell it from others; rename it";
        return Err(bad_source(&path.display().to_string(), why.to_owned()));
    }
    Ok(Source::File(path))
}

fn is_data(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    !is_rejects(path) && [".csv", ".tsv", ".ndjson", ".jsonl"].iter().any(|ending| name.ends_with(ending))
}

/// Whether it is an earlier run's rejects, which are no source of the next one.
fn is_rejects(path: &Path) -> bool {
    path.to_string_lossy().to_ascii_lowercase().ends_with(".rejects.ndjson")
}

fn bad_source(source: &str, why: String) -> Error {
    Error::new(FailureKind::Permanent, "ingest", source.to_owned()).with_message(why).not_executed()
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(FailureKind::Permanent, "ingest", path.display().to_string())
        .with_message("cannot be read")
        .with_source(error)
        .not_executed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_after_the_first_source() {
        for (argument, table) in [
            ("data/Trades-2024.csv.gz", "trades_2024"),
            ("https://example.com/api/ticks.ndjson?key=secret", "ticks"),
            ("data/2024/*.csv", "_2024"),
            ("data/", "data"),
            ("-", "ingest"),
            ("*.csv", "ingest"),
        ] {
            assert_eq!(suggested_table(argument), table, "{argument}");
        }
    }

    #[test]
    fn a_name_holds_no_secret() {
        let url = Url::parse("https://ann:hunter2@example.com/ticks.csv?token=hunter2").unwrap();
        let name = Source::Http(url).name();
        assert!(name.starts_with("https://example.com/ticks.csv?"), "{name}");
        assert!(!name.contains("hunter2"), "{name}");
    }

    #[test]
    fn an_address_that_cannot_be_read_shows_no_secret() {
        for argument in ["ftp://ann:hunter2@example.com/a.csv", "HTTP://ann:hunter2@[bad/a.csv"] {
            let error = expand(&[argument.to_owned()]).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let upper =
            expand(&["HTTP://example.com/a.csv#one".to_owned(), "http://example.com/a.csv#two".to_owned()]);
        assert_eq!(upper.unwrap().sources.len(), 1);
    }

    #[test]
    fn folders_and_globs_expand_sorted_and_say_what_they_skip() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["b.csv", "a.ndjson.gz", "notes.txt", "sub/c.csv", "b.rejects.ndjson"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let root = folder.path().display();
        let whole = expand(&[root.to_string()]).unwrap();
        let names: Vec<&str> = whole.sources.iter().map(Source::file_name).collect();
        assert_eq!(names, ["a.ndjson.gz", "b.csv", "c.csv"]);
        assert_eq!(whole.skipped.len(), 2);

        let glob = expand(&[format!("{root}/*.csv"), format!("{root}/b.csv")]).unwrap();
        assert_eq!(glob.sources.len(), 1, "the same file is taken once");
        let missing = expand(&[format!("{root}/*.parquet")]).unwrap_err();
        assert!(missing.to_string().ends_with("no file matches"), "{missing}");
    }
}
