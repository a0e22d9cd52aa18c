use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use seawall_core::Priority;
use seawall_sim::scenario::{
    Arrivals, Clients, LoadPoint, Queue, Scenario, ServiceTime, Tier, Trigger, TriggerKind,
};

const README: &str = include_str!("../../README.md");

fn parse(text: &str) -> Scenario {
    Scenario::parse(text, Path::new("x.toml")).unwrap()
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn what_is_left_out_has_its_default() {
    let scenario = parse(
        r#"
        name = "a"
        duration = "20s"
        clients = { count = 1, rate = 2 }
        tiers = [{ name = "b", workers = 3, service_time = { kind = "fixed", time = "4ms" } }]
        "#,
    );
    let clients = Clients {
        count: number(1),
        rate: 2.0,
        arrivals: Arrivals::Poisson,
        deadline: seconds(2),
        attempt_timeout: millis(500),
        priorities: BTreeMap::new(),
    };
    let tier = Tier {
        name: "b".to_owned(),
        replicas: number(1),
        workers: number(3),
        service_time: ServiceTime::Fixed { time: millis(4) },
        queue: Queue::default(),
        drops_abandoned: false,
        calls: Vec::new(),
        cache_hit_ratio: 0.0,
        cache_size: number(1000),
    };
    let expected = Scenario {
        name: "a".to_owned(),
        about: String::new(),
        duration: seconds(20),
        measure_from: seconds(10),
        clients,
        tiers: vec![tier],
        triggers: Vec::new(),
    };
    assert_eq!(scenario, expected);
}

#[test]
fn the_complete_example_of_the_readme_is_read_to_the_last_key() {
    let [_small, example, _ramp] = examples()[..] else { panic!("there is another example") };
    let scenario = parse(example);
    let clients = Clients {
        count: number(50),
        rate: 800.0,
        arrivals: Arrivals::OnOff { on: seconds(2), off: seconds(1) },
        deadline: seconds(2),
        attempt_timeout: millis(500),
        priorities: [(Priority::Critical, 1.0), (Priority::Normal, 6.0), (Priority::Background, 3.0)].into(),
    };
    let web = Tier {
        name: "web".to_owned(),
        replicas: number(3),
        workers: number(100),
        service_time: ServiceTime::Bimodal { mean: millis(2), slow_mean: millis(40), slow_share: 0.02 },
        queue: Queue { bound: Some(200), ..Queue::default() },
        drops_abandoned: true,
        calls: vec!["database".to_owned()],
        cache_hit_ratio: 0.5,
        cache_size: number(2000),
    };
    let database = Tier {
        name: "database".to_owned(),
        replicas: number(1),
        workers: number(20),
        service_time: ServiceTime::Exponential { mean: millis(20) },
        queue: Queue::default(),
        drops_abandoned: false,
        calls: Vec::new(),
        cache_hit_ratio: 0.0,
        cache_size: number(1000),
    };
    let brownout = Trigger {
        at: seconds(30),
        lasts: seconds(10),
        tier: Some("database".to_owned()),
        replicas: None,
        kind: TriggerKind::Brownout { slower: 4.0 },
    };
    let flush = Trigger {
        at: seconds(35),
        lasts: seconds(10),
        tier: Some("web".to_owned()),
        replicas: Some(vec![0, 2]),
        kind: TriggerKind::CacheFlush,
    };
    let expected = Scenario {
        name: "bad-minute".to_owned(),
        about: "the database is slow for a while, and its cache is lost on top".to_owned(),
        duration: seconds(120),
        measure_from: seconds(15),
        clients,
        tiers: vec![web, database],
        triggers: vec![brownout, flush],
    };
    assert_eq!(scenario, expected);
}

#[test]
fn the_ramp_of_the_readme_is_read_as_it_says() {
    let [_small, _complete, ramp] = examples()[..] else { panic!("there is another example") };
    let scenario = parse(&format!(
        r#"
        name = "a"
        duration = "100s"
        tiers = [{{ name = "b", workers = 3, service_time = {{ kind = "heavy_tail", mean = "4ms", shape = 1.5 }} }}]
        {ramp}"#
    ));
    let points = [(20, 200.0), (80, 1400.0), (80, 700.0)];
    let points = points.map(|(at, rate)| LoadPoint { at: seconds(at), rate }).to_vec();
    assert_eq!(scenario.clients.arrivals, Arrivals::Ramp { points });
    assert_eq!(scenario.tiers[0].service_time, ServiceTime::HeavyTail { mean: millis(4), shape: 1.5 });
}

#[test]
fn every_kind_of_trigger_is_read_with_its_keys() {
    let kind = |keys: &str| {
        let text = format!(
            r#"
            name = "a"
            duration = "20s"
            clients = {{ count = 1, rate = 2 }}
            [[tiers]]
            name = "b"
            workers = 3
            service_time = {{ kind = "fixed", time = "4ms" }}
            queue = {{ kind = "priority" }}
            calls = ["c"]
            cache_hit_ratio = 0.5
            [[tiers]]
            name = "c"
            workers = 3
            queue = {{ kind = "lifo", bound = 0 }}
            service_time = {{ kind = "fixed", time = "4ms" }}
            [[triggers]]
            at = "0s"
            lasts = "20s"
            {keys}
            "#
        );
        let [Trigger { at, lasts, tier: None, replicas: None, kind }] = &parse(&text).triggers[..] else {
            panic!("one trigger")
        };
        assert_eq!((*at, *lasts), (Duration::ZERO, seconds(20)));
        kind.clone()
    };
    assert_eq!(kind("kind = 'capacity_cut'\nto = 0"), TriggerKind::CapacityCut { to: 0.0 });
    assert_eq!(kind("kind = 'load_spike'\nfactor = 0.5"), TriggerKind::LoadSpike { factor: 0.5 });
    let failing = |takes_worker, overloaded| TriggerKind::PartialFailure {
        share: 0.9,
        after: millis(1),
        takes_worker,
        overloaded,
    };
    let keys = "kind = 'partial_failure'\nshare = 0.9\nafter = '1ms'";
    assert_eq!(kind(keys), failing(false, false));
    assert_eq!(kind(&format!("{keys}\ntakes_worker = true\noverloaded = true")), failing(true, true));
    assert_eq!(kind("kind = 'brownout'\nslower = 1"), TriggerKind::Brownout { slower: 1.0 });
    assert_eq!(kind("kind = 'black_hole'"), TriggerKind::BlackHole { share: 1.0 });
    assert_eq!(kind("kind = 'black_hole'\nshare = 0.25"), TriggerKind::BlackHole { share: 0.25 });
    assert_eq!(kind("kind = 'cache_flush'"), TriggerKind::CacheFlush);
    assert_eq!(kind("kind = 'cold_start'\nslower = 5"), TriggerKind::ColdStart { slower: 5.0 });
    let pauses = TriggerKind::Pauses { every: seconds(2), length: millis(500) };
    assert_eq!(kind("kind = 'pauses'\nevery = '2s'\nfor = '500ms'"), pauses);
    let flapping = TriggerKind::Flapping { down: seconds(2), up: seconds(3) };
    assert_eq!(kind("kind = 'flapping'\ndown = '2s'\nup = '3s'"), flapping);
}

#[test]
fn the_readme_names_every_key_and_every_kind_that_there_is() {
    let arrivals = ["poisson", "on_off", "ramp", "trace"];
    let times = ["fixed", "exponential", "bimodal", "heavy_tail"];
    let triggers = [
        "capacity_cut",
        "load_spike",
        "partial_failure",
        "brownout",
        "black_hole",
        "cache_flush",
        "cold_start",
        "pauses",
        "flapping",
    ];
    let kinds = |place: fn(&str) -> String, kinds: &[&str]| {
        kinds.iter().map(|kind| place(&format!("kind = '{kind}', x = 1"))).collect::<Vec<_>>()
    };
    let mut spoilt =
        vec!["x = 1".to_owned(), "clients = { x = 1 }".to_owned(), "tiers = [{ x = 1 }]".to_owned()];
    spoilt.extend(
        ["tiers = [{ queue = { x = 1 } }]", "tiers = [{ queue = { kind = 'x' } }]"].map(str::to_owned),
    );
    spoilt.push("clients = { priorities = { x = 1 } }".to_owned());
    spoilt.push("clients = { arrivals = { kind = 'ramp', points = [{ x = 1 }] } }".to_owned());
    for (place, all) in [
        (
            (|keys| format!("clients = {{ arrivals = {{ {keys} }} }}")) as fn(&str) -> String,
            &[&arrivals[..], &["x"]].concat(),
        ),
        (|keys| format!("tiers = [{{ service_time = {{ {keys} }} }}]"), &[&times[..], &["x"]].concat()),
        (
            |keys| format!("triggers = [{{ at = '1s', lasts = '1s', {keys} }}]"),
            &[&triggers[..], &["x"]].concat(),
        ),
    ] {
        spoilt.extend(kinds(place, all));
    }
    let mut named = 0;
    for text in spoilt {
        // Whatever is unknown is refused with what is known.
        let error = Scenario::parse(&text, Path::new("x.toml")).unwrap_err();
        assert!(error.problem().starts_with("unknown "), "{text}: {error}");
        let (_, known) = error.problem().split_once("expected ").unwrap();
        for key in known.split('`').skip(1).step_by(2) {
            assert!(README.contains(&format!("`{key}`")), "the readme does not tell of `{key}`");
            named += 1;
        }
    }
    assert!(named > 80, "only {named} keys were looked for");
}

#[test]
fn every_scenario_of_the_crate_can_be_played_and_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for file in files() {
        let scenario = Scenario::read(&file).unwrap_or_else(|error| panic!("{error}"));
        assert!(!scenario.about.is_empty(), "{} says nothing about itself", file.display());
        assert!(names.insert(scenario.name.clone()), "two scenarios are called {}", scenario.name);
    }
}

#[test]
fn the_scenarios_of_the_crate_show_every_kind_of_arrival_and_trigger() {
    let text: String = files().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let kinds = "on_off trace capacity_cut partial_failure brownout black_hole cache_flush cold_start pauses flapping";
    for kind in kinds.split(' ') {
        assert!(text.contains(&format!("kind = \"{kind}\"")), "no scenario shows {kind}");
    }
}

fn examples() -> Vec<&'static str> {
    README.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest)).collect()
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    assert!(files.len() > 10);
    files
}
