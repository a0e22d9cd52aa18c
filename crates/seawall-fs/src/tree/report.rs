use seawall_core::Error;

/// So many errors are kept; of more there is only the number.
const ERRORS: usize = 1000;

/// What became of a tree. Look at its errors: what could not be copied or removed is told here and nowhere else, or
/// call [`complete`](Self::complete).
#[derive(Clone, Debug, Default)]
#[must_use = "what could not be done is told here and nowhere else"]
#[non_exhaustive]
pub struct TreeReport {
    /// Files copied or removed; of a removal, all that is no directory.
    pub files: u64,
    /// Directories made, found there already, or removed.
    pub directories: u64,
    /// Symbolic links copied.
    pub symlinks: u64,
    /// Files left out because their copy is there already.
    pub skipped: u64,
    /// Bytes of content copied.
    pub bytes: u64,
    /// What failed, each with its path: the first 1000 of them.
    pub errors: Vec<Error>,
    /// How many further ones there were.
    pub more_errors: u64,
}

impl TreeReport {
    /// Whether everything was done.
    ///
    /// # Errors
    /// The first error there was, if there was one.
    pub fn complete(&self) -> Result<(), Error> {
        self.errors.first().map_or(Ok(()), |error| Err(error.clone()))
    }

    pub(super) fn fail(&mut self, error: Error) {
        if self.errors.len() < ERRORS {
            self.errors.push(error);
        } else {
            self.more_errors += 1;
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.files += other.files;
        self.directories += other.directories;
        self.symlinks += other.symlinks;
        self.skipped += other.skipped;
        self.bytes += other.bytes;
        self.more_errors += other.more_errors;
        for error in other.errors {
            self.fail(error);
        }
    }
}
