//! Shows a run's progress on standard error while it goes: a bar on a terminal, a line now and then elsewhere.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
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

/// What is shown at one moment.
pub(crate) struct Moment {
    pub(crate) position: u64,
    /// Where the end is, if that is known.
    pub(crate) length: Option<u64>,
    pub(crate) line: String,
}

impl Watch {
    pub(crate) fn start(mut look: impl FnMut() -> Moment + Send + 'static) -> Self {
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
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let Moment { position, length, line } = look();
                match &shown {
                    Some(bar) => {
                        match length {
                            // Never full before the end: what began anew counts twice.
                            Some(length) => bar.set_length(length.max(position + 1)),
                            None => bar.unset_length(),
                        }
                        bar.set_position(position);
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

/// The speed of a count over the last few seconds: what a user sees as "now", and steady enough to tell the time left
/// from.
pub(crate) struct Speed {
    marks: VecDeque<(Instant, u64)>,
}

impl Speed {
    pub(crate) fn new() -> Self {
        Self { marks: [(Instant::now(), 0)].into() }
    }

    /// So much a second.
    pub(crate) fn note(&mut self, count: u64) -> f64 {
        let time = Instant::now();
        self.marks.push_back((time, count));
        while self.marks.len() > 2 && time - self.marks[1].0 > SPEED_WINDOW {
            self.marks.pop_front();
        }
        let (since, before) = self.marks[0];
        // A count may go back where what was counted turned out to be worth nothing.
        count.saturating_sub(before) as f64 / (time - since).as_secs_f64().max(1e-3)
    }
}

/// The time left at a speed, in words; none where nothing moves or nothing is left.
pub(crate) fn time_left(left: u64, speed: f64) -> Option<String> {
    (left > 0 && speed >= 1.0)
        .then(|| format!("{} left", indicatif::HumanDuration(Duration::from_secs_f64(left as f64 / speed))))
}
