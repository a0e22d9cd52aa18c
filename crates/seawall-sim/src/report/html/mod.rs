//! The report as one HTML file, which needs no other: plots are drawn into it, styles are part of it, and it holds no script.
//!
//! The plots are drawn by kuva. Of the plotting crates that draw a still picture without a browser, it is the one that is
//! still released (plotters' last release is of 2024; charming and plotly leave the drawing to a script), and it hands
//! colours through to the page as they are, so that the page's style decides on them: light, dark, and which policies are
//! shown.

mod course;
mod curve;
mod facts;
mod labels;
mod palette;
mod plot;
mod plots;
mod scale;
mod tables;
mod text;

pub use course::Course;
pub(super) use plot::standing_alone;
pub(super) use text::in_plot;

use crate::measure::Across;
use crate::scenario::Scenario;
use palette::Palette;
use text::escape;

/// One file: some scenarios, each played with some policies.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// What it is.
    pub title: String,
    /// The command that makes it again.
    pub command: String,
    /// What it shows, in order.
    pub sections: Vec<Section<'a>>,
}

/// One scenario, played with some policies.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// What happened.
    pub scenario: &'a Scenario,
    /// What the clients did about it, in order. The first is drawn in front of the others.
    pub policies: Vec<PolicyResult>,
}

/// What came of a policy in a scenario.
#[derive(Clone, Debug)]
pub struct PolicyResult {
    /// [`Policy::name`](crate::policy::Policy::name). A policy of the same name has the same colour in all sections.
    pub name: String,
    /// [`Policy::about`](crate::policy::Policy::about).
    pub about: String,
    /// [`Policy::is_model`](crate::policy::Policy::is_model).
    pub model: bool,
    /// The figures over all seeds.
    pub across: Across,
    /// The run whose goodput is the median.
    pub median: Course,
    /// The run whose goodput is the worst.
    pub worst: Course,
}

/// The whole file. The same report gives the same file, in every byte.
pub fn render(report: &Report) -> String {
    let palette = Palette::of(report);
    let contents: Vec<_> =
        report.sections.iter().enumerate().map(|(at, section)| link(at, section)).collect();
    let sections = report.sections.iter().enumerate();
    let sections: Vec<_> = sections.map(|(at, section)| self::section(at, section, &palette)).collect();
    format!(
        r#"<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<meta name="generator" content="seawall-sim {version}" />
<title>{title}</title>
<style>
{style}{colours}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>Made by seawall-sim {version}. To make it again:</p>
<pre class="command"><code>{command}</code></pre>
{policies}{contents}</header>
<main>
{sections}</main>
</body>
</html>
"#,
        version = env!("CARGO_PKG_VERSION"),
        title = escape(&report.title),
        command = escape(&report.command),
        style = include_str!("style.css"),
        colours = palette.style(),
        policies = palette.policies(report),
        contents = if contents.len() > 1 {
            format!("<nav><ul>\n{}</ul></nav>\n", contents.concat())
        } else {
            String::new()
        },
        sections = sections.concat(),
    )
}

fn link(at: usize, section: &Section) -> String {
    let (name, about) = (escape(&section.scenario.name), escape(&section.scenario.about));
    format!("<li><a href=\"#scenario-{at}\">{name}</a> {about}</li>\n")
}

fn section(at: usize, section: &Section, palette: &Palette) -> String {
    format!(
        "<section id=\"scenario-{at}\">\n<h2>{name}</h2>\n<p class=\"about\">{about}</p>\n{facts}{figures}{priorities}\
         {plots}</section>\n",
        name = escape(&section.scenario.name),
        about = escape(&section.scenario.about),
        facts = facts::html(section),
        figures = tables::figures(section, palette),
        priorities = tables::priorities(section, palette),
        plots = plots::html(at, section, palette),
    )
}
