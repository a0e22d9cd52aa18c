//! One server, and all connections to it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, RedisResult, Value};
use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::classify::{self, LAYER, Verdict};
use crate::dedicated::{Dedicated, Lent};
use crate::dial::Dialer;
use crate::keeper::{Keeper, Line, Live, Replacements, Rules, Watch};
use crate::lanes::Times;
use crate::nature::{Lane, Nature};
use crate::spread::Spread;
use crate::{RedisConfig, RedisStats};

/// One server. Shared by all clones of a client.
pub(crate) struct Node {
    pub(crate) dialer: Arc<Dialer>,
    rules: Rules,
    shared: Box<[Keeper]>,
    spread: Spread,
    /// Made when the first large request comes.
    bulk: OnceLock<Keeper>,
    bulk_size: usize,
    dedicated: Dedicated,
    /// The generation that the dedicated connections were made in.
    dedicated_since: AtomicU64,
    replacements: Arc<Replacements>,
    times: Times,
    /// Told when the client is closed.
    closed: watch::Sender<bool>,
}

impl Node {
    /// Begins to connect in the background.
    pub(crate) fn new(dialer: Dialer, config: &RedisConfig) -> Self {
        let dialer = Arc::new(dialer);
        let dedicated = Dedicated::new(Arc::clone(&dialer), config);
        let (rules, replacements) = (Rules::new(config), Arc::new(Replacements::default()));
        let keeper = |_| Keeper::start(Arc::clone(&dialer), rules.clone(), Arc::clone(&replacements));
        let shared: Box<[_]> = (0..config.shared_connections()).map(keeper).collect();
        let spread = Spread::new(shared.len(), dialer.crowd.clone());
        Self {
            dialer,
            rules,
            shared,
            spread,
            bulk: OnceLock::new(),
            bulk_size: config.bulk_size,
            dedicated,
            dedicated_since: AtomicU64::new(0),
            replacements,
            times: Times::new(config),
            closed: watch::Sender::new(false),
        }
    }

    /// Waits until it is known whether the server can be reached.
    pub(crate) async fn first(&self) -> Result<(), Error> {
        self.shared[0].first().await
    }

    /// A shared connection for a request of this size, if there is one now.
    pub(crate) fn line(&self, size: usize) -> Option<Line<'_>> {
        self.keeper(size).now()
    }

    /// Sends a command over a shared connection.
    pub(crate) async fn command(&self, command: &Cmd, nature: Nature, size: usize) -> Result<Value, Error> {
        let keeper = self.keeper(size);
        let mut at_hand = match keeper.now() {
            Some(line) => line,
            None => self.wait(keeper).await?,
        };
        let (live, connection, _) = at_hand.parts();
        let watch = Watch::new(live, CallContext::current_deadline());
        let answer = connection.send_packed_command(command).await;
        watch.done();
        self.answer(live, nature, answer)
    }

    /// What the answer to a command means.
    pub(crate) fn answer(
        &self,
        live: &Live,
        nature: Nature,
        answer: RedisResult<Value>,
    ) -> Result<Value, Error> {
        match answer.and_then(classify::refusal_in) {
            Ok(value) => {
                live.answered();
                Ok(value)
            }
            Err(cause) => Err(self.failed(live, nature.judge()(&cause), cause)),
        }
    }

    /// Sends several commands at once over a shared connection.
    pub(crate) async fn pipelined(
        &self,
        pipeline: &redis::Pipeline,
        nature: Nature,
        size: usize,
    ) -> Result<Value, Error> {
        let keeper = self.keeper(size);
        let mut at_hand = match keeper.now() {
            Some(line) => line,
            None => self.wait(keeper).await?,
        };
        let (live, connection, _) = at_hand.parts();
        let watch = Watch::new(live, CallContext::current_deadline());
        let answer = pipeline.query_async::<Value>(connection).await;
        watch.done();
        let cause = match answer {
            Ok(value) => {
                live.answered();
                return Ok(value);
            }
            Err(cause) => cause,
        };
        let error = self.failed(live, nature.judge()(&cause), cause);
        // Of several commands some may have been carried out, whatever became of the others.
        Err(if pipeline.is_transaction() { error } else { self.partly_failed(error) })
    }

    /// Asks whether the server answers, and no longer than an attempt may take.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        let ping = redis::cmd("PING");
        let answer = self.command(&ping, Nature::of(&ping), 0);
        let time = self.times.of_ping();
        match tokio::time::timeout(time, answer).await {
            Ok(answer) => answer.map(drop),
            Err(_elapsed) => Err(Error::new(FailureKind::Timeout, LAYER, self.dialer.name())
                .with_message(format!("no answer within {time:?}"))),
        }
    }

    /// A connection for one caller.
    pub(crate) async fn lend(&self) -> Result<Lent, Error> {
        let now = self.replacements.generation();
        if self.dedicated_since.swap(now, Relaxed) != now {
            self.dedicated.renew();
        }
        self.dedicated.acquire().await
    }

    /// Asks something over a connection that the caller has for himself, within the time that is due to its kind.
    pub(crate) async fn ask(
        &self,
        lent: &mut Lent,
        nature: Nature,
        ask: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<Value, RedisError>,
    ) -> Result<Value, Error> {
        let began = Instant::now();
        let own = self.time_of(nature.lane).and_then(|time| began.checked_add(time));
        let until = [own, CallContext::current_deadline().map(Instant::from_std)].into_iter().flatten().min();
        let answer = lent.run(ask);
        let answer = match until {
            None => answer.await,
            Some(until) => match tokio::time::timeout_at(until, answer).await {
                Ok(answer) => answer,
                Err(_elapsed) => {
                    return Err(Error::new(FailureKind::Timeout, LAYER, self.dialer.name())
                        .with_message(format!("no answer within {:?}", began.elapsed())));
                }
            },
        };
        answer.and_then(classify::refusal_in).map_err(|cause| {
            let judged = nature.judge()(&cause);
            lent.clean &= judged.replace.is_none();
            classify::judged_error(self.dialer.name(), judged, cause)
        })
    }

    /// How long a command of this kind may take; `None` is as long as its caller likes.
    pub(crate) fn time_of(&self, lane: Lane) -> Option<Duration> {
        self.times.of(lane)
    }

    /// Changes when the client is closed.
    pub(crate) fn closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.replacements.generation()
    }

    /// Whether there is any connection that is shared.
    #[cfg(any(feature = "cluster", feature = "sentinel"))]
    pub(crate) fn is_connected(&self) -> bool {
        self.shared.iter().any(Keeper::is_up)
    }

    pub(crate) fn stats(&self) -> RedisStats {
        let keepers = || self.shared.iter().chain(self.bulk.get());
        RedisStats {
            connections: keepers().count(),
            connected: keepers().filter(|keeper| keeper.is_up()).count(),
            in_flight: keepers().filter_map(Keeper::in_flight).sum(),
            generation: self.generation(),
            replaced: self.replacements.stats(),
            dedicated: self.dedicated.stats(),
        }
    }

    /// Makes no more calls, and waits for those under way until `deadline`. Says how many were left.
    pub(crate) async fn close(&self, deadline: Instant) -> usize {
        self.closed.send_replace(true);
        self.dialer.close();
        self.dedicated.close();
        let lives: Vec<Arc<Live>> =
            self.shared.iter().chain(self.bulk.get()).filter_map(Keeper::close).collect();
        loop {
            // One of each is the list's.
            let under_way: usize = lives.iter().map(|live| Arc::strong_count(live) - 1).sum();
            let left = under_way + self.dedicated.stats().in_use;
            if left == 0 || deadline <= Instant::now() {
                return left;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn keeper(&self, size: usize) -> &Keeper {
        if size >= self.bulk_size {
            return self.bulk.get_or_init(|| {
                Keeper::start(Arc::clone(&self.dialer), self.rules.clone(), Arc::clone(&self.replacements))
            });
        }
        match &*self.shared {
            [only] => only,
            several => &several[self.spread.pick(fastrand::u32(..))],
        }
    }

    /// Another connection if this one is not there, or this one as soon as it is.
    #[cold]
    async fn wait<'a>(&'a self, keeper: &'a Keeper) -> Result<Line<'a>, Error> {
        match self.shared.iter().find_map(Keeper::now) {
            Some(line) => Ok(line),
            None => keeper.wait().await,
        }
    }

    #[cold]
    fn failed(&self, live: &Live, judged: Verdict, cause: RedisError) -> Error {
        match judged.replace {
            Some(reason) => live.replace(reason),
            None => live.answered(),
        }
        classify::judged_error(self.dialer.name(), judged, cause)
    }

    #[cold]
    fn partly_failed(&self, error: Error) -> Error {
        let kind = error.kind();
        Error::new(kind, LAYER, self.dialer.name())
            .with_message("one of several commands failed, the others may have been carried out")
            .with_source(error)
    }
}
