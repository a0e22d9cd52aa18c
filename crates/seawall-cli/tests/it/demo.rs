//! `seawall demo`: the default stack against the exchange, at every level of faults.

use serde_json::Value;

use crate::binary::{report, seawall};

fn demo(faults: &str, seed: &str) -> Value {
    let mut command = seawall();
    command.args(["demo", "--rows", "20000", "--json", "--faults", faults, "--seed", seed]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    report(&output)
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice_at_any_level_of_faults() {
    for faults in ["none", "light", "heavy"] {
        let proof = demo(faults, "7");
        assert_eq!(proof["rows_sent"], 20_000, "{proof}");
        assert_eq!(proof["rows_stored"], 20_000, "{proof}");
        assert_eq!(proof["checksum_sent"], proof["checksum_stored"], "{proof}");
        assert_eq!(proof["duplicates"], 0, "{proof}");
        for number in ["retries", "breaker_openings", "p50_ms", "p95_ms", "p99_ms", "rows_per_second"] {
            assert!(proof[number].is_number(), "{number}: {proof}");
        }
        let faulty = proof["faults"].as_object().unwrap().values().any(|count| count != 0);
        assert_eq!(faulty, faults != "none", "{proof}");
    }
}

#[test]
fn the_same_seed_brings_the_same_data_and_another_seed_other_data() {
    let (one, again, other) = (demo("none", "1"), demo("none", "1"), demo("none", "2"));
    assert_eq!(one["checksum_sent"], again["checksum_sent"]);
    assert_ne!(one["checksum_sent"], other["checksum_sent"]);
}
