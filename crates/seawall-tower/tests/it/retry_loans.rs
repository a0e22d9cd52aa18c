//! What retries and hedges leave in a budget they share, when some are paid and others are lent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{
    Error, FailureKind, HedgeConfig, Idempotency, Jitter, RetryBudget, RetryBudgetConfig, SharedRetryBudget,
    Slack,
};
use seawall_testkit::hostile::{Answer, Hostile, HostileService};
use seawall_tower::{
    AttemptTimeoutLayer, HedgeHandle, HedgeLayer, Identity, RetryConfig, RetryLayer, RetryPolicy,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep, timeout};
use tokio_test::{assert_pending, task};
use tower::util::{BoxCloneService, BoxCloneSyncService};
use tower::{Layer, ServiceExt, service_fn};

type Service = BoxCloneService<&'static str, &'static str, Error>;
type Inner = Hostile<&'static str, Error>;

/// Long enough for the wait before any retry.
const A_WHILE: Duration = Duration::from_secs(1);

/// Holds ten, and earns nothing.
fn budget() -> SharedRetryBudget {
    let config =
        RetryBudgetConfig { reserve: 10.0, ratio: 0.0, trickle: 0.0, ..RetryBudgetConfig::default() };
    SharedRetryBudget::new(RetryBudget::new(config, Instant::now().into_std()).unwrap())
}

fn balance(budget: &SharedRetryBudget) -> f64 {
    budget.with(|budget| budget.balance(Instant::now().into_std()))
}

/// Our retry, and tower's own by our policy.
fn both(budget: &SharedRetryBudget) -> [(Service, Inner); 2] {
    let config = RetryConfig { jitter: Jitter::None, ..RetryConfig::default() };
    let policy = || {
        let policy = RetryPolicy::new(&config).unwrap().unspecified_is(Idempotency::Idempotent);
        policy.budget(budget.clone())
    };
    let (ours, of_ours) = HostileService::echo();
    let (theirs, of_theirs) = HostileService::echo();
    [
        (BoxCloneService::new(RetryLayer::new(policy()).layer(ours)), of_ours),
        (BoxCloneService::new(tower::retry::RetryLayer::new(policy()).layer(theirs)), of_theirs),
    ]
}

fn fails(kind: FailureKind) -> Answer<&'static str, Error> {
    Answer::failure(kind)
}

const TRANSIENT: FailureKind = FailureKind::Transient;
const TIMEOUT: FailureKind = FailureKind::Timeout;

#[tokio::test(start_paused = true)]
async fn a_success_repays_the_loans_of_its_call_and_not_what_was_paid_after_a_timeout() {
    for which in [0, 1] {
        let budget = budget();
        let (service, inner) = both(&budget).into_iter().nth(which).unwrap();
        inner.answers([fails(TRANSIENT), fails(TRANSIENT), fails(TRANSIENT)]);
        service.clone().oneshot("hello").await.unwrap();
        assert!((balance(&budget) - 10.0).abs() < 1e-9, "three loans, repaid");

        inner.answers([fails(TIMEOUT), fails(TRANSIENT)]);
        service.clone().oneshot("hello").await.unwrap();
        assert!(
            (balance(&budget) - 9.0).abs() < 1e-9,
            "the retry after the timeout was in vain, and is paid"
        );

        inner.answers([fails(TRANSIENT), fails(TIMEOUT)]);
        service.clone().oneshot("hello").await.unwrap();
        assert!((balance(&budget) - 9.0).abs() < 1e-9, "a retry that was paid and succeeds brings both back");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_repays_others_as_far_as_it_left_time_of_the_attempt_timeout_in_force() {
    let budget = budget();
    let limit = AttemptTimeoutLayer::new(Duration::from_millis(1_600)).handle();
    let policy = RetryPolicy::new(&RetryConfig::default()).unwrap().unspecified_is(Idempotency::Idempotent);
    let policy = policy.budget(budget.clone()).attempt_timeout(limit.clone());
    let (service, inner) = HostileService::echo();
    let service = RetryLayer::new(policy).layer(service);
    let ask = || service.clone().oneshot("hello");
    let late = || Answer::Ok("late").after(Duration::from_millis(900));

    inner.answers([fails(TRANSIENT), fails(TRANSIENT), fails(TRANSIENT), fails(TRANSIENT)]);
    ask().await.unwrap_err();
    assert!((balance(&budget) - 7.0).abs() < 1e-9, "three loans, in vain");
    inner.answers([late()]);
    ask().await.unwrap();
    assert!((balance(&budget) - 8.5).abs() < 1e-9, "half of its time was left");

    inner.answers([fails(TRANSIENT), late()]);
    ask().await.unwrap();
    assert!((balance(&budget) - 8.75).abs() < 1e-9, "a retry's time begins when it is sent");

    limit.set(None).unwrap();
    inner.answers([late()]);
    ask().await.unwrap();
    assert!((balance(&budget) - 10.0).abs() < 1e-9, "nothing is late without a limit");
}

#[tokio::test(start_paused = true)]
async fn a_loan_of_a_call_that_is_dropped_comes_back_at_once_or_with_the_next_success() {
    for which in [0, 1] {
        let budget = budget();
        let (service, inner) = both(&budget).into_iter().nth(which).unwrap();
        inner.answers([fails(TRANSIENT)]);
        let mut waiting = task::spawn(service.clone().oneshot("hello"));
        assert_pending!(waiting.poll());
        assert!((balance(&budget) - 9.0).abs() < 1e-9);
        drop(waiting);
        assert!((balance(&budget) - 10.0).abs() < 1e-9, "never sent");

        inner.answers([fails(TRANSIENT), Answer::Hang]);
        let mut sent = task::spawn(service.clone().oneshot("hello"));
        assert_pending!(sent.poll());
        advance(A_WHILE).await;
        assert_pending!(sent.poll());
        drop(sent);
        assert!((balance(&budget) - 9.0).abs() < 1e-9, "it reached the backend");
        service.oneshot("hello").await.unwrap();
        assert!((balance(&budget) - 10.0).abs() < 1e-9);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lent_retry_that_is_refused_comes_back_once_also_if_a_success_repaid_it_meanwhile() {
    for which in [0, 1] {
        let budget = budget();
        let (service, inner) = both(&budget).into_iter().nth(which).unwrap();
        assert!(budget.with(|budget| budget.withdraw(Instant::now().into_std())));
        inner.answers([fails(TRANSIENT), fails(FailureKind::Refused)]);
        service.clone().oneshot("hello").await.unwrap_err();
        assert!((balance(&budget) - 9.0).abs() < 1e-9);

        inner.answers([fails(TRANSIENT), fails(FailureKind::Refused).after(A_WHILE)]);
        let mut refused = task::spawn(service.clone().oneshot("hello"));
        assert_pending!(refused.poll());
        advance(A_WHILE).await;
        assert_pending!(refused.poll());
        service.clone().oneshot("hello").await.unwrap();
        assert!((balance(&budget) - 9.0).abs() < 1e-9, "repaid");
        refused.await.unwrap_err();
        assert!((balance(&budget) - 9.0).abs() < 1e-9, "and not once more");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_wins_repays_loans_and_one_that_loses_is_paid() {
    let budget = budget();
    let delay = Duration::from_millis(20);
    let config = HedgeConfig { fixed_delay: Some(delay), ..HedgeConfig::default() };
    let hedge = HedgeLayer::new(HedgeHandle::new(Identity::default(), &config).unwrap());
    let (inner, control) = HostileService::<&str, &str, Error>::echo();
    let retry = RetryConfig { jitter: Jitter::None, ..RetryConfig::default() };
    let policy = RetryPolicy::new(&retry).unwrap().unspecified_is(Idempotency::Idempotent);
    let hedged = hedge.unspecified_is(Idempotency::Idempotent).budget(budget.clone()).layer(inner);
    let service = RetryLayer::new(policy.budget(budget.clone())).layer(hedged);

    // The first fails, the retry is slow, and its hedge wins.
    control.answers([fails(TRANSIENT), Answer::Hang]);
    service.clone().oneshot("hello").await.unwrap();
    assert!((balance(&budget) - 10.0).abs() < 1e-9, "{}", balance(&budget));

    // The hedge is sent, and the first attempt answers after all. A loan outstanding is repaid, the hedge is not.
    assert!(budget.with(|budget| budget.borrow(Instant::now().into_std())));
    control.answers([Answer::Ok("late").after(2 * delay), Answer::Hang]);
    assert_eq!(service.clone().oneshot("hello").await.unwrap(), "late");
    assert!((balance(&budget) - 9.0).abs() < 1e-9, "{}", balance(&budget));
}

/// What becomes of one call.
#[derive(Clone, Debug)]
struct Fate {
    /// When it is made, in milliseconds.
    begins: u64,
    /// What its attempts are told; those after that are fine.
    answers: Vec<Said>,
    /// After how many milliseconds its caller leaves.
    leaves: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    Fine,
    Transient,
    Timeout,
    Refused,
    Hangs,
}

impl Said {
    async fn say(self) -> Result<&'static str, Error> {
        let failure = |kind| Err(Error::new(kind, "backend", "test"));
        match self {
            Self::Fine => Ok("fine"),
            Self::Transient => failure(TRANSIENT),
            Self::Timeout => failure(TIMEOUT),
            Self::Refused => failure(FailureKind::Refused),
            Self::Hangs => std::future::pending().await,
        }
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    let said = prop_oneof![
        2 => Just(Said::Fine),
        4 => Just(Said::Transient),
        2 => Just(Said::Timeout),
        1 => Just(Said::Refused),
        1 => Just(Said::Hangs),
    ];
    let answers = prop::collection::vec(said, 1..5);
    (0u64..600, answers, prop::option::weighted(0.3, 0u64..600)).prop_map(|(begins, answers, leaves)| Fate {
        begins,
        answers,
        leaves,
    })
}

/// Plays all of them over one budget, and says what each call's attempts were told.
async fn play(fates: &[Fate], by_tower: bool, budget: &SharedRetryBudget) -> Vec<Vec<Said>> {
    let told = Arc::new(Mutex::new(vec![vec![]; fates.len()]));
    let inner = {
        let (fates, told) = (fates.to_vec(), Arc::clone(&told));
        service_fn(move |call: usize| {
            let told = &mut told.lock().unwrap()[call];
            let said = fates[call].answers.get(told.len()).copied().unwrap_or(Said::Fine);
            told.push(said);
            said.say()
        })
    };
    let policy = RetryPolicy::new(&RetryConfig::default()).unwrap().unspecified_is(Idempotency::Idempotent);
    let policy = policy.seed(1).budget(budget.clone());
    let service = if by_tower {
        BoxCloneSyncService::new(tower::retry::RetryLayer::new(policy).layer(inner))
    } else {
        BoxCloneSyncService::new(RetryLayer::new(policy).layer(inner))
    };
    let mut calls = JoinSet::new();
    for (call, fate) in fates.iter().enumerate() {
        let (service, begins) = (service.clone(), Duration::from_millis(fate.begins));
        let leaves = fate.leaves.map_or(60 * A_WHILE, Duration::from_millis);
        calls.spawn(async move {
            sleep(begins).await;
            drop(timeout(leaves, service.oneshot(call)).await);
        });
    }
    calls.join_all().await;
    std::mem::take(&mut *told.lock().unwrap())
}

proptest! {
    /// However calls end, and whoever is under way meanwhile, in our retry and in tower's own.
    #[test]
    fn once_a_call_succeeds_nothing_is_owed_but_retries_after_timeouts_that_were_in_vain(
        fates in prop::collection::vec(fate(), 1..8),
        by_tower in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let (told, left) = runtime.unwrap().block_on(async {
            let budget = budget();
            let told = play(&fates, by_tower, &budget).await;
            budget.record_success(Slack::FULL, || Instant::now().into_std());
            (told, balance(&budget))
        });
        let in_vain = |pair: &[Said]| {
            pair[0] == Said::Timeout && !matches!(pair[1], Said::Fine | Said::Refused)
        };
        let paid = told.iter().flat_map(|told| told.windows(2)).filter(|pair| in_vain(pair)).count();
        prop_assert!((left - (10.0 - paid as f64)).abs() < 1e-9, "{} left, {} paid, {:?}", left, paid, told);
    }
}
