//! Unsafe code is kept where it is audited: the system calls of the file engine, and the benchmarks' allocator.

use std::path::Path;

use super::Violation;
use super::sources::Source;

const AUDITED: [&str; 2] = ["crates/seawall-fs/src/sys", "crates/seawall-bench/src/allocations.rs"];

pub(super) fn check(sources: &[Source]) -> Vec<Violation> {
    let audited = |path: &Path| AUDITED.iter().any(|place| path.starts_with(place));
    let stray = sources.iter().filter(|source| source.may_be_unsafe && !audited(&source.path));
    stray
        .map(|source| Violation {
            place: source.path.display().to_string(),
            rule: "unsafe code lives in the modules that are audited",
            mend: format!("do it in safe code, or move it to {}", AUDITED[0]),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str) -> Source {
        Source::new(Path::new(path), "#[expect(unsafe_code, reason = \"faster\")]\nunsafe {}\n")
    }

    #[test]
    fn the_audited_modules_may() {
        assert!(check(&[source("crates/seawall-fs/src/sys/linux.rs")]).is_empty());
    }

    #[test]
    fn no_other_may() {
        assert_eq!(check(&[source("crates/seawall-fs/src/sysop.rs")]).len(), 1);
        let split = Source::new(Path::new("crates/x/src/lib.rs"), "#[expect(\n    unsafe_code,\n)]\n");
        assert_eq!(check(&[split]).len(), 1);
    }
}
