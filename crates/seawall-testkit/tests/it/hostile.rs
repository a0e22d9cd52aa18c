use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use seawall_core::{Error, FailureKind};
use seawall_testkit::hostile::{Answer, Counts, Hostile, HostileService, Readiness};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower_service::Service;

type Echo = HostileService<u32, u32, Error>;

fn echo() -> (task::Spawn<Echo>, Hostile<u32, Error>) {
    let (service, hostile) = Echo::echo();
    (task::spawn(service), hostile)
}

trait PollReady {
    fn poll(&mut self) -> std::task::Poll<Result<(), Error>>;
}

impl PollReady for task::Spawn<Echo> {
    fn poll(&mut self) -> std::task::Poll<Result<(), Error>> {
        self.enter(|cx, mut service| service.poll_ready(cx))
    }
}

fn complaint(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("it should have panicked");
    panic.downcast_ref::<&str>().map(ToString::to_string).or(panic.downcast_ref::<String>().cloned()).unwrap()
}

#[test]
fn a_ready_instance_answers_once_per_readiness() {
    let (mut service, hostile) = echo();
    assert_ready_ok!(service.poll());
    assert_eq!(hostile.counts().holding, 1);
    assert_eq!(assert_ready_ok!(task::spawn(service.call(7)).poll()), 7);
    let complaint = complaint(|| drop(service.call(8)));
    assert!(complaint.contains("called without readiness"), "{complaint}");
    assert_eq!(
        hostile.counts(),
        Counts { instances: 1, polls: 1, calls: 1, peak_in_flight: 1, completed: 1, ..Counts::default() }
    );
}

#[test]
fn a_clone_of_a_ready_instance_is_not_ready() {
    let (mut service, hostile) = echo();
    assert_ready_ok!(service.poll());
    let mut clone = (*service).clone();
    assert_eq!(hostile.counts().instances, 2);
    assert!(complaint(|| drop(clone.call(1))).contains("a clone is never ready"));
    drop(clone);
    assert_eq!(assert_ready_ok!(task::spawn(service.call(1)).poll()), 1);
    assert_eq!(hostile.counts().instances, 1);
}

#[test]
fn polling_a_ready_instance_again_does_not_use_up_the_script() {
    let (mut service, hostile) = echo();
    assert_ready_ok!(service.poll());
    hostile.readiness([Readiness::Pending(1)]);
    assert_ready_ok!(service.poll());
    assert_eq!(hostile.counts().holding, 1);
    drop(service.call(1));
    assert_pending!(service.poll());
}

#[test]
fn pending_readiness_wakes_its_caller_each_time() {
    let (mut service, hostile) = echo();
    hostile.readiness([Readiness::Pending(2)]);
    for _ in 0..2 {
        assert_pending!(service.poll());
        assert!(service.is_woken());
    }
    assert_ready_ok!(service.poll());
    assert_eq!(hostile.counts().polls, 3);
}

#[test]
fn blocked_readiness_wakes_everybody_when_it_is_unblocked() {
    let (mut one, hostile) = echo();
    let mut two = task::spawn((*one).clone());
    hostile.readiness([Readiness::Blocked]);
    assert_pending!(one.poll());
    assert_pending!(two.poll());
    assert!(!one.is_woken() && !two.is_woken());
    hostile.unblock();
    assert!(one.is_woken() && two.is_woken());
    assert_ready_ok!(one.poll());
    assert_ready_ok!(two.poll());
}

#[test]
fn readiness_fails_once_as_scripted() {
    let (mut service, hostile) = echo();
    hostile.readiness([Readiness::Err(Error::new(FailureKind::Permanent, "hostile", "readiness"))]);
    assert_eq!(assert_ready_err!(service.poll()).kind(), FailureKind::Permanent);
    assert_eq!(hostile.counts().holding, 0);
    assert_ready_ok!(service.poll());
}

#[test]
fn readiness_that_is_dropped_unspent_is_counted_as_released() {
    let (mut service, hostile) = echo();
    assert_ready_ok!(service.poll());
    drop(service);
    let counts = hostile.counts();
    assert_eq!((counts.holding, counts.released, counts.instances), (0, 1, 0));
}

#[test]
fn answers_follow_the_script_and_then_the_function() {
    let (service, hostile) = HostileService::<u32, u32, Error>::new(|request| Answer::Ok(request + 1));
    let mut service = task::spawn(service);
    hostile.answers([Answer::failure(FailureKind::Timeout), Answer::Ok(40)]);
    let mut ask = || {
        assert_ready_ok!(service.poll());
        assert_ready!(task::spawn(service.call(1)).poll()).map_err(|error| error.kind())
    };
    assert_eq!([ask(), ask(), ask()], [Err(FailureKind::Timeout), Ok(40), Ok(2)]);
}

#[test]
fn a_hanging_call_that_is_dropped_is_counted_as_dropped() {
    let (mut service, hostile) = echo();
    hostile.answers([Answer::Hang]);
    assert_ready_ok!(service.poll());
    let mut call = task::spawn(service.call(1));
    assert_pending!(call.poll());
    assert_eq!(hostile.counts().in_flight, 1);
    drop(call);
    let counts = hostile.counts();
    assert_eq!((counts.in_flight, counts.dropped, counts.completed), (0, 1, 0));
}

#[test]
fn a_call_that_is_never_polled_is_counted_as_dropped() {
    let (mut service, hostile) = echo();
    assert_ready_ok!(service.poll());
    drop(service.call(1));
    assert_eq!(hostile.counts().dropped, 1);
}

#[test]
fn a_scripted_panic_comes_out_of_the_future_and_not_out_of_call() {
    let (mut service, hostile) = echo();
    hostile.answers([Answer::Panic]);
    assert_ready_ok!(service.poll());
    let mut call = task::spawn(service.call(1));
    assert!(complaint(|| drop(call.poll())).contains("told to panic"));
    drop(call);
    assert_eq!((hostile.counts().completed, hostile.counts().in_flight), (1, 0));
}

#[test]
fn held_calls_end_when_they_are_released() {
    let (mut service, hostile) = echo();
    hostile.answers([Answer::Ok(1).held(), Answer::Ok(2).held()]);
    let mut calls = Vec::new();
    for _ in 0..2 {
        assert_ready_ok!(service.poll());
        calls.push(task::spawn(service.call(0)));
    }
    for call in &mut calls {
        assert_pending!(call.poll());
    }
    hostile.release(1);
    assert!(calls[0].is_woken() && !calls[1].is_woken());
    assert_eq!(assert_ready_ok!(calls[0].poll()), 1);
    assert_pending!(calls[1].poll());
    assert_eq!((hostile.counts().in_flight, hostile.counts().peak_in_flight), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_comes_by_tokios_clock() {
    let (mut service, hostile) = echo();
    hostile.answers([Answer::Ok(1).after(Duration::from_secs(5))]);
    assert_ready_ok!(service.poll());
    let before = tokio::time::Instant::now();
    assert_eq!(service.call(0).await.unwrap(), 1);
    assert_eq!(before.elapsed().as_secs(), 5);
}
