use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use seawall_sim::scenario::{Arrivals, Scenario, ScenarioError};

/// A folder of a test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("traces-{test}"));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Reads a scenario that plays a trace with that in it.
    fn read(&self, trace: impl AsRef<[u8]>) -> Result<Scenario, ScenarioError> {
        fs::write(self.0.join("calls.trace"), trace).unwrap();
        self.read_with("calls.trace")
    }

    fn read_with(&self, trace: &str) -> Result<Scenario, ScenarioError> {
        let text = format!(
            r#"
            name = "trace"
            duration = "20s"
            clients = {{ count = 2, arrivals = {{ kind = "trace", file = "{trace}" }} }}
            tiers = [{{ name = "server", workers = 20, service_time = {{ kind = "fixed", time = "20ms" }} }}]
            "#
        );
        fs::write(self.0.join("scenario.toml"), text).unwrap();
        Scenario::read(self.0.join("scenario.toml"))
    }

    #[track_caller]
    fn refuses(&self, trace: impl AsRef<[u8]>, said: &str) {
        let error = self.read(trace).expect_err(said);
        assert_eq!(error.to_string(), format!("{}:{said}", self.0.join("calls.trace").display()));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_trace_is_read_with_its_scenario_from_the_folder_it_is_in() {
    let folder = Folder::new("good");
    let scenario = folder.read("# begins\n0\r\n 0.25\n\n1e1 # late\n10").unwrap();
    let Arrivals::Trace { times, .. } = scenario.clients.arrivals else { panic!("another kind") };
    assert_eq!(*times, [0, 250, 10_000, 10_000].map(Duration::from_millis));
}

#[test]
fn a_line_that_is_no_time_is_refused_with_its_file_and_line() {
    let folder = Folder::new("malformed");
    folder.refuses("0\n1\nx", "3: `x` is no time, write seconds such as 12.345");
    folder.refuses("0\n# a\n1 2", "3: `1 2` is no time, write seconds such as 12.345");
    folder.refuses("-1", "1: -1 is no time of a simulation, write seconds from 0 to 86400");
    folder.refuses("1\n\nnan", "3: nan is no time of a simulation, write seconds from 0 to 86400");
    folder.refuses("1\ninf", "2: inf is no time of a simulation, write seconds from 0 to 86400");
    folder.refuses("1e9", "1: 1e9 is no time of a simulation, write seconds from 0 to 86400");
    folder.refuses("1\n2\n1.5", "3: 1.5 is before the time above it, put them in order");
    folder.refuses(b"1\n\xff", "2: this is no text: invalid utf-8 sequence of 1 bytes from index 0");
}

#[test]
fn a_trace_that_is_not_there_is_refused_with_the_line_that_names_it() {
    let folder = Folder::new("missing");
    let error = folder.read_with("nowhere.trace").unwrap_err();
    assert_eq!((error.line(), error.key()), (Some(4), "clients.arrivals.file"));
    assert!(error.to_string().contains("nowhere.trace cannot be read: "), "{error}");
    assert!(error.file().ends_with("scenario.toml"), "{error}");
}

#[test]
fn a_trace_without_a_call_is_refused_with_the_line_that_names_it() {
    let error = Folder::new("empty").read("# none\n").unwrap_err();
    assert_eq!((error.line(), error.key()), (Some(4), "clients.arrivals.file"));
    assert_eq!(error.problem(), "calls.trace lists no call, write one time a line");
}

#[test]
fn a_scenario_that_is_not_there_is_refused_by_name() {
    let error = Scenario::read("no/such.toml").unwrap_err();
    assert_eq!(error.line(), None);
    assert!(error.to_string().starts_with("no/such.toml: cannot be read: "), "{error}");
}
