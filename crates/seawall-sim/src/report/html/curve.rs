use super::Course;

/// Something that is drawn over time.
#[derive(Debug)]
pub(super) struct Curve {
    /// Its heading.
    pub(super) title: &'static str,
    /// The unit, along the axis.
    pub(super) unit: &'static str,
    /// What it says, in a sentence.
    pub(super) about: &'static str,
    /// Its points. None at all if the policy has no such thing.
    pub(super) of: fn(&Course) -> Points,
    /// Whether policies differ in it by powers of ten.
    pub(super) wide: bool,
    /// What it is seen against, drawn in grey.
    pub(super) against: Option<fn(&Course) -> Points>,
}

/// Times in seconds, and values.
pub(super) type Points = Vec<(f64, f64)>;

/// Every curve, in the order of the report.
pub(super) const ALL: [Curve; 8] = [
    Curve {
        title: "Goodput",
        unit: "calls / s",
        about: "Calls answered within the deadline, by the second in which they came. Grey: all that came.",
        of: |course| of_rates(course.goodput.iter().map(|second| second.good as f64)),
        wide: false,
        against: Some(offered),
    },
    Curve {
        title: "Attempts",
        unit: "attempts / s",
        about: "All that were sent, to all servers, retries and hedges among them. Grey: calls.",
        of: |course| of_rates(course.seconds.iter().map(|second| second.attempts as f64)),
        wide: false,
        against: Some(offered),
    },
    Curve {
        title: "Servers\u{2019} queue",
        unit: "attempts",
        about: "Attempts that wait for a worker, at all servers.",
        of: |course| of_states(course, |second| Some(second.queued as f64)),
        wide: true,
        against: None,
    },
    Curve {
        title: "Wasted work",
        unit: "% of work",
        about: "The share of the servers\u{2019} work that was done for callers who had left.",
        of: |course| {
            of_rates(course.seconds.iter().map(|second| {
                let (wasted, worked) = (second.wasted.as_secs_f64(), second.worked.as_secs_f64());
                if worked > 0.0 { 100.0 * wasted / worked } else { 0.0 }
            }))
        },
        wide: false,
        against: None,
    },
    Curve {
        title: "Concurrency limit",
        unit: "calls",
        about: "How many calls a client would have under way at most: the mean of all clients.",
        of: |course| of_states(course, |second| second.limit),
        wide: false,
        against: None,
    },
    Curve {
        title: "Waiting calls",
        unit: "calls",
        about: "Calls that wait in the clients for their turn, in all clients together.",
        of: |course| of_states(course, |second| Some(second.waiting as f64)),
        wide: false,
        against: None,
    },
    Curve {
        title: "Open circuits",
        unit: "circuits",
        about: "Circuit breakers that let no calls through, or only probes.",
        of: |course| of_states(course, |second| Some(second.open as f64)),
        wide: false,
        against: None,
    },
    Curve {
        title: "Retry budget",
        unit: "retries",
        about: "What a client could still spend on retries: the mean of all clients.",
        of: |course| of_states(course, |second| second.budget),
        wide: false,
        against: None,
    },
];

fn offered(course: &Course) -> Points {
    of_rates(course.goodput.iter().map(|second| second.offered as f64))
}

/// Of something counted over each second, which stands in its middle.
fn of_rates(seconds: impl Iterator<Item = f64>) -> Points {
    seconds.enumerate().map(|(second, value)| (second as f64 + 0.5, value)).collect()
}

/// Of something seen at the end of each second.
fn of_states(course: &Course, value: fn(&crate::world::Second) -> Option<f64>) -> Points {
    let values = course.seconds.iter().enumerate();
    values.filter_map(|(second, state)| Some((second as f64 + 1.0, value(state)?))).collect()
}

/// No more than about so many of these points, with every peak and every trough among them: of each stretch of time, its
/// least and its greatest stay, in their order.
pub(super) fn thinned(points: Points, most: usize) -> Points {
    if points.len() <= most {
        return points;
    }
    let stretch = points.len().div_ceil((most / 2).max(1));
    let extremes = |points: &[(f64, f64)]| {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let least = points.iter().min_by(by_value).copied();
        let greatest = points.iter().max_by(by_value).copied();
        let mut both: Points = least.into_iter().chain(greatest).collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        both.dedup();
        both
    };
    points.chunks(stretch).flat_map(extremes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_order_the_peaks_and_the_troughs() {
        let value = |second: usize| if second == 1234 { 99.0 } else { f64::from(second as u32 % 7) };
        let points: Points = (0..10_000).map(|second| (second as f64, value(second))).collect();
        let thin = thinned(points.clone(), 500);
        assert!(thin.len() <= 500, "{}", thin.len());
        assert!(thin.contains(&(1234.0, 99.0)));
        assert!(thin.is_sorted_by(|a, b| a.0 < b.0));
        assert!(thin.iter().all(|point| points.contains(point)));
    }

    #[test]
    fn what_is_short_is_not_thinned() {
        let points: Points = vec![(0.0, 1.0), (1.0, 1.0), (2.0, 1.0)];
        assert_eq!(thinned(points.clone(), 500), points);
    }
}
