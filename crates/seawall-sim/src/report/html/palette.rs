use super::text::escape;
use super::{PolicyResult, Report, Section};

/// Colours that readers tell apart whatever they see of colour (after M. Okabe and K. Ito, 2008, and P. Tol, 2021): on
/// white, and on black.
const COLOURS: [(&str, &str); 8] = [
    ("#0072b2", "#4aa8f0"),
    ("#d55e00", "#ff8a3d"),
    ("#009e73", "#2fcf9f"),
    ("#aa4499", "#e08fd0"),
    ("#c98a00", "#f2c14e"),
    ("#44a5d8", "#a9defa"),
    ("#882255", "#d86a9c"),
    ("#777777", "#b0b0b0"),
];

/// How lines are broken: whole while there are colours, then by the round.
const DASHES: [Option<&str>; 4] = [None, Some("7 3"), Some("2 3"), Some("8 3 2 3")];

/// Which policy has which colour, in the whole report.
#[derive(Debug)]
pub(super) struct Palette {
    policies: Vec<String>,
}

impl Palette {
    pub(super) fn of(report: &Report) -> Self {
        let mut policies: Vec<String> = Vec::new();
        for policy in report.sections.iter().flat_map(|section| &section.policies) {
            if !policies.contains(&policy.name) {
                policies.push(policy.name.clone());
            }
        }
        Self { policies }
    }

    /// The policy's colour, as a style names it. What is drawn in it can be found by it: see [`Self::style`].
    pub(super) fn colour(&self, policy: &str) -> String {
        format!("var(--p{})", self.place(policy))
    }

    /// How the policy's line is broken.
    pub(super) fn dash(&self, policy: &str) -> Option<&'static str> {
        DASHES[self.place(policy) / COLOURS.len() % DASHES.len()]
    }

    fn place(&self, policy: &str) -> usize {
        self.policies.iter().position(|known| known == policy).unwrap_or_default()
    }

    /// The colours by themselves, and which of them are hidden: those whose boxes are not ticked.
    pub(super) fn style(&self) -> String {
        let colours = |pick: fn(usize) -> &'static str| {
            let each =
                (0..self.policies.len()).map(|place| format!("--p{place}:{};", pick(place % COLOURS.len())));
            each.collect::<Vec<_>>().concat()
        };
        let hide = |place| {
            format!(
                "section:has(.key [name=\"p{place}\"]:not(:checked)) .plots [stroke=\"var(--p{place})\"]{{display:none}}\n"
            )
        };
        format!(
            ":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{hidden}",
            light = colours(|place| COLOURS[place].0),
            dark = colours(|place| COLOURS[place].1),
            hidden = (0..self.policies.len()).map(hide).collect::<Vec<_>>().concat(),
        )
    }

    /// Which line is whose, and whether it is shown. Stays in sight beside the plots. Empty if there is but one.
    pub(super) fn key(&self, section: &Section) -> String {
        let entry = |policy: &PolicyResult| {
            format!(
                "<label title=\"{seeds}\"><input type=\"checkbox\" name=\"p{place}\" checked=\"checked\" \
                 autocomplete=\"off\" />{named}</label>\n",
                seeds = seeds(policy),
                place = self.place(&policy.name),
                named = self.named(policy),
            )
        };
        let entries: Vec<_> = section.policies.iter().map(entry).collect();
        if entries.len() == 1 {
            String::new()
        } else {
            format!("<div class=\"key\">\n{}</div>\n", entries.concat())
        }
    }

    /// What each policy is.
    pub(super) fn policies(&self, report: &Report) -> String {
        let all = || report.sections.iter().flat_map(|section| &section.policies);
        let first = self.policies.iter().filter_map(|name| all().find(|policy| policy.name == *name));
        let entry = |policy: &PolicyResult| {
            format!("<dt>{}</dt><dd>{}</dd>\n", self.named(policy), escape(&policy.about))
        };
        let entries: Vec<_> = first.map(entry).collect();
        format!("<dl class=\"policies\">\n{}</dl>\n", entries.concat())
    }

    /// The policy's line and name.
    pub(super) fn named(&self, policy: &PolicyResult) -> String {
        let model = if policy.model { " <i>model</i>" } else { "" };
        format!("{}{}{model}", self.sample(&policy.name), escape(&policy.name))
    }

    /// A bit of the policy's line.
    fn sample(&self, policy: &str) -> String {
        let dash = self.dash(policy).map_or_else(String::new, |dash| format!(" stroke-dasharray=\"{dash}\""));
        format!(
            "<svg class=\"sample\" viewBox=\"0 0 28 10\" aria-hidden=\"true\"><line x1=\"1\" y1=\"5\" x2=\"27\" y2=\"5\" \
             stroke=\"{}\" stroke-width=\"3\"{dash} /></svg>",
            self.colour(policy)
        )
    }
}

/// The runs that are drawn.
fn seeds(policy: &PolicyResult) -> String {
    format!("seed {} is the median, seed {} the worst", policy.median.seed, policy.worst.seed)
}
