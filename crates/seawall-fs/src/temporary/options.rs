use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Where a temporary file or directory is made, and how it is called.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `directory` | `None` | the directory that it is made in; `None` is the system's for such files |
/// | `prefix` | `"seawall-"` | what its name begins with; chance adds the middle |
/// | `suffix` | `""` | what its name ends with |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryOptions {
    /// The directory that it is made in; `None` is the system's for such files.
    pub directory: Option<PathBuf>,
    /// What its name begins with.
    pub prefix: OsString,
    /// What its name ends with.
    pub suffix: OsString,
}

impl Default for TemporaryOptions {
    fn default() -> Self {
        Self { directory: None, prefix: "seawall-".into(), suffix: OsString::new() }
    }
}

impl TemporaryOptions {
    /// In the directory `directory`.
    pub fn beside(directory: impl Into<PathBuf>) -> Self {
        Self { directory: Some(directory.into()), ..Self::default() }
    }

    pub(super) fn directory(&self) -> PathBuf {
        self.directory.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// Makes what has a name by these options. Only its owner may do anything with it.
    pub(super) fn make<T>(
        &self,
        make: impl FnOnce(&mut tempfile::Builder<'_, '_>, PathBuf) -> io::Result<T>,
    ) -> io::Result<T> {
        make(tempfile::Builder::new().prefix(&self.prefix).suffix(&self.suffix), self.directory())
    }
}
