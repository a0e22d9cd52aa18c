//! Takes samples of all subjects of a group in turn, so that what disturbs one disturbs all.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use seawall_bench::{Side, allocations};

use crate::subject::{Subject, Work};

/// How often each subject has its turn.
const ROUNDS: usize = 25;
/// How often two threads are started for a sample before it is given up.
const ATTEMPTS: usize = 5;

/// Measures every subject: nanoseconds a call with one thread and with two, and allocations a call.
pub(crate) fn measure(subjects: &[Subject], calls: u64) -> Vec<Side> {
    let mut sides: Vec<_> = subjects.iter().map(|subject| warmed_up(subject, calls)).collect();
    for round in 0..ROUNDS {
        for turn in 0..subjects.len() {
            // Whoever comes first comes later in the next round.
            let turn = (turn + round) % subjects.len();
            let (subject, side) = (&subjects[turn], &mut sides[turn]);
            let alone = Stretch::of(subject.work().as_mut(), subject.expected(calls), calls);
            side.samples.push(alone.nanoseconds() / calls as f64);
            side.two_threads.extend(sample_by_two(subject, calls));
        }
    }
    sides
}

fn warmed_up(subject: &Subject, calls: u64) -> Side {
    let mut work = subject.work();
    let answered = work.run(calls);
    assert_eq!(
        answered,
        subject.expected(calls),
        "{} does something else than what is measured",
        subject.name
    );
    // Once more, so that what is made at the first call and kept is not counted.
    let (counted, _) = allocations::count(|| work.run(calls));
    Side {
        allocations: Some(counted.count as f64 / calls as f64),
        bytes: Some(counted.bytes as f64 / calls as f64),
        ..Side::new(subject.name, Vec::new())
    }
}

/// A sample of two threads at once, if the machine has let them be at it at once: on a busy one, threads take turns,
/// and would be measured alone.
fn sample_by_two(subject: &Subject, calls: u64) -> Option<f64> {
    let expected = subject.expected(calls);
    (0..ATTEMPTS).find_map(|_| {
        let mut one = subject.work();
        let mut other = one.fork();
        let waiting = AtomicU32::new(2);
        let run = |work: &mut dyn Work| {
            waiting.fetch_sub(1, Ordering::AcqRel);
            // Not a `Barrier`: it sleeps, and wakes up late.
            while waiting.load(Ordering::Acquire) > 0 {
                spin_loop();
            }
            Stretch::of(work, expected, calls)
        };
        let (one, other) = thread::scope(|scope| {
            let thread = scope.spawn(|| run(other.as_mut()));
            (run(one.as_mut()), thread.join().expect("a thread that measures does not panic"))
        });
        let longer = one.nanoseconds().max(other.nanoseconds());
        (one.overlap(&other) >= 0.9 * longer).then_some(longer / calls as f64)
    })
}

/// When a sample was taken.
struct Stretch {
    start: Instant,
    end: Instant,
}

impl Stretch {
    #[expect(clippy::disallowed_methods, reason = "the time that calls really take is what is measured")]
    fn of(work: &mut dyn Work, expected: u64, calls: u64) -> Self {
        let start = Instant::now();
        let answered = work.run(calls);
        let end = Instant::now();
        assert_eq!(answered, expected, "all calls of a sample end the same way");
        Self { start, end }
    }

    fn nanoseconds(&self) -> f64 {
        self.end.duration_since(self.start).as_nanos() as f64
    }

    fn overlap(&self, other: &Self) -> f64 {
        let (start, end) = (self.start.max(other.start), self.end.min(other.end));
        end.saturating_duration_since(start).as_nanos() as f64
    }
}
