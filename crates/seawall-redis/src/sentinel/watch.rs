use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::{Client, ConnectionInfo, RedisResult};
use seawall_core::exponential;
use tokio::time::{sleep, timeout};

use super::{PATIENCE, Shared};

/// A sentinel of which nothing was heard for so long is asked whether it lives.
const SILENCE: Duration = Duration::from_secs(5);
/// The pause before the second attempt to listen, and the longest.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Where sentinels announce another primary.
const CHANNEL: &str = "+switch-master";

/// Listens to one of the sentinels, and to the next one when that is gone.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut step = 0;
    loop {
        let first = shared.order().first().cloned();
        let Some(sentinel) = first else { return };
        if listen(&shared, &sentinel).await {
            step = 0;
        } else {
            step += 1;
        }
        {
            let mut order = shared.order();
            if order.first().is_some_and(|first| first.addr() == sentinel.addr()) {
                order.rotate_left(1);
            }
        }
        let planned = exponential(DELAYS.0, 2.0, step, DELAYS.1);
        sleep(planned / 2 + (planned / 2).mul_f64(fastrand::f64())).await;
    }
}

/// Listens until the sentinel is gone; says whether it was there.
async fn listen(shared: &Shared, sentinel: &ConnectionInfo) -> bool {
    let Ok(Ok(connection)) = timeout(PATIENCE, subscribe(sentinel)).await else { return false };
    let (mut sink, mut messages) = connection.split();
    // What was announced before, if it is known where the primary was.
    let known = shared.place.borrow().address.is_some();
    if known && let Ok((host, port)) = shared.ask(sentinel).await {
        shared.is_at(host, port);
    }
    loop {
        match timeout(SILENCE, messages.next()).await {
            Ok(Some(message)) => {
                if let Some((host, port)) = announced(message.get_payload_bytes(), &shared.name) {
                    shared.is_at(host, port);
                }
            }
            Ok(None) => return true,
            Err(_silence) => {
                if !matches!(timeout(PATIENCE, sink.ping::<redis::Value>()).await, Ok(Ok(_))) {
                    return true;
                }
            }
        }
    }
}

async fn subscribe(sentinel: &ConnectionInfo) -> RedisResult<redis::aio::PubSub> {
    let mut connection = Client::open(sentinel.clone())?.get_async_pubsub().await?;
    connection.subscribe(CHANNEL).await?;
    Ok(connection)
}

/// `<primary's name> <old host> <old port> <new host> <new port>`
fn announced(message: &[u8], name: &str) -> Option<(String, u16)> {
    let mut words = std::str::from_utf8(message).ok()?.split(' ');
    if words.next()? != name {
        return None;
    }
    let host = words.nth(2)?.to_owned();
    Some((host, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_primary_is_announced_by_name_and_both_addresses() {
        let told = b"shop 10.0.0.1 6379 10.0.0.2 6380";
        assert_eq!(announced(told, "shop"), Some(("10.0.0.2".to_owned(), 6380)));
        assert_eq!(announced(told, "other"), None);
        assert_eq!(announced(b"shop 10.0.0.1 6379", "shop"), None);
    }
}
