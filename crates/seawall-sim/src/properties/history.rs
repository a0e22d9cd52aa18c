use std::fmt::Write as _;
use std::time::Duration;

use fastrand::Rng;

/// For how long after the last trigger the load is what it was before. Then it is more than ever before.
pub(super) const RECOVERY: Duration = Duration::from_secs(10);

/// A scenario made by chance, as the text of its file: any mix of triggers for a while, and then none.
///
/// What a healthy backend is, is said by what its clients see of it. So what is left in its queue when the last trigger
/// ends must not make it unhealthy for ten seconds more: the queue is short, or drops abandoned work. (What a backlog of
/// work for nobody does to recovery is the subject of the capacity cut.)
pub fn history(seed: u64) -> String {
    let mut rng = Rng::with_seed(seed);
    let clients = [1, 5, 50, 500][rng.usize(..4)];
    let load = rng.u32(200..=800);
    let queue = match rng.u32(..4) {
        0 => "drops_abandoned = true".to_owned(),
        1 => format!("drops_abandoned = true\nqueue = {{ bound = {} }}", rng.u32(50..=2000)),
        _ => format!("queue = {{ bound = {} }}", rng.u32(50..=500)),
    };
    let service_time = [
        r#"{ kind = "fixed", time = "20ms" }"#,
        r#"{ kind = "exponential", mean = "20ms" }"#,
        r#"{ kind = "heavy_tail", mean = "20ms", shape = 2.5 }"#,
    ][rng.usize(..3)];
    let mut triggers = String::new();
    let mut over = Duration::ZERO;
    for _ in 0..rng.u32(1..=6) {
        let at = Duration::from_millis(rng.u64(10_000..35_000));
        let lasts = Duration::from_millis(rng.u64(500..12_000));
        over = over.max(at + lasts);
        let kind = trigger(&mut rng);
        let (at, lasts) = (at.as_millis(), lasts.as_millis());
        write!(triggers, "\n[[triggers]]\nat = \"{at}ms\"\nlasts = \"{lasts}ms\"\n{kind}\n")
            .expect("writing to a string cannot fail");
    }
    let demand = over + RECOVERY;
    let (before, after) = (demand.as_millis(), demand.as_millis() + 1);
    let end = (demand + Duration::from_secs(15)).as_millis();
    format!(
        r#"name = "history-{seed}"
about = "a random history, and ten seconds after it nine tenths of what the server bears"
duration = "{end}ms"

[clients]
count = {clients}
rate = {load}.0

[clients.arrivals]
kind = "ramp"
points = [{{ at = "{before}ms", rate = {load}.0 }}, {{ at = "{after}ms", rate = 900.0 }}]

[[tiers]]
name = "server"
workers = 20
service_time = {service_time}
{queue}
{triggers}"#
    )
}

fn trigger(rng: &mut Rng) -> String {
    let mut within = |from: f64, to: f64| from + (to - from) * rng.f64();
    let share = within(0.1, 1.0);
    let slower = within(2.0, 50.0);
    let factor = within(1.5, 4.0);
    let left = within(0.05, 0.8);
    let pause = within(0.1, 0.9);
    let (down, up) = (within(0.1, 2.0), within(0.1, 2.0));
    match rng.u32(..8) {
        0 => format!("kind = \"capacity_cut\"\nto = {left:.3}"),
        1 => format!("kind = \"load_spike\"\nfactor = {factor:.3}"),
        2 => {
            let after = ["1ms", "20ms", "450ms"][rng.usize(..3)];
            let (takes_worker, overloaded) = (rng.bool(), rng.bool());
            format!(
                "kind = \"partial_failure\"\nshare = {share:.3}\nafter = \"{after}\"\ntakes_worker = {takes_worker}\noverloaded = {overloaded}"
            )
        }
        3 => format!("kind = \"brownout\"\nslower = {slower:.3}"),
        4 => format!("kind = \"black_hole\"\nshare = {share:.3}"),
        5 => format!("kind = \"cold_start\"\nslower = {slower:.3}"),
        6 => format!("kind = \"pauses\"\nevery = \"1s\"\nfor = \"{:.0}ms\"", pause * 1000.0),
        _ => format!("kind = \"flapping\"\ndown = \"{:.0}ms\"\nup = \"{:.0}ms\"", down * 1000.0, up * 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn every_history_is_a_scenario_and_comes_again_with_its_seed() {
        for seed in 0..300 {
            let text = history(seed);
            assert_eq!(text, history(seed));
            Scenario::parse(&text, Path::new("history.toml"))
                .unwrap_or_else(|error| panic!("{error}\n{text}"));
        }
    }
}
