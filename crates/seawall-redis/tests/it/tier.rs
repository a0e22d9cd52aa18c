use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use seawall_cache::{SecondTier, TierListener};
use seawall_redis::RedisTier;
use seawall_testkit::proxy::{Fault, FaultProxy, Faults};
use seawall_testkit::servers::redis_url;

use crate::support::{address, connect, connect_to, through, until};

const LONG: Duration = Duration::from_mins(1);

fn name() -> String {
    format!("shop-{}", fastrand::u64(..))
}

#[tokio::test]
async fn bytes_are_kept_for_their_time_under_the_prefix() {
    let redis = connect().await;
    let (one, other) = (RedisTier::new(&redis, "one"), RedisTier::new(&redis, "other"));
    one.set("a", Bytes::from_static(b"\x00\xff"), LONG).await.unwrap();
    let keys = ["a".to_owned(), "b".to_owned()];
    assert_eq!(one.get(&keys).await.unwrap(), [Some(Bytes::from_static(b"\x00\xff")), None]);
    assert_eq!(one.get(&keys[..1]).await.unwrap().len(), 1);
    assert_eq!(one.get(&[]).await.unwrap().len(), 0);
    assert_eq!(other.get(&keys).await.unwrap(), [None, None]);
    assert!(redis.ttl("one:a").await.unwrap().unwrap() <= LONG);
}

#[tokio::test]
async fn a_value_is_replaced_only_if_it_begins_as_was_said() {
    let tier = RedisTier::new(&connect().await, "one");
    let put = async |head: &'static [u8], value: &'static [u8]| {
        tier.replace("a", head, Bytes::from_static(value), LONG).await.unwrap()
    };
    let keys = ["a".to_owned()];
    assert!(!put(b"x", b"one").await, "nothing is there");
    assert!(put(b"", b"xy-1").await);
    assert!(!put(b"", b"xy-2").await, "something is there");
    assert!(!put(b"xz", b"xy-2").await);
    assert!(put(b"xy", b"zz-3").await);
    assert_eq!(tier.get(&keys).await.unwrap(), [Some(Bytes::from_static(b"zz-3"))]);
}

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl TierListener for Heard {
    fn heard(&self, message: &[u8]) {
        self.0.lock().unwrap().push(String::from_utf8(message.to_vec()).unwrap());
    }

    fn missed(&self) {
        self.0.lock().unwrap().push("missed".to_owned());
    }
}

#[tokio::test]
async fn what_one_process_tells_the_others_hear_and_a_gap_is_told() {
    let (url, name) = (redis_url().unwrap(), name());
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let there = RedisTier::new(&connect_to(&through(&url, &proxy)).await, &name);
    let here = RedisTier::new(&connect_to(&url).await, &name);
    let heard = Arc::new(Heard::default());
    let listener: Arc<dyn TierListener> = Arc::<Heard>::clone(&heard);
    there.listen(Arc::downgrade(&listener));
    until("it listens", async || !heard.all().is_empty()).await;
    here.publish(Bytes::from_static(b"one")).await.unwrap();
    until("it hears", async || heard.all() == ["missed", "one"]).await;

    proxy.set(Faults::always(Fault::Reset));
    until("the loss is told at once", async || heard.all().len() == 3).await;
    here.publish(Bytes::from_static(b"unheard")).await.unwrap();
    proxy.set(Faults::none());
    until("and its end", async || heard.all().len() == 4).await;
    here.publish(Bytes::from_static(b"two")).await.unwrap();
    until("it hears again", async || heard.all() == ["missed", "one", "missed", "missed", "two"]).await;

    drop((listener, heard));
    until("nobody listens", async || {
        here.publish(Bytes::from_static(b"three")).await.unwrap();
        connect().await.publish(format!("{name}:invalidations"), "x").await.unwrap() == 0
    })
    .await;
}
