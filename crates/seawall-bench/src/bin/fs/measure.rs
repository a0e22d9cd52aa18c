//! Subjects that have their turns.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use seawall_bench::{Better, Comparison, Side, allocations};
use seawall_fs::{Fs, FsConfig};
use tokio::runtime::{Builder, Runtime};

/// What every row needs.
pub(crate) struct Bench {
    /// Two workers, as the machine of the goals has two processors.
    pub(crate) runtime: Runtime,
    pub(crate) fs: Fs,
    pub(crate) rounds: usize,
}

/// Somebody who does the work of a row once.
pub(crate) struct Subject<'a> {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn FnMut() -> io::Result<()> + 'a>,
    /// Allocations and bytes of one operation on the caller's thread.
    pub(crate) allocations: Option<(f64, f64)>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(name: &'static str, run: impl FnMut() -> io::Result<()> + 'a) -> Self {
        Self { name, run: Box::new(run), allocations: None }
    }

    pub(crate) fn allocating(self, allocations: (f64, f64)) -> Self {
        Self { allocations: Some(allocations), ..self }
    }
}

/// What ours is to reach beside a peer: at most this part of its time.
pub(crate) type Goal = (&'static str, Option<f64>);

impl Bench {
    pub(crate) fn new(quick: bool) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let fs = Fs::new(&FsConfig::default(), Arc::new(())).map_err(io::Error::other)?;
        let rounds = std::env::var("BENCH_FS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
        Ok(Self { runtime, fs, rounds: rounds.unwrap_or(if quick { 3 } else { 6 }) })
    }

    /// Measures every subject in turn, ours first, and compares ours with each.
    ///
    /// `prepare` goes before every turn and is not timed.
    pub(crate) fn compare(
        &self,
        what: &str,
        mut subjects: Vec<Subject<'_>>,
        goals: &[Goal],
        mut prepare: impl FnMut() -> io::Result<()>,
    ) -> io::Result<Vec<Comparison>> {
        let mut samples = vec![Vec::new(); subjects.len()];
        for round in 0..=self.rounds {
            for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
                prepare()?;
                let milliseconds = time(&mut subject.run)?;
                // The first turn of each warms what has to be warm.
                if round > 0 {
                    samples.push(milliseconds);
                }
            }
        }
        let side = |(subject, samples): (&Subject<'_>, Vec<f64>)| Side {
            allocations: subject.allocations.map(|(count, _)| count),
            bytes: subject.allocations.map(|(_, bytes)| bytes),
            ..Side::new(subject.name, samples)
        };
        let mut sides = subjects.iter().zip(samples).map(side);
        let ours = sides.next().ok_or_else(|| io::Error::other("a row has no subject"))?;
        Ok(sides
            .map(|peer| Comparison {
                what: what.to_owned(),
                subject: ours.clone(),
                goal: goals.iter().find(|(name, _)| *name == peer.name).and_then(|(_, goal)| *goal),
                peer,
                unit: "ms",
                better: Better::Lower,
                threads: 2,
            })
            .collect())
    }

    /// Does `count` things, so many at a time, in tasks that each take the next one.
    pub(crate) fn in_tasks<F>(
        &self,
        tasks: usize,
        count: usize,
        work: impl Fn(usize) -> F + Clone + Send + 'static,
    ) -> io::Result<()>
    where
        F: Future<Output = io::Result<()>> + Send,
    {
        let next = Arc::new(AtomicUsize::new(0));
        self.runtime.block_on(async {
            let tasks: Vec<_> = (0..tasks)
                .map(|_| {
                    let (next, work) = (Arc::clone(&next), work.clone());
                    tokio::spawn(async move {
                        loop {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            if number >= count {
                                return Ok::<_, io::Error>(());
                            }
                            work(number).await?;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await??;
            }
            Ok(())
        })
    }

    /// What one operation allocates on its caller's thread, in a runtime that has no other.
    pub(crate) fn allocated<F>(operation: impl Fn() -> F) -> io::Result<(f64, f64)>
    where
        F: Future<Output = io::Result<()>>,
    {
        const TIMES: u32 = 200;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let many = || {
            runtime.block_on(async {
                for _ in 0..TIMES {
                    operation().await?;
                }
                Ok::<_, io::Error>(())
            })
        };
        many()?;
        let (counted, result) = allocations::count(many);
        result?;
        Ok((counted.count as f64 / f64::from(TIMES), counted.bytes as f64 / f64::from(TIMES)))
    }
}

/// Operations a second: ours beside what threads of the standard library reach in the same run, and beside what the
/// prototype of the engine reached. That was on a machine that was faster at the time, as the rate of the standard
/// library shows.
pub(crate) fn rates(comparisons: &[Comparison], what: &str, count: usize, prototype: f64) -> Vec<Comparison> {
    let rate = |samples: &[f64]| -> Vec<f64> {
        samples.iter().map(|milliseconds| count as f64 / milliseconds * 1000.0).collect()
    };
    let Some(first) = comparisons.first() else { return Vec::new() };
    let beside = |peer, goal| Comparison {
        what: what.to_owned(),
        subject: Side::new("seawall", rate(&first.subject.samples)),
        peer,
        unit: "ops/s",
        better: Better::Higher,
        goal,
        threads: 2,
    };
    let same_run = comparisons.iter().map(|row| &row.peer).find(|peer| peer.name.starts_with("std::fs"));
    same_run
        .map(|peer| beside(Side::new(peer.name.clone(), rate(&peer.samples)), None))
        .into_iter()
        .chain([beside(Side::new("prototype, faster machine", vec![prototype]), Some(0.8))])
        .collect()
}

/// Does `count` things on threads of the standard library, each taking the next one.
pub(crate) fn on_threads(
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let run = || loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            work(number)?;
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| io::Error::other("a thread panicked"))?)
    })
}

#[expect(clippy::disallowed_methods, reason = "the time that it really takes is what is measured")]
fn time(run: &mut dyn FnMut() -> io::Result<()>) -> io::Result<f64> {
    let began = Instant::now();
    run()?;
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

/// The same paths for every task.
pub(crate) fn shared(paths: &[PathBuf]) -> Arc<[PathBuf]> {
    paths.into()
}
