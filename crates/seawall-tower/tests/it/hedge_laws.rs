//! Whatever two attempts do and when: the answer is the one that the rules say, at the time they say, and an error says
//! that nothing was executed only if neither attempt may have been.

use std::time::Duration;

use proptest::prelude::*;
use seawall_core::{Error, FailureKind, HedgeConfig, Idempotency};
use seawall_testkit::hostile::{Answer, HostileService};
use seawall_tower::{HedgeHandle, HedgeLayer, Identity};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

/// The hedge is sent after so many milliseconds.
const DELAY: u64 = 20;

/// How an attempt ends, and after how many milliseconds.
type End = (Result<(), FailureKind>, u64);

fn end() -> impl Strategy<Value = End> {
    let kinds = prop_oneof![
        Just(Ok(())),
        Just(Err(FailureKind::Transient)),
        Just(Err(FailureKind::Timeout)),
        Just(Err(FailureKind::Overloaded { retry_after: None })),
        Just(Err(FailureKind::Permanent)),
        Just(Err(FailureKind::Refused)),
    ];
    (kinds, 0u64..80)
}

/// Who answers (1 or 2), and when.
fn expected((first, at): End, (second, after): End) -> (u32, u64) {
    if at < DELAY {
        return (1, at);
    }
    let decides = |result| matches!(result, Ok(()) | Err(FailureKind::Permanent));
    let hedge = (2, second, DELAY + after);
    let (sooner, later) = if at < hedge.2 { ((1, first, at), hedge) } else { (hedge, (1, first, at)) };
    if decides(sooner.1) {
        (sooner.0, sooner.2)
    } else if decides(later.1) || sooner.1 == Err(FailureKind::Refused) && later.1 != sooner.1 {
        (later.0, later.2)
    } else {
        (sooner.0, later.2)
    }
}

/// Whether an error may say that nothing was executed, where each attempt that fails says so of itself, or not.
fn may_be_unexecuted(first: End, second: End, unsent: (bool, bool)) -> bool {
    let (sent, ends) = (first.1 >= DELAY, [first.1, DELAY + second.1]);
    let (_, at) = expected(first, second);
    // One that is under way when the other decides may have been executed, whatever it would have said.
    unsent.0 && ends[0] <= at && (!sent || unsent.1 && ends[1] <= at)
}

async fn race(first: End, second: End, unsent: (bool, bool)) -> (Result<u32, Error>, Duration) {
    let (inner, control) = HostileService::<u32, u32, Error>::echo();
    let answer = |number: u32, (result, after): End, unsent| {
        let answer = match result {
            Ok(()) => Answer::Ok(number),
            Err(kind) => {
                let error = Error::new(kind, "hostile", number.to_string());
                Answer::Err(if unsent { error.not_executed() } else { error })
            }
        };
        answer.after(Duration::from_millis(after))
    };
    control.answers([answer(1, first, unsent.0), answer(2, second, unsent.1)]);
    let config = HedgeConfig { fixed_delay: Some(Duration::from_millis(DELAY)), ..HedgeConfig::default() };
    let handle = HedgeHandle::new(Identity::default(), &config).unwrap();
    let service = HedgeLayer::new(handle).unspecified_is(Idempotency::Idempotent).layer(inner);
    let began = Instant::now();
    let answer = service.oneshot(0).await;
    let counts = control.counts();
    assert_eq!((counts.in_flight, counts.instances), (0, 0));
    (answer, began.elapsed())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn the_first_acceptable_answer_wins(first in end(), second in end(), unsent: (bool, bool)) {
        // Ties are anybody's, and a timer's millisecond is rounded up.
        prop_assume!(first.1.abs_diff(DELAY) > 2 && first.1.abs_diff(DELAY + second.1) > 3);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let (answer, after) = runtime.unwrap().block_on(race(first, second, unsent));
        let (expected, at) = expected(first, second);
        let who = answer.as_ref().map_or_else(|error| error.name().parse().unwrap(), |number| *number);
        prop_assert_eq!(who, expected);
        if let Err(error) = answer {
            prop_assert_eq!(error.may_have_executed(), !may_be_unexecuted(first, second, unsent), "{}", error);
        }
        let late = after.saturating_sub(Duration::from_millis(at));
        prop_assert!(late <= Duration::from_millis(3), "{:?} for {}ms", after, at);
    }
}
