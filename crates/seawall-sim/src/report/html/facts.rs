use super::Section;
use super::labels;
use super::text::escape;
use crate::report::number::{count, short, time};
use crate::scenario::{Arrivals, Clients, Tier};

/// What was played: who called, whom, what went wrong, and with how many seeds.
pub(super) fn html(section: &Section) -> String {
    let scenario = section.scenario;
    let seeds = section.policies.iter().map(|policy| policy.across.seeds).max().unwrap_or_default();
    let triggers = scenario
        .triggers
        .iter()
        .map(|trigger| format!("{} ({})", labels::name(trigger, scenario), labels::span(trigger)));
    let length = format!(
        "{} seed{}, {} each, measured from {} on",
        count(seeds as u64),
        if seeds == 1 { "" } else { "s" },
        time(scenario.duration),
        time(scenario.measure_from)
    );
    let facts = [
        ("Runs", vec![length]),
        ("Clients", vec![clients(&scenario.clients)]),
        ("Servers", scenario.tiers.iter().map(tier).collect()),
        ("What goes wrong", triggers.collect()),
    ];
    let facts = facts.into_iter().filter(|(_, lines)| !lines.is_empty()).map(|(name, lines)| {
        let lines = lines.iter().map(|line| format!("<dd>{}</dd>", escape(line)));
        format!("<div><dt>{name}</dt>{}</div>\n", lines.collect::<Vec<_>>().concat())
    });
    format!("<dl class=\"facts\">\n{}</dl>\n", facts.collect::<Vec<_>>().concat())
}

fn clients(clients: &Clients) -> String {
    let rate = short(clients.rate, 1);
    let calls = match &clients.arrivals {
        Arrivals::Poisson => format!("{rate} calls/s in all, independent of each other"),
        Arrivals::OnOff { on, off } => {
            format!("{rate} calls/s in all, in bursts of {} with {} between", time(*on), time(*off))
        }
        Arrivals::Ramp { .. } => "calls at a rate that changes".to_owned(),
        Arrivals::Trace { file, .. } => format!("calls at the times of {}", file.display()),
    };
    format!(
        "{} client{}, {calls}; deadline {}, attempts of {} at most",
        clients.count,
        if clients.count.get() == 1 { "" } else { "s" },
        time(clients.deadline),
        time(clients.attempt_timeout)
    )
}

fn tier(tier: &Tier) -> String {
    let (replicas, workers) = (tier.replicas.get(), tier.workers.get());
    let capacity = f64::from(replicas) * f64::from(workers) / tier.service_time.mean().as_secs_f64();
    let each = if replicas == 1 { "" } else { " each" };
    format!(
        "{}: {replicas} replica{} of {workers} worker{}{each}, {} an attempt, up to {} attempts/s in all",
        tier.name,
        if replicas == 1 { "" } else { "s" },
        if workers == 1 { "" } else { "s" },
        time(tier.service_time.mean()),
        short(capacity, 0)
    )
}
