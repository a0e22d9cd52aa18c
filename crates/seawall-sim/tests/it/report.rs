//! The report is one whole file, in which everything is named and nothing is read as markup.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use roxmltree::{Document, Node, ParsingOptions};
use seawall_sim::measure::{Across, summarize};
use seawall_sim::policy::{NoRetries, Policy, Seawall};
use seawall_sim::report::html::{Course, PolicyResult, Report, Section, render};
use seawall_sim::report::table;
use seawall_sim::scenario::Scenario;
use seawall_sim::world::{self, Run};

use crate::made_up;

const SCENARIO: &str = r#"
name = "cut & <spike>"
about = "'half' the \"capacity\" costs $5 & more"
duration = "12s"
measure_from = "2s"

[clients]
count = 3
rate = 60.0
priorities = { critical = 0.2, normal = 0.8 }

[[tiers]]
name = "a<b"
workers = 2
service_time = { kind = "exponential", mean = "20ms" }
calls = ["c&$d$"]

[[tiers]]
name = "c&$d$"
workers = 2
service_time = { kind = "fixed", time = "1ms" }

[[triggers]]
kind = "capacity_cut"
tier = "a<b"
at = "4s"
lasts = "2s"
to = 0.0

[[triggers]]
kind = "load_spike"
at = "5s"
lasts = "2s"
factor = 1.5

[[triggers]]
kind = "brownout"
tier = "c&$d$"
at = "6s"
lasts = "1s"
slower = 2.0
"#;

const FIGURES: [&str; 8] = [
    "Goodput",
    "Attempts",
    "Servers\u{2019} queue",
    "Wasted work",
    "Concurrency limit",
    "Waiting calls",
    "Open circuits",
    "Retry budget",
];

fn scenario() -> Scenario {
    Scenario::parse(SCENARIO, Path::new("made-up.toml")).unwrap()
}

fn played(scenario: &Scenario, policy: &dyn Policy) -> PolicyResult {
    let runs = [0, 1].map(|seed| (seed, world::run(scenario, policy, seed)));
    let result = drawn(&format!("<{}>", policy.name()), scenario, &runs);
    PolicyResult { about: policy.about().to_owned(), ..result }
}

/// The first and the last of these runs.
fn drawn(name: &str, scenario: &Scenario, runs: &[(u64, Run)]) -> PolicyResult {
    let figures: Vec<_> = runs.iter().map(|(seed, run)| (*seed, summarize(scenario, run))).collect();
    let course = |(seed, run): &(u64, Run)| Course::of(scenario, *seed, run);
    PolicyResult {
        name: name.to_owned(),
        about: String::new(),
        model: false,
        across: Across::new(&figures).unwrap(),
        median: course(&runs[0]),
        worst: course(&runs[runs.len() - 1]),
    }
}

fn report(scenario: &Scenario, policies: Vec<PolicyResult>) -> String {
    render(&Report {
        title: "a <title> & more".to_owned(),
        command: "seawall-sim compare 'a&b.toml' > \"c\"".to_owned(),
        sections: vec![Section { scenario, policies }],
    })
}

/// Two policies, played but once for all tests.
static PLAYED: LazyLock<(Scenario, Vec<PolicyResult>)> = LazyLock::new(|| {
    let scenario = scenario();
    let policies = vec![played(&scenario, &Seawall), played(&scenario, &NoRetries)];
    (scenario, policies)
});

fn compared() -> String {
    report(&PLAYED.0, PLAYED.1.clone())
}

fn parsed(html: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(html, options).unwrap()
}

fn text(node: Node) -> String {
    node.descendants().filter_map(|node| node.is_text().then(|| node.text()).flatten()).collect()
}

fn named<'a>(document: &'a Document, name: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    document.descendants().filter(move |node| node.has_tag_name_of(name))
}

trait HasName {
    fn has_tag_name_of(&self, name: &str) -> bool;
}

impl HasName for Node<'_, '_> {
    /// Whatever the namespace: a page and its pictures have one each.
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

#[test]
fn every_figure_is_drawn_for_the_median_and_for_the_worst_run_with_a_line_for_each_policy() {
    let html = compared();
    let document = parsed(&html);
    let headings: Vec<_> = named(&document, "h4").map(text).collect();
    assert_eq!(headings.len(), FIGURES.len());
    for (heading, figure) in headings.iter().zip(FIGURES) {
        assert!(heading.starts_with(figure), "{heading}");
    }
    let figures: Vec<_> = named(&document, "figure").collect();
    assert_eq!(figures.len(), 2 * FIGURES.len());
    for (at, figure) in figures.iter().enumerate() {
        let side = if at % 2 == 0 { "median" } else { "worst" };
        assert_eq!(figure.attribute("class"), Some(side));
        let picture = figure.descendants().find(|node| node.has_tag_name_of("svg")).unwrap();
        let name = picture.attribute("aria-label").unwrap();
        assert!(name.starts_with(&format!("{} of the {side} run", FIGURES[at / 2])), "{name}");
        let lines = |colour: &str| {
            let drawn = picture.descendants().filter(|node| node.attribute("stroke") == Some(colour));
            drawn.filter(|node| node.has_tag_name_of("path") || node.has_tag_name_of("polyline")).count()
        };
        let both = !["Concurrency limit", "Retry budget"].contains(&FIGURES[at / 2]);
        assert_eq!((lines("var(--p0)"), lines("var(--p1)")), (1, usize::from(both)), "{name}");
    }
}

#[test]
fn what_no_policy_has_is_not_drawn_but_said() {
    let html = report(&PLAYED.0, vec![PLAYED.1[1].clone()]);
    let document = parsed(&html);
    assert_eq!(named(&document, "figure").count(), 2 * (FIGURES.len() - 2));
    assert!(html.contains("No policy here has: concurrency limit, retry budget."));
}

#[test]
fn every_picture_shades_the_triggers_and_names_them() {
    let html = compared();
    let document = parsed(&html);
    for picture in named(&document, "figure") {
        let shaded =
            |colour| picture.descendants().filter(|node| node.attribute("fill") == Some(colour)).count();
        assert_eq!((shaded("var(--trigger)"), shaded("var(--warm-up)")), (3, 1));
        let texts: Vec<_> =
            picture.descendants().filter(|node| node.has_tag_name_of("text")).map(text).collect();
        for name in ["a<b: capacity cut to 0 %", "1.5× the load", "c&$d$: 2× slower", "not measured"] {
            assert!(texts.iter().any(|text| text == name), "{name} is not among {texts:?}");
        }
        for axis in ["seconds", "0", "12"] {
            assert!(texts.iter().any(|text| text == axis), "{axis} is not among {texts:?}");
        }
    }
}

#[test]
fn where_goodput_came_back_a_line_stands_in_every_picture() {
    let scenario = made_up::scenario(&made_up::cut("10s", "5s"));
    let run = made_up::run(100, |second| if (10..18).contains(&second) { 50 } else { 0 });
    let policy = drawn("made up", &scenario, &[(7, run)]);
    assert_eq!(policy.across.recovery.worst, Some(Duration::from_secs(3)));
    let html = report(&scenario, vec![policy]);
    let document = parsed(&html);
    for picture in named(&document, "figure") {
        let vertical = |colour: &str| {
            let lines = picture.descendants().filter(|node| node.has_tag_name_of("line"));
            let lines = lines.filter(|line| line.attribute("stroke") == Some(colour));
            let places = lines.filter(|line| line.attribute("x1") == line.attribute("x2"));
            places.map(|line| line.attribute("x1").unwrap().parse::<f64>().unwrap()).collect::<Vec<_>>()
        };
        // The grid has a line at 5, 10, … and 40 seconds.
        let grid = vertical("var(--grid)");
        let (at_15, at_20) = (grid[2], grid[3]);
        let marks = vertical("var(--p0)");
        assert_eq!(marks.len(), 1);
        assert!((marks[0] - (at_15 + (at_20 - at_15) * 0.6)).abs() < 0.1, "{marks:?} in {grid:?}");
    }
}

#[test]
fn one_seed_is_drawn_once() {
    let scenario = made_up::scenario("");
    let run = made_up::run(10, |_| 0);
    let policy = PolicyResult { model: true, ..drawn("made up", &scenario, &[(7, run)]) };
    let html = report(&scenario, vec![policy]);
    let document = parsed(&html);
    let captions: Vec<_> = named(&document, "figcaption").map(text).collect();
    assert_eq!(captions.len(), FIGURES.len() - 2);
    assert!(captions.iter().all(|caption| caption == "seed 7"), "{captions:?}");
    assert!(named(&document, "tr").any(|row| text(row).contains("made up model")));
}

#[test]
fn the_head_says_what_it_is_and_how_to_make_it_again() {
    let html = compared();
    let document = parsed(&html);
    let one = |name| text(named(&document, name).next().unwrap());
    assert_eq!(one("h1"), "a <title> & more");
    assert_eq!(one("pre"), "seawall-sim compare 'a&b.toml' > \"c\"");
    assert_eq!(one("h2"), "cut & <spike>");
    let of_class =
        |class| text(document.descendants().find(|node| node.attribute("class") == Some(class)).unwrap());
    assert_eq!(of_class("about"), "'half' the \"capacity\" costs $5 & more");
    for policy in &PLAYED.1 {
        assert!(
            of_class("policies").contains(&format!("{}{}", policy.name, policy.about)),
            "{}",
            policy.name
        );
    }
    let facts = of_class("facts");
    for fact in [
        "2 seeds, 12 s each",
        "3 clients, 60 calls/s",
        "a<b: 1 replica of 2 workers",
        "1.5× the load (5–7 s)",
    ] {
        assert!(facts.contains(fact), "{fact} is not in {facts}");
    }
    assert!(one("header").contains(concat!("seawall-sim ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_tables_hold_every_policy_and_every_class() {
    let html = compared();
    let document = parsed(&html);
    let tables: Vec<_> = named(&document, "table").collect();
    let rows = |table: &Node| {
        let rows = table.descendants().filter(|node| node.has_tag_name_of("tr"));
        rows.map(text).collect::<Vec<_>>()
    };
    let [figures, priorities] = &tables[..] else { panic!("{} tables", tables.len()) };
    let (figures, priorities) = (rows(figures), rows(priorities));
    for rows in [&figures, &priorities] {
        assert_eq!(rows.len(), 3);
        assert!(rows[1].contains("<seawall>") && rows[2].contains("<none>"), "{rows:?}");
    }
    for heading in ["goodput", "recovery", "attempts", "at peak", "wasted", "p50", "p99", "p99.9", "fairness"]
    {
        assert!(figures[0].contains(heading), "{heading} is not in {}", figures[0]);
    }
    assert!(priorities[0].contains("criticalnormal"), "{}", priorities[0]);
}

#[test]
fn the_reports_figures_are_those_of_the_table_for_people() {
    let html = compared();
    let document = parsed(&html);
    let rows = named(&document, "tr").filter(|row| text(*row).contains("<seawall>"));
    let cells: Vec<_> =
        rows.flat_map(|row| row.children().filter(|cell| cell.has_tag_name_of("td"))).collect();
    assert_eq!(cells.len(), 11 + 2, "eleven figures, and the goodput of two classes");
    let mut table = Vec::new();
    table::many_seeds(&mut table, &PLAYED.1[0].across).unwrap();
    let table = String::from_utf8(table).unwrap();
    let lines: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    for cell in cells {
        // The median, and in small the worst and its seed.
        let shown = text(cell).replace(['(', ')'], " ");
        let median = cell.first_child().and_then(|median| median.text()).unwrap();
        let shown = format!("{median} {}", &shown[median.len()..]);
        let shown: Vec<_> = shown.split_whitespace().collect();
        assert!(lines.iter().any(|line| line.ends_with(&shown)), "{shown:?} is not in\n{table}");
    }
}

#[test]
fn it_needs_no_other_file_and_no_script() {
    let html = compared();
    let document = parsed(&html);
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(!["script", "link", "img", "iframe", "object", "use"].contains(&name), "{name}");
        for attribute in node.attributes() {
            let here = !["src", "href"].contains(&attribute.name()) || attribute.value().starts_with('#');
            assert!(
                here && !attribute.name().starts_with("on"),
                "{} = {}",
                attribute.name(),
                attribute.value()
            );
        }
    }
    let style = text(named(&document, "style").next().unwrap());
    assert!(!style.contains("url(") && !style.contains("@import"));
}

#[test]
fn no_two_elements_have_the_same_id() {
    let html = compared();
    let document = parsed(&html);
    let mut ids: Vec<_> = document.descendants().filter_map(|node| node.attribute("id")).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    assert!(compared() == compared());
}
