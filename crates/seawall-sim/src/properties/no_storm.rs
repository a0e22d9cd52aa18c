//! P2: clients never send many more attempts than calls, however much fails.

use seawall_core::RetryBudgetConfig;

use super::{Case, Claim, Play, Plays, Property, Source, Target, Unit, Variant};
use crate::world::{CallRecord, End};

/// The seconds over which attempts are held against calls.
const WINDOW: usize = 10;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for clients in [5, 50, 500] {
        let outage = Variant::of("outage").clients(clients);
        let slow = outage.clone().set("triggers.0.after", "450ms").set("triggers.0.takes_worker", true);
        let silent =
            outage.clone().set_toml(r#"triggers=[{ kind = "black_hole", at = "15s", lasts = "15s" }]"#);
        for (name, variant) in [("fast failures", outage), ("slow failures", slow), ("no answers", silent)] {
            // Hundreds of clients of one or two calls a second each: what each has in reserve is most of what they send.
            let claims = if clients < 500 { vec![plainly()] } else { vec![beyond_reserves(), told()] };
            cases.push(case(format!("outage, {name}, {clients} clients"), variant, claims));
        }
    }
    for (share, failing) in [(0.2, "a fifth"), (0.5, "half"), (0.9, "nine tenths")] {
        let variant = Variant::of("half-broken").set("triggers.0.share", share);
        // Where most retries fail, those that succeed pay for them: ADR 0006 says why, and P4 what for.
        let judged = if share <= 0.2 { in_vain() } else { Claim { target: Target::AnyLow, ..in_vain() } };
        cases.push(case(format!("half-broken, {failing} fail"), variant, vec![judged, told()]));
    }
    cases
}

fn case(name: String, variant: Variant, claims: Vec<Claim>) -> Case {
    Case { name, source: Source::File(variant), policies: vec!["seawall"], claims }
}

/// The whole promise: of all attempts.
pub(super) fn plainly() -> Claim {
    Claim {
        property: Property::NoStorm,
        figure: "attempts by calls, worst 10 s",
        unit: Unit::Ratio,
        target: Target::AtMost(promised()),
        measure: |plays: &Plays| plays.ours().summary.peak_amplification.into(),
    }
}

/// The same without a target: where retries succeed they are worth their cost, and the budget gives it back.
fn told() -> Claim {
    Claim { target: Target::AnyLow, ..plainly() }
}

/// The same beyond what each client may send whether or not it makes calls: its reserve, once, and its trickle.
fn beyond_reserves() -> Claim {
    Claim {
        figure: "the same, beyond reserve and trickle",
        measure: |plays: &Plays| {
            let clients = &plays.scenario.clients;
            let budget = RetryBudgetConfig::default();
            let of_its_own = budget.reserve + budget.trickle * WINDOW as f64;
            let calls = clients.rate * WINDOW as f64 / f64::from(clients.count.get());
            (plays.ours().summary.peak_amplification - of_its_own / calls).into()
        },
        ..plainly()
    }
}

/// What is promised where retries succeed: of the attempts that did not.
fn in_vain() -> Claim {
    Claim {
        figure: "the same without retries that helped",
        measure: |plays: &Plays| most_in_vain(plays.ours()).into(),
        ..plainly()
    }
}

/// One attempt a call, what the budget adds when nothing works, and 2 % for chance.
pub(super) fn promised() -> f64 {
    1.0 + RetryBudgetConfig::default().ratio + 0.02
}

/// The most attempts by calls of any ten seconds, not counting each call's last attempt if it is a retry that succeeded.
fn most_in_vain(play: &Play) -> f64 {
    let mut seconds: Vec<(u32, u32)> = Vec::new();
    for call in &play.run.calls {
        let second = usize::try_from(call.arrived.as_secs()).expect("a run of seconds that can be counted");
        seconds.resize(seconds.len().max(second + 1), (0, 0));
        seconds[second].0 += 1;
        seconds[second].1 += attempts_in_vain(call);
    }
    let windows = seconds.windows(WINDOW).map(|window| {
        window.iter().fold((0, 0), |(calls, attempts), second| (calls + second.0, attempts + second.1))
    });
    let ratios = windows
        .filter(|(calls, _)| *calls > 0)
        .map(|(calls, attempts)| f64::from(attempts) / f64::from(calls));
    ratios.fold(0.0, f64::max)
}

fn attempts_in_vain(call: &CallRecord) -> u32 {
    let helped = call.end == End::Answered && call.attempts > 1;
    call.attempts - u32::from(helped)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use seawall_core::{FailureKind, Priority};

    use super::*;

    #[test]
    fn a_retry_that_succeeded_is_not_in_vain_and_one_that_failed_is() {
        let call = |attempts, end| CallRecord {
            arrived: Duration::ZERO,
            client: 0,
            priority: Priority::Normal,
            took: Duration::ZERO,
            attempts,
            end,
        };
        assert_eq!(attempts_in_vain(&call(1, End::Answered)), 1);
        assert_eq!(attempts_in_vain(&call(3, End::Answered)), 2);
        assert_eq!(attempts_in_vain(&call(3, End::Failed(FailureKind::Transient))), 3);
        assert_eq!(attempts_in_vain(&call(0, End::Failed(FailureKind::Refused))), 0);
    }
}
