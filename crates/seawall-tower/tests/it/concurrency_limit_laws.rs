//! Random callers of a concurrency limit, beside tower's own where it does the same, and against the limit's laws where
//! it does more.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{CallContext, Error, FailureKind, LimitConfig, Priority, WaitQueueConfig};
use seawall_testkit::hostile::{Answer, Hostile, HostileService};
use seawall_tower::{ConcurrencyLimitConfig, ConcurrencyLimitHandle, ConcurrencyLimitLayer, Identity};
use tokio::time::{Instant, advance};
use tokio_test::task::{self, Spawn};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

type Inner = HostileService<u32, u32, Error>;
type Call = Spawn<std::pin::Pin<Box<dyn Future<Output = Result<u32, Error>> + Send>>>;

#[derive(Clone, Debug)]
enum Step {
    /// Somebody comes, and is polled.
    Come(Option<u64>, Priority),
    /// One of those who are there gives up.
    Drop(usize),
    /// The answers of so many calls are let go, and whoever was woken is polled.
    Answer(usize),
    /// A service is made ready, and dropped.
    Ready,
    Pass(u64),
    Limit(u32),
}

fn run<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
}

fn fifo(max: u32) -> ConcurrencyLimitConfig {
    let queue = WaitQueueConfig::fifo();
    ConcurrencyLimitConfig { queue, ..ConcurrencyLimitConfig::fixed(NonZeroU32::new(max).unwrap()) }
}

struct Bench {
    service: BoxCloneSyncService<u32, u32, Error>,
    control: Hostile<u32, Error>,
    callers: Vec<(u32, Call)>,
    next: u32,
    /// What became of callers, in its order.
    ended: Vec<(u32, Option<FailureKind>)>,
    failures: bool,
}

impl Bench {
    fn new<L, S>(layer: &L) -> Self
    where
        L: Layer<Inner, Service = S>,
        S: Service<u32, Response = u32, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send,
    {
        let (inner, control) = HostileService::echo();
        let service = BoxCloneSyncService::new(layer.layer(inner));
        Self { service, control, callers: vec![], next: 0, ended: vec![], failures: false }
    }

    async fn play(&mut self, step: &Step) {
        match *step {
            Step::Come(patience, priority) => {
                let number = self.next;
                self.next += 1;
                // Answers are taken in the order of the calls, so each is as good as the other.
                let answer = if self.failures && number.is_multiple_of(5) {
                    Answer::failure(FailureKind::Timeout)
                } else {
                    Answer::Ok(number)
                };
                self.control.answers([answer.held()]);
                let now = Instant::now().into_std();
                let context = CallContext::default().priority(priority);
                let context = match patience {
                    Some(patience) => context.within(Duration::from_millis(patience), now),
                    None => context,
                };
                let mut call: Call =
                    task::spawn(Box::pin(context.scope(self.service.clone().oneshot(number))));
                match call.poll() {
                    std::task::Poll::Pending => self.callers.push((number, call)),
                    std::task::Poll::Ready(result) => self.end(number, result),
                }
            }
            Step::Drop(which) if !self.callers.is_empty() => {
                drop(self.callers.remove(which % self.callers.len()));
            }
            Step::Answer(calls) => self.control.release(calls.min(self.control.counts().in_flight)),
            Step::Ready => {
                let mut service = self.service.clone();
                let mut ready = task::spawn(async { service.ready().await.map(|_| ()) });
                let _either = ready.poll();
            }
            Step::Pass(millis) => advance(Duration::from_millis(millis)).await,
            // The limit is the test's own to change.
            Step::Drop(_) | Step::Limit(_) => {}
        }
        // After an answer only the first that was woken is polled, so that others stay with a permit, or a refusal, that
        // they have not come to fetch.
        self.poll_woken(if matches!(step, Step::Answer(_)) { 1 } else { usize::MAX });
        // Tokio lets a task do only so much before it yields.
        tokio::task::yield_now().await;
    }

    fn poll_woken(&mut self, at_most: usize) {
        for _ in 0..at_most {
            let Some(which) = self.callers.iter().position(|(_, call)| call.is_woken()) else { return };
            if let std::task::Poll::Ready(result) = self.callers[which].1.poll() {
                let (number, _) = self.callers.remove(which);
                self.end(number, result);
            }
        }
    }

    fn end(&mut self, number: u32, result: Result<u32, Error>) {
        self.ended.push((number, result.err().map(|error| error.kind())));
    }
}

fn step() -> impl Strategy<Value = Step> {
    let priority = prop::sample::select(Priority::ALL.to_vec());
    prop_oneof![
        8 => (prop::option::weighted(0.3, 0u64..300), priority)
            .prop_map(|(patience, priority)| Step::Come(patience, priority)),
        3 => any::<usize>().prop_map(Step::Drop),
        6 => (1usize..4).prop_map(Step::Answer),
        1 => Just(Step::Ready),
        3 => (0u64..200).prop_map(Step::Pass),
        1 => (1u32..6).prop_map(Step::Limit),
    ]
}

fn plain() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Come(None, Priority::Normal)),
        3 => any::<usize>().prop_map(Step::Drop),
        6 => (1usize..4).prop_map(Step::Answer),
        1 => Just(Step::Ready),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_fixed_limit_with_a_plain_queue_admits_whom_towers_admits(
        max in 1u32..5,
        steps in prop::collection::vec(plain(), 0..120),
    ) {
        run(async {
            let limit = ConcurrencyLimitHandle::new(Identity::default(), &fifo(max)).unwrap();
            let mut ours = Bench::new(&ConcurrencyLimitLayer::new(limit));
            let mut towers = Bench::new(&tower::limit::ConcurrencyLimitLayer::new(max as usize));
            for step in steps {
                ours.play(&step).await;
                towers.play(&step).await;
                prop_assert_eq!(&ours.ended, &towers.ended);
                let [ours, towers] = [&ours, &towers].map(|bench| bench.control.counts());
                prop_assert_eq!((ours.calls, ours.in_flight), (towers.calls, towers.in_flight));
            }
            Ok(())
        })?;
    }

    #[test]
    fn nothing_leaks_nobody_is_forgotten_and_the_limit_holds(
        adaptive in any::<bool>(),
        max_waiting in 0u32..8,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        run(async {
            let config = |max: u32| {
                let max = NonZeroU32::new(max).unwrap();
                let limit = LimitConfig { initial: 2.0, max, ..LimitConfig::default() };
                let limit = if adaptive { limit } else { LimitConfig::fixed(max) };
                ConcurrencyLimitConfig { limit, queue: WaitQueueConfig { max_waiting, ..WaitQueueConfig::default() } }
            };
            let limit = ConcurrencyLimitHandle::new(Identity::default(), &config(3)).unwrap();
            let mut bench = Bench::new(&ConcurrencyLimitLayer::new(limit.clone()));
            bench.failures = adaptive;
            for step in steps {
                let before = limit.in_flight();
                if let Step::Limit(max) = step {
                    limit.reconfigure(&config(max)).unwrap();
                }
                bench.play(&step).await;
                // Only those who were in before a limit was lowered may be more than it allows.
                // Below 1, one may go ahead of one that has its place and waits for the end of the pause.
                let places = if limit.limit() < 1.0 { 2 } else { limit.limit() as u32 };
                prop_assert!(limit.in_flight() <= before.max(places));
                prop_assert!(limit.waiting() <= max_waiting as usize);
                // Who is there is under way, waits, or has a permit or a refusal and has not come to fetch it.
                let settled = !bench.callers.iter().any(|(_, call)| call.is_woken());
                let known = limit.in_flight() as usize + limit.waiting();
                prop_assert!(known == bench.callers.len() || (!settled && known < bench.callers.len()));
                if limit.limit() >= 1.0 {
                    prop_assert!(limit.waiting() == 0 || limit.in_flight() >= limit.limit() as u32);
                }
            }
            // Once everything is answered or has waited too long, nobody is left.
            for _ in 0..40 {
                bench.play(&Step::Answer(100)).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            prop_assert_eq!((limit.in_flight(), limit.waiting(), bench.callers.len()), (0, 0, 0));
            Ok(())
        })?;
    }
}
