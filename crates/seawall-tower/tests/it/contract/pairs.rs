//! Every layer over every layer, itself included: what holds of each must hold of two.

use seawall_core::FailureKind;
use seawall_testkit::hostile::{Answer, Readiness};
use tower::ServiceExt;

use super::layers::LAYERS;
use super::{Layer, SECOND, a_moment, ended, hostile, patient, recovers};

/// Every ordered pair of these, and what to call it.
fn pairs<'a, L>(layers: impl Fn() -> L) -> impl Iterator<Item = (String, &'a Layer, &'a Layer)>
where
    L: Iterator<Item = &'a Layer>,
{
    let outer: Vec<_> = layers().collect();
    outer.into_iter().flat_map(move |outer| {
        let named = move |inner: &'a Layer| (format!("{} over {}", outer.name, inner.name), outer, inner);
        layers().map(named)
    })
}

#[tokio::test(start_paused = true)]
async fn every_pair_answers_and_recovers_from_failures() {
    for (pair, outer, inner) in pairs(|| LAYERS.iter()) {
        let (hostile, control) = hostile();
        control.answers((0..3).map(|_| Answer::failure(FailureKind::Transient).after(SECOND)));
        let service = outer.over(inner.over(hostile));
        for request in ["one", "two", "three"] {
            let _either = ended(service.clone().oneshot(request), &pair).await;
        }
        recovers(&service, &pair).await;
        drop(service);
        let counts = control.counts();
        assert_eq!((counts.in_flight, counts.holding, counts.instances), (0, 0, 0), "{pair}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_pair_that_waits_is_woken() {
    for (pair, outer, inner) in pairs(patient) {
        let (hostile, control) = hostile();
        control.readiness([Readiness::Blocked]);
        let call = tokio::spawn(outer.over(inner.over(hostile)).oneshot("hello"));
        a_moment().await;
        assert!(!call.is_finished(), "{pair}");
        control.unblock();
        assert_eq!(ended(call, &pair).await.unwrap().unwrap(), "hello", "{pair}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_pair_can_be_dropped_and_used_again() {
    for (pair, outer, inner) in pairs(|| LAYERS.iter()) {
        let (hostile, control) = hostile();
        control.answers([Answer::Ok("dropped").after(SECOND)]);
        let service = outer.over(inner.over(hostile));
        let call = tokio::spawn(service.clone().oneshot("dropped"));
        a_moment().await;
        assert_eq!(control.counts().in_flight, 1, "{pair}");
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled(), "{pair}");
        outer.settle().await;
        inner.settle().await;
        assert_eq!(control.counts().in_flight, 0, "{pair}");
        assert_eq!(ended(service.oneshot("next"), &pair).await.unwrap(), "next", "{pair}");
    }
}
