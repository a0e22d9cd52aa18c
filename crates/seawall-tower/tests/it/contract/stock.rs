//! Over and under tower's own layers, which hold readiness in ways of their own.

use seawall_core::FailureKind;
use seawall_testkit::hostile::{Answer, Readiness};
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PendingRequests};
use tower::{Service, ServiceBuilder, ServiceExt};

use super::layers::LAYERS;
use super::{Guarded, Layer, SECOND, a_moment, boxed, ended, from_box, hostile, layer, patient, recovers};

const STOCK: &[Layer] = &[
    layer("tower's balance", balanced).waiting().detaching(),
    layer("tower's buffer", |inner| boxed(ServiceBuilder::new().map_err(from_box).buffer(4).service(inner)))
        .waiting()
        .detaching(),
    layer("tower's concurrency limit", |inner| {
        boxed(ServiceBuilder::new().concurrency_limit(1).service(inner))
    }),
    layer("tower's load shed", |inner| {
        boxed(ServiceBuilder::new().map_err(from_box).load_shed().service(inner))
    })
    .shedding(),
];

/// Two endpoints and the buffer that makes tower's balance one that can be cloned.
fn balanced(inner: Guarded) -> Guarded {
    let endpoints = [inner.clone(), inner];
    let loaded = endpoints.map(|endpoint| PendingRequests::new(endpoint, CompleteOnResponse::default()));
    let balance = Balance::new(ServiceList::new(loaded));
    boxed(ServiceBuilder::new().map_err(from_box).buffer(4).service(balance))
}

/// Every layer over and under everything of tower's, and what to call it.
fn stacks() -> impl Iterator<Item = (String, &'static Layer, &'static Layer)> {
    let both = |ours: &'static Layer, towers: &'static Layer| {
        [(ours, towers), (towers, ours)]
            .map(|(outer, inner)| (format!("{} over {}", outer.name, inner.name), outer, inner))
    };
    LAYERS.iter().flat_map(move |ours| STOCK.iter().flat_map(move |towers| both(ours, towers)))
}

#[tokio::test(start_paused = true)]
async fn calls_go_through_one_after_the_other() {
    for (stack, outer, inner) in stacks() {
        let (hostile, control) = hostile();
        control.answers([Answer::Ok("first").after(SECOND), Answer::Ok("second").after(SECOND)]);
        let service = outer.over(inner.over(hostile));
        for expected in ["first", "second", "third"] {
            let mut service = service.clone();
            let answer = ended(service.ready().await.unwrap().call("third"), &stack).await;
            assert_eq!(answer.unwrap(), expected, "{stack}");
        }
        assert_eq!(control.counts().calls, 3, "{stack}");
    }
}

#[tokio::test(start_paused = true)]
async fn failing_calls_all_at_once_never_wedge_what_they_go_through() {
    for (stack, outer, inner) in stacks() {
        let (hostile, control) = hostile();
        control.answers((0..4).map(|_| Answer::failure(FailureKind::Transient).after(SECOND)));
        let service = outer.over(inner.over(hostile));
        let requests = ["one", "two", "three", "four"];
        let calls = requests.map(|request| tokio::spawn(service.clone().oneshot(request)));
        for call in calls {
            let _either = ended(call, &stack).await.unwrap();
        }
        tokio::time::sleep(600 * SECOND).await;
        assert_eq!(control.counts().in_flight, 0, "{stack}");
        recovers(&service, &stack).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_one_is_kept_under_every_layer() {
    for layer in LAYERS {
        let (inner, control) = hostile();
        let limited = boxed(ServiceBuilder::new().concurrency_limit(1).service(inner));
        let service = layer.over(limited);
        control.answers((0..4).map(|_| Answer::failure(FailureKind::Transient).after(SECOND)));
        let requests = ["one", "two", "three", "four"];
        let calls = requests.map(|request| tokio::spawn(service.clone().oneshot(request)));
        for call in calls {
            let _either = ended(call, layer.name).await.unwrap();
        }
        assert_eq!(control.counts().peak_in_flight, 1, "{}", layer.name);
    }
}

#[tokio::test(start_paused = true)]
async fn back_pressure_ends_through_both() {
    let patient_stock = || STOCK.iter().filter(|towers| towers.back_pressure != super::BackPressure::Shed);
    for (ours, towers) in patient().flat_map(|ours| patient_stock().map(move |towers| (ours, towers))) {
        for (outer, inner) in [(ours, towers), (towers, ours)] {
            let stack = format!("{} over {}", outer.name, inner.name);
            let (hostile, control) = hostile();
            // Two, because a balance asks both of its endpoints.
            control.readiness([Readiness::Blocked, Readiness::Blocked]);
            let call = tokio::spawn(outer.over(inner.over(hostile)).oneshot("hello"));
            a_moment().await;
            assert!(!call.is_finished(), "{stack}");
            control.unblock();
            a_moment().await;
            control.unblock();
            assert_eq!(ended(call, &stack).await.unwrap().unwrap(), "hello", "{stack}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_gives_everything_back_through_both() {
    for (stack, outer, inner) in stacks() {
        let (hostile, control) = hostile();
        control.answers([Answer::Ok("dropped").after(SECOND)]);
        let service = outer.over(inner.over(hostile));
        let call = tokio::spawn(service.clone().oneshot("dropped"));
        a_moment().await;
        call.abort();
        tokio::time::sleep(600 * SECOND).await;
        assert_eq!(control.counts().in_flight, 0, "{stack}");
        assert_eq!(ended(service.oneshot("next"), &stack).await.unwrap(), "next", "{stack}");
    }
}
