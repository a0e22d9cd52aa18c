use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use seawall_sim::chance::Seed;
use seawall_sim::scenario::Scenario;
use seawall_sim::world::Arrivals;

/// A scenario without an error, which the tests spoil line by line.
const GOOD: &str = r#"name = "a"
duration = "60s"
measure_from = "5s"

[clients]
count = 5
rate = 100.0
arrivals = { kind = "poisson" }

[[tiers]]
name = "web"
workers = 20
calls = ["db"]
replicas = 2
cache_hit_ratio = 0.5
service_time = { kind = "fixed", time = "1ms" }

[[tiers]]
name = "db"
workers = 20
service_time = { kind = "bimodal", mean = "1ms", slow_mean = "10ms", slow_share = 0.1 }

[[triggers]]
kind = "partial_failure"
at = "10s"
lasts = "10s"
tier = "db"
share = 0.5
after = "1ms"
"#;

/// Replaces a line, and checks all that is said about it, the line first.
#[track_caller]
fn refused(line: usize, new: &str, said: &str) {
    let old = GOOD.lines().enumerate();
    let lines: Vec<&str> = old.map(|(at, old)| if at + 1 == line { new } else { old }).collect();
    let error = Scenario::parse(&lines.join("\n"), Path::new("x.toml")).expect_err(new);
    assert_eq!(error.to_string(), format!("x.toml:{said}"), "{new}");
    assert_eq!(error.line(), said.split(':').next().and_then(|line| line.parse().ok()));
}

#[test]
fn what_the_tests_spoil_is_good() {
    Scenario::parse(GOOD, Path::new("x.toml")).expect("it is good");
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    refused(1, "name = ", "1: this is not valid TOML: string values must be quoted, expected literal string");
    refused(1, "name = 'a", "1: this is not valid TOML: invalid literal string, expected `'`");
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_known_ones() {
    refused(
        1,
        "nam = 3",
        "1: nam: unknown key, expected one of `name`, `about`, `duration`, `measure_from`, `clients`, `tiers`, `triggers`",
    );
    refused(
        3,
        "messure_from = '6s'",
        "3: messure_from: unknown key, expected one of `name`, `about`, `duration`, `measure_from`, `clients`, `tiers`, `triggers`",
    );
    refused(
        5,
        "[client]",
        "5: client: unknown key, expected one of `name`, `about`, `duration`, `measure_from`, `clients`, `tiers`, `triggers`",
    );
    refused(
        6,
        "counts = 5",
        "6: clients.counts: unknown key, expected one of `count`, `rate`, `arrivals`, `deadline`, `attempt_timeout`, `priorities`",
    );
    refused(
        8,
        "arrivals = {kind = 'poisson', foo = 3}",
        "8: clients.arrivals.foo: unknown key, expected `kind`",
    );
    refused(
        8,
        "arrivals = {kind = 'on_off', on = '1s', off = '1s', o = 4}",
        "8: clients.arrivals.o: unknown key, expected one of `kind`, `on`, `off`",
    );
    refused(
        8,
        "arrivals = {kind = 'trace', file = 'no such', times = []}",
        "8: clients.arrivals.times: unknown key, expected one of `kind`, `file`",
    );
    refused(
        8,
        "arrivals = {kind = 'ramp', points = [{at = '2s', rate = 3},\n {at = '3s', rte = 3}]}",
        "9: clients.arrivals.points[1].rte: unknown key, expected `at` or `rate`",
    );
    refused(
        10,
        "[[tier]]",
        "10: tier[0]: unknown key, expected one of `name`, `about`, `duration`, `measure_from`, `clients`, `tiers`, `triggers`",
    );
    refused(
        12,
        "wokers = 1",
        "12: tiers[0].wokers: unknown key, expected one of `name`, `replicas`, `workers`, `service_time`, `queue`, `drops_abandoned`, `calls`, `cache_hit_ratio`, `cache_size`",
    );
    refused(
        16,
        "service_time = {kind = 'fixed', mean = '20ms'}",
        "16: tiers[0].service_time.mean: unknown key, expected one of `kind`, `time`",
    );
    refused(
        16,
        "queue = {bund = 3}",
        "16: tiers[0].queue.bund: unknown key, expected one of `kind`, `bound`, `refusal`",
    );
    refused(
        24,
        "kind = 'brownout'",
        "29: triggers[0].after: unknown key, expected one of `kind`, `at`, `lasts`, `tier`, `replicas`, `slower`",
    );
    refused(
        24,
        "kind = 'cache_flush'",
        "29: triggers[0].after: unknown key, expected one of `kind`, `at`, `lasts`, `tier`, `replicas`",
    );
    refused(
        26,
        "last = '1s'",
        "26: triggers[0].last: unknown key, expected one of `kind`, `at`, `lasts`, `tier`, `replicas`, `share`, `after`, `takes_worker`, `overloaded`",
    );
    refused(
        28,
        "shre = 0.4\nfoo = 1",
        "29: triggers[0].foo: unknown key, expected one of `kind`, `at`, `lasts`, `tier`, `replicas`, `share`, `after`, `takes_worker`, `overloaded`",
    );
    refused(
        29,
        "after = '1ms'\nfoo = 1",
        "30: triggers[0].foo: unknown key, expected one of `kind`, `at`, `lasts`, `tier`, `replicas`, `share`, `after`, `takes_worker`, `overloaded`",
    );
}

#[test]
fn a_missing_key_is_refused_with_the_line_of_its_table() {
    refused(1, "", "1: missing key `name`, add it");
    refused(2, "", "1: missing key `duration`, add it");
    refused(6, "", "5: clients: missing key `count`, add it");
    refused(
        8,
        "arrivals = {}",
        "8: clients.arrivals: missing key `kind`, expected one of `poisson`, `on_off`, `ramp`, `trace`",
    );
    refused(8, "arrivals = {kind = 'on_off', on = '1s'}", "8: clients.arrivals: missing key `off`, add it");
    refused(11, "", "10: tiers[0]: missing key `name`, add it");
    refused(
        16,
        "service_time = {mean = '20ms'}",
        "16: tiers[0].service_time: missing key `kind`, expected one of `fixed`, `exponential`, `bimodal`, `heavy_tail`",
    );
    refused(
        16,
        "service_time = {kind = 'heavy_tail', mean = '1s'}",
        "16: tiers[0].service_time: missing key `shape`, add it",
    );
    refused(
        24,
        "",
        "23: triggers[0]: missing key `kind`, expected one of `capacity_cut`, `load_spike`, `partial_failure`, `brownout`, `black_hole`, `cache_flush`, `cold_start`, `pauses`, `flapping`",
    );
    refused(25, "", "23: triggers[0]: missing key `at`, add it");
}

#[test]
fn an_unknown_name_is_refused_with_its_line_and_the_known_ones() {
    refused(
        8,
        "arrivals = {kind = 'poison'}",
        "8: clients.arrivals.kind: unknown name `poison`, expected one of `poisson`, `on_off`, `ramp`, `trace`",
    );
    refused(
        8,
        "priorities = {urgent = 1, low = 0}",
        "8: clients.priorities.urgent: unknown name `urgent`, expected one of `background`, `low`, `normal`, `high`, `critical`",
    );
    refused(
        16,
        "queue = {kind = 'lilo'}",
        "16: tiers[0].queue.kind: unknown name `lilo`, expected one of `fifo`, `lifo`, `priority`",
    );
    refused(
        24,
        "kind = 'partial_failures'",
        "24: triggers[0].kind: unknown name `partial_failures`, expected one of `capacity_cut`, `load_spike`, `partial_failure`, `brownout`, `black_hole`, `cache_flush`, `cold_start`, `pauses`, `flapping`",
    );
}

#[test]
fn a_value_of_another_type_is_refused_with_its_line() {
    refused(1, "name = 3", "1: name: invalid type: integer `3`, expected a text");
    refused(
        15,
        "cache_hit_ratio = 0.5\nqueue = 3",
        "16: tiers[0].queue: invalid type: integer `3`, expected a table",
    );
    refused(2, "duration = ''", r#"2: duration: this is no time, write one such as "500ms" or "1m 30s""#);
    refused(2, "duration = 60", r#"2: duration: this is no time, write one such as "500ms" or "1m 30s""#);
    refused(
        6,
        "count = 0",
        "6: clients.count: invalid value: integer `0`, expected a whole number from 1 to 4294967295",
    );
    refused(
        6,
        "count = -1",
        "6: clients.count: invalid value: integer `-1`, expected a whole number from 1 to 4294967295",
    );
    refused(
        6,
        "count = 1.5",
        "6: clients.count: invalid type: floating point `1.5`, expected a whole number from 1 to 4294967295",
    );
    refused(
        6,
        "count = 5000000000",
        "6: clients.count: invalid value: integer `5000000000`, expected a whole number from 1 to 4294967295",
    );
    refused(7, "rate = 'x'", r#"7: clients.rate: invalid type: text "x", expected a number"#);
    refused(
        8,
        "arrivals = 'poisson'",
        r#"8: clients.arrivals: this is no table, write one such as { kind = "poisson" }"#,
    );
    refused(
        8,
        "arrivals = {kind = 3}",
        "8: clients.arrivals.kind: this is no text, write the name of a kind",
    );
    refused(
        8,
        "[clients.priorities]\nlow = 'x'",
        r#"9: clients.priorities.low: invalid type: text "x", expected a number"#,
    );
    refused(8, "priorities = 3", "8: clients.priorities: invalid type: integer `3`, expected a table");
    refused(
        12,
        "workers = 0",
        "12: tiers[0].workers: invalid value: integer `0`, expected a whole number from 1 to 4294967295",
    );
    refused(13, "calls = 'db'", r#"13: tiers[0].calls: invalid type: text "db", expected a list"#);
    refused(
        14,
        "replicas = 0",
        "14: tiers[0].replicas: invalid value: integer `0`, expected a whole number from 1 to 4294967295",
    );
    refused(
        15,
        "cache_size = 0",
        "15: tiers[0].cache_size: invalid value: integer `0`, expected a whole number from 1 to 4294967295",
    );
    refused(
        16,
        "service_time = '20ms'",
        r#"16: tiers[0].service_time: this is no table, write one such as { kind = "exponential", mean = "20ms" }"#,
    );
    refused(
        16,
        "queue = {bound = -3}",
        "16: tiers[0].queue.bound: invalid value: integer `-3`, expected a whole number from 0 to 4294967295",
    );
    refused(
        27,
        "replicas = [-1]",
        "27: triggers[0].replicas[0]: invalid value: integer `-1`, expected a whole number from 0 to 4294967295",
    );
    refused(28, "share = true", "28: triggers[0].share: invalid type: boolean `true`, expected a number");
    refused(
        29,
        "after = 'x'",
        r#"29: triggers[0].after: this is no time, write one such as "500ms" or "1m 30s""#,
    );
}

#[test]
fn a_trigger_that_cannot_be_is_refused_with_its_line() {
    refused(
        25,
        "at = '60s'",
        "25: triggers[0].at: 60s is when the scenario is over, set it below the duration, 60s",
    );
    refused(
        26,
        "lasts = '60s'",
        "26: triggers[0].lasts: from 10s on, 60s go beyond the duration, 60s, set it to 50s or less",
    );
    refused(26, "lasts = '0s'", "26: triggers[0].lasts: 0ns cannot be simulated, set it from 1ms to 24 h");
    refused(27, "tier = 'dbb'", "27: triggers[0].tier: there is no tier `dbb`, take one of `web`, `db`");
    refused(
        27,
        "replicas = [2]",
        "27: triggers[0].replicas[0]: `web` has no replica 2: it has 2, counted from 0",
    );
    refused(27, "replicas = []", "27: triggers[0].replicas: it names none, leave it out for all");
    refused(28, "share = 2", "28: triggers[0].share: 2.0 is no share, set it from 0 to 1");
}

#[test]
fn clients_that_cannot_be_are_refused_with_their_line() {
    refused(
        6,
        "count = 5000000",
        "6: clients.count: 5000000 is more than can be simulated, set it to 100000 or less",
    );
    refused(7, "", "5: clients.rate: 0.0 calls a second cannot be, set it above 0 and to 1000000 at most");
    refused(
        7,
        "rate = 0",
        "7: clients.rate: 0.0 calls a second cannot be, set it above 0 and to 1000000 at most",
    );
    refused(
        7,
        "rate = nan",
        "7: clients.rate: NaN calls a second cannot be, set it above 0 and to 1000000 at most",
    );
    refused(
        7,
        "rate = inf",
        "7: clients.rate: inf calls a second cannot be, set it above 0 and to 1000000 at most",
    );
    refused(
        7,
        "rate = 1e300",
        "7: clients.rate: 1e300 calls a second cannot be, set it above 0 and to 1000000 at most",
    );
    refused(
        7,
        "rate = 900_000",
        "2: duration: about 54000000 calls would come, and a run remembers 20000000: shorten it, or lower the rate",
    );
    refused(
        8,
        "arrivals = {kind = 'on_off', on = '1s', off = '0s'}",
        "8: clients.arrivals.off: 0ns cannot be simulated, set it from 1ms to 24 h",
    );
    refused(
        8,
        "arrivals = {kind = 'ramp', points = []}",
        "8: clients.arrivals.points: no call would ever come, give at least one point a rate above 0",
    );
    refused(
        8,
        "arrivals = {kind = 'ramp', points = [{at = '2s', rate = 3},\n {at = '1s', rate = 3}]}",
        "9: clients.arrivals.points[1].at: 1s is before the point above it, at 2s, put them in order",
    );
    refused(
        8,
        "arrivals = {kind = 'ramp', points = [{at = '2s', rate = 3},\n {at = '3s', rate = -3}]}",
        "9: clients.arrivals.points[1].rate: -3.0 calls a second cannot be, set it from 0 to 1000000",
    );
    refused(8, "deadline = '0s'", "8: clients.deadline: 0ns cannot be simulated, set it from 1ms to 24 h");
    refused(
        8,
        "attempt_timeout = '1us'",
        "8: clients.attempt_timeout: 1µs cannot be simulated, set it from 1ms to 24 h",
    );
    refused(
        8,
        "priorities = {critical = 0, low = 0}",
        "8: clients.priorities: all shares together are 0.0, give at least one class a share, and none a huge one",
    );
    refused(
        8,
        "priorities = {critical = -1, low = 0}",
        "8: clients.priorities.critical: -1.0 is no share, set it to 0 or more",
    );
    refused(8, "priorities = {low = nan}", "8: clients.priorities.low: NaN is no share, set it to 0 or more");
}

#[test]
fn a_tier_that_cannot_be_is_refused_with_its_line() {
    refused(11, "name = 'db'", "19: tiers[1].name: `db` is the name of a tier above, take another");
    refused(
        12,
        "workers = 4000000000",
        "12: tiers[0].workers: 4000000000 is more than can be simulated, set it to 1000000 or less",
    );
    refused(
        13,
        "calls = ['cache', 'dbb']",
        "13: tiers[0].calls[0]: there is no tier `cache`, take one of `web`, `db`",
    );
    refused(
        13,
        "calls = ['web']",
        "13: tiers[0].calls[0]: `web` calls `web` goes round for ever, leave one of these calls out",
    );
    refused(
        13,
        "calls = []",
        "15: tiers[0].cache_hit_ratio: there are no calls to spare, name the tiers that it calls in `calls`, or leave it out",
    );
    refused(
        14,
        "replicas = 100_000",
        "14: tiers[0].replicas: 100000 is more than can be simulated, set it to 10000 or less",
    );
    refused(15, "cache_hit_ratio = 1.5", "15: tiers[0].cache_hit_ratio: 1.5 is no share, set it from 0 to 1");
    refused(
        16,
        "service_time = {kind = 'fixed', time = '0s'}",
        "16: tiers[0].service_time.time: 0ns cannot be simulated, set it from 1µs to 24 h",
    );
    refused(
        16,
        "service_time = {kind = 'heavy_tail', mean = '1s', shape = 1.0}",
        "16: tiers[0].service_time.shape: a tail of shape 1.0 has no mean, set it above 1, such as 1.5",
    );
    refused(
        20,
        "workers = 20\ncalls = ['web']",
        "21: tiers[1].calls[0]: `web` calls `db` calls `web` goes round for ever, leave one of these calls out",
    );
    refused(
        21,
        "service_time = { kind = 'bimodal', mean = '1ms', slow_mean = '10ms', slow_share = 1.1 }",
        "21: tiers[1].service_time.slow_share: 1.1 is no share, set it from 0 to 1",
    );
}

#[test]
fn a_scenario_that_cannot_be_is_refused_with_its_line() {
    refused(1, r#"name = """#, "1: name: it is empty, name the scenario");
    refused(2, "duration = '0s'", "2: duration: 0ns cannot be simulated, set it from 1ms to 24 h");
    refused(
        2,
        "duration = '4s'",
        "3: measure_from: nothing would be measured, `measure_from`, 5s, must be below `duration`, 4s",
    );
    refused(
        3,
        "measure_from = '60s'",
        "3: measure_from: nothing would be measured, `measure_from`, 60s, must be below `duration`, 60s",
    );
}

/// Puts a trigger of another kind in place of the good one.
#[track_caller]
fn trigger_refused(keys: &str, said: &str) {
    let kind = format!("at = '10s'\nlasts = '10s'\n{keys}");
    let good: Vec<&str> = GOOD.lines().take(23).collect();
    let text = format!("{}\n{kind}", good.join("\n"));
    let error = Scenario::parse(&text, Path::new("x.toml")).expect_err(keys);
    assert_eq!(error.to_string(), format!("x.toml:{said}"), "{keys}");
}

#[test]
fn what_belongs_to_a_kind_of_trigger_is_refused_with_its_line_when_it_cannot_be() {
    trigger_refused(
        "kind = 'capacity_cut'\nto = -0.1",
        "27: triggers[0].to: -0.1 is no share, set it from 0 to 1",
    );
    let factor = "times as many calls cannot be, set it above 1, or above 0 for a lull";
    for value in ["0.0", "-2.0", "inf", "NaN", "1e300"] {
        trigger_refused(
            &format!("kind = 'load_spike'\nfactor = {}", value.to_lowercase()),
            &format!("27: triggers[0].factor: {value} {factor}"),
        );
    }
    trigger_refused(
        "kind = 'load_spike'\nfactor = 2\ntier = 'web'",
        "28: triggers[0].tier: a load spike is of the clients, leave it out",
    );
    trigger_refused(
        "kind = 'load_spike'\nfactor = 2\nreplicas = [0]",
        "28: triggers[0].replicas: a load spike is of the clients, leave it out",
    );
    trigger_refused(
        "kind = 'load_spike'\nfactor = 1e6",
        "2: duration: about 1000005000 calls would come, and a run remembers 20000000: shorten it, or lower the rate",
    );
    trigger_refused(
        "kind = 'partial_failure'\nshare = nan\nafter = '1ms'",
        "27: triggers[0].share: NaN is no share, set it from 0 to 1",
    );
    trigger_refused(
        "kind = 'partial_failure'\nshare = 1\nafter = '25h'",
        "28: triggers[0].after: 90000s cannot be simulated, set it from 0ns to 24 h",
    );
    for kind in ["brownout", "cold_start"] {
        trigger_refused(
            &format!("kind = '{kind}'\nslower = 0.5"),
            "27: triggers[0].slower: 0.5 times as slow cannot be, set it from 1 to 1000000",
        );
    }
    trigger_refused(
        "kind = 'black_hole'\nshare = 1.01",
        "27: triggers[0].share: 1.01 is no share, set it from 0 to 1",
    );
    trigger_refused(
        "kind = 'cache_flush'\ntier = 'db'",
        "26: triggers[0].kind: `db` has no cache to flush, give it a `cache_hit_ratio` above 0",
    );
    trigger_refused(
        "kind = 'pauses'\nevery = '0s'\nfor = '1ms'",
        "27: triggers[0].every: 0ns cannot be simulated, set it from 1ms to 24 h",
    );
    trigger_refused(
        "kind = 'pauses'\nevery = '1s'\nfor = '1us'",
        "28: triggers[0].for: 1µs cannot be simulated, set it from 1ms to 24 h",
    );
    trigger_refused(
        "kind = 'pauses'\nevery = '1s'\nfor = '1s'",
        "28: triggers[0].for: with a pause of 1s every 1s nothing ever moves, set it below that",
    );
    trigger_refused(
        "kind = 'flapping'\ndown = '0s'\nup = '1s'",
        "27: triggers[0].down: 0ns cannot be simulated, set it from 1ms to 24 h",
    );
    trigger_refused(
        "kind = 'flapping'\ndown = '1s'\nup = '0s'",
        "28: triggers[0].up: 0ns cannot be simulated, set it from 1ms to 24 h",
    );
}

#[test]
fn a_trigger_of_many_is_told_from_the_others_by_its_line() {
    let second = "\n[[triggers]]\nkind = 'brownout'\nat = '1s'\nlasts = '1s'\nslower = 2\nslwer = 3\n";
    let error = Scenario::parse(&format!("{GOOD}{second}"), Path::new("x.toml")).unwrap_err();
    assert_eq!((error.line(), error.key()), (Some(36), "triggers[1].slwer"));
}

#[test]
fn calls_that_go_round_in_tiers_that_nobody_enters_are_refused() {
    let tier = |name: &str, calls: &str| {
        format!(
            "[[tiers]]\nname = '{name}'\nworkers = 1\ncalls = ['{calls}']\nservice_time = {{ kind = 'fixed', time = '1s' }}\n"
        )
    };
    let text = format!("{GOOD}{}{}", tier("a", "b"), tier("b", "a"));
    let error = Scenario::parse(&text, Path::new("x.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.toml:38: tiers[3].calls[0]: `a` calls `b` calls `a` goes round for ever, leave one of these calls out"
    );
}

#[test]
fn one_call_that_becomes_too_many_is_refused() {
    let tier = |index: u32| {
        format!(
            "[[tiers]]\nname = 't{index}'\nworkers = 1\ncalls = ['t{0}', 't{0}']\nservice_time = {{ kind = 'fixed', time = '1s' }}\n",
            index + 1
        )
    };
    let tiers: String = (0..20).map(tier).collect();
    let last = "[[tiers]]\nname = 't20'\nworkers = 1\nservice_time = { kind = 'fixed', time = '1s' }\n";
    let text = format!("name = 'a'\nduration = '20s'\nclients = {{ count = 1, rate = 1 }}\n{tiers}{last}");
    let error = Scenario::parse(&text, Path::new("x.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.toml:7: tiers[0].calls: each call becomes 2097151 at all tiers together, keep it to 1000"
    );
}

#[test]
fn a_duration_too_short_for_the_default_of_measure_from_is_refused_with_its_line() {
    let text = GOOD.replace("measure_from = \"5s\"", "").replace("60s", "8s");
    let error = Scenario::parse(&text, Path::new("x.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.toml:2: duration: nothing would be measured, `measure_from`, 10s, must be below `duration`, 8s"
    );
}

#[test]
fn what_a_table_misses_is_told_of_that_table_wherever_it_stands() {
    let missing = |text: &str, said: &str| {
        let error = Scenario::parse(text, Path::new("x.toml")).unwrap_err();
        assert_eq!(error.to_string(), format!("x.toml:{said}"), "{text}");
    };
    missing("", "1: missing key `name`, add it");
    missing("[clients]\n", "1: clients: missing key `count`, add it");
    missing("name = 'a'\n\nclients.rate = 3", "3: clients: missing key `count`, add it");
    missing("name = 'a'\n\ntiers = [{}]", "3: tiers[0]: missing key `name`, add it");
    let good = "name = 'a'\nduration = '20s'\nclients = { count = 1, rate = 1 }\n";
    missing(good, "1: missing key `tiers`, add it");
    missing(
        &format!("{good}tiers = []"),
        "4: tiers: there is none, add [[tiers]] with what the clients call",
    );
}

#[test]
fn a_tier_that_nobody_calls_is_refused_with_its_line() {
    let text = GOOD.replace("calls = [\"db\"]", "").replace("cache_hit_ratio = 0.5", "");
    let error = Scenario::parse(&text, Path::new("x.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.toml:19: tiers[1].name: nobody calls this tier: name it in the `calls` of one that is called, or leave it out"
    );
}

/// A key of any table, with a value that few think of.
fn any_entry() -> impl Strategy<Value = String> {
    let known: Vec<&str> = GOOD.split(|c: char| !c.is_ascii_lowercase() && c != '_').collect();
    let keys = "measure_from deadline attempt_timeout on off points file shape queue bound priorities to factor slower \
                every for down up takes_worker overloaded";
    let keys: Vec<String> = known.iter().copied().chain(keys.split(' ')).map(str::to_owned).collect();
    let values = "0;1;-1;0.0;-0.0;1e300;5e-324;nan;inf;-inf;9223372036854775807;true;'';'0s';'1ns';'24h';'1000000h';[];{};\
                  [0];['web'];[{}];{ kind = 'trace' };{ kind = 'heavy_tail', mean = '24h', shape = 1.0000001 };'brownout';\
                  { kind = 'on_off', on = '1ms', off = '24h' };{ kind = 'ramp', points = [{ at = '0s', rate = 1e-300 }] };\
                  'load_spike';'pauses';{ low = 1e308, high = 1e308 };{ low = 5e-324 };{ kind = 'ramp', points = [{}] }";
    let values: Vec<String> = values.split(';').map(str::to_owned).collect();
    (prop::sample::select(keys), prop::sample::select(values))
        .prop_map(|(key, value)| format!("{key} = {value}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_a_file_holds_it_is_played_or_refused_with_a_line_of_it(
        spoils in prop::collection::vec(
            (0..30_usize, prop_oneof![8 => any_entry(), 1 => any::<String>(), 1 => "[\\[\\]{}='\"a-z0-9. #]{0,20}"]),
            1..3,
        ),
    ) {
        let mut lines: Vec<&str> = GOOD.lines().collect();
        for (line, new) in &spoils {
            lines[*line % GOOD.lines().count()] = new;
        }
        let text = lines.join("\n");
        match Scenario::parse(&text, Path::new("x.toml")) {
            Ok(scenario) => {
                let mut arrivals = Arrivals::new(&scenario, Seed(1));
                while arrivals.next_until(Duration::from_millis(100)).is_some() {}
                arrivals.next_until(scenario.duration);
                for tier in &scenario.tiers {
                    tier.service_time.draw(&mut fastrand::Rng::with_seed(1));
                }
            }
            Err(error) => {
                let line = error.line().expect("it is of a line");
                prop_assert!((1..=text.lines().count() + 1).contains(&line), "{error}");
                prop_assert!(!error.problem().is_empty());
            }
        }
    }
}
