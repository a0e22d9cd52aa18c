//! Many small calls at once: throughput, the slowest hundredth, and processor time.

use std::error::Error;
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
const TASKS: usize = 64;
const CALLS: usize = 300;

/// Who is measured.
#[derive(Clone, Copy)]
enum Kind {
    Reqwest,
    Middleware,
    Seawall,
    Telling,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Reqwest, Self::Middleware, Self::Seawall, Self::Telling];

    fn client(self) -> Result<Client, Box<dyn Error + Send + Sync>> {
        Ok(match self {
            Self::Reqwest => Client::Reqwest(bare()?),
            Self::Middleware => Client::Middleware(middlewares()?),
            Self::Seawall => Client::Seawall(seawall_of(Arc::new(()))?),
            Self::Telling => {
                let telemetry = Telemetry::new(&TelemetryConfig::default())?;
                Client::Seawall(seawall_of(Arc::new(telemetry))?)
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

/// What the rounds of one client measured.
#[derive(Default)]
struct Measured {
    calls_per_second: Vec<f64>,
    p99: Vec<f64>,
    processor: Vec<f64>,
    allocations: f64,
    bytes: f64,
}

pub(crate) fn compare(server: &Server) -> Result<Vec<Comparison>, Box<dyn Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let url = format!("{}/small/one", server.url);
    let (reqwest, middleware, seawall, telemetry) = (0, 1, 2, 3);
    let clients = {
        let _inside = runtime.enter();
        Kind::ALL.map(Kind::client)
    };
    let clients = clients.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut measured: [Measured; 4] = Default::default();
    for (kind, measured) in Kind::ALL.iter().zip(&mut measured) {
        (measured.allocations, measured.bytes) = allocations_of(*kind, &url)?;
    }
    for round in 0..ROUNDS {
        for turn in 0..clients.len() {
            let who = (turn + round) % clients.len();
            runtime.block_on(measure(&clients[who], &url, &mut measured[who]))?;
        }
    }
    let line = |what: &str, ours: (&str, usize), theirs: (&str, usize), figure: Figure, goal| Comparison {
        what: what.to_owned(),
        subject: figure.side(ours.0, &measured[ours.1]),
        peer: figure.side(theirs.0, &measured[theirs.1]),
        unit: figure.unit(),
        better: if matches!(figure, Figure::Throughput) { Better::Higher } else { Better::Lower },
        goal,
        threads: 2,
    };
    let bare = ("reqwest", reqwest);
    let peers = ("reqwest + middleware, retry, tracing", middleware);
    let ours = ("seawall", seawall);
    let told = ("seawall with telemetry", telemetry);
    Ok(vec![
        line("throughput, 64 tasks", ours, bare, Figure::Throughput, Some(0.95)),
        line("throughput, 64 tasks", told, bare, Figure::Throughput, None),
        line("throughput, 64 tasks", ours, peers, Figure::Throughput, None),
        line("p99, 64 tasks", ours, bare, Figure::P99, Some(1.05)),
        line("p99, 64 tasks", told, bare, Figure::P99, None),
        line("p99, 64 tasks", ours, peers, Figure::P99, None),
        line("processor time a call", ours, bare, Figure::Processor, None),
        line("processor time a call", ours, peers, Figure::Processor, Some(0.9)),
        line("processor time a call", told, peers, Figure::Processor, None),
    ])
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

    fn unit(self) -> &'static str {
        match self {
            Self::Throughput => "/s",
            Self::P99 | Self::Processor => "µs",
        }
    }
}

fn bare() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().pool_max_idle_per_host(TASKS).build()
}

fn middlewares() -> reqwest::Result<ClientWithMiddleware> {
    let retry =
        RetryTransientMiddleware::new_with_policy(ExponentialBackoff::builder().build_with_max_retries(3));
    Ok(ClientBuilder::new(bare()?).with(TracingMiddleware::default()).with(retry).build())
}

fn seawall_of(observer: Arc<dyn seawall_core::Observer>) -> Result<Http, seawall_core::Error> {
    // As many connections as the peers may have: this is about the cost of a call, not about waiting for one.
    let config = HttpConfig { pool_max_idle_per_host: TASKS, ..HttpConfig::default() };
    Http::new(&config, observer)
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
    calls(CALLS)?;
    let (counted, called) = allocations::count(|| calls(CALLS));
    called?;
    Ok((counted.count as f64 / CALLS as f64, counted.bytes as f64 / CALLS as f64))
}

async fn measure(
    client: &Client,
    url: &str,
    measured: &mut Measured,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    load(client, url, CALLS / 10).await?;
    let (used, begun) = (processor_time(), Instant::now());
    let mut latencies = load(client, url, CALLS).await?;
    let (took, used) = (begun.elapsed(), processor_time().saturating_sub(used));
    let calls = (TASKS * CALLS) as f64;
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
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(task(client.clone(), url.to_owned()))).collect();
    let mut latencies = Vec::with_capacity(TASKS * calls);
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
