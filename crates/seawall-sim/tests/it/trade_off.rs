//! The trade-off of ADR 0006, as a table and as a picture.

use std::path::Path;

use seawall_core::RetryBudgetConfig;
use seawall_sim::policy::{Seawall, SeawallWith};
use seawall_sim::report::trade_off::{markdown, svg};
use seawall_sim::scenario::Scenario;
use seawall_sim::trade_off::{Outcome, TradeOff};
use seawall_sim::world;

fn some() -> TradeOff {
    let at = |attempts, answered| Outcome { attempts, answered };
    TradeOff {
        ours: vec![
            (5, vec![(0.05, at(1.06, 0.3)), (0.1, at(1.11, 0.35))]),
            (50, vec![(0.05, at(1.07, 0.2)), (0.1, at(1.12, 0.25))]),
        ],
        others: vec![("naive", at(4.0, 0.35)), ("some & other", at(4.0, 0.35))],
    }
}

#[test]
fn every_outcome_has_a_row_and_the_default_is_named() {
    let mut printed = Vec::new();
    markdown(&some(), &mut printed).unwrap();
    let printed = String::from_utf8(printed).unwrap();
    let rows: Vec<_> = printed.lines().skip(2).collect();
    assert_eq!(rows.len(), 6, "{printed}");
    assert_eq!(rows[1], "| seawall, `ratio` 0.1, the default | 5 | 1.11 | 35.00 % |");
    assert_eq!(rows[4], "| naive | 50 | 4.00 | 35.00 % |");
}

#[test]
fn the_picture_is_the_same_each_time_and_names_everybody() {
    let drawn = svg(&some());
    assert_eq!(drawn, svg(&some()));
    let document = roxmltree::Document::parse(&drawn).unwrap();
    let texts: Vec<_> = document.descendants().filter_map(|node| node.text()).collect();
    for name in ["seawall, 5 clients", "seawall, 50 clients", "naive", "some & other"] {
        assert!(texts.contains(&name), "{name}: {texts:?}");
    }
    assert!(drawn.contains("fill=\"#009e73\">seawall, 5 clients<"), "a line's name has its colour");
    assert!(drawn.len() < 40_000, "{} bytes", drawn.len());
}

#[test]
fn labels_of_the_same_place_do_not_cover_each_other() {
    let drawn = svg(&some());
    let document = roxmltree::Document::parse(&drawn).unwrap();
    let height = |name: &str| {
        let text =
            document.descendants().find(|node| node.is_element() && node.text() == Some(name)).unwrap();
        text.attribute("y").unwrap().parse::<f64>().unwrap()
    };
    assert!((height("naive") - height("some & other")).abs() > 10.0);
}

#[test]
fn the_default_stack_with_the_default_budget_is_the_default_stack() {
    let text = r#"
        name = "small"
        duration = "4s"
        measure_from = "0s"
        clients = { count = 2, rate = 60.0 }
        tiers = [{ name = "server", workers = 2, service_time = { kind = "exponential", mean = "10ms" } }]
        triggers = [{ kind = "partial_failure", at = "1s", lasts = "2s", share = 0.9, after = "1ms" }]
    "#;
    let scenario = Scenario::parse(text, Path::new("small.toml")).unwrap();
    let attempts = |ratio| {
        let run = world::run(
            &scenario,
            &SeawallWith(RetryBudgetConfig { ratio, ..RetryBudgetConfig::default() }),
            1,
        );
        (run.calls.iter().map(|call| call.attempts).sum::<u32>(), run)
    };
    assert_eq!(attempts(RetryBudgetConfig::default().ratio).1, world::run(&scenario, &Seawall, 1));
    assert!(attempts(0.0).0 < attempts(0.5).0);
}
