use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use crate::PoolConfig;

/// Looks after a pool from time to time: closes what rests for too long, opens what is wanted, tells of what is not
/// given back. It ends with the pool.
pub(super) fn start(shared: &Arc<Shared>) {
    tokio::spawn(keep(Arc::downgrade(shared), period(&shared.config)));
}

async fn keep(pool: Weak<Shared>, period: Duration) {
    loop {
        tokio::time::sleep(period).await;
        let Some(shared) = pool.upgrade() else { return };
        let tidied = {
            let mut state = shared.state();
            if state.is_closed() {
                return;
            }
            state.tidy(&shared.config, Instant::now())
        };
        for session in tidied.gone {
            session.destroy();
        }
        for (held, place) in tidied.leaks {
            shared.meter.leak_suspected(held, place);
        }
        for _ in 0..tidied.dials {
            shared.dial();
        }
    }
}

/// A quarter of the shortest time that it looks after.
fn period(config: &PoolConfig) -> Duration {
    let linger = (config.max_overflow > 0).then_some(config.overflow_linger);
    let times = [linger, Some(config.idle_timeout), config.leak_threshold];
    let shortest = times.into_iter().flatten().min().unwrap_or_default();
    (shortest / 4).clamp(Duration::from_millis(20), Duration::from_secs(15))
}
