use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use seawall_core::{Fate, Priority, WaitKey, WaitQueue, WaitQueueConfig};

use crate::retry_budget::some_instant;

const MS: Duration = Duration::from_millis(1);

/// A queue and a clock that only the test moves.
struct Bench {
    queue: WaitQueue<u32>,
    now: Instant,
}

impl Bench {
    fn new(config: WaitQueueConfig) -> Self {
        Self { queue: WaitQueue::new(config).unwrap(), now: some_instant() }
    }

    fn push(&mut self, waiter: u32, priority: Priority) -> WaitKey {
        let (key, displaced) = self.queue.push(waiter, priority, None, self.now);
        assert_eq!(displaced, None);
        key
    }

    fn push_all(&mut self, waiters: impl IntoIterator<Item = u32>) {
        for waiter in waiters {
            self.push(waiter, Priority::Normal);
        }
    }

    fn next(&mut self) -> Option<(u32, Fate)> {
        self.queue.next(self.now).map(|departure| (departure.waiter, departure.fate))
    }

    fn shed(&mut self) -> Option<(u32, Fate)> {
        self.queue.shed(self.now).map(|departure| (departure.waiter, departure.fate))
    }

    /// Who is served, until nobody waits.
    fn served(&mut self) -> Vec<u32> {
        std::iter::from_fn(|| self.next()).map(|(waiter, _)| waiter).collect()
    }
}

#[test]
fn the_oldest_is_first() {
    let mut bench = Bench::new(WaitQueueConfig::default());
    bench.push_all([1, 2, 3]);
    assert_eq!(bench.served(), [1, 2, 3]);
    assert!(bench.queue.is_empty());
}

#[test]
fn a_queue_that_does_not_empty_serves_the_newest_first_until_it_has_been_empty() {
    let mut bench = Bench::new(WaitQueueConfig::default());
    bench.push_all([1, 2]);
    bench.now += 100 * MS;
    assert!(!bench.queue.is_under_pressure(bench.now));
    bench.now += MS;
    assert!(bench.queue.is_under_pressure(bench.now));
    bench.push(3, Priority::Normal);
    assert_eq!(bench.served(), [3, 2, 1]);
    bench.push_all([4, 5]);
    assert_eq!(bench.served(), [4, 5]);
}

#[test]
fn under_pressure_those_who_wait_for_long_are_sent_away_before_anybody_is_served() {
    let mut bench = Bench::new(WaitQueueConfig::default());
    bench.push_all([1, 2]);
    bench.now += 900 * MS;
    bench.push(3, Priority::Critical);
    bench.now += 100 * MS;
    assert_eq!(bench.shed(), Some((1, Fate::Overdue)));
    assert_eq!(bench.next(), Some((2, Fate::Overdue)));
    assert_eq!(bench.shed(), None);
    assert_eq!(bench.next(), Some((3, Fate::Served)));
}

#[test]
fn pressure_sends_nobody_critical_away_before_the_longest_wait() {
    let mut bench = Bench::new(WaitQueueConfig::default());
    bench.push(1, Priority::Critical);
    bench.push(2, Priority::High);
    bench.now += 1999 * MS;
    assert_eq!(bench.shed(), Some((2, Fate::Overdue)));
    assert_eq!(bench.shed(), None);
    bench.now += MS;
    assert_eq!(bench.shed(), Some((1, Fate::Overdue)));
}

#[test]
fn without_pressure_one_waits_as_long_as_one_may() {
    let config = WaitQueueConfig { pressure_after: None, ..WaitQueueConfig::default() };
    let mut bench = Bench::new(config);
    bench.push_all([1]);
    bench.now += 1999 * MS;
    assert_eq!(bench.shed(), None);
    bench.now += MS;
    let departure = bench.queue.shed(bench.now).unwrap();
    assert_eq!((departure.fate, departure.waited), (Fate::Overdue, 2000 * MS));
}

#[test]
fn a_fifo_queue_is_patient_and_keeps_the_order_for_ever() {
    let mut bench = Bench::new(WaitQueueConfig::fifo());
    bench.push_all([1, 2]);
    bench.now += Duration::from_hours(24);
    bench.push_all([3]);
    assert_eq!(bench.served(), [1, 2, 3]);
}

#[test]
fn one_whose_deadline_has_passed_gets_no_turn() {
    let mut bench = Bench::new(WaitQueueConfig::default());
    let deadline = bench.now + 10 * MS;
    bench.queue.push(1, Priority::Normal, Some(deadline), bench.now);
    bench.push(2, Priority::Normal);
    bench.now += 10 * MS;
    assert_eq!(bench.next(), Some((1, Fate::Expired)));
    assert_eq!(bench.next(), Some((2, Fate::Served)));
}

#[test]
fn a_full_queue_sends_the_newest_of_the_lowest_class_away() {
    let mut bench = Bench::new(WaitQueueConfig { max_waiting: 3, ..WaitQueueConfig::default() });
    bench.push(1, Priority::Low);
    bench.push(2, Priority::Low);
    bench.push(3, Priority::High);
    let (_, displaced) = bench.queue.push(4, Priority::Normal, None, bench.now);
    let displaced = displaced.unwrap();
    assert_eq!((displaced.waiter, displaced.fate), (2, Fate::Displaced));
    // Nobody matters less than a background call: it goes itself, and its place is gone with it.
    let (key, displaced) = bench.queue.push(5, Priority::Background, None, bench.now);
    assert_eq!(displaced.unwrap().waiter, 5);
    assert_eq!(bench.queue.remove(key), None);
    assert_eq!(bench.served(), [3, 4, 1]);
}

#[test]
fn a_full_queue_under_pressure_sends_the_oldest_of_the_lowest_class_away() {
    let mut bench = Bench::new(WaitQueueConfig { max_waiting: 2, ..WaitQueueConfig::default() });
    bench.push_all([1, 2]);
    bench.now += 200 * MS;
    let (_, displaced) = bench.queue.push(3, Priority::Normal, None, bench.now);
    assert_eq!(displaced.unwrap().waiter, 1);
    assert_eq!(bench.served(), [3, 2]);
}

#[test]
fn nobody_waits_in_a_queue_without_places() {
    let mut bench = Bench::new(WaitQueueConfig { max_waiting: 0, ..WaitQueueConfig::default() });
    let (_, displaced) = bench.queue.push(1, Priority::Critical, None, bench.now);
    assert_eq!(displaced.unwrap().fate, Fate::Displaced);
    assert!(bench.queue.is_empty());
}

fn eight_to_one() -> WaitQueueConfig {
    WaitQueueConfig { priority_ratio: NonZeroU32::new(8).unwrap(), ..WaitQueueConfig::default() }
}

#[test]
fn the_most_urgent_class_is_first_and_the_lowest_is_not_starved() {
    let mut bench = Bench::new(eight_to_one());
    for waiter in 0..100 {
        bench.push(waiter, Priority::Normal);
        bench.push(1000 + waiter, Priority::High);
    }
    let served: Vec<_> = bench.served().into_iter().take(36).collect();
    let normal: Vec<_> = served.iter().enumerate().filter(|(_, waiter)| **waiter < 1000).collect();
    // Eight turns, and one, and so on.
    assert_eq!(normal, [(8, &0), (17, &1), (26, &2), (35, &3)]);
}

#[test]
fn a_class_that_comes_late_gets_its_share_and_no_arrears() {
    let mut bench = Bench::new(eight_to_one());
    bench.push_all(0..100);
    for _ in 0..50 {
        bench.next();
    }
    for waiter in 1000..1100 {
        bench.push(waiter, Priority::High);
    }
    let next: Vec<_> = (0..9).map(|_| bench.next().unwrap().0).collect();
    assert_eq!(next[..8], [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007]);
    assert_eq!(next[8], 50);
}

#[test]
fn one_who_is_put_back_is_where_it_was_and_behind_somebody_more_urgent_who_has_come_since() {
    let mut bench = Bench::new(WaitQueueConfig::default());
    let began = bench.now;
    assert_eq!(bench.queue.most_urgent(), None);
    let key = bench.push(1, Priority::Normal);
    bench.push(2, Priority::Normal);
    bench.push(3, Priority::Low);
    assert_eq!((key.priority(), bench.queue.most_urgent()), (Priority::Normal, Some(Priority::Normal)));
    assert_eq!(bench.next(), Some((1, Fate::Served)));
    bench.push(4, Priority::High);
    assert_eq!(bench.queue.most_urgent(), Some(Priority::High));
    bench.now += 10 * MS;
    bench.queue.put_back(key, 1, began, None, bench.now);
    assert_eq!(bench.next(), Some((4, Fate::Served)));
    let first = bench.queue.next(bench.now).unwrap();
    assert_eq!((first.waiter, first.waited), (1, 10 * MS), "first as it was");
    assert_eq!(bench.served(), [2, 3]);
}

#[test]
fn one_who_has_left_cannot_leave_again() {
    let mut bench = Bench::new(WaitQueueConfig::default());
    let gone = bench.push(1, Priority::Normal);
    let served = bench.push(2, Priority::Normal);
    assert_eq!(bench.queue.remove(gone), Some(1));
    assert_eq!(bench.queue.remove(gone), None);
    assert_eq!(bench.next(), Some((2, Fate::Served)));
    bench.push(3, Priority::Normal);
    assert_eq!(bench.queue.remove(served), None);
    assert_eq!(bench.queue.len(), 1);
}

#[test]
fn a_shorter_queue_and_a_shorter_wait_apply_to_those_who_wait_already() {
    let mut bench = Bench::new(WaitQueueConfig::default());
    bench.push_all([1, 2, 3]);
    let shorter = WaitQueueConfig { max_waiting: 2, ..WaitQueueConfig::default() };
    bench.queue.reconfigure(shorter).unwrap();
    assert_eq!(bench.shed(), Some((3, Fate::Displaced)));
    assert_eq!(bench.shed(), None);
    bench.now += 10 * MS;
    let impatient = WaitQueueConfig { max_wait: Some(10 * MS), ..WaitQueueConfig::default() };
    bench.queue.reconfigure(impatient).unwrap();
    assert_eq!(bench.shed(), Some((1, Fate::Overdue)));
}

#[test]
fn a_bad_configuration_is_named_with_its_rule_and_the_old_one_stays() {
    let default = WaitQueueConfig::default;
    let cases = [
        (
            WaitQueueConfig { max_waiting: 1_000_001, ..default() },
            "max_waiting is 1000001: must be at most 1000000",
        ),
        (
            WaitQueueConfig { max_wait: Some(Duration::ZERO), ..default() },
            "max_wait is 0s: must be above zero, or \"off\"",
        ),
        (
            WaitQueueConfig { max_wait_under_pressure: Some(Duration::ZERO), ..default() },
            "max_wait_under_pressure is 0s: must be above zero, or \"off\"",
        ),
        (
            WaitQueueConfig { priority_ratio: NonZeroU32::new(101).unwrap(), ..default() },
            "priority_ratio is 101: must be at most 100",
        ),
    ];
    let mut queue = WaitQueue::<()>::new(default()).unwrap();
    for (config, message) in cases {
        assert_eq!(queue.reconfigure(config.clone()).unwrap_err().to_string(), message);
        assert!(WaitQueue::<()>::new(config).is_err());
        assert_eq!(*queue.config(), default());
    }
}

#[test]
fn the_defaults_are_those_that_the_documentation_lists() {
    let text = r#"{"max_waiting":1000,"max_wait":"2s","pressure_after":"100ms","max_wait_under_pressure":"1s","priority_ratio":100}"#;
    assert_eq!(serde_json::to_string(&WaitQueueConfig::default()).unwrap(), text);
    assert_eq!(serde_json::from_str::<WaitQueueConfig>("{}").unwrap(), WaitQueueConfig::default());
    let off = r#"{"max_wait": "off", "pressure_after": "off", "max_wait_under_pressure": "off"}"#;
    assert_eq!(serde_json::from_str::<WaitQueueConfig>(off).unwrap(), WaitQueueConfig::fifo());
    assert!(serde_json::from_str::<WaitQueueConfig>(r#"{"max_wating": 1}"#).is_err());
}
