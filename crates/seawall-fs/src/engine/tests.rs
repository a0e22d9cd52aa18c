use std::fmt;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::*;

fn label() -> Label {
    Label { operation: "read", path: Arc::from(Path::new("/a/file")) }
}

fn engine(concurrency: usize) -> Engine {
    Engine::new(NonZeroUsize::new(concurrency).unwrap(), NonZeroUsize::MIN, Tiers::Threads)
}

const HOUR: Duration = Duration::from_hours(1);

/// What becomes of `work` when its deadline comes `once` something has happened: the clock is put forward then, so
/// that no deadline has passed before, however slow the machine.
async fn overtaken<T, W>(engine: &Engine, once: impl Future, work: W) -> Error
where
    T: Send + fmt::Debug + 'static,
    W: FnOnce(&Abandoned) -> Result<T, Fault> + Send + 'static,
{
    let deadline = tokio::time::Instant::now().into_std() + HOUR;
    let the_hour_passes = async {
        once.await;
        tokio::time::pause();
        tokio::time::advance(HOUR).await;
        tokio::time::resume();
    };
    let label = label();
    let (outcome, ()) = tokio::join!(engine.run(&label, Some(deadline), work), the_hour_passes);
    outcome.unwrap_err()
}

/// Work that occupies its slot until the sender is dropped; the receiver hears when it has begun.
async fn occupy(engine: &Engine) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Error>>) {
    let (release, released) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let engine = engine.clone();
    let task = tokio::spawn(async move {
        let work = move |_: &Abandoned| {
            begun.send(()).expect("the test waits for it");
            released.recv().expect_err("nobody sends");
            Ok(())
        };
        engine.run(&label(), None, work).await
    });
    has_begun.await.unwrap();
    (release, task)
}

#[tokio::test]
async fn work_beyond_the_slots_waits_and_says_so_when_its_deadline_comes_first() {
    let engine = engine(2);
    let (first, first_done) = occupy(&engine).await;
    let (_second, _) = occupy(&engine).await;

    let error = overtaken(&engine, async {}, |_| Ok(())).await;
    assert_eq!(error.kind(), FailureKind::Overloaded { retry_after: None });
    assert!(!error.may_have_executed());
    assert_eq!(
        error.to_string(),
        "fs `read /a/file`: no turn before the deadline: 2 operations are under way"
    );

    drop(first);
    first_done.await.unwrap().unwrap();
    engine.run(&label(), None, |_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn work_whose_caller_has_gone_keeps_its_slot_until_it_is_over() {
    let engine = engine(1);
    let (release, task) = occupy(&engine).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    overtaken(&engine, async {}, |_| Ok(())).await;

    drop(release);
    engine.run(&label(), None, |_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn work_too_slow_is_a_timeout_that_may_have_been_done_and_is_told_so() {
    let engine = engine(1);
    let (release, released) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (tell, told) = tokio::sync::oneshot::channel();
    let work = move |abandoned: &Abandoned| {
        begun.send(()).expect("the test waits for it");
        released.recv().expect_err("nobody sends");
        tell.send(abandoned.is_set()).expect("the test waits for it");
        Ok(())
    };
    let error = overtaken(&engine, has_begun, work).await;
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert!(error.may_have_executed());
    drop(release);
    assert!(told.await.unwrap());
}

#[tokio::test]
async fn a_deadline_that_has_passed_starts_nothing() {
    let past = Some(tokio::time::Instant::now().into_std());
    let error =
        engine(1).run(&label(), past, |_| -> Result<(), Fault> { panic!("must not run") }).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert!(!error.may_have_executed());
}
