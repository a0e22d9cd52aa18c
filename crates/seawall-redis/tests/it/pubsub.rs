use std::time::Duration;

use seawall_redis::{Heard, Subscription};
use seawall_testkit::proxy::{Fault, FaultProxy, Faults};
use seawall_testkit::servers::redis_url;

use crate::support::{address, connect, connect_to, connect_with, through, until};

fn channel() -> String {
    format!("news-{}", fastrand::u64(..))
}

async fn text(subscription: &mut Subscription) -> String {
    match subscription.next().await.unwrap() {
        Heard::Message(message) => message.payload().unwrap(),
        Heard::Gap(gap) => format!("{gap:?}"),
    }
}

#[tokio::test]
async fn what_is_published_after_a_subscription_is_heard_in_order() {
    let (redis, channel) = (connect().await, channel());
    let mut subscription = redis.subscribe([&channel]).await.unwrap();
    for n in 0..100 {
        assert_eq!(redis.publish(&channel, n).await.unwrap(), 1);
    }
    for n in 0..100 {
        assert_eq!(text(&mut subscription).await, n.to_string());
    }
    drop(subscription);
    until("nobody listens", async || redis.publish(&channel, "x").await.unwrap() == 0).await;
}

#[tokio::test]
async fn a_pattern_hears_every_channel_that_fits() {
    let (redis, channel) = (connect().await, channel());
    let mut subscription = redis.subscribe_to_patterns([format!("{channel}.*")]).await.unwrap();
    redis.publish(format!("{channel}.a"), "one").await.unwrap();
    let Heard::Message(message) = subscription.next().await.unwrap() else { panic!("a gap") };
    assert_eq!(message.channel(), format!("{channel}.a"));
    assert_eq!(message.payload::<String>().unwrap(), "one");
}

#[tokio::test]
async fn a_lost_connection_comes_back_and_says_that_something_may_have_been_missed() {
    let url = redis_url().unwrap();
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let (redis, direct, channel) =
        (connect_to(&through(&url, &proxy)).await, connect_to(&url).await, channel());
    let mut subscription = redis.subscribe([&channel]).await.unwrap();
    for round in 0..3 {
        direct.publish(&channel, round).await.unwrap();
        assert_eq!(text(&mut subscription).await, round.to_string());
        proxy.set(Faults::always(Fault::Reset));
        assert_eq!(text(&mut subscription).await, "Lost");
        direct.publish(&channel, "missed").await.unwrap();
        proxy.set(Faults::none());
        assert_eq!(text(&mut subscription).await, "Resumed");
    }
    direct.publish(&channel, "heard").await.unwrap();
    assert_eq!(text(&mut subscription).await, "heard");
}

#[tokio::test]
async fn messages_that_nobody_takes_are_dropped_and_said_to_be() {
    let (redis, channel) = (connect().await, channel());
    let mut subscription = redis.subscribe([&channel]).await.unwrap();
    for n in 0..2000 {
        redis.publish(&channel, n).await.unwrap();
    }
    until("as many wait as may", async || format!("{subscription:?}").contains("1024")).await;
    for n in 0..1024 {
        assert_eq!(text(&mut subscription).await, n.to_string());
    }
    until("it hears again", async || {
        redis.publish(&channel, "more").await.unwrap();
        !format!("{subscription:?}").contains("waiting: 0")
    })
    .await;
    assert_eq!(text(&mut subscription).await, "Overflowed");
}

#[tokio::test]
async fn a_subscription_ends_when_the_client_is_closed() {
    let (redis, channel) = (connect().await, channel());
    let mut subscription = redis.subscribe([&channel]).await.unwrap();
    redis.close(Duration::from_secs(5)).await.unwrap();
    assert!(subscription.next().await.is_none());
}

#[tokio::test]
async fn old_servers_are_listened_to_as_well() {
    let redis =
        connect_with(&redis_url().unwrap(), |config| config.protocol = seawall_redis::Protocol::Resp2).await;
    let channel = channel();
    let mut subscription = redis.subscribe([&channel]).await.unwrap();
    redis.publish(&channel, "one").await.unwrap();
    assert_eq!(text(&mut subscription).await, "one");
}
