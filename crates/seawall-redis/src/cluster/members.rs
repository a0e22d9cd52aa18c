//! The servers of a cluster as they come and go.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use redis::{RedisError, Value};
use seawall_core::{Error, FailureKind, Observer};
use seawall_tower::Pipeline;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::map::{Address, Map, Range};
use super::member::Member;
use super::topology;
use crate::classify::{self, LAYER};
use crate::dial::Dialer;
use crate::replica::{self, Replica};
use crate::{ReadFrom, RedisClassifier, RedisConfig, Reply, Request};

/// The cluster is asked again who has which slot after so long, though nothing went wrong.
const PERIOD: Duration = Duration::from_secs(30);
/// It is not asked more often than this, whatever goes wrong.
const BETWEEN: Duration = Duration::from_millis(100);

/// All servers that are known, and how further ones are spoken to.
pub(super) struct Members {
    /// Speaks to the first server that the URL names; the others are spoken to as that one.
    template: Dialer,
    seeds: Vec<Address>,
    config: RedisConfig,
    pipeline: Pipeline<RedisClassifier>,
    observer: Arc<dyn Observer>,
    map: RwLock<Arc<Map>>,
    /// Held while the cluster is asked.
    asking: tokio::sync::Mutex<()>,
    /// Told when the map may be wrong.
    doubted: Arc<Notify>,
    /// The generations of members that are gone.
    generations: AtomicU64,
    pub(super) closed: watch::Sender<bool>,
}

impl Members {
    pub(super) fn new(
        template: Dialer,
        seeds: Vec<Address>,
        config: RedisConfig,
        pipeline: Pipeline<RedisClassifier>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            template,
            seeds,
            config,
            pipeline,
            observer,
            map: RwLock::new(Arc::new(Map::empty())),
            asking: tokio::sync::Mutex::new(()),
            doubted: Arc::default(),
            generations: AtomicU64::new(0),
            closed: watch::Sender::new(false),
        }
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.template.name()
    }

    pub(super) fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The server that has a slot, or any server.
    pub(super) async fn owner(&self, slot: Option<u16>) -> Result<Arc<Member>, Error> {
        let owner = |map: &Map| slot.map_or_else(|| map.any(), |slot| map.owner(slot)).cloned();
        let map = self.map();
        if map.members.is_empty() {
            self.ask(true).await?;
            return owner(&self.map()).ok_or_else(|| self.without_owner());
        }
        owner(&map).ok_or_else(|| self.without_owner())
    }

    /// The server at an address, which is a member from here on.
    pub(super) fn at(&self, address: Address) -> Arc<Member> {
        if let Some(member) = self.map().find(&address) {
            return Arc::clone(member);
        }
        let mut current = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let mut map = Map::clone(&current);
        let member = self.join(&map, address);
        map.place_of(&member);
        *current = Arc::new(map);
        member
    }

    /// Takes note that a slot is elsewhere, and with it perhaps others.
    pub(super) fn moved(&self, slot: u16, to: Address) -> Arc<Member> {
        let member = {
            let mut current = self.map.write().unwrap_or_else(PoisonError::into_inner);
            let mut map = Map::clone(&current);
            let member = self.join(&map, to);
            map.give(slot, slot, &member);
            *current = Arc::new(map);
            member
        };
        self.doubted.notify_one();
        member
    }

    /// Takes note of a failure that another map may help against.
    pub(super) fn doubt(&self, error: &Error) {
        if matches!(error.kind(), FailureKind::Transient | FailureKind::Timeout | FailureKind::Refused) {
            self.doubted.notify_one();
        }
    }

    pub(super) fn generation(&self) -> u64 {
        let members: u64 = self.map().members.iter().map(|member| member.node.generation()).sum();
        self.generations.load(Relaxed) + members
    }

    /// Asks the cluster who has which slot; not if it has just been asked, where `only_once`.
    pub(super) async fn ask(&self, only_once: bool) -> Result<(), Error> {
        let _one = self.asking.lock().await;
        if only_once && !self.map().members.is_empty() {
            return Ok(());
        }
        let mut failure = None;
        for dialer in self.whom_to_ask() {
            match topology::ask(&dialer).await {
                Ok(ranges) => {
                    self.install(ranges);
                    return Ok(());
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| self.without_owner()))
    }

    /// First members that there is a connection to, in any order; then the others, and those that the URL names.
    fn whom_to_ask(&self) -> Vec<Dialer> {
        let map = self.map();
        let mut members: Vec<&Arc<Member>> = map.members.iter().collect();
        fastrand::shuffle(&mut members);
        members.sort_by_key(|member| !member.is_connected());
        let mut addresses: Vec<&Address> = members.into_iter().map(|member| &member.address).collect();
        for seed in &self.seeds {
            if !addresses.contains(&seed) {
                addresses.push(seed);
            }
        }
        addresses
            .into_iter()
            .map(|address| self.template.at(address.host.clone(), address.port, false))
            .collect()
    }

    fn install(&self, ranges: Vec<Range>) {
        let mut current = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let mut map = Map::empty();
        for Range { first, last, owner, replicas } in ranges {
            let known = map.find(&owner).cloned();
            let member = known.unwrap_or_else(|| self.join(&current, owner));
            map.give(first, last, &member);
            // Each range of a member says the same.
            if self.config.read_from == ReadFrom::PreferReplica && map.replicas_of(&member).is_empty() {
                map.follow(&member, self.following(&current, replicas));
            }
        }
        for member in &current.members {
            // One without slots may be about to get some.
            if map.find(&member.address).is_none() {
                if member.is_connected() {
                    map.place_of(member);
                } else {
                    self.part_with(member);
                }
            }
        }
        *current = Arc::new(map);
    }

    /// A member that is known, or a new one.
    fn join(&self, map: &Map, address: Address) -> Arc<Member> {
        if let Some(member) = map.find(&address) {
            return Arc::clone(member);
        }
        let dialer = self.template.at(address.host.clone(), address.port, false);
        Arc::new(Member::new(address, dialer, &self.config, &self.pipeline, Arc::clone(&self.observer)))
    }

    /// Replicas that are known, or new ones.
    fn following(&self, map: &Map, addresses: Vec<Address>) -> Vec<Arc<Replica>> {
        let known: Vec<Arc<Replica>> = map.replicas().cloned().collect();
        let join = |(host, port): (String, u16)| {
            let dialer = self.template.at(host.clone(), port, true);
            Replica::new((host, port), dialer, &self.config, &self.pipeline, Arc::clone(&self.observer))
        };
        replica::at(addresses.into_iter().map(|address| (address.host, address.port)).collect(), &known, join)
    }

    /// What a replica of a member answers, if it may and can.
    pub(super) async fn read(&self, member: &Arc<Member>, request: &Request) -> Option<Result<Reply, Error>> {
        if self.config.read_from == ReadFrom::Primary || !request.may_be_stale() {
            return None;
        }
        let replica = replica::any(self.map().replicas_of(member)).cloned()?;
        let answer = replica.read(request.clone()).await;
        let answer = answer.filter(|answer| !answer.as_ref().is_ok_and(is_refused_by_one));
        if answer.is_none() {
            self.doubted.notify_one();
        }
        answer
    }

    fn part_with(&self, member: &Arc<Member>) {
        self.generations.fetch_add(member.node.generation() + 1, Relaxed);
        let node = Arc::clone(&member.node);
        tokio::spawn(async move { node.close(Instant::now()).await });
    }

    fn without_owner(&self) -> Error {
        self.doubted.notify_one();
        Error::new(FailureKind::Transient, LAYER, self.name())
            .not_executed()
            .with_message("no server of the cluster has the slot, as far as is known")
    }
}

/// Whether one of several commands was refused in a way that another server may not.
fn is_refused_by_one(reply: &Reply) -> bool {
    let is_refused = |value: &Value| match value {
        Value::ServerError(error) => {
            classify::judge(&RedisError::from(error.clone())).kind != FailureKind::Permanent
        }
        _ => false,
    };
    matches!(reply, Reply::Value(Value::Array(values)) if values.iter().any(is_refused))
}

/// Asks the cluster again whenever that may help, until the client is gone.
pub(super) async fn follow(members: Weak<Members>) {
    let Some(doubted) = members.upgrade().map(|members| Arc::clone(&members.doubted)) else { return };
    loop {
        // Whether somebody doubts or time has passed.
        let _ = timeout(PERIOD, doubted.notified()).await;
        let Some(members) = members.upgrade() else { return };
        // It is asked again when the next call fails.
        let _ = members.ask(false).await;
        drop(members);
        sleep(BETWEEN).await;
    }
}
