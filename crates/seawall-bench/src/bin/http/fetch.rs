//! Whole commands: `seawall fetch` beside `curl --parallel` and `aria2c`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use seawall_bench::{Better, Comparison, Side};

use crate::server::{LARGE, Server};

/// Files at once, and connections for a large one, the same for all.
const JOBS: usize = 8;
const CONNECTIONS: usize = 4;

/// What is fetched.
#[derive(Clone, Copy)]
struct Job {
    what: &'static str,
    path: &'static str,
    files: usize,
    megabytes: f64,
    /// The shorter they are, the more of them it takes until each side had a quiet one.
    rounds: usize,
    /// Whether a round removes its files, or the end of the job all of them.
    removes: bool,
}

const SMALL_FILES: Job = Job {
    what: "2,000 files of 1 KiB",
    path: "small",
    files: 2000,
    megabytes: 2.0,
    rounds: 12,
    removes: false,
};
const LARGE_FILES: Job = Job {
    what: "4 files of 256 MiB",
    path: "large",
    files: 4,
    megabytes: 4.0 * (LARGE >> 20) as f64,
    rounds: 6,
    removes: true,
};

pub(crate) fn compare(
    server: &Server,
    show: impl Fn(&[Comparison]),
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Some(seawall) = std::env::var_os("BENCH_SEAWALL_BIN").map(PathBuf::from) else {
        return Err("set BENCH_SEAWALL_BIN to the release binary, or run `cargo xtask bench http`".into());
    };
    for job in [SMALL_FILES, LARGE_FILES] {
        let folder = tempfile::tempdir()?;
        let sides: [(&str, Make); 4] = [
            ("seawall fetch", |seawall, list, into, _| {
                let mut command = Command::new(seawall);
                command.arg("fetch").arg(list).arg("--into").arg(into).args(options(JOBS, CONNECTIONS));
                command
            }),
            ("seawall fetch --durability none", |seawall, list, into, _| {
                let mut command = Command::new(seawall);
                command.arg("fetch").arg(list).arg("--into").arg(into).args(options(JOBS, CONNECTIONS));
                command.args(["--durability", "none"]);
                command
            }),
            ("curl --parallel", |_, _, into, config| {
                let mut command = Command::new("curl");
                command.args([
                    "--silent",
                    "--no-progress-meter",
                    "--parallel",
                    "--parallel-max",
                    &JOBS.to_string(),
                ]);
                command.arg("--config").arg(config).current_dir(into);
                command
            }),
            ("aria2c", |_, list, into, _| {
                let mut command = Command::new("aria2c");
                command.arg("--quiet").arg("--file-allocation=none").arg("--input-file").arg(list);
                command.args([format!("-j{JOBS}"), format!("-x{CONNECTIONS}"), format!("-s{CONNECTIONS}")]);
                command.arg("--min-split-size=16M").arg("--dir").arg(into);
                command
            }),
        ];
        let (list, config) = lists(folder.path(), server, job)?;
        let mut rates: [Vec<f64>; 4] = Default::default();
        for round in 0..job.rounds {
            for turn in 0..sides.len() {
                let who = (turn + round) % sides.len();
                let into = folder.path().join(format!("{round}-{who}"));
                std::fs::create_dir(&into)?;
                // Who syncs would wait for what those before left unwritten.
                rustix::fs::sync();
                let command = sides[who].1(&seawall, &list, &into, &config);
                rates[who].push(job.files as f64 / time(command, &into, job)?);
                // ext4 looks at every inode that was freed in the last minutes before it makes a file, which would
                // measure how many files the rounds before had.
                if job.removes {
                    std::fs::remove_dir_all(&into)?;
                }
            }
        }
        let mut comparisons = Vec::new();
        let side = |who: usize| Side::new(sides[who].0, rates[who].clone());
        for (ours, theirs, goal) in [(0, 2, Some(1.0)), (0, 3, Some(1.0)), (1, 2, None), (1, 3, None)] {
            comparisons.push(Comparison {
                what: format!("fetch {} ({} MiB)", job.what, job.megabytes),
                subject: side(ours),
                peer: side(theirs),
                unit: "files/s",
                better: Better::Higher,
                goal,
                threads: 2,
            });
        }
        show(&comparisons);
    }
    Ok(())
}

/// A command of `(seawall, list, folder, curl's configuration)`.
type Make = fn(&Path, &Path, &Path, &Path) -> Command;

fn options(jobs: usize, connections: usize) -> [String; 5] {
    [
        "--jobs".to_owned(),
        jobs.to_string(),
        "--connections".to_owned(),
        connections.to_string(),
        "--json".to_owned(),
    ]
}

/// The list for us and for aria2c, and the same as curl's configuration.
fn lists(
    folder: &Path,
    server: &Server,
    job: Job,
) -> Result<(PathBuf, PathBuf), Box<dyn Error + Send + Sync>> {
    let (mut list, mut config) = (String::new(), String::new());
    for number in 0..job.files {
        let url = format!("{}/{}/{number}", server.url, job.path);
        writeln!(list, "{url}")?;
        writeln!(config, "url = \"{url}\"\noutput = \"{number}\"")?;
    }
    let paths = (folder.join("list"), folder.join("curl"));
    std::fs::write(&paths.0, list)?;
    std::fs::write(&paths.1, config)?;
    Ok(paths)
}

/// Runs a command and checks that everything arrived; the seconds it took.
fn time(mut command: Command, into: &Path, job: Job) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let begun = Instant::now();
    let status = command.stdout(Stdio::null()).status().map_err(|error| {
        format!("{}: {error}; `cargo xtask setup --bench` installs it", command.get_program().display())
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut bytes = 0;
    for entry in std::fs::read_dir(into)? {
        bytes += entry?.metadata()?.len();
    }
    let expected = (job.megabytes * 1024.0 * 1024.0) as u64;
    // The small files are not quite so many bytes.
    if !status.success() || (job.files < 100 && bytes != expected) {
        return Err(format!("{command:?} ended with {status} and {bytes} bytes").into());
    }
    Ok(seconds)
}
