//! `seawall-sim`: plays scenarios.

use std::time::Duration;

use seawall_sim::{policy, scenario::Scenario, world};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("a scenario");
    let policy = arguments.next().unwrap_or_else(|| "seawall".to_owned());
    let seeds: u64 = arguments.next().map_or(1, |seeds| seeds.parse().expect("a number"));
    let scenario = Scenario::read(file).unwrap_or_else(|error| panic!("{error}"));
    let policy = policy::by_name(&policy).expect("a policy");
    for seed in 0..seeds {
        let run = world::run(&scenario, &*policy, seed);
        for (i, s) in run.seconds.iter().enumerate() {
            let in_second = run.calls.iter().filter(|c| c.arrived.as_secs() == i as u64);
            let (mut all, mut good) = (0, 0);
            for call in in_second {
                all += 1;
                good += usize::from(call.end == world::End::Answered && call.took <= Duration::from_secs(2));
            }
            if seeds == 1 {
                println!("{i:4} {good:5}/{all:5} {s:?}");
            }
        }
    }
}
