//! Many small calls at once: throughput, the slowest hundredth, and processor time.

use std::error::Error;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use reqwest_tracing::TracingMiddleware;
use seawall_bench::{Better, Comparison, Side, allocations};
use seawall_http::{Http, HttpConfig};
use seawall_telemetry::{Telemetry, TelemetryConfig};

use crate::server::Server;

const ROUNDS: usize = 8;
/// In all, by all tasks.
const CALLS: usize = 19_200;
/// Before them, and for a count of allocations.
const SOME_CALLS: usize = 1_920;

/// So few that the defaults hold nobody back: what a call costs.
const FEW: usize = 8;
/// More than the ten connections that a host has by default, where calls wait for their turn: what that costs.
const MANY: usize = 64;

/// Who is measured.
#[derive(Clone, Copy)]
enum Kind {
    Reqwest,
    Middleware,
    Seawall,
    Telling,
    /// As many connections as the peers make.
    Wide,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Reqwest, Self::Middleware, Self::Seawall, Self::Telling, Self::Wide];

    const fn name(self) -> &'static str {
        match self {
            Self::Reqwest => "reqwest",
            Self::Middleware => "reqwest + middleware, retry, tracing",
            Self::Seawall => "seawall",
            Self::Telling => "seawall with telemetry",
            Self::Wide => "seawall, 64 connections",
        }
    }

    fn called(name: &str) -> Result<Self, String> {
        Ok(match name {
            "reqwest" => Self::Reqwest,
            "middleware" => Self::Middleware,
            "seawall" => Self::Seawall,
            "telemetry" => Self::Telling,
            "wide" => Self::Wide,
            other => return Err(format!("no client is called {other}")),
        })
    }

    fn client(self) -> Result<Client, Box<dyn Error + Send + Sync>> {
        Ok(match self {
            Self::Reqwest => Client::Reqwest(bare()?),
            Self::Middleware => Client::Middleware(middlewares()?),
            Self::Seawall => Client::Seawall(seawall_of(&HttpConfig::default(), Arc::new(()))?),
            Self::Wide => {
                let max_connections_per_host = NonZeroU32::new(MANY as u32);
                let wide = HttpConfig { max_connections_per_host, ..HttpConfig::default() };
                Client::Seawall(seawall_of(&wide, Arc::new(()))?)
            }
            Self::Telling => {
                let telemetry = Telemetry::new(&TelemetryConfig::default())?;
                Client::Seawall(seawall_of(&HttpConfig::default(), Arc::new(telemetry))?)
            }
        })
    }
}

#[derive(Clone)]
enum Client {
    Reqwest(reqwest::Client),
    Middleware(ClientWithMiddleware),
    Seawall(Http),
}

impl Client {
    async fn get(&self, url: &str) -> Result<usize, Box<dyn Error + Send + Sync>> {
        Ok(match self {
            Self::Reqwest(client) => client.get(url).send().await?.bytes().await?.len(),
            Self::Middleware(client) => client.get(url).send().await?.bytes().await?.len(),
            Self::Seawall(http) => http.get(url).send().await?.into_body().collect(1 << 20).await?.len(),
        })
    }
}

/// Makes this program so many calls, one after another on one thread, and nothing else: `--calls seawall 2000`, for a
/// profiler that counts instructions. The difference of two such counts is what the calls between them cost.
pub(crate) const COUNT: &str = "--calls";

/// The same by so many tasks at once, as they are measured: `--load seawall 8 100000`, for a profiler of system calls.
pub(crate) const LOAD: &str = "--load";

/// Makes calls, for [`COUNT`].
pub(crate) fn make(client: &str, calls: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (kind, calls) = (Kind::called(client)?, calls.parse()?);
    let server = Server::start()?;
    let url = format!("{}/small/one", server.url);
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let client = kind.client()?;
        for _ in 0_usize..calls {
            client.get(&url).await?;
        }
        Ok(())
    })
}

/// Makes calls, for [`LOAD`].
pub(crate) fn make_at_once(
    client: &str,
    tasks: &str,
    calls: &str,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (kind, tasks, calls): (_, usize, usize) = (Kind::called(client)?, tasks.parse()?, calls.parse()?);
    let server = Server::start()?;
    let url = format!("{}/small/one", server.url);
    runtime()?.block_on(async {
        load(&kind.client()?, &url, tasks, calls / tasks).await?;
        Ok(())
    })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// What the rounds of one client measured.
#[derive(Default)]
struct Measured {
    calls_per_second: Vec<f64>,
    p99: Vec<f64>,
    processor: Vec<f64>,
    allocations: f64,
    bytes: f64,
}

pub(crate) fn compare(
    server: &Server,
    show: impl Fn(&[Comparison]),
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let runtime = runtime()?;
    let url = format!("{}/small/one", server.url);
    let clients = {
        let _inside = runtime.enter();
        Kind::ALL.map(Kind::client)
    };
    let clients = clients.into_iter().collect::<Result<Vec<_>, _>>()?;
    for tasks in [FEW, MANY] {
        let mut measured: [Measured; 5] = Default::default();
        for (kind, measured) in Kind::ALL.iter().zip(&mut measured) {
            (measured.allocations, measured.bytes) = allocations_of(*kind, &url)?;
        }
        for round in 0..ROUNDS {
            for turn in 0..clients.len() {
                let who = (turn + round) % clients.len();
                runtime.block_on(measure(&clients[who], &url, tasks, &mut measured[who]))?;
            }
        }
        show(&lines(tasks, &measured));
    }
    Ok(())
}

/// What is judged: a call that nobody waits for by the defaults, and one of many by as many connections as the peers have.
/// The defaults' ten connections under so many calls are there to be seen.
fn lines(tasks: usize, measured: &[Measured; 5]) -> Vec<Comparison> {
    use Kind::{Middleware, Reqwest, Seawall, Telling, Wide};
    let judged = if tasks == FEW { Seawall } else { Wide };
    let mut lines = Vec::new();
    for (figure, goals) in [
        (Figure::Throughput, [Some(0.95), None]),
        (Figure::P99, [Some(1.05), None]),
        (Figure::Processor, [None, Some(0.9)]),
    ] {
        for ours in if tasks == FEW { [Seawall, Telling].as_slice() } else { &[Wide, Seawall] } {
            for (peer, goal) in [Reqwest, Middleware].into_iter().zip(goals) {
                let side = |kind: Kind| figure.side(kind.name(), &measured[kind as usize]);
                let what = format!("{}, {tasks} tasks", figure.name());
                let goal = goal.filter(|_| *ours as usize == judged as usize);
                let (subject, peer) = (side(*ours), side(peer));
                let (unit, better) = (figure.unit(), figure.better());
                lines.push(Comparison { what, subject, peer, unit, better, goal, threads: 2 });
            }
        }
    }
    lines
}

#[derive(Clone, Copy)]
enum Figure {
    Throughput,
    P99,
    Processor,
}

impl Figure {
    fn side(self, name: &str, measured: &Measured) -> Side {
        let samples = match self {
            Self::Throughput => &measured.calls_per_second,
            Self::P99 => &measured.p99,
            Self::Processor => &measured.processor,
        };
        let Measured { allocations, bytes, .. } = *measured;
        Side { allocations: Some(allocations), bytes: Some(bytes), ..Side::new(name, samples.clone()) }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::P99 => "p99",
            Self::Processor => "processor time a call",
        }
    }

    const fn better(self) -> Better {
        if matches!(self, Self::Throughput) { Better::Higher } else { Better::Lower }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Throughput => "/s",
            Self::P99 | Self::Processor => "µs",
        }
    }
}

fn bare() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().pool_max_idle_per_host(MANY).build()
}

fn middlewares() -> reqwest::Result<ClientWithMiddleware> {
    let retry =
        RetryTransientMiddleware::new_with_policy(ExponentialBackoff::builder().build_with_max_retries(3));
    Ok(ClientBuilder::new(bare()?).with(TracingMiddleware::default()).with(retry).build())
}

fn seawall_of(
    config: &HttpConfig,
    observer: Arc<dyn seawall_core::Observer>,
) -> Result<Http, seawall_core::Error> {
    Http::new(&HttpConfig { pool_max_idle_per_host: MANY, ..config.clone() }, observer)
}

/// What a call allocates, counted on one thread, and how many bytes that is.
fn allocations_of(kind: Kind, url: &str) -> Result<(f64, f64), Box<dyn Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The connections belong to the runtime that made them, so the client is one of this runtime's too.
    let client = {
        let _inside = runtime.enter();
        kind.client()?
    };
    let calls = |count| {
        runtime.block_on(async {
            for _ in 0..count {
                client.get(url).await?;
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(())
        })
    };
    calls(SOME_CALLS)?;
    let (counted, called) = allocations::count(|| calls(SOME_CALLS));
    called?;
    Ok((counted.count as f64 / SOME_CALLS as f64, counted.bytes as f64 / SOME_CALLS as f64))
}

async fn measure(
    client: &Client,
    url: &str,
    tasks: usize,
    measured: &mut Measured,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    load(client, url, tasks, SOME_CALLS / tasks).await?;
    let (used, begun) = (processor_time(), Instant::now());
    let mut latencies = load(client, url, tasks, CALLS / tasks).await?;
    let (took, used) = (begun.elapsed(), processor_time().saturating_sub(used));
    let calls = latencies.len() as f64;
    latencies.sort_unstable();
    measured.calls_per_second.push(calls / took.as_secs_f64());
    measured.p99.push(latencies[latencies.len() * 99 / 100].as_secs_f64() * 1e6);
    measured.processor.push(used.as_secs_f64() * 1e6 / calls);
    Ok(())
}

/// So many calls by each task; how long each took.
async fn load(
    client: &Client,
    url: &str,
    tasks: usize,
    calls: usize,
) -> Result<Vec<Duration>, Box<dyn Error + Send + Sync>> {
    let task = |client: Client, url: String| async move {
        let mut latencies = Vec::with_capacity(calls);
        for _ in 0..calls {
            let begun = Instant::now();
            client.get(&url).await?;
            latencies.push(begun.elapsed());
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(latencies)
    };
    let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(task(client.clone(), url.to_owned()))).collect();
    let mut latencies = Vec::with_capacity(CALLS);
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok(latencies)
}

/// What this process has used of the processors so far, in its clock's hundredths of a second.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the program's name, which may hold anything, the 12th and the 13th field.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
