//! The connections that all share, and how they replace themselves.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::try_join_all;
use seawall_core::FailureKind;
use seawall_redis::RedisConfig;
use seawall_testkit::proxy::{Direction, Fault, FaultProxy, Faults};
use seawall_testkit::servers::{Redis as Server, redis_url};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{address, connect_to, connect_with, overtaken, settle, through, until};

const HOUR: Duration = Duration::from_hours(1);

/// No time passes for the connection itself.
fn one_attempt_of_an_hour(config: &mut RedisConfig) {
    config.pipeline.attempt_timeout = Some(HOUR);
    config.pipeline.retry.max_attempts = 1.try_into().unwrap();
    config.max_age = None;
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced_though_nobody_calls() {
    let url = redis_url().unwrap();
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let redis = connect_to(&through(&url, &proxy)).await;
    assert_eq!(redis.generation(), 0);
    for broken in 1..=3 {
        proxy.set(Faults::always(Fault::Reset));
        until("it is noticed", async || redis.stats().unwrap().connected == 0).await;
        proxy.set(Faults::none());
        until("it is replaced", async || redis.stats().unwrap().replaced.dropped == broken).await;
    }
    assert_eq!(redis.generation(), 3);
    redis.set("a", 1).await.unwrap();
    until("none is left over", async || proxy.open_connections() == 1).await;
}

#[tokio::test]
async fn a_call_in_the_first_moment_of_an_outage_waits_for_the_connection() {
    let url = redis_url().unwrap();
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let redis =
        connect_with(&through(&url, &proxy), |config| config.offline_wait = Duration::from_secs(30)).await;
    proxy.set(Faults::always(Fault::Reset));
    until("it is noticed", async || redis.stats().unwrap().connected == 0).await;
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let redis = redis.clone();
            tokio::spawn(async move { redis.incr("n", 1).await })
        })
        .collect();
    tokio::task::yield_now().await;
    proxy.set(Faults::none());
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(redis.get::<i64>("n").await.unwrap(), 10);
}

#[tokio::test]
async fn later_in_an_outage_calls_fail_at_once_and_say_that_nothing_was_done() {
    let url = redis_url().unwrap();
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let redis = connect_with(&through(&url, &proxy), |config| {
        config.offline_wait = Duration::ZERO;
        config.pipeline.retry.max_attempts = 1.try_into().unwrap();
    })
    .await;
    proxy.set(Faults::always(Fault::Reset));
    until("it is noticed", async || redis.stats().unwrap().connected == 0).await;
    let error = redis.incr("n", 1).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient, "{error}");
    assert!(!error.may_have_executed());
}

#[tokio::test]
async fn only_so_many_calls_wait_for_a_connection_and_the_next_is_refused() {
    let url = redis_url().unwrap();
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let redis = connect_with(&through(&url, &proxy), |config| {
        config.offline_wait = Duration::from_secs(30);
        config.max_offline = 0;
    })
    .await;
    proxy.set(Faults::always(Fault::Reset));
    until("it is noticed", async || redis.stats().unwrap().connected == 0).await;
    let error = redis.get::<Option<i64>>("n").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused, "{error}");
}

#[tokio::test]
async fn a_connection_that_answers_too_late_three_times_in_a_row_is_replaced() {
    let url = redis_url().unwrap();
    let proxy = FaultProxy::start(address(&url), 7).await.unwrap();
    let redis = connect_with(&through(&url, &proxy), one_attempt_of_an_hour).await;
    proxy.set(Faults::always(Fault::HalfOpen { dead: Direction::Down }));
    for in_a_row in 1..=3 {
        let error = overtaken(redis.incr("n", 1), settle(), HOUR).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
        assert!(error.may_have_executed());
        assert_eq!(redis.stats().unwrap().connected, usize::from(in_a_row < 3));
    }
    proxy.set(Faults::none());
    until("it is replaced", async || redis.stats().unwrap().replaced.timed_out == 1).await;
    redis.set("a", 1).await.unwrap();
}

#[tokio::test]
async fn an_answer_in_between_forgives_the_time_outs_before() {
    let server = Server::start().unwrap();
    let redis = connect_with(&server.url(), one_attempt_of_an_hour).await;
    let other = connect_to(&server.url()).await;
    for _ in 0..2 {
        // Two late ones in a row, never three. What writes waits, and nothing else.
        other.command("CLIENT").arg(&["PAUSE", "3600000", "WRITE"]).execute().await.unwrap();
        for _ in 0..2 {
            let error = overtaken(redis.set("a", 1), settle(), HOUR).await.unwrap_err();
            assert_eq!(error.kind(), FailureKind::Timeout, "{error}");
        }
        other.command("CLIENT").arg("UNPAUSE").execute().await.unwrap();
        redis.set("a", 1).await.unwrap();
    }
    assert_eq!(redis.stats().unwrap().replaced.timed_out, 0);
}

#[tokio::test]
async fn few_calls_go_over_one_connection_and_many_over_all() {
    let server = Server::start().unwrap();
    let redis = connect_with(&server.url(), |config| config.connections = NonZeroUsize::new(3)).await;
    until("all are there", async || redis.stats().unwrap().connected == 3).await;
    let used = async || {
        let clients: String = redis.command("CLIENT").arg("LIST").query().await.unwrap();
        clients.lines().filter(|line| line.contains("cmd=get ") || line.contains("cmd=client|list ")).count()
    };
    let calls = async |at_once: usize| {
        for _ in 0..1000_usize.div_ceil(at_once) {
            try_join_all((0..at_once).map(|_| redis.get::<Option<i64>>("n"))).await.unwrap();
        }
    };
    calls(10).await;
    assert_eq!(used().await, 1);
    calls(100).await;
    assert_eq!(used().await, 3);
}

#[tokio::test]
async fn a_connection_is_replaced_when_it_is_old_and_no_call_notices() {
    let redis =
        connect_with(&redis_url().unwrap(), |config| config.max_age = Some(Duration::from_millis(50))).await;
    until("it was replaced several times", async || {
        redis.incr("n", 1).await.unwrap();
        redis.stats().unwrap().replaced.aged >= 5
    })
    .await;
    assert_eq!(redis.generation(), 0, "nothing was lost");
}

#[tokio::test]
async fn a_connection_to_a_demoted_server_follows_the_name_to_the_new_one() {
    let (old, new) = (Server::start().unwrap(), Server::start().unwrap());
    let name = Name::of(old.addr()).await;
    let url = format!("redis://{}", name.addr);
    let redis = connect_to(&url).await;
    let (old_redis, new_redis) = (connect_to(&old.url()).await, connect_to(&new.url()).await);
    redis.set("a", "before").await.unwrap();

    old_redis
        .command("REPLICAOF")
        .arg(&[new.addr().ip().to_string(), new.addr().port().to_string()])
        .execute()
        .await
        .unwrap();
    // The connection is up, and the server answers: only what it answers tells.
    let error = redis.set("a", "refused").await.unwrap_err();
    assert!(!error.may_have_executed(), "{error}");
    name.lead_to(new.addr());
    until("writes go to the new one", async || redis.set("a", "after").await.is_ok()).await;
    assert_eq!(new_redis.get::<String>("a").await.unwrap(), "after");
    assert!(redis.stats().unwrap().replaced.read_only >= 1);
    assert!(redis.generation() >= 1);
}

#[tokio::test]
async fn a_closed_client_refuses_calls_and_waits_for_those_under_way() {
    let url = redis_url().unwrap();
    let (redis, other) = (connect_to(&url).await, connect_to(&url).await);
    let waiting = tokio::spawn({
        let redis = redis.clone();
        async move { redis.blpop::<String>("jobs", Duration::ZERO).await }
    });
    until("it waits", async || redis.stats().unwrap().dedicated.in_use == 1).await;
    let error = redis.close(Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("still under way"), "{error}");
    let (closed, pushed) = tokio::join!(redis.close(HOUR), other.rpush("jobs", "one"));
    closed.unwrap();
    pushed.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), Some(("jobs".to_owned(), "one".to_owned())));
    let error = redis.get::<Option<i64>>("a").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Refused, "{error}");
    assert_eq!(redis.session().await.unwrap_err().kind(), FailureKind::Refused);
}

/// A name that can be made to lead elsewhere: connections made from then on go there.
struct Name {
    addr: std::net::SocketAddr,
    leads_to: Arc<Mutex<std::net::SocketAddr>>,
}

impl Name {
    async fn of(server: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let leads_to = Arc::new(Mutex::new(server));
        let to = Arc::clone(&leads_to);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let server = *to.lock().unwrap();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self { addr, leads_to }
    }

    fn lead_to(&self, server: std::net::SocketAddr) {
        *self.leads_to.lock().unwrap() = server;
    }
}
