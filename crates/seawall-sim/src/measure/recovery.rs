use std::time::Duration;

use super::goodput::{ENOUGH, Goodput, seconds_from};
use crate::scenario::Scenario;
use crate::world::Run;

/// The goodput from which on a second counts as well.
const WELL: f64 = 0.95;

/// For how many seconds all must be well.
const LASTING: usize = 10;

/// When the last trigger is over, as a whole: a flapping when it flaps no more. Nothing if there is no trigger.
pub fn last_trigger_ends(scenario: &Scenario) -> Option<Duration> {
    scenario.triggers.iter().map(|trigger| trigger.at.saturating_add(trigger.lasts)).max()
}

/// From when on trouble is to be expected: the beginning of the first trigger; without any, of the measured time.
pub fn troubled_from(scenario: &Scenario) -> Duration {
    scenario.triggers.iter().map(|trigger| trigger.at).min().unwrap_or(scenario.measure_from)
}

/// How long after the end of the last trigger the first second begins from which on 95 % of the calls are good for
/// ten seconds, each second by itself. None if there is no such second within the run.
///
/// Zero if no second was worse, from the first trigger on. Without a trigger, it is counted from the first second that was
/// worse. Seconds with fewer than 20 calls are put together, from the trigger's end on, until there are as many.
pub(super) fn recovery(scenario: &Scenario, run: &Run) -> Option<Duration> {
    let whole = spans(troubled_from(scenario), scenario, run);
    let Some(fall) = whole.iter().find(|span| !span.is_well()) else { return Some(Duration::ZERO) };
    let start = last_trigger_ends(scenario).unwrap_or(fall.begins);
    let spans = spans(start, scenario, run);
    let lasting = |first: &usize| {
        let well = spans[*first..].iter().take_while(|span| span.is_well());
        well.map(|span| span.seconds).sum::<usize>() >= LASTING
    };
    (0..spans.len()).find(lasting).map(|first| spans[first].begins.saturating_sub(start))
}

/// One second or a few, with enough calls to judge them.
#[derive(Debug)]
struct Span {
    begins: Duration,
    seconds: usize,
    goodput: Goodput,
}

impl Span {
    fn is_well(&self) -> bool {
        self.goodput.share().is_none_or(|share| share >= WELL)
    }
}

/// All whole seconds from then on. What is left at the end with too few calls belongs to the last span.
fn spans(start: Duration, scenario: &Scenario, run: &Run) -> Vec<Span> {
    let seconds = scenario.duration.saturating_sub(start).as_secs() as usize;
    let mut spans: Vec<Span> = Vec::new();
    for (second, goodput) in seconds_from(start, seconds, scenario, run).into_iter().enumerate() {
        match spans.last_mut() {
            Some(last) if last.goodput.offered < ENOUGH => last.extend(1, goodput),
            _ => spans.push(Span { begins: start + Duration::from_secs(second as u64), seconds: 1, goodput }),
        }
    }
    if let Some(short) = spans.pop_if(|last| last.goodput.offered < ENOUGH) {
        match spans.last_mut() {
            Some(last) => last.extend(short.seconds, short.goodput),
            None => spans.push(short),
        }
    }
    spans
}

impl Span {
    fn extend(&mut self, seconds: usize, goodput: Goodput) {
        self.seconds += seconds;
        self.goodput = self.goodput.and(goodput);
    }
}
