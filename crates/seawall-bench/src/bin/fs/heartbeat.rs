//! A task that wants its turn every millisecond beside tasks that do nothing but read files.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use seawall_bench::{Better, Comparison, Side};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::data::Data;
use crate::measure::{Bench, shared};

const TICKS: usize = 1000;

pub(crate) fn rows(bench: &Bench, data: &Data) -> io::Result<Vec<Comparison>> {
    let [mut idle, mut loaded, mut theirs] = [const { Vec::new() }; 3];
    let [mut rate, mut their_rate] = [const { Vec::new() }; 2];
    for _ in 0..bench.rounds {
        idle.push(beat(bench, data, Load::None)?.0);
        let (late, reads) = beat(bench, data, Load::Ours)?;
        loaded.push(late);
        rate.push(reads);
        let (late, reads) = beat(bench, data, Load::Tokio)?;
        theirs.push(late);
        their_rate.push(reads);
    }
    let row = |what: &str, name: &str, subject: &[f64], peer: &[f64], goal, unit, better| Comparison {
        what: what.to_owned(),
        subject: Side::new("seawall", subject.to_vec()),
        peer: Side::new(name, peer.to_vec()),
        unit,
        better,
        goal,
        threads: 2,
    };
    let what = "a 1 ms heartbeat beside 64 tasks that read: the 99th percentile between two beats";
    let rates = "reads a second meanwhile";
    Ok(vec![
        row(what, "idle", &loaded, &idle, Some(1.5), "ms", Better::Lower),
        row(what, "tokio::fs", &loaded, &theirs, None, "ms", Better::Lower),
        row(rates, "tokio::fs", &rate, &their_rate, None, "ops/s", Better::Higher),
    ])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    None,
    Ours,
    Tokio,
}

/// The 99th percentile of the time between two beats, and how many files were read a second.
fn beat(bench: &Bench, data: &Data, load: Load) -> io::Result<(f64, f64)> {
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let paths = shared(&data.small);
    bench.runtime.block_on(async {
        let mut tasks = Vec::new();
        for task in 0..if load == Load::None { 0 } else { 64 } {
            let (stop, reads, paths, fs) =
                (Arc::clone(&stop), Arc::clone(&reads), Arc::clone(&paths), bench.fs.clone());
            tasks.push(tokio::spawn(async move {
                let mut number = task * 97;
                while !stop.load(Ordering::Relaxed) {
                    let path = &paths[number % paths.len()];
                    number += 1;
                    match load {
                        Load::Tokio => drop(tokio::fs::read(path).await?),
                        _ => drop(fs.read(path, 1 << 20).await.map_err(io::Error::other)?),
                    }
                    reads.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, io::Error>(())
            }));
        }
        let began = Instant::now();
        // A task of its own, as any other that wants to be on time.
        let mut beats = tokio::spawn(beats()).await.map_err(io::Error::other)?;
        let seconds = began.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        for task in tasks {
            task.await??;
        }
        beats.sort_unstable();
        let late = beats[beats.len() * 99 / 100].as_secs_f64() * 1000.0;
        Ok((late, reads.load(Ordering::Relaxed) as f64 / seconds))
    })
}

async fn beats() -> Vec<Duration> {
    let mut interval = interval(Duration::from_millis(1));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beats = Vec::with_capacity(TICKS);
    interval.tick().await;
    let mut last = Instant::now();
    for _ in 0..TICKS {
        interval.tick().await;
        let now = Instant::now();
        beats.push(now - last);
        last = now;
    }
    beats
}
