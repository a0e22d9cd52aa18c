//! Random arrivals, departures, pauses and cancellations, against a list that is looked through each time.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use seawall_core::{Departure, Fate, Priority, WaitKey, WaitQueue, WaitQueueConfig};

use crate::retry_budget::some_instant;

#[derive(Clone, Copy, Debug)]
enum Step {
    Push { priority: Priority, patience: Option<u64> },
    Next,
    Shed,
    Remove { which: usize },
    Pass(u64),
    Places(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (priority(), prop::option::of(0u64..800))
            .prop_map(|(priority, patience)| Step::Push { priority, patience }),
        6 => Just(Step::Next),
        2 => Just(Step::Shed),
        3 => any::<usize>().prop_map(|which| Step::Remove { which }),
        4 => (0u64..150).prop_map(Step::Pass),
        1 => (0u32..20).prop_map(Step::Places),
    ]
}

fn priority() -> impl Strategy<Value = Priority> {
    prop::sample::select(Priority::ALL.to_vec())
}

/// What the list knows of one who waits.
#[derive(Clone, Debug)]
struct Waiting {
    key: WaitKey,
    priority: Priority,
    since: Instant,
    deadline: Option<Instant>,
}

/// The queue, and the list it is checked against. Waiters are numbered in the order they came.
struct Bench {
    queue: WaitQueue<u64>,
    waiting: BTreeMap<u64, Waiting>,
    now: Instant,
    next: u64,
}

impl Bench {
    fn new(config: WaitQueueConfig) -> Self {
        let queue = WaitQueue::new(config).unwrap();
        Self { queue, waiting: BTreeMap::new(), now: some_instant(), next: 0 }
    }

    fn push(&mut self, priority: Priority, deadline: Option<Instant>) -> Option<Departure<u64>> {
        let (now, number) = (self.now, self.next);
        self.next += 1;
        let (key, displaced) = self.queue.push(number, priority, deadline, now);
        self.waiting.insert(number, Waiting { key, priority, since: now, deadline });
        displaced
    }

    /// The laws of one departure; the pressure is that before it.
    fn check(&mut self, departure: Departure<u64>, pressed: bool) {
        let Departure { waiter, waited, fate } = departure;
        // Each leaves once: it waited until now.
        let gone = self.waiting.remove(&waiter).expect("nobody leaves who does not wait");
        assert_eq!(waited, self.now - gone.since);
        let expired = gone.deadline.is_some_and(|deadline| deadline <= self.now);
        assert_eq!(fate == Fate::Expired, expired);
        let config = self.queue.config();
        let mut equals = self.waiting.iter().filter(|(_, other)| other.priority == gone.priority);
        match fate {
            Fate::Served if pressed => assert!(equals.all(|(&other, _)| other < waiter), "newest first"),
            Fate::Served => assert!(equals.all(|(&other, _)| other > waiter), "oldest first"),
            Fate::Overdue => {
                let hurried = pressed && gone.priority != Priority::Critical;
                let longest = if hurried { config.max_wait_under_pressure } else { config.max_wait };
                assert!(waited >= longest.unwrap());
            }
            Fate::Displaced => {
                assert!(self.waiting.values().all(|other| other.priority >= gone.priority));
                assert_eq!(self.waiting.len() - self.excess(), config.max_waiting as usize);
                if pressed {
                    assert!(equals.all(|(&other, _)| other > waiter));
                } else {
                    assert!(equals.all(|(&other, _)| other < waiter));
                }
            }
            Fate::Expired => {}
        }
    }

    /// How many more wait than may, after the queue was made shorter.
    fn excess(&self) -> usize {
        self.waiting.len().saturating_sub(self.queue.config().max_waiting as usize)
    }

    fn leave(&mut self, departure: impl FnOnce(&mut WaitQueue<u64>, Instant) -> Option<Departure<u64>>) {
        let pressed = self.queue.is_under_pressure(self.now);
        if let Some(departure) = departure(&mut self.queue, self.now) {
            self.check(departure, pressed);
        }
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Push { priority, patience } => {
                let deadline = patience.map(|patience| self.now + Duration::from_millis(patience));
                let pressed = self.queue.is_under_pressure(self.now);
                if let Some(displaced) = self.push(priority, deadline) {
                    self.check(displaced, pressed);
                }
            }
            Step::Next => self.leave(WaitQueue::next),
            Step::Shed => self.leave(WaitQueue::shed),
            Step::Remove { which } if !self.waiting.is_empty() => {
                let which = which % self.waiting.len();
                let (&number, waiting) = self.waiting.iter().nth(which).unwrap();
                let key = waiting.key;
                assert_eq!(self.queue.remove(key), Some(number));
                assert_eq!(self.queue.remove(key), None);
                self.waiting.remove(&number);
            }
            Step::Remove { .. } => {}
            Step::Pass(millis) => self.now += Duration::from_millis(millis),
            Step::Places(max_waiting) => {
                self.queue
                    .reconfigure(WaitQueueConfig { max_waiting, ..WaitQueueConfig::default() })
                    .unwrap();
                while self.excess() > 0 {
                    self.leave(WaitQueue::shed);
                }
            }
        }
        assert_eq!(self.queue.len(), self.waiting.len());
        assert!(self.queue.len() <= self.queue.config().max_waiting as usize, "bounded");
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_queue_keeps_its_laws_and_loses_nobody(
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mut bench = Bench::new(WaitQueueConfig { max_waiting: 10, ..WaitQueueConfig::default() });
        for step in steps {
            bench.play(step);
        }
        while !bench.queue.is_empty() {
            bench.leave(WaitQueue::next);
        }
        prop_assert!(bench.waiting.is_empty());
    }

    #[test]
    fn nobody_is_sent_away_who_may_stay(steps in prop::collection::vec(step(), 0..300)) {
        // As patient as can be and with places for all, it only ever serves or expires.
        let mut bench = Bench::new(WaitQueueConfig::fifo());
        for step in steps {
            if !matches!(step, Step::Places(_)) {
                bench.play(step);
            }
            prop_assert!(bench.queue.shed(bench.now).is_none());
        }
    }

    #[test]
    fn classes_share_the_turns_by_their_weights(ratio in 1u32..9, classes in prop::sample::subsequence(Priority::ALL.to_vec(), 2..=5)) {
        let config = WaitQueueConfig { priority_ratio: NonZeroU32::new(ratio).unwrap(), ..WaitQueueConfig::fifo() };
        let mut bench = Bench::new(config);
        let mut turns = BTreeMap::<Priority, f64>::new();
        // Every class always has somebody waiting.
        for &class in &classes {
            bench.push(class, None);
        }
        let rounds = 3000;
        for _ in 0..rounds {
            let served = bench.queue.next(bench.now).unwrap().waiter;
            let class = bench.waiting.remove(&served).unwrap().priority;
            *turns.entry(class).or_default() += 1.0;
            bench.push(class, None);
        }
        let weight = |class: Priority| f64::from(ratio).powi(class as i32);
        let all: f64 = classes.iter().copied().map(weight).sum();
        for class in classes {
            let due = f64::from(rounds) * weight(class) / all;
            let got = turns.get(&class).copied().unwrap_or_default();
            prop_assert!((got - due).abs() <= 5.0, "{class:?} got {got} turns of {due}");
        }
    }

    /// The bound that self-clocked fair queueing gives, in turns: whoever comes first of a class waits for no more
    /// than a turn's worth of every other class.
    #[test]
    fn an_urgent_newcomer_waits_for_at_most_one_of_each_lower_class(
        crowd in prop::collection::vec(priority(), 0..100),
        turns in 0usize..100,
    ) {
        let mut bench = Bench::new(WaitQueueConfig::fifo());
        for priority in crowd {
            bench.push(priority, None);
        }
        for _ in 0..turns {
            bench.leave(WaitQueue::next);
        }
        bench.waiting.retain(|_, waiting| waiting.priority == Priority::Critical);
        let ahead = bench.waiting.len();
        bench.push(Priority::Critical, None);
        let newcomer = bench.next - 1;
        let mut others = 0;
        while bench.queue.next(bench.now).unwrap().waiter != newcomer {
            others += 1;
        }
        // Its own class before it, one lower call for eight of them, and one of each lower class.
        prop_assert!(others <= ahead + ahead / 7 + 4, "{others} were served before it, {ahead} of its class");
    }
}
