use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::StreamExt;
use seawall_core::{CallContext, FailureKind};
use tokio::sync::Semaphore;

use crate::support::{client, serve};

fn echoing() -> Router {
    Router::new().route("/{number}", get(async |Path(number): Path<String>| number))
}

#[tokio::test]
async fn answers_come_in_the_order_of_their_requests_each_with_its_own_error() {
    let router = echoing().route("/missing/gone", get(async || StatusCode::GONE));
    let (http, url) = (client(), serve(router).await);
    let requests = ["1", "missing/gone", "longer than the limit", "4"];
    let requests = requests.map(|path| http.get(format!("{url}/{path}")));
    let requests = requests.into_iter().chain([http.get("no url")]);
    let answers: Vec<_> = http.batch(requests).limit(10).in_order().collect().await;
    let bodies: Vec<_> = answers.iter().map(|answer| answer.as_ref().map(|a| a.body().clone())).collect();
    assert_eq!(bodies[0].as_ref().unwrap(), "1");
    assert_eq!(answers[1].as_ref().unwrap().status(), StatusCode::GONE);
    assert_eq!(bodies[2].as_ref().unwrap_err().kind(), FailureKind::Refused);
    assert_eq!(bodies[3].as_ref().unwrap(), "4");
    assert!(!bodies[4].as_ref().unwrap_err().may_have_executed());
}

#[tokio::test]
async fn a_slow_answer_holds_up_none_of_those_that_come_as_they_complete() {
    let last = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&last);
    let slow = get(async move || drop(gate.acquire().await.unwrap()));
    let (http, url) = (client(), serve(echoing().route("/slow/one", slow)).await);
    let paths = ["slow/one", "1", "2"];
    let mut answers = http.batch(paths.map(|path| http.get(format!("{url}/{path}")))).as_completed();
    let mut numbers = vec![answers.next().await.unwrap().0, answers.next().await.unwrap().0];
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    last.add_permits(1);
    assert_eq!(answers.next().await.unwrap().0, 0);
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn no_more_are_under_way_than_asked_for_and_the_rest_is_not_even_made() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counter, highest) = (Arc::clone(&now), Arc::clone(&most));
    let counting = get(async move || {
        highest.fetch_max(counter.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        counter.fetch_sub(1, Ordering::SeqCst);
    });
    let (http, url) = (client(), serve(Router::new().route("/", counting)).await);
    let made = AtomicUsize::new(0);
    let requests = (0..50).map(|_| {
        made.fetch_add(1, Ordering::SeqCst);
        http.get(&url)
    });
    let mut answers = http.batch(requests).concurrency(NonZeroUsize::new(3).unwrap()).in_order();
    answers.next().await.unwrap().unwrap();
    assert_eq!(made.load(Ordering::SeqCst), 3);
    assert_eq!(answers.count().await, 49);
    assert!(most.load(Ordering::SeqCst) <= 3);
}

#[tokio::test]
async fn the_requests_inherit_the_deadline_of_whoever_reads_the_answers() {
    let (http, url) = (client(), serve(echoing()).await);
    let past = tokio::time::Instant::now().into_std();
    let answers = CallContext::current()
        .deadline(past)
        .scope(http.batch([http.get(format!("{url}/1"))]).in_order().collect::<Vec<_>>())
        .await;
    assert!(answers[0].is_err());
}
