use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use seawall_core::{Gcra, RateLimitConfig, RateLimiter};

use crate::rate_limiter::{config, permits};
use crate::retry_budget::some_instant;

#[derive(Clone, Debug)]
enum Step {
    Acquire(u32),
    Pass(u64),
    Reconfigure(RateLimitConfig),
    Pause(u64),
    Refund,
}

fn configs() -> impl Strategy<Value = RateLimitConfig> {
    (1u32..50, 1u64..2_000, 1u32..20)
        .prop_map(|(limit, millis, burst)| config(limit, Duration::from_millis(millis), burst))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (1u32..6).prop_map(Step::Acquire),
        4 => (0u64..200_000_000).prop_map(Step::Pass),
        1 => configs().prop_map(Step::Reconfigure),
        1 => (0u64..2_000).prop_map(Step::Pause),
        2 => Just(Step::Refund),
    ];
    prop::collection::vec(step, 1..80)
}

fn plain_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (1u32..6).prop_map(Step::Acquire),
        1 => (0u64..200_000_000).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..150)
}

/// What came in and what was taken, over a whole trace: in permits, where a configuration's rate holds from its start.
#[derive(Default)]
struct Trace {
    /// When, what had come in since the start at the rates in force, and the greatest burst since then.
    taken: Vec<(f64, u32, u32)>,
}

impl Trace {
    fn greater_burst(&mut self, burst: u32) {
        for (_, _, greatest) in &mut self.taken {
            *greatest = burst.max(*greatest);
        }
    }

    fn take(&mut self, come_in: f64, permits: u32, burst: u32) {
        self.greater_burst(burst);
        self.taken.push((come_in, permits, burst));
    }

    /// Every pair of moments: what was taken between them, both included, is at most a burst and what came in.
    fn check(&self) {
        for (first, &(from, _, burst)) in self.taken.iter().enumerate() {
            let mut sum = 0;
            for &(until, permits, _) in &self.taken[first..] {
                sum += permits;
                let most = f64::from(burst) + (until - from);
                assert!(f64::from(sum) <= most + 1e-6, "{sum} permits, but at most {most}");
            }
        }
    }
}

proptest! {
    /// The promise, whatever happens: changes of the limit, pauses, refunds.
    #[test]
    fn no_stretch_of_time_sees_more_than_a_burst_and_the_rate(first in configs(), steps in steps()) {
        let start = some_instant();
        let mut limiter = RateLimiter::new(first, start).unwrap();
        let mut now = start;
        let mut come_in = 0.0;
        let mut trace = Trace::default();
        let mut unused = VecDeque::new();
        for step in steps {
            match step {
                Step::Acquire(weight) => {
                    if limiter.try_acquire(permits(weight), now).is_ok() {
                        trace.take(come_in, weight, limiter.config().burst.get());
                        unused.push_back((trace.taken.len() - 1, now));
                    }
                }
                Step::Pass(nanos) => {
                    now += Duration::from_nanos(nanos);
                    come_in += Duration::from_nanos(nanos).as_secs_f64() * limiter.config().per_second();
                }
                Step::Reconfigure(config) => {
                    trace.greater_burst(config.burst.get());
                    limiter.reconfigure(config, now).unwrap();
                }
                Step::Pause(millis) => drop(limiter.pause(Duration::from_millis(millis), now)),
                // Those given back were never used: nobody counts them.
                Step::Refund => {
                    // The one held for longest: time has brought most of it back.
                    if let Some((index, taken)) = unused.pop_front() {
                        limiter.refund(permits(trace.taken[index].1), taken, now);
                        trace.taken[index].1 = 0;
                    }
                }
            }
        }
        trace.check();
    }

    /// Callers read the clock before they come to take, and overtake one another.
    #[test]
    fn a_clock_that_steps_back_lets_nothing_more_through(
        config in configs(),
        readings in prop::collection::vec((0u64..2_000, 1u32..6), 1..100),
    ) {
        let start = some_instant();
        let mut limiter = RateLimiter::new(config.clone(), start).unwrap();
        let mut taken = vec![];
        for (millis, weight) in readings {
            if limiter.try_acquire(permits(weight), start + Duration::from_millis(millis)).is_ok() {
                taken.push((millis, weight));
            }
        }
        for &(from, _) in &taken {
            for &(until, _) in &taken {
                let sum: u32 =
                    taken.iter().filter(|(at, _)| (from..=until).contains(at)).map(|(_, weight)| weight).sum();
                let come_in = Duration::from_millis(until.saturating_sub(from)).as_secs_f64() * config.per_second();
                prop_assert!(f64::from(sum) <= f64::from(config.burst.get()) + come_in + 1e-6);
            }
        }
    }

    /// Against its twin, the leaky bucket as a meter in its continuous-state form, in exact arithmetic: it admits
    /// whenever the meter would, and says exactly when it will.
    #[test]
    fn it_never_refuses_when_it_may_admit(config in configs(), steps in plain_steps()) {
        let mut now = some_instant();
        let mut limiter = RateLimiter::new(config.clone(), now).unwrap();
        let interval = config.period.as_nanos().div_ceil(u128::from(config.limit.get()));
        let capacity = interval * u128::from(config.burst.get());
        let mut level = 0u128;
        for step in steps {
            match step {
                Step::Pass(nanos) => {
                    now += Duration::from_nanos(nanos);
                    level = level.saturating_sub(u128::from(nanos));
                }
                Step::Acquire(weight) => {
                    let room = level + interval * u128::from(weight) <= capacity;
                    prop_assert_eq!(u128::from(limiter.balance(now)), (capacity - level) / interval);
                    match limiter.try_acquire(permits(weight), now) {
                        Ok(()) => {
                            prop_assert!(room);
                            level += interval * u128::from(weight);
                        }
                        Err(refused) => {
                            prop_assert!(!room);
                            if let Some(wait) = refused.retry_after {
                                let mut later = limiter.clone();
                                let nearly = now + wait.saturating_sub(Duration::from_nanos(1));
                                prop_assert!(later.try_acquire(permits(weight), nearly).is_err());
                                prop_assert!(later.try_acquire(permits(weight), now + wait).is_ok());
                            } else {
                                prop_assert!(weight > config.burst.get());
                            }
                        }
                    }
                }
                _ => unreachable!("a plain step"),
            }
        }
    }

    #[test]
    fn a_refund_leaves_no_trace(config in configs(), before in plain_steps(), weight in 1u32..6) {
        let mut now = some_instant();
        let mut limiter = RateLimiter::new(config, now).unwrap();
        run(&mut limiter, &mut now, &before);
        let balance = limiter.balance(now);
        if limiter.try_acquire(permits(weight), now).is_ok() {
            limiter.refund(permits(weight), now, now);
        }
        prop_assert_eq!(limiter.balance(now), balance);
    }

    /// The permits owed are those owed before, to the nanosecond that the new interval is rounded up to.
    #[test]
    fn another_configuration_keeps_what_is_owed(old in configs(), new in configs(), before in plain_steps()) {
        let start = some_instant();
        let mut now = start;
        let mut limiter = RateLimiter::new(old, now).unwrap();
        run(&mut limiter, &mut now, &before);
        let owed = |limiter: &RateLimiter| {
            let owed = limiter.arrival().saturating_sub(Gcra::nanos(start, now));
            owed as f64 / limiter.gcra().interval() as f64
        };
        let before = owed(&limiter);
        limiter.reconfigure(new, now).unwrap();
        let after = owed(&limiter);
        let nanosecond = 1.0 / limiter.gcra().interval() as f64;
        prop_assert!(after >= before - 1e-9 && after <= before + nanosecond + 1e-9, "{} became {}", before, after);
    }

    #[test]
    fn a_pause_holds_whatever_else_happens(
        config in configs(),
        before in plain_steps(),
        wait in 1u64..10_000,
        meanwhile in steps(),
    ) {
        let mut now = some_instant();
        let mut limiter = RateLimiter::new(config, now).unwrap();
        run(&mut limiter, &mut now, &before);
        limiter.pause(Duration::from_millis(wait), now);
        let until = now + Duration::from_millis(wait);
        for step in meanwhile {
            match step {
                Step::Refund => limiter.refund(permits(1), now, now),
                Step::Reconfigure(config) => limiter.reconfigure(config, now).unwrap(),
                Step::Pass(nanos) => now += Duration::from_nanos(nanos),
                Step::Acquire(weight) => {
                    let admitted = limiter.try_acquire(permits(weight), now).is_ok();
                    prop_assert!(!admitted || now >= until);
                }
                Step::Pause(_) => {}
            }
        }
    }

    #[test]
    fn extreme_values_overflow_nothing(
        limit in 1u32..,
        period in any::<Duration>(),
        bursts in prop::collection::vec(1u32.., 1..4),
        times in prop::collection::vec((any::<u64>(), 1u32.., any::<Duration>()), 0..40),
    ) {
        let start = some_instant();
        let extreme = |burst| RateLimitConfig {
            max_retry_after: Duration::MAX,
            ..config(limit, period, burst)
        };
        let Ok(mut limiter) = RateLimiter::new(extreme(bursts[0]), start) else {
            prop_assert!(extreme(bursts[0]).validate().is_err());
            return Ok(());
        };
        let mut bursts = bursts.into_iter().cycle();
        for (nanos, weight, wait) in times {
            let now = start.checked_add(Duration::from_nanos(nanos)).unwrap_or(start);
            let _either = limiter.try_acquire(permits(weight), now);
            limiter.pause(wait, now);
            let _either = limiter.try_acquire(permits(1), now);
            limiter.refund(permits(weight), start, now);
            let _either = limiter.reconfigure(extreme(bursts.next().unwrap()), now);
            prop_assert!(limiter.balance(now) <= limiter.config().burst.get());
            prop_assert!(limiter.arrival() < u64::MAX);
            limiter.wait(u64::MAX, now);
        }
    }
}

fn run(limiter: &mut RateLimiter, now: &mut Instant, steps: &[Step]) {
    for step in steps {
        match *step {
            Step::Acquire(weight) => drop(limiter.try_acquire(permits(weight), *now)),
            Step::Pass(nanos) => *now += Duration::from_nanos(nanos),
            _ => unreachable!("a plain step"),
        }
    }
}
