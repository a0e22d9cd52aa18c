use std::path::PathBuf;
use std::{env, fs, io};

/// A program that a server needs, and the Debian package that brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The file's name.
    pub name: &'static str,
    /// The Debian package.
    pub package: &'static str,
}

impl Binary {
    /// Where the program is: in `PATH`, in the system's `sbin` folders or in Debian's folders of Postgres versions,
    /// newest first.
    ///
    /// # Errors
    /// `NotFound`, naming the package to install.
    pub fn find(self) -> io::Result<PathBuf> {
        let found = folders().into_iter().map(|folder| folder.join(self.name)).find(|path| path.is_file());
        found.ok_or_else(|| {
            let Self { name, package } = self;
            let message = format!(
                "`{name}` is not installed: run `cargo xtask setup` or install Debian's package `{package}`"
            );
            io::Error::new(io::ErrorKind::NotFound, message)
        })
    }
}

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<_> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    // Servers live in `sbin`, which is not in everybody's PATH.
    folders.extend(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.extend(postgres_versions());
    folders
}

fn postgres_versions() -> Vec<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, bin)| bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_the_package_that_brings_it() {
        let error = Binary { name: "no-such-server", package: "no-such-package" }.find().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            "`no-such-server` is not installed: run `cargo xtask setup` or install Debian's package `no-such-package`"
        );
    }

    #[test]
    fn a_program_in_path_is_found() {
        assert!(Binary { name: "sh", package: "dash" }.find().unwrap().is_absolute());
    }
}
