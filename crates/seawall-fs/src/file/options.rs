use std::fs;

/// How a file is opened, as in the standard library: `OpenOptions::new().read(true).write(true)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the system's flags, free to combine")]
pub struct OpenOptions {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) append: bool,
    pub(crate) truncate: bool,
    pub(crate) create: bool,
    pub(crate) create_new: bool,
    pub(crate) mode: Option<u32>,
    pub(crate) custom_flags: i32,
}

impl OpenOptions {
    /// Nothing is allowed yet: at least [`read`](Self::read), [`write`](Self::write) or [`append`](Self::append) must
    /// follow.
    pub fn new() -> Self {
        Self::default()
    }

    /// To read what is there.
    pub fn reading() -> Self {
        Self::new().read(true)
    }

    /// To write a file from its beginning, made if it is not there and emptied if it is.
    pub fn writing() -> Self {
        Self::new().write(true).create(true).truncate(true)
    }

    /// To write at the end of a file, made if it is not there.
    pub fn appending() -> Self {
        Self::new().append(true).create(true)
    }

    /// Whether it can be read.
    pub fn read(self, read: bool) -> Self {
        Self { read, ..self }
    }

    /// Whether it can be written.
    pub fn write(self, write: bool) -> Self {
        Self { write, ..self }
    }

    /// Whether every write goes to the end, wherever the end is by then.
    pub fn append(self, append: bool) -> Self {
        Self { append, ..self }
    }

    /// Whether what it held is thrown away.
    pub fn truncate(self, truncate: bool) -> Self {
        Self { truncate, ..self }
    }

    /// Whether it is made if it is not there.
    pub fn create(self, create: bool) -> Self {
        Self { create, ..self }
    }

    /// Whether it must not be there yet, which is checked in the same step. Then it is tried again only if it was
    /// certainly not made.
    pub fn create_new(self, create_new: bool) -> Self {
        Self { create_new, ..self }
    }

    /// Who may read, write and run a file that is made, less the umask; `0o666` unless said. For Unix only.
    pub fn mode(self, mode: u32) -> Self {
        Self { mode: Some(mode), ..self }
    }

    /// Further flags of the system's `open`, such as `O_DIRECT`, `O_DSYNC`, `O_NOFOLLOW` or `O_NOATIME`. For Unix only.
    ///
    /// With `O_DIRECT` alignment is yours to keep: use [`File::read_at`](crate::File::read_at) and
    /// [`File::write_at`](crate::File::write_at) then.
    pub fn custom_flags(self, flags: i32) -> Self {
        Self { custom_flags: flags, ..self }
    }

    pub(crate) fn for_std(self) -> fs::OpenOptions {
        let mut options = fs::OpenOptions::new();
        options.read(self.read).write(self.write).append(self.append).truncate(self.truncate);
        options.create(self.create).create_new(self.create_new);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(self.mode.unwrap_or(0o666)).custom_flags(self.custom_flags);
        }
        options
    }
}
