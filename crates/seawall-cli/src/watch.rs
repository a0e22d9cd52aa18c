//! Shows a run's progress on standard error while it goes: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use seawall::AsyncIoSystem;
use seawall::ingest::{Progress, ProgressSnapshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often a terminal is redrawn, and how often a log gets a line.
const REDRAW: Duration = Duration::from_millis(100);
const LOG: Duration = Duration::from_secs(5);

/// The window over which the present speed is measured.
const SPEED_WINDOW: Duration = Duration::from_secs(3);

/// Shows progress until it is dropped.
pub(crate) struct Watch {
    task: tokio::task::JoinHandle<()>,
    bar: Option<ProgressBar>,
}

impl Watch {
    pub(crate) fn start(io: AsyncIoSystem, progress: Arc<Progress>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            let template = "{spinner} [{elapsed_precise}] {wide_bar}\n  {msg}";
            let style =
                ProgressStyle::with_template(template).expect("the template is a constant that parses");
            bar.with_style(style)
        });
        let shown = bar.clone();
        let task = tokio::spawn(async move {
            let mut ticks = interval(if terminal { REDRAW } else { LOG });
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut speed = Speed::new();
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let now = progress.snapshot();
                let line = describe(&now, &mut speed, &io);
                match &shown {
                    Some(bar) => {
                        match now.bytes_expected {
                            // Never full before the end: bytes of a source that began anew count twice.
                            Some(bytes) => bar.set_length(bytes.max(now.bytes + 1)),
                            None => bar.unset_length(),
                        }
                        bar.set_position(now.bytes);
                        bar.set_message(line);
                    }
                    None => eprintln!("{line}"),
                }
            }
        });
        Self { task, bar }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn describe(now: &ProgressSnapshot, speed: &mut Speed, io: &AsyncIoSystem) -> String {
    let (rows_per_second, bytes_per_second) = speed.note(now);
    let expected = now.bytes_expected.map_or_else(|| "?".to_owned(), |bytes| HumanBytes(bytes).to_string());
    let mut parts = vec![
        format!("{} rows", HumanCount(now.rows)),
        format!("{} rows/s", HumanCount(rows_per_second as u64)),
        format!("{} of {expected}", HumanBytes(now.bytes)),
    ];
    let left = now.bytes_expected.unwrap_or_default().saturating_sub(now.bytes);
    if left > 0 && bytes_per_second >= 1.0 {
        parts
            .push(format!("{} left", HumanDuration(Duration::from_secs_f64(left as f64 / bytes_per_second))));
    }
    if now.sources > 1 {
        parts.push(format!("{}/{} sources", now.sources_ended, now.sources));
    }
    if now.rejected > 0 {
        parts.push(format!("{} rejected", HumanCount(now.rejected)));
    }
    let retries: u64 = io.stats().calls.targets.iter().map(|target| target.retries).sum();
    if retries + now.reconnects > 0 {
        parts.push(format!("{} retries, {} resumed", HumanCount(retries), HumanCount(now.reconnects)));
    }
    let open = io.open_circuits();
    parts.push(if open.is_empty() {
        "circuits closed".to_owned()
    } else {
        format!("circuit open: {}", open.join(" "))
    });
    parts.join(", ")
}

/// The speed over the last few seconds: what a user sees as "now", and steady enough to tell the time left from.
struct Speed {
    marks: std::collections::VecDeque<(Instant, u64, u64)>,
}

impl Speed {
    fn new() -> Self {
        Self { marks: [(Instant::now(), 0, 0)].into() }
    }

    /// Rows and bytes a second.
    fn note(&mut self, now: &ProgressSnapshot) -> (f64, f64) {
        let time = Instant::now();
        self.marks.push_back((time, now.rows, now.bytes));
        while self.marks.len() > 2 && time - self.marks[1].0 > SPEED_WINDOW {
            self.marks.pop_front();
        }
        let (since, rows, bytes) = self.marks[0];
        let seconds = (time - since).as_secs_f64().max(1e-3);
        ((now.rows - rows) as f64 / seconds, (now.bytes - bytes) as f64 / seconds)
    }
}
