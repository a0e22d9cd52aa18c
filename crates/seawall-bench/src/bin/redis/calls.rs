//! GETs by many tasks at once: how many a second, and what each allocates.

use std::sync::Arc;
use std::time::Instant;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use seawall_bench::{Better, Comparison, Side, allocations};
use seawall_redis::{Redis, RedisConfig};
use seawall_testkit::servers::Redis as Server;

use crate::Result;

const ROUNDS: usize = 10;
const TASKS: [usize; 3] = [1, 64, 512];
const KEYS: usize = 1000;
const POOL: usize = 16;
const COUNTED: usize = 2000;

/// Who is measured.
#[derive(Clone)]
enum Client {
    Checkout(deadpool_redis::Pool),
    Bare(MultiplexedConnection),
    Seawall(Redis),
}

impl Client {
    async fn all(url: &str) -> Result<[Self; 3]> {
        let pool = deadpool_redis::Config::from_url(url)
            .builder()?
            .max_size(POOL)
            .runtime(deadpool_redis::Runtime::Tokio1)
            .build()?;
        let bare = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
        let seawall = Redis::connect(url, &RedisConfig::default(), Arc::new(())).await?;
        Ok([Self::Checkout(pool), Self::Bare(bare), Self::Seawall(seawall)])
    }

    async fn gets(&mut self, keys: &[String], from: usize, count: usize) -> Result<usize> {
        let mut bytes = 0;
        for n in from..from + count {
            let key = keys[n % keys.len()].as_str();
            let value: Vec<u8> = match self {
                Self::Checkout(pool) => pool.get().await?.get(key).await?,
                Self::Bare(connection) => connection.get(key).await?,
                Self::Seawall(redis) => redis.get(key).await?,
            };
            bytes += value.len();
        }
        Ok(bytes)
    }
}

const NAMES: [&str; 3] = ["deadpool-redis, checkout per command", "bare multiplexed connection", "seawall"];
const CHECKOUT: usize = 0;
const BARE: usize = 1;
const SEAWALL: usize = 2;

pub(crate) fn compare() -> Result<Vec<Comparison>> {
    let server = Server::start()?;
    let url = server.url();
    let runtime = crate::runtime()?;
    let keys = keys();
    let clients = runtime.block_on(Client::all(&url))?;
    runtime.block_on(fill(&url, &keys))?;
    let allocations = allocations_of(&url, &keys)?;
    let mut comparisons = Vec::new();
    for tasks in TASKS {
        let mut samples: [Vec<f64>; 3] = Default::default();
        let gets = if tasks == 1 { 8_000 } else { 120_000 };
        for round in 0..=ROUNDS {
            for turn in 0..clients.len() {
                let who = (turn + round) % clients.len();
                // A checkout for each is slow enough to be measured with fewer.
                let gets = if who == CHECKOUT { gets / 4 } else { gets };
                let a_second = runtime.block_on(measure(&clients[who], &keys, tasks, gets / tasks))?;
                // The first round only warms up.
                if round > 0 {
                    samples[who].push(a_second);
                }
            }
        }
        let side = |who: usize| Side {
            allocations: Some(allocations[who].0),
            bytes: Some(allocations[who].1),
            ..Side::new(NAMES[who], samples[who].clone())
        };
        let line = |peer: usize, goal: Option<f64>| Comparison {
            what: format!("GET of 100 bytes, {tasks} tasks"),
            subject: side(SEAWALL),
            peer: side(peer),
            unit: "/s",
            better: Better::Higher,
            goal: goal.filter(|_| tasks > 1),
            threads: 2,
        };
        comparisons.push(line(CHECKOUT, Some(5.0)));
        comparisons.push(line(BARE, Some(0.95)));
    }
    Ok(comparisons)
}

/// Makes this program so many GETs by so many tasks at once, for profilers: `--load seawall 64 100000`, `checkout` or `bare`.
pub(crate) const LOAD: &str = "--load";

/// Makes GETs, for [`LOAD`].
pub(crate) fn load(client: &str, tasks: &str, gets: &str) -> Result<()> {
    let (tasks, gets): (usize, usize) = (tasks.parse()?, gets.parse()?);
    let Some(who) = NAMES.iter().position(|name| name.split(' ').any(|word| word == client)) else {
        return Err(format!("there is no `{client}`: name `checkout`, `bare` or `seawall`").into());
    };
    let server = Server::start()?;
    let url = server.url();
    let keys = keys();
    crate::runtime()?.block_on(async {
        fill(&url, &keys).await?;
        let clients = Client::all(&url).await?;
        println!("{:.0}/s", measure(&clients[who], &keys, tasks, gets / tasks).await?);
        Ok(())
    })
}

fn keys() -> Arc<[String]> {
    (0..KEYS).map(|n| format!("key:{n:08}")).collect()
}

async fn fill(url: &str, keys: &[String]) -> Result<()> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    for key in keys {
        connection.set::<_, _, ()>(key, vec![b'x'; 100]).await?;
    }
    Ok(())
}

async fn measure(client: &Client, keys: &Arc<[String]>, tasks: usize, gets: usize) -> Result<f64> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let (mut client, keys) = (client.clone(), Arc::clone(keys));
            tokio::spawn(async move { client.gets(&keys, task * 7, gets).await })
        })
        .collect();
    let count = tasks.len() * gets;
    for task in tasks {
        if task.await?? != gets * 100 {
            return Err("a value is not what was set".into());
        }
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

/// What a GET allocates, the driver's task included, and how many bytes that is.
fn allocations_of(url: &str, keys: &[String]) -> Result<[(f64, f64); 3]> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut all = [(0.0, 0.0); 3];
    let mut clients = runtime.block_on(Client::all(url))?;
    for (client, allocated) in clients.iter_mut().zip(&mut all) {
        runtime.block_on(client.gets(keys, 0, COUNTED))?;
        let (counted, done) = allocations::count(|| runtime.block_on(client.gets(keys, 0, COUNTED)));
        done?;
        *allocated = (counted.count as f64 / COUNTED as f64, counted.bytes as f64 / COUNTED as f64);
    }
    Ok(all)
}
