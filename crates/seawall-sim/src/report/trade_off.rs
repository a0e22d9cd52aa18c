//! The trade-off between two promises, as a table and as a picture.

use std::io::{self, Write};
use std::sync::Arc;

use kuva::backend::svg::SvgBackend;
use kuva::plot::{LinePlot, ScatterPlot};
use kuva::render::annotations::{ReferenceLine, TextAnnotation};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;
use kuva::render::theme::Theme;
use seawall_core::RetryBudgetConfig;

use super::html::{in_plot, standing_alone};
use super::number::{part, percent};
use crate::trade_off::{OTHERS_CLIENTS, Outcome, TradeOff};

/// The numbers, in Markdown.
///
/// # Errors
/// If it cannot be written.
pub fn markdown(measured: &TradeOff, out: &mut dyn Write) -> io::Result<()> {
    let row = |out: &mut dyn Write, who: &str, clients, Outcome { attempts, answered }| {
        writeln!(out, "| {who} | {clients} | {attempts:.2} | {} |", percent(answered))
    };
    writeln!(
        out,
        "| policy | clients | outage: attempts by calls, worst 10 s | nine tenths fail: answered |"
    )?;
    writeln!(out, "|---|---:|---:|---:|")?;
    for (clients, choices) in &measured.ours {
        for (ratio, outcome) in choices {
            let chosen = if is_default(*ratio) { ", the default" } else { "" };
            row(out, &format!("seawall, `ratio` {ratio}{chosen}"), *clients, *outcome)?;
        }
    }
    measured.others.iter().try_for_each(|(policy, outcome)| row(out, policy, OTHERS_CLIENTS, *outcome))
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 20.0;
const ABOVE: f64 = 14.0;
const BELOW: f64 = 44.0;
const TEXT: u32 = 11;
/// How much room a label takes, about.
const CHARACTER: f64 = 6.2;
const LINE: f64 = 13.0;
/// Attempts by calls, and answers in percent: where the axes end.
const LEAST_ATTEMPTS: f64 = 0.5;
const MOST_ATTEMPTS: f64 = 4.4;
const MOST_ANSWERED: f64 = 40.0;

/// One for each number of clients: told apart on white whatever one sees of colour (M. Okabe and K. Ito, 2008).
const COLOURS: [&str; 3] = ["#009e73", "#0072b2", "#d55e00"];
const GREY: &str = "#777777";

/// The picture. The same numbers give the same file, in every byte.
pub fn svg(measured: &TradeOff) -> String {
    let drawn = SvgBackend::new().render_scene(&render_multiple(plots(measured), layout(measured)));
    let name = "What is answered while nine tenths fail, by what an outage costs";
    let mut picture = standing_alone(&drawn, (WIDTH, HEIGHT), name, 0);
    // The crate has no colours for texts.
    for ((clients, _), colour) in measured.ours.iter().zip(COLOURS) {
        let end_of_tag = format!(">{}<", of_clients(*clients));
        picture = picture.replace(&end_of_tag, &format!(" fill=\"{colour}\"{end_of_tag}"));
    }
    format!("{}\n", picture.trim_end())
}

fn plots(measured: &TradeOff) -> Vec<Plot> {
    let mut plots = Vec::new();
    for ((_, choices), colour) in measured.ours.iter().zip(COLOURS) {
        let points: Vec<_> = choices.iter().map(|(_, outcome)| point(*outcome)).collect();
        let chosen: Vec<_> =
            choices.iter().map(|(ratio, _)| if is_default(*ratio) { 6.0 } else { 3.0 }).collect();
        plots.push(Plot::Line(LinePlot::new().with_data(points.clone()).with_color(colour)));
        plots.push(Plot::Scatter(ScatterPlot::new().with_data(points).with_color(colour).with_sizes(chosen)));
    }
    let others = measured.others.iter().map(|(_, outcome)| point(*outcome));
    plots.push(Plot::Scatter(ScatterPlot::new().with_data(others).with_color(GREY).with_size(4.0)));
    plots
}

fn layout(measured: &TradeOff) -> Layout {
    let promised = 1.0 + RetryBudgetConfig::default().ratio + 0.02;
    let mut layout = Layout::new((LEAST_ATTEMPTS, MOST_ATTEMPTS), (0.0, MOST_ANSWERED))
        .with_width(WIDTH)
        .with_height(HEIGHT)
        .with_force_margins(LEFT, RIGHT)
        .with_force_margins_y(ABOVE, BELOW)
        .with_x_axis_min(LEAST_ATTEMPTS)
        .with_x_axis_max(MOST_ATTEMPTS)
        .with_y_axis_min(0.0)
        .with_y_axis_max(MOST_ANSWERED)
        .with_x_tick_step(0.5)
        .with_y_tick_step(10.0)
        .with_y_tick_format(TickFormat::Custom(Arc::new(|answered| part(answered / 100.0))))
        .with_x_label("everything fails: attempts by calls, worst 10 s")
        .with_y_label("nine tenths fail: calls answered")
        .with_tick_size(TEXT)
        .with_label_size(TEXT)
        .with_theme(Theme { background: "#ffffff".into(), ..Theme::light() })
        .with_reference_line(
            ReferenceLine::vertical(promised).with_color(GREY).with_stroke_width(1.0).with_dasharray("3 3"),
        );
    for Label { text, x, y } in labels(measured) {
        let text = TextAnnotation::new(in_plot(&text), x, y);
        layout = layout.with_annotation(text.with_font_size(TEXT));
    }
    layout
}

/// A text with its middle there.
struct Label {
    text: String,
    x: f64,
    y: f64,
}

/// What the points are, each as near to its point as those before it leave room.
fn labels(measured: &TradeOff) -> Vec<Label> {
    let last = |choices: &Vec<(f64, Outcome)>| choices.last().map(|(_, outcome)| point(*outcome));
    let ours =
        measured.ours.iter().filter_map(|(clients, choices)| Some((of_clients(*clients), last(choices)?)));
    let others = measured.others.iter().map(|(policy, outcome)| ((*policy).to_owned(), point(*outcome)));
    let (across, up) =
        ((MOST_ATTEMPTS - LEAST_ATTEMPTS) / (WIDTH - LEFT - RIGHT), MOST_ANSWERED / (HEIGHT - ABOVE - BELOW));
    let mut placed: Vec<Label> = Vec::new();
    for (text, (x, y)) in ours.chain(others) {
        let half = |text: &str| text.chars().count() as f64 * CHARACTER / 2.0 * across;
        let x = x.max(LEAST_ATTEMPTS + half(&text)).min(MOST_ATTEMPTS - half(&text));
        let covers = |other: &Label, y: f64| {
            (other.x - x).abs() < half(&text) + half(&other.text) && (other.y - y).abs() < LINE * up
        };
        // Above its point, or as far above as there is room.
        let mut rows = (0..).map(|row| y + f64::from(row) * LINE * up);
        let y = rows.find(|y| !placed.iter().any(|other| covers(other, *y))).unwrap_or(y);
        placed.push(Label { text, x, y });
    }
    placed
}

fn of_clients(clients: u32) -> String {
    format!("seawall, {clients} clients")
}

fn point(Outcome { attempts, answered }: Outcome) -> (f64, f64) {
    (attempts, 100.0 * answered)
}

fn is_default(ratio: f64) -> bool {
    (ratio - RetryBudgetConfig::default().ratio).abs() < 1e-9
}
