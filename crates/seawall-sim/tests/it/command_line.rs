//! The command line.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// Three seconds, in the midst of which half of the attempts fail.
const SMALL: &str = r#"
    name = "small"
    about = "half of the attempts fail for a second"
    duration = "3s"
    measure_from = "0s"
    clients = { count = 2, rate = 60.0, priorities = { critical = 1.0, normal = 3.0 } }

    [[tiers]]
    name = "server"
    workers = 2
    service_time = { kind = "exponential", mean = "10ms" }

    [[triggers]]
    kind = "partial_failure"
    at = "1s"
    lasts = "1s"
    share = 0.5
    after = "1ms"
"#;

/// A file with that text, for one test.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn seawall_sim(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seawall-sim"));
    command.args(args).current_dir(env!("CARGO_TARGET_TMPDIR")).output().unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = seawall_sim(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code, and what is said.
fn refused(args: &[&str]) -> (Option<i32>, String) {
    let output = seawall_sim(args);
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn run_prints_a_line_for_each_figure_and_how_to_replay_the_worst_seed() {
    let file = file("table.toml", SMALL);
    let table = printed(&["run", &file, "--seeds", "6", "--no-report"]);
    assert!(
        table.starts_with("small (half of the attempts fail for a second), seawall, seeds 0 to 5\n"),
        "{table}"
    );
    for figure in [
        "goodput  ",
        "recovery  ",
        "attempts a call ",
        "p99.9 ",
        "goodput of critical ",
        "fairness ",
        "lost ",
    ] {
        assert_eq!(
            table.lines().filter(|line| line.trim_start().starts_with(figure)).count(),
            1,
            "{figure}: {table}"
        );
    }
    let worst =
        table.lines().find(|line| line.starts_with("goodput")).unwrap().split_whitespace().last().unwrap();
    assert!(table.contains(&format!("run {file} --policy seawall --seed {worst} --trace")), "{table}");
}

#[test]
fn the_worst_seed_replays_to_the_same_figures_and_the_same_trace() {
    let scenario = file("replay.toml", SMALL);
    let across: Value =
        serde_json::from_str(&printed(&["run", &scenario, "--seeds", "3", "--json"])).unwrap();
    let seed = across["goodput"]["worst_seed"].to_string();
    let traces = ["once.ndjson", "again.ndjson"].map(|name| {
        let trace = file(name, "");
        let replay = printed(&["run", &scenario, "--seed", &seed, "--json", "--trace", &trace]);
        let replay: Value = serde_json::from_str(&replay).unwrap();
        assert_eq!(replay["goodput"], across["goodput"]["worst"]);
        fs::read(trace).unwrap()
    });
    assert_eq!(traces[0], traces[1]);
    let lines: Vec<Value> =
        traces[0].split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let calls = lines.iter().filter(|line| line["arrived_seconds"].is_number()).count();
    let attempts: u64 = lines
        .iter()
        .filter(|line| line["second"].is_number())
        .filter_map(|line| line["attempts"].as_u64())
        .sum();
    assert!(calls > 100 && attempts > 100, "{calls} calls, {attempts} attempts");

    let other = file("other.ndjson", "");
    let another = (seed.parse::<u64>().unwrap() + 1).to_string();
    printed(&["run", &scenario, "--seed", &another, "--json", "--trace", &other]);
    assert_ne!(traces[0], fs::read(other).unwrap());
}

#[test]
fn json_is_one_object_a_line_for_each_scenario_and_policy() {
    let (one, other) = (file("one.toml", SMALL), file("two.toml", &SMALL.replace("small", "other")));
    let text = printed(&["compare", &one, &other, "--policies", "none,seawall", "--seeds", "7..9", "--json"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = lines.iter().map(|line| (&line["scenario"], &line["policy"])).collect();
    let pairs = [("small", "none"), ("small", "seawall"), ("other", "none"), ("other", "seawall")];
    assert_eq!(names.len(), pairs.len());
    assert!(names.iter().zip(pairs).all(|(name, (scenario, policy))| name.0 == scenario && name.1 == policy));
    for line in &lines {
        assert_eq!(
            (&line["first_seed"], &line["last_seed"], &line["seeds"]),
            (&7.into(), &8.into(), &2.into())
        );
        for figure in
            ["goodput", "amplification", "peak_amplification", "p999_seconds", "fairness", "wasted", "lost"]
        {
            assert!(line[figure]["median"].is_number(), "{figure}: {line}");
        }
        // Three seconds are too few to have recovered for ten.
        assert!(
            line["recovery_seconds"]["worst"].is_null() || line["recovery_seconds"]["worst"] == 0.0,
            "{line}"
        );
    }
    let attempts = |line: usize| &lines[line]["amplification"]["worst"];
    assert_eq!(attempts(0), 1.0, "one attempt each");
    assert_ne!(attempts(0), attempts(1), "another policy, other attempts");
}

#[test]
fn compare_prints_a_line_for_each_policy_and_what_it_is() {
    let file = file("compare.toml", SMALL);
    let table = printed(&["compare", &file, "--policies", "seawall,none", "--seeds", "2", "--no-report"]);
    let header = table.lines().nth(1).unwrap();
    assert!(header.starts_with("policy") && header.ends_with("critical   normal"), "{table}");
    for policy in ["seawall ", "none "] {
        let row = table.lines().find(|line| line.starts_with(policy)).unwrap();
        assert_eq!(row.matches('%').count(), 6, "{row}");
    }
    for policy in seawall_sim::policy::all().iter().take(2) {
        assert!(table.contains(&format!("\n{}: {}\n", policy.name(), policy.about())), "{table}");
    }
}

#[test]
fn a_model_is_called_one_and_the_real_thing_is_not() {
    let file = file("model.toml", SMALL);
    let table = printed(&["compare", &file, "--policies", "grpc,seawall", "--seeds", "1", "--no-report"]);
    assert!(table.contains("\ngrpc (model) ") && !table.contains("seawall (model)"), "{table}");
    let lines = printed(&["compare", &file, "--policies", "grpc,seawall", "--seeds", "1", "--json"]);
    let labels: Vec<bool> = lines.lines().map(|line| line.contains("\"model\":true")).collect();
    assert_eq!(labels, [true, false]);
    let real = seawall_sim::policy::all().into_iter().filter(|policy| !policy.is_model());
    let real: Vec<_> = real.map(|policy| policy.name()).collect();
    assert!(real.starts_with(&["seawall", "none", "naive", "immediate", "tower"]), "{real:?}");
}

#[test]
fn the_report_is_one_file_with_a_section_for_each_scenario_and_the_command_that_made_it() {
    let (one, other) =
        (file("report-one.toml", SMALL), file("report-two.toml", &SMALL.replace("small", "other")));
    let report = file("folder of reports", "");
    fs::remove_file(&report).unwrap();
    let report = format!("{report}/report.html");
    let args = ["compare", &one, &other, "--policies", "seawall,none", "--seeds", "2", "--report", &report];
    assert!(printed(&args).ends_with(&format!("report: {report}\n")));
    let html = fs::read_to_string(&report).unwrap();
    assert_eq!(html.matches("<section ").count(), 2);
    assert!(html.contains("<svg") && html.contains("--policies seawall,none --seeds 2 --report"), "{html}");
    printed(&args);
    assert_eq!(html, fs::read_to_string(&report).unwrap(), "the same command makes the same file");
    fs::remove_dir_all(PathBuf::from(report).parent().unwrap()).unwrap();
}

#[test]
fn a_report_is_written_unless_it_is_not_wanted() {
    let scenario = file("reported.toml", SMALL);
    let written = |more: &[&str]| {
        let args = [&["run", &scenario, "--seed", "1"], more].concat();
        printed(&args).contains("report: target/seawall-sim.html\n")
    };
    assert!(written(&[]));
    assert!(!written(&["--no-report"]));
    assert!(!written(&["--json"]));
    assert!(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("target/seawall-sim.html").is_file());
}

#[test]
fn policies_lists_all_of_them() {
    let list = printed(&["policies"]);
    let all = seawall_sim::policy::all();
    assert_eq!(list.lines().count(), all.len());
    for (line, policy) in list.lines().zip(all) {
        assert!(line.starts_with(policy.name()) && line.ends_with(policy.about()), "{line}");
    }
}

#[test]
fn an_unknown_policy_is_answered_with_those_there_are() {
    let file = file("policy.toml", SMALL);
    for args in [["run", &file, "--policy", "hope"], ["compare", &file, "--policies", "none,hope"]] {
        let (code, said) = refused(&args);
        assert_eq!(code, Some(2));
        assert!(said.starts_with("error: there is no policy `hope`; the policies are: seawall, "), "{said}");
    }
}

#[test]
fn a_scenario_that_is_none_is_refused_with_its_line_before_any_is_played() {
    let good = file("good.toml", SMALL);
    let bad = file("bad.toml", &SMALL.replace("share = 0.5", "shard = 0.5"));
    let (code, said) = refused(&["run", &good, &bad]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("error: ") && said.contains("shard"), "{said}");
    let line = 1 + SMALL.lines().position(|line| line.contains("share = 0.5")).unwrap();
    assert!(said.contains(&format!("bad.toml:{line}: ")), "line {line}: {said}");
}

#[test]
fn what_a_setting_makes_wrong_is_said_of_its_key_and_in_no_line() {
    let file = file("set.toml", SMALL);
    let (code, said) = refused(&["run", &file, "--set", "clients.rate=nan"]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with(&format!("error: {file}: clients.rate: NaN calls a second")), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_bad_input_and_one_that_cannot_be_written_is_a_failure() {
    let (code, said) = refused(&["run", "no-such-file.toml"]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("error: ") && said.contains("no-such-file.toml"), "{said}");

    let scenario = file("unwritable.toml", SMALL);
    let (code, said) = refused(&["run", &scenario, "--seed", "1", "--trace", "no-such-folder/trace"]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("error: no-such-folder/trace cannot be written"), "{said}");

    // Nothing is played in vain.
    let (code, said) = refused(&["run", &scenario, "--report", "/"]);
    assert_eq!((code, said.starts_with("error: / cannot be written")), (Some(1), true), "{said}");
}

#[test]
fn options_that_do_not_go_together_are_wrong_usage() {
    let file = file("usage.toml", SMALL);
    for args in [
        vec!["run"],
        vec!["run", &file, "--seed", "1", "--seeds", "2"],
        vec!["run", &file, "--trace", "trace.ndjson"],
        vec!["run", &file, "--trace", "trace.ndjson", "--seeds", "1"],
        vec!["run", &file, "--trace", "same", "--seed", "1", "--report", "same"],
        vec!["run", &file, &file, "--seed", "1", "--trace", "trace.ndjson"],
        vec!["compare", &file, "--seeds", "0"],
    ] {
        let (code, said) = refused(&args);
        assert_eq!((code, said.starts_with("error: ")), (Some(2), true), "{args:?}: {said}");
    }
}
