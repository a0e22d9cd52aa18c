use std::time::Duration;

use super::callers::Callers;
use super::network::Network;
use super::record::Second;
use super::replica::Totals;

/// Looks at everything once a second.
#[derive(Debug, Default)]
pub(super) struct Observer {
    seconds: Vec<Second>,
    before: Totals,
}

impl Observer {
    /// Notes the second that ends now, if one does.
    pub(super) fn turn(&mut self, now: Duration, network: &Network, callers: &Callers) {
        if now.subsec_nanos() != 0 || now.is_zero() {
            return;
        }
        let total = network.totals();
        let before = std::mem::replace(&mut self.before, total);
        let mut second = Second {
            attempts: total.received - before.received,
            from_clients: total.from_clients - before.from_clients,
            refusals: total.refused - before.refused,
            queued: total.queued,
            utilisation: total.busy.saturating_sub(before.busy).as_secs_f64() / f64::from(total.workers),
            worked: total.worked.saturating_sub(before.worked),
            wasted: total.wasted.saturating_sub(before.wasted),
            ..Second::default()
        };
        let (mut limit, mut budget) = (Mean::default(), Mean::default());
        for reading in callers.readings() {
            second.waiting += reading.waiting;
            second.open += usize::from(reading.open);
            limit.add(reading.limit);
            budget.add(reading.budget);
        }
        (second.limit, second.budget) = (limit.of(), budget.of());
        self.seconds.push(second);
    }

    pub(super) fn into_seconds(self) -> Vec<Second> {
        self.seconds
    }
}

/// The mean of those that there are.
#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn of(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}
