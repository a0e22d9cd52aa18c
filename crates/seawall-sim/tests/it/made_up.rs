//! Runs that were never played, so that what they amount to is known.

use std::time::Duration;

use seawall_core::Priority;
use seawall_sim::scenario::Scenario;
use seawall_sim::world::{CallRecord, End, Run, Second};

/// A scenario of forty seconds, measured from its fifth on, with a deadline of two; and these triggers.
pub(crate) fn scenario(triggers: &str) -> Scenario {
    let text = format!(
        r#"
        name = "made up"
        duration = "40s"
        measure_from = "5s"
        clients = {{ count = 2, rate = 100.0 }}

        [[tiers]]
        name = "server"
        workers = 1
        service_time = {{ kind = "fixed", time = "1ms" }}

        {triggers}
        "#
    );
    Scenario::parse(&text, "made-up.toml".as_ref()).unwrap()
}

/// As a trigger: half of the capacity is gone from then on, for so long.
pub(crate) fn cut(at: &str, lasts: &str) -> String {
    format!("[[triggers]]\nkind = 'capacity_cut'\nat = '{at}'\nlasts = '{lasts}'\nto = 0.5\n")
}

/// A call that came then and was answered at once, with one attempt.
pub(crate) fn answered(arrived: Duration) -> CallRecord {
    CallRecord {
        arrived,
        client: 0,
        priority: Priority::Normal,
        took: Duration::from_millis(10),
        attempts: 1,
        end: End::Answered,
    }
}

/// Forty seconds with so many calls in each, of which as many are lost as the function says of the second.
pub(crate) fn run(calls: u32, lost: impl Fn(u32) -> u32) -> Run {
    let in_second = |second: u32| {
        let lost = lost(second);
        let arrived = move |call| Duration::from_secs(second.into()) + Duration::from_secs(1) * call / calls;
        let end = move |call| if call < lost { End::Lost } else { End::Answered };
        (0..calls).map(move |call| CallRecord { end: end(call), ..answered(arrived(call)) })
    };
    let seconds = (0..40).map(|_| Second { from_clients: calls.into(), ..Second::default() }).collect();
    Run { calls: (0..40).flat_map(in_second).collect(), seconds, ..Run::default() }
}
