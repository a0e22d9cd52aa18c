use std::sync::Arc;

use kuva::backend::svg::SvgBackend;
use kuva::plot::LinePlot;
use kuva::plot::line::LineStyle;
use kuva::render::annotations::{ReferenceLine, ShadedRegion, TextAnnotation};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot as Drawn;
use kuva::render::render::render_multiple;
use kuva::render::theme::Theme;

use super::curve::Points;
use super::labels::Label;
use super::scale::{Scale, step};
use super::text::{escape, in_plot};
use crate::report::number::tick;

const WIDTH: f64 = 680.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const ABOVE: f64 = 8.0;
const BELOW: f64 = 40.0;
const TEXT: u32 = 11;
/// How high a row of labels is.
const ROW: f64 = 15.0;

/// How wide the part is in which lines are drawn.
pub(super) const ACROSS: f64 = WIDTH - LEFT - RIGHT;
/// How wide a character is, about.
pub(super) const CHARACTER: f64 = 6.6;

/// One picture: lines over time.
#[derive(Debug)]
pub(super) struct Plot<'a> {
    /// What it shows, for those who do not see it.
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) scale: Scale,
    /// Seconds, from 0 on.
    pub(super) until: f64,
    /// The greatest value of this plot and of those to compare it with.
    pub(super) greatest: f64,
    pub(super) shades: &'a [Shade],
    pub(super) labels: &'a [Label],
    /// From the back to the front.
    pub(super) lines: Vec<Line>,
    pub(super) marks: Vec<Mark>,
}

/// A stretch of time behind the lines.
#[derive(Clone, Debug)]
pub(super) struct Shade {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) colour: &'static str,
}

/// One line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) points: Points,
    pub(super) colour: String,
    pub(super) dash: Option<&'static str>,
    pub(super) width: f64,
    /// Whether what is under it is filled.
    pub(super) filled: bool,
}

/// A time, marked from top to bottom.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) at: f64,
    pub(super) colour: String,
}

impl Plot<'_> {
    /// As an element of a page. `number` is its own, of all plots of the page.
    pub(super) fn svg(self, number: usize) -> String {
        let drawn = SvgBackend::new().render_scene(&render_multiple(self.drawn(), self.layout()));
        standing_alone(&drawn, (WIDTH, HEIGHT), &self.name, number)
    }

    fn drawn(&self) -> Vec<Drawn> {
        let line = |line: &Line| {
            let plot = LinePlot::new()
                .with_data(line.points.iter().map(|(at, value)| (*at, self.scale.height(*value))))
                .with_color(line.colour.clone())
                .with_stroke_width(line.width)
                .with_line_style(
                    line.dash.map_or(LineStyle::Solid, |dash| LineStyle::Custom(dash.to_owned())),
                );
            Drawn::Line(if line.filled { plot.with_fill().with_fill_opacity(0.14) } else { plot })
        };
        self.lines.iter().map(line).collect()
    }

    fn layout(&self) -> Layout {
        let (scale, top, greatest) = (self.scale, self.top(), self.scale.height(self.greatest));
        // What lies above belongs to the labels.
        let beside = move |height| if height > greatest * 1.001 { String::new() } else { scale.tick(height) };
        let under_a_pixel = top / (HEIGHT - ABOVE - BELOW);
        let mut layout = Layout::new((0.0, self.until), (0.0, top))
            .with_width(WIDTH)
            .with_height(HEIGHT)
            .with_force_margins(LEFT, RIGHT)
            .with_force_margins_y(ABOVE, BELOW)
            .with_x_axis_min(0.0)
            .with_x_axis_max(self.until)
            .with_y_axis_min(0.0)
            .with_y_axis_max(top)
            .with_x_tick_step(step(self.until, 12.0))
            .with_y_tick_step(scale.step(greatest))
            .with_x_tick_format(TickFormat::Custom(Arc::new(tick)))
            .with_y_tick_format(TickFormat::Custom(Arc::new(beside)))
            .with_x_label("seconds")
            .with_y_label(scale.name(self.unit))
            .with_tick_size(TEXT)
            .with_label_size(TEXT)
            .with_theme(theme());
        for shade in self.shades {
            let region = ShadedRegion::vertical(shade.from, shade.to.min(self.until));
            layout = layout.with_shaded_region(region.with_color(shade.colour).with_opacity(0.5));
        }
        for mark in &self.marks {
            let line = ReferenceLine::vertical(mark.at).with_color(mark.colour.clone());
            layout = layout.with_reference_line(line.with_stroke_width(1.5).with_dasharray("1.5 2.5"));
        }
        for label in self.labels {
            // The crate puts a text six pixels above its point.
            let below_top = ROW * (label.row as f64 + 1.0) + 3.0;
            let text = TextAnnotation::new(in_plot(&label.text), label.at, top - below_top * under_a_pixel);
            layout = layout.with_annotation(text.with_font_size(TEXT));
        }
        layout
    }

    /// The value at the upper edge: lines leave the labels their room.
    fn top(&self) -> f64 {
        let rows = self.labels.iter().map(|label| label.row + 1).max().unwrap_or(0);
        let height = HEIGHT - ABOVE - BELOW;
        self.scale.height(self.greatest) * 1.03 * height / (height - ROW * rows as f64)
    }
}

/// All colours are left to the page.
fn theme() -> Theme {
    Theme {
        background: "none".into(),
        axis_color: "var(--axis)".into(),
        tick_color: "var(--axis)".into(),
        grid_color: "var(--grid)".into(),
        text_color: "var(--ink)".into(),
        ..Theme::light()
    }
}

/// Makes a picture that can be part of a page: it takes the page's width and text, has a name, and its parts are its own.
///
/// The plotting crate counts the shapes it clips by for as long as the process lives; here they are numbered by the plot, so
/// that the same report gives the same file.
pub(in crate::report) fn standing_alone(
    drawn: &str,
    (width, height): (f64, f64),
    name: &str,
    number: usize,
) -> String {
    let inner = drawn.split_once('>').map_or(drawn, |(_, inner)| inner);
    let own = inner.split_once("<clipPath id=\"").and_then(|(_, rest)| Some(rest.split_once('"')?.0));
    let inner = own.map_or_else(
        || inner.to_owned(),
        |clip| {
            inner
                .replace(&format!("id=\"{clip}\""), &format!("id=\"clip-{number}\""))
                .replace(&format!("url(#{clip})"), &format!("url(#clip-{number})"))
        },
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">{inner}",
        escape(name)
    )
}
