//! The servers of a cluster as they come and go.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use seawall_core::{Error, FailureKind, Observer};
use seawall_tower::Pipeline;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::map::{Address, Map, Range};
use super::member::Member;
use super::topology;
use crate::classify::LAYER;
use crate::dial::Dialer;
use crate::{RedisClassifier, RedisConfig};

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
        addresses.into_iter().map(|address| self.template.at(address.host.clone(), address.port)).collect()
    }

    fn install(&self, ranges: Vec<Range>) {
        let mut current = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let mut map = Map::empty();
        for (first, last, address) in ranges {
            let known = map.find(&address).cloned();
            let member = known.unwrap_or_else(|| self.join(&current, address));
            map.give(first, last, &member);
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
        let dialer = self.template.at(address.host.clone(), address.port);
        Arc::new(Member::new(address, dialer, &self.config, &self.pipeline, Arc::clone(&self.observer)))
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
