use std::collections::BTreeSet;
use std::time::Duration;

use seawall_redis::{Consumer, Redis};

use crate::support::connect;

async fn filled(entries: u64) -> Redis {
    let redis = connect().await;
    for n in 0..entries {
        redis.xadd("orders", Some(1000), &[("n", n)]).await.unwrap();
    }
    redis
}

async fn take(consumer: &mut Consumer) -> Vec<(String, u64)> {
    let entries = consumer.next().await.unwrap();
    entries.iter().map(|entry| (entry.id().to_owned(), entry.field("n").unwrap())).collect()
}

async fn member(redis: &Redis, name: &str) -> Consumer {
    redis.consumer("orders", "billing", name).await.unwrap().wait(Duration::from_millis(50)).count(10)
}

#[tokio::test]
async fn the_members_of_a_group_share_the_entries() {
    let redis = filled(40).await;
    let (mut one, mut two) = (member(&redis, "one").await, member(&redis, "two").await);
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        for consumer in [&mut one, &mut two] {
            let entries = take(consumer).await;
            assert_eq!(entries.len(), 10);
            consumer.ack(entries.iter().map(|(id, _)| id.as_str())).await.unwrap();
            seen.extend(entries.into_iter().map(|(_, n)| n));
        }
    }
    assert_eq!(seen, (0..40).collect());
    assert_eq!(take(&mut one).await, []);
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_to_a_member_that_comes_back() {
    let redis = filled(3).await;
    let before = take(&mut member(&redis, "one").await).await;
    assert_eq!(before.len(), 3);
    let mut again = member(&redis, "one").await;
    assert_eq!(take(&mut again).await, before);
    again.ack(before.iter().map(|(id, _)| id.as_str())).await.unwrap();
    assert_eq!(take(&mut again).await, []);
}

#[tokio::test]
async fn what_a_member_keeps_for_too_long_goes_to_another() {
    let redis = filled(3).await;
    let kept = take(&mut member(&redis, "one").await).await;
    let mut patient = member(&redis, "two").await;
    assert_eq!(take(&mut patient).await, []);
    let mut impatient = patient.claim_after(Duration::ZERO);
    assert_eq!(take(&mut impatient).await, kept);
}

#[tokio::test]
async fn an_answer_that_nobody_waited_for_is_given_again() {
    let redis = connect().await;
    let mut consumer = member(&redis, "one").await.wait(Duration::from_secs(5));
    // Dropped at many points, and something is added each time.
    for n in 0..20_u64 {
        let next = tokio::time::timeout(Duration::from_micros(n * 200), consumer.next());
        let fields = [("n", n)];
        let (_, added) = tokio::join!(next, redis.xadd("orders", None, &fields));
        added.unwrap();
    }
    let mut seen = BTreeSet::new();
    let mut consumer = consumer.wait(Duration::from_millis(50));
    for _ in 0..100 {
        let entries = take(&mut consumer).await;
        consumer.ack(entries.iter().map(|(id, _)| id.as_str())).await.unwrap();
        seen.extend(entries.into_iter().map(|(_, n)| n));
        // What the server was still handing to a connection that is gone comes only once it is gone there too.
        if seen.len() == 20 {
            break;
        }
        consumer = member(&redis, "one").await;
    }
    assert_eq!(seen, (0..20).collect());
}
