//! The gate of the concurrency limit in every order that its threads can run in: the very source files, over the parts
//! of a model checker.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use loom::sync::Notify;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use seawall_core::{Fate, LimitConfig, Priority, WaitQueueConfig};

use gate::Left;
use platform::{Lock, Platform, Word};
use waiter::{Verdict, Waiter};

#[expect(dead_code, reason = "the model needs less of it than the layer")]
#[path = "../../src/concurrency_limit/gate.rs"]
mod gate;
#[path = "../../src/concurrency_limit/places.rs"]
mod places;
#[allow(dead_code, reason = "the model has a platform of its own")]
#[path = "../../src/concurrency_limit/platform.rs"]
mod platform;
#[path = "../../src/concurrency_limit/spacing.rs"]
mod spacing;
#[path = "../../src/concurrency_limit/waiter.rs"]
mod waiter;

struct Modelled;

impl Platform for Modelled {
    type Word = AtomicU64;
    type Lock<T> = loom::sync::Mutex<T>;
}

impl Word for AtomicU64 {
    fn new(value: u64) -> Self {
        Self::new(value)
    }

    fn load(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    fn store(&self, value: u64) {
        self.store(value, Ordering::Release);
    }

    fn exchange(&self, current: u64, new: u64) -> Result<u64, u64> {
        self.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire)
    }
}

impl<T> Lock<T> for loom::sync::Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R {
        run(&mut self.lock().unwrap())
    }
}

struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// A gate, and a count of those who are past it that only the test keeps: of std's, so that the model need not try
/// orders that differ in nothing else.
struct Bench {
    gate: gate::Gate<Modelled>,
    inside: AtomicUsize,
    now: Instant,
}

fn fixed(max: u32) -> LimitConfig {
    LimitConfig::fixed(NonZeroU32::new(max).unwrap())
}

impl Bench {
    fn new(limit: LimitConfig) -> Arc<Self> {
        let gate = gate::Gate::new(limit, WaitQueueConfig::fifo()).unwrap();
        let now = tokio::time::Instant::now().into_std();
        Arc::new(Self { gate, inside: AtomicUsize::new(0), now })
    }

    /// As the service does: at once, or after a wait that only a wake-up ends.
    fn enter(&self) -> u32 {
        let in_flight = self.gate.try_enter().unwrap_or_else(|| {
            let waiter = Arc::new(Waiter::new());
            self.gate.enter_or_wait(&waiter, Priority::Normal, None, self.now);
            match wait_for(&waiter) {
                Verdict::Entered { in_flight, opens: None } => in_flight,
                other => panic!("{other:?}"),
            }
        });
        self.inside.fetch_add(1, Ordering::SeqCst);
        in_flight
    }

    fn leave(&self, in_flight: u32) {
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.give_back(in_flight);
    }

    fn give_back(&self, in_flight: u32) {
        if !self.gate.try_leave(in_flight, false) {
            self.gate.leave(Left { sample: None, took: Some(Duration::ZERO) }, self.now);
        }
    }

    /// Waits, changes its mind, and gives back what it may have been given.
    fn enter_and_withdraw(&self) {
        let waiter = Arc::new(Waiter::new());
        match self.gate.enter_or_wait(&waiter, Priority::Normal, None, self.now) {
            (Some(key), _) if self.gate.withdraw(key, self.now) => assert_eq!(waiter.take(), None),
            _ => match waiter.take() {
                Some(Verdict::Entered { in_flight, .. }) => self.give_back(in_flight),
                other => panic!("{other:?}"),
            },
        }
    }

    /// Nobody is under way or waits, and whoever comes gets in without a lock.
    fn is_as_it_was(&self) {
        assert_eq!((self.gate.in_flight(), self.gate.waiting()), (0, 0));
        assert_eq!(self.gate.try_enter(), Some(1));
        assert!(self.gate.try_leave(1, false));
    }
}

fn wait_for(waiter: &Waiter<Modelled>) -> Verdict {
    let bell = Arc::new(Bell(Notify::new()));
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        if let Some(verdict) = waiter.poll(&waker) {
            return verdict;
        }
        bell.0.wait();
    }
}

/// Every order of the threads with at most this many interruptions; a thread that nobody wakes is a deadlock, which
/// fails the test.
fn model(interruptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(interruptions);
    model.check(run);
}

#[test]
fn two_share_one_place_and_neither_is_forgotten() {
    model(4, || {
        let bench = Bench::new(fixed(1));
        let visit = |bench: &Bench| {
            let in_flight = bench.enter();
            assert_eq!(bench.inside.load(Ordering::SeqCst), 1, "never two in one place");
            bench.leave(in_flight);
        };
        let other = Arc::clone(&bench);
        let other = thread::spawn(move || visit(&other));
        visit(&bench);
        other.join().unwrap();
        bench.is_as_it_was();
    });
}

#[test]
fn three_share_two_places() {
    model(2, || {
        let bench = Bench::new(fixed(2));
        let visit = |bench: &Bench| {
            let in_flight = bench.enter();
            assert!(bench.inside.load(Ordering::SeqCst) <= 2);
            assert!(in_flight <= 2);
            bench.leave(in_flight);
        };
        let others: Vec<_> = (0..2)
            .map(|_| {
                let other = Arc::clone(&bench);
                thread::spawn(move || visit(&other))
            })
            .collect();
        visit(&bench);
        for other in others {
            other.join().unwrap();
        }
        bench.is_as_it_was();
    });
}

#[test]
fn one_who_withdraws_as_its_place_comes_free_leaves_it_to_the_next() {
    model(2, || {
        let bench = Bench::new(fixed(1));
        let held = bench.enter();
        let fickle = Arc::clone(&bench);
        let fickle = thread::spawn(move || fickle.enter_and_withdraw());
        let patient = Arc::clone(&bench);
        let patient = thread::spawn(move || {
            let in_flight = patient.enter();
            patient.leave(in_flight);
        });
        bench.leave(held);
        fickle.join().unwrap();
        patient.join().unwrap();
        bench.is_as_it_was();
    });
}

#[test]
fn a_higher_limit_lets_in_who_waits_however_late_it_began_to() {
    model(4, || {
        let bench = Bench::new(fixed(1));
        let held = bench.enter();
        let other = Arc::clone(&bench);
        let waiting = thread::spawn(move || other.enter());
        bench.gate.reconfigure(fixed(2), WaitQueueConfig::fifo(), bench.now).unwrap();
        let second = waiting.join().unwrap();
        assert_eq!(second, 2);
        bench.leave(held);
        bench.leave(second);
        bench.is_as_it_was();
    });
}

#[test]
fn a_lower_limit_lets_nobody_in_before_calls_have_ended() {
    model(3, || {
        let bench = Bench::new(fixed(2));
        let held = [bench.enter(), bench.enter()];
        let other = Arc::clone(&bench);
        let waiting = thread::spawn(move || {
            let in_flight = other.enter();
            assert_eq!(other.inside.load(Ordering::SeqCst), 1);
            other.leave(in_flight);
        });
        bench.gate.reconfigure(fixed(1), WaitQueueConfig::fifo(), bench.now).unwrap();
        for in_flight in held {
            bench.leave(in_flight);
        }
        waiting.join().unwrap();
        bench.is_as_it_was();
    });
}

#[test]
fn no_answered_call_goes_uncounted() {
    model(2, || {
        let bench = Bench::new(LimitConfig { initial: 50.0, ..LimitConfig::default() });
        let call = |bench: &Bench| {
            let in_flight = bench.enter();
            assert!(
                bench.gate.try_leave(in_flight, true) || {
                    // Somebody has the lock, and answers are told under it.
                    let epoch = bench.gate.epoch();
                    let outcome = Some(seawall_core::Outcome::Success);
                    let sample = seawall_core::Sample { epoch, in_flight, took: None, outcome };
                    bench.gate.leave(Left { sample: Some(sample), took: Some(Duration::ZERO) }, bench.now);
                    true
                }
            );
        };
        let other = Arc::clone(&bench);
        let other = thread::spawn(move || call(&other));
        let third = Arc::clone(&bench);
        let third = thread::spawn(move || {
            third.gate.reconfigure(LimitConfig::default(), WaitQueueConfig::fifo(), third.now).unwrap();
        });
        call(&bench);
        other.join().unwrap();
        third.join().unwrap();
        // Under the lock the limit is told of all of them.
        bench.gate.reconfigure(LimitConfig::default(), WaitQueueConfig::fifo(), bench.now).unwrap();
        let told = bench.gate.with_limit(|limit| format!("{limit:?}"));
        assert!(told.contains("answered: 2"), "{told}");
        assert_eq!(bench.gate.in_flight(), 0);
    });
}

#[test]
fn a_full_queue_answers_at_once() {
    model(4, || {
        let bench = Bench::new(fixed(1));
        let nobody = WaitQueueConfig { max_waiting: 0, ..WaitQueueConfig::fifo() };
        bench.gate.reconfigure(fixed(1), nobody, bench.now).unwrap();
        let held = bench.enter();
        let other = Arc::clone(&bench);
        let other = thread::spawn(move || {
            let waiter = Arc::new(Waiter::new());
            other.gate.enter_or_wait(&waiter, Priority::Normal, None, other.now);
            match waiter.take() {
                Some(Verdict::Entered { in_flight, .. }) => other.give_back(in_flight),
                refused => assert_eq!(refused, Some(Verdict::Refused(Fate::Displaced))),
            }
        });
        bench.leave(held);
        other.join().unwrap();
        bench.is_as_it_was();
    });
}
