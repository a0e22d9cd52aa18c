//! What is acknowledged is there, nothing is there twice, and nobody waits for ever: with a server that is killed, cut
//! off, paused and demoted under load.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use seawall_redis::{Redis, RedisConfig};
use seawall_testkit::proxy::{Direction, Fault, FaultProxy, Faults};
use seawall_testkit::servers::{Redis as Server, redis_url};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{address, connect_to, connect_with, through, until};

/// Enough for two connections.
const WRITERS: usize = 40;
/// No call takes longer than this: its attempts, and what a busy machine adds.
const LONGEST: Duration = Duration::from_mins(15);

/// What one writer was told.
#[derive(Default)]
struct Told {
    /// Writes that were acknowledged, by number.
    written: Vec<u64>,
    /// Increments that were acknowledged.
    counted: i64,
    /// Increments of which nobody knows.
    perhaps: i64,
}

/// What becomes of writes that were acknowledged.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Writes {
    /// They are there.
    AreKept,
    /// The last of them may be gone, with a server that had told no other of them.
    #[cfg(any(feature = "cluster", feature = "sentinel"))]
    MayBeLost,
}

/// Writers that go on until they are stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Told>>,
}

impl Load {
    pub(crate) fn on(redis: &Redis) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let writer = |writer| tokio::spawn(write(redis.clone(), writer, Arc::clone(&stop)));
        Self { writers: (0..WRITERS).map(writer).collect(), stop }
    }

    /// Stops them, and compares what they were told with what is there.
    pub(crate) async fn check(self, redis: &Redis, writes: Writes) {
        self.stop.store(true, SeqCst);
        let (mut written, mut counted, mut perhaps) = (0, 0, 0);
        for (writer, told) in self.writers.into_iter().enumerate() {
            let told = told.await.unwrap();
            for numbers in told.written.chunks(500) {
                let keys: Vec<String> = numbers.iter().map(|number| format!("w{writer}:{number}")).collect();
                let there: Vec<Option<u64>> = redis.mget(&keys).await.unwrap();
                let all: Vec<Option<u64>> = numbers.iter().copied().map(Some).collect();
                assert!(writes != Writes::AreKept || there == all, "acknowledged, and gone");
            }
            let sum: i64 =
                redis.get::<Option<i64>>(format!("count{writer}")).await.unwrap().unwrap_or_default();
            let least = if writes == Writes::AreKept { told.counted } else { 0 };
            let range = least..=told.counted + told.perhaps;
            assert!(range.contains(&sum), "counted {sum}, told of {range:?}");
            written += told.written.len();
            counted += told.counted;
            perhaps += told.perhaps;
        }
        println!("{written} writes and {counted} increments acknowledged, {perhaps} increments unknown");
        assert!(written > 0 && counted > 0);
    }
}

async fn write(redis: Redis, writer: usize, stop: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    for number in 0.. {
        if stop.load(SeqCst) {
            break;
        }
        let set = redis.set(format!("w{writer}:{number}"), number);
        match tokio::time::timeout(LONGEST, set).await.expect("a call is stuck") {
            Ok(()) => told.written.push(number),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
        let incr = redis.incr(format!("count{writer}"), 1);
        match tokio::time::timeout(LONGEST, incr).await.expect("a call is stuck") {
            Ok(_) => told.counted += 1,
            Err(error) if error.may_have_executed() => told.perhaps += 1,
            Err(_) => {}
        }
    }
    told
}

fn two_connections(config: &mut RedisConfig) {
    config.connections = NonZeroUsize::new(2);
}

/// How long it takes until a write is taken again.
async fn recovery(redis: &Redis) -> Duration {
    let began = Instant::now();
    until("a write is taken", async || redis.set("recovered", 1).await.is_ok()).await;
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_twenty_times_under_load_loses_nothing_that_was_acknowledged() {
    let mut server = Server::start().unwrap();
    let redis = connect_with(&server.url(), two_connections).await;
    let load = Load::on(&redis);
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        redis.command("CONFIG").arg(&["SET", "appendfsync", "always"]).execute().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        server = tokio::task::spawn_blocking(move || {
            server.kill();
            server.restart().unwrap();
            server
        })
        .await
        .unwrap();
        longest = longest.max(recovery(&redis).await);
    }
    println!("killed and restarted 20 times: writes were taken again after {longest:?} at most");
    load.check(&redis, Writes::AreKept).await;
    until("none is left over", async || {
        let clients: String = redis.command("CLIENT").arg("LIST").query().await.unwrap();
        let stats = redis.stats().unwrap();
        clients.lines().count() == stats.connected + stats.dedicated.open
    })
    .await;
    let stats = redis.stats().unwrap();
    assert!(stats.replaced.dropped >= 20, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_at_random_bytes_lose_nothing_that_was_acknowledged() {
    let url = redis_url().unwrap();
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let redis = connect_with(&through(&url, &proxy), two_connections).await;
    let load = Load::on(&redis);
    let mut rng = fastrand::Rng::with_seed(11);
    let mut rounds = 0;
    while rounds < 150 || proxy.connections() <= 20 {
        rounds += 1;
        let direction = if rng.bool() { Direction::Up } else { Direction::Down };
        let after = rng.u64(1..20_000);
        let fault = if rng.bool() {
            Fault::ResetAfter { direction, after }
        } else {
            Fault::Truncate { direction, after }
        };
        proxy.set(Faults::always(fault));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let cut = proxy.connections();
    proxy.set(Faults::none());
    println!("{cut} connections cut: writes were taken again after {:?}", recovery(&redis).await);
    load.check(&connect_to(&url).await, Writes::AreKept).await;
    assert!(cut > 20, "{cut}");
    until("none is left over", async || {
        let stats = redis.stats().unwrap();
        proxy.open_connections() == (stats.connected + stats.dedicated.open) as u64
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_makes_nobody_wait_past_his_deadline_and_counts_nothing_twice() {
    let server = Server::start().unwrap();
    let redis = connect_with(&server.url(), |config| {
        config.pipeline.attempt_timeout = Some(Duration::from_millis(200));
        config.pipeline.deadline = Some(Duration::from_secs(1));
    })
    .await;
    let other = connect_to(&server.url()).await;
    let load = Load::on(&redis);
    let mut longest = Duration::ZERO;
    let mut rounds = 0;
    // On a machine that stands still for all of a pause, none times out in that.
    while rounds < 3 || redis.stats().unwrap().replaced.timed_out == 0 {
        rounds += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
        other.command("CLIENT").arg("PAUSE").arg(1500).execute().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        longest = longest.max(recovery(&redis).await);
    }
    println!("paused {rounds} times: writes were taken again after {longest:?} at most");
    load.check(&connect_to(&server.url()).await, Writes::AreKept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_demoted_takes_writes_again_as_soon_as_it_is_promoted() {
    let server = Server::start().unwrap();
    let redis = connect_to(&server.url()).await;
    let operator = connect_to(&server.url()).await;
    let load = Load::on(&redis);
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        // A master that is not there, so that it keeps its data.
        operator.command("REPLICAOF").arg(&["127.0.0.1", "1"]).execute().await.unwrap();
        let before = redis.stats().unwrap().replaced.read_only;
        until("it is noticed", async || redis.stats().unwrap().replaced.read_only > before).await;
        operator.command("REPLICAOF").arg(&["NO", "ONE"]).execute().await.unwrap();
        longest = longest.max(recovery(&redis).await);
    }
    println!("demoted and promoted 5 times: writes were taken again after {longest:?} at most");
    load.check(&redis, Writes::AreKept).await;
    assert!(redis.stats().unwrap().replaced.read_only >= 1, "{:?}", redis.stats());
}
