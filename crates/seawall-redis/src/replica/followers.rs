use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use seawall_core::Observer;
use seawall_tower::Pipeline;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::Replica;
use crate::dial::Dialer;
use crate::{RedisClassifier, RedisConfig};

/// The sentinels are asked again which replicas there are after so long, though nothing went wrong: one that has lost
/// its primary is read from no longer than that and what the sentinels take to notice.
const PERIOD: Duration = Duration::from_secs(5);
/// They are not asked more often than this, whatever goes wrong.
const BETWEEN: Duration = Duration::from_millis(200);

/// The replicas of a primary that sentinels watch, as they come and go.
pub(crate) struct Followers {
    list: RwLock<Arc<[Arc<Replica>]>>,
    dialer: Arc<Dialer>,
    config: RedisConfig,
    pipeline: Pipeline<RedisClassifier>,
    observer: Arc<dyn Observer>,
    /// Told when the list may be wrong.
    doubted: Arc<Notify>,
}

impl Followers {
    /// Begins to ask the sentinels, in a task that ends with the handle.
    pub(crate) fn start(
        dialer: Arc<Dialer>,
        config: &RedisConfig,
        pipeline: &Pipeline<RedisClassifier>,
        observer: Arc<dyn Observer>,
    ) -> (Arc<Self>, AbortOnDropHandle<()>) {
        let followers = Arc::new(Self {
            list: RwLock::new([].into()),
            dialer,
            config: config.clone(),
            pipeline: pipeline.clone(),
            observer,
            doubted: Arc::default(),
        });
        let following = AbortOnDropHandle::new(tokio::spawn(follow(Arc::clone(&followers))));
        (followers, following)
    }

    pub(crate) fn list(&self) -> Arc<[Arc<Replica>]> {
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note that one of them could not answer.
    pub(crate) fn doubt(&self) {
        self.doubted.notify_one();
    }

    fn install(&self, addresses: Vec<(String, u16)>) {
        let known = self.list();
        if known.iter().map(|replica| &replica.address).eq(&addresses) {
            return;
        }
        let join = |(host, port): (String, u16)| {
            let dialer = self.dialer.at(host.clone(), port, false);
            Replica::new((host, port), dialer, &self.config, &self.pipeline, Arc::clone(&self.observer))
        };
        let list = super::at(addresses, &known, join);
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = list.into();
    }
}

async fn follow(followers: Arc<Followers>) {
    loop {
        let moves = followers.dialer.moves();
        // Who cannot be asked now is asked again; those that are known are read from meanwhile.
        if let Ok(mut addresses) = followers.dialer.replicas().await {
            addresses.sort_unstable();
            followers.install(addresses);
            tokio::select! {
                // Whether somebody doubts or time has passed.
                _ = timeout(PERIOD, followers.doubted.notified()) => {}
                () = followers.dialer.moved(moves) => {}
            }
        }
        sleep(BETWEEN).await;
    }
}
