use super::curve::{self, Curve, Points, thinned};
use super::labels::{self, Label, placed};
use super::palette::Palette;
use super::plot::{ACROSS, CHARACTER, Line, Mark, Plot, Shade};
use super::scale::Scale;
use super::text::escape;
use super::{Course, PolicyResult, Section};
use crate::report::number::time;

/// With more points a line is no clearer.
const POINTS: usize = 600;

/// How many rows of triggers' names a plot has room for.
const ROWS: usize = 4;

const EXPLANATION: &str = "Of all seeds, the run whose goodput is the median, and the run whose goodput is the worst, of each \
    policy. Shaded: what goes wrong. A dotted line from top to bottom: from there on 95 % of the calls are good for ten seconds.";

/// Every curve over time: the median run on the left, the worst on the right.
pub(super) fn html(at: usize, section: &Section, palette: &Palette) -> String {
    let scene = Scene::of(section);
    let mut missing = Vec::new();
    let mut plots = Vec::new();
    for (place, curve) in curve::ALL.iter().enumerate() {
        match row(curve, section, palette, &scene, 2 * (at * curve::ALL.len() + place)) {
            Some(row) => plots.push(row),
            None => missing.push(curve.title.to_lowercase()),
        }
    }
    let missing = if missing.is_empty() {
        String::new()
    } else {
        format!("<p class=\"note\">No policy here has: {}.</p>\n", missing.join(", "))
    };
    let alone = if sides(section).len() == 1 { " alone" } else { "" };
    format!(
        "<h3>Over time</h3>\n<p class=\"note\">{}</p>\n{}<div class=\"plots{alone}\">\n{}</div>\n{missing}",
        EXPLANATION,
        palette.key(section),
        plots.concat()
    )
}

/// A curve of all policies, of both runs, on the same scale. None if no policy has it.
fn row(curve: &Curve, section: &Section, palette: &Palette, scene: &Scene, number: usize) -> Option<String> {
    let sides = sides(section);
    let lines: Vec<_> = sides.iter().map(|(_, course)| lines(curve, section, palette, *course)).collect();
    if lines.iter().flatten().all(|line| line.points.is_empty()) {
        return None;
    }
    let greatest = greatest(lines.iter().flatten().map(|line| &line.points));
    let mut numbers = number..;
    let pictures = sides.into_iter().zip(lines).zip(&mut numbers).map(|(((side, course), lines), number)| {
        let recovered = |policy: &PolicyResult| {
            let at = course(policy).recovered?.as_secs_f64();
            Some(Mark { at, colour: palette.colour(&policy.name) })
        };
        let plot = Plot {
            name: format!("{} of the {side} run, {}, over time", curve.title, curve.unit),
            unit: curve.unit,
            scale: if curve.wide && section.policies.len() > 1 { Scale::Logarithmic } else { Scale::Linear },
            until: scene.until,
            greatest,
            shades: &scene.shades,
            labels: &scene.labels,
            lines,
            marks: section.policies.iter().filter_map(recovered).collect(),
        };
        format!(
            "<figure class=\"{side}\">\n<figcaption>{}</figcaption>\n{}</figure>\n",
            caption(side, section, course),
            plot.svg(number)
        )
    });
    Some(format!(
        "<h4>{} <small>{}</small></h4>\n{}",
        escape(curve.title),
        escape(curve.about),
        pictures.collect::<Vec<_>>().concat()
    ))
}

/// What a side shows of each policy.
type Side = (&'static str, fn(&PolicyResult) -> &Course);

/// The median and the worst run; if all policies were played with one seed, they are the same.
fn sides(section: &Section) -> Vec<Side> {
    let both: [Side; 2] = [("median", |policy| &policy.median), ("worst", |policy| &policy.worst)];
    let played = |seeds| section.policies.iter().any(|policy| policy.across.seeds > seeds);
    both[..if played(1) { 2 } else { 1 }].to_vec()
}

/// The lines of a picture, the first policy's in front. What they are seen against is the first policy's, at the back.
fn lines(
    curve: &Curve,
    section: &Section,
    palette: &Palette,
    course: fn(&PolicyResult) -> &Course,
) -> Vec<Line> {
    let against = curve.against.zip(section.policies.first()).map(|(against, policy)| Line {
        points: within(section, against(course(policy))),
        colour: "var(--against)".to_owned(),
        dash: None,
        width: 1.2,
        filled: true,
    });
    let policies = section.policies.iter().enumerate().rev().map(|(place, policy)| Line {
        points: within(section, (curve.of)(course(policy))),
        colour: palette.colour(&policy.name),
        dash: palette.dash(&policy.name),
        width: if place == 0 { 2.4 } else { 1.5 },
        filled: false,
    });
    against.into_iter().chain(policies).collect()
}

/// What lies in the time in which calls come; what comes after is only their end.
fn within(section: &Section, mut points: Points) -> Points {
    let until = section.scenario.duration.as_secs_f64();
    points.retain(|(at, _)| *at <= until);
    thinned(points, POINTS)
}

/// The greatest value of all, or 1 if nothing is above zero.
fn greatest<'a>(lines: impl Iterator<Item = &'a Points>) -> f64 {
    let greatest = lines.flatten().map(|(_, value)| *value).fold(0.0, f64::max);
    if greatest > 0.0 { greatest } else { 1.0 }
}

fn caption(side: &str, section: &Section, course: fn(&PolicyResult) -> &Course) -> String {
    let [one] = section.policies.as_slice() else { return format!("{side} run of each policy") };
    let seed = course(one).seed;
    let run = if one.across.seeds == 1 { format!("seed {seed}") } else { format!("{side} run, seed {seed}") };
    match course(one).recovered {
        Some(at) => format!("{run}, good again from {} on", time(at)),
        None => run,
    }
}

/// What all plots of a scenario have behind their lines.
struct Scene {
    until: f64,
    shades: Vec<Shade>,
    labels: Vec<Label>,
}

impl Scene {
    fn of(section: &Section) -> Self {
        let scenario = section.scenario;
        let until = scenario.duration.as_secs_f64();
        let warm = scenario.measure_from.as_secs_f64();
        let warm_up = (warm > 0.0).then_some(Shade { from: 0.0, to: warm, colour: "var(--warm-up)" });
        let shade = |trigger: &crate::scenario::Trigger| Shade {
            from: trigger.at.as_secs_f64(),
            // A moment is shown, too.
            to: (trigger.at + trigger.lasts)
                .as_secs_f64()
                .max(trigger.at.as_secs_f64() + until / ACROSS * 2.0),
            colour: "var(--trigger)",
        };
        let mut texts: Vec<_> = scenario
            .triggers
            .iter()
            .map(|trigger| {
                let shade = shade(trigger);
                (f64::midpoint(shade.from, shade.to.min(until)), labels::name(trigger, scenario))
            })
            .collect();
        texts.extend(warm_up.as_ref().map(|shade| (shade.to / 2.0, "not measured".to_owned())));
        Self {
            until,
            shades: warm_up.into_iter().chain(scenario.triggers.iter().map(shade)).collect(),
            labels: placed(texts, until, until / ACROSS * CHARACTER, ROWS),
        }
    }
}
