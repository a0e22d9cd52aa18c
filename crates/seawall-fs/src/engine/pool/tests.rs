use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};

use super::super::job::Ending;
use super::*;

fn pool(bound: usize, places: usize) -> Pool {
    Pool::new("test", NonZeroUsize::new(bound).unwrap(), NonZeroUsize::new(places).unwrap())
}

async fn output<T>(outcome: Arc<dyn Outcome<T>>) -> T {
    match poll_fn(|cx| outcome.poll(cx)).await {
        Ending::Done(Ok(output)) => output,
        Ending::Done(Err(panic)) => std::panic::resume_unwind(panic),
        Ending::Lost => panic!("there was no thread"),
    }
}

#[tokio::test]
async fn no_more_threads_work_than_are_allowed() {
    let pool = pool(3, 1000);
    let (working, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let outcomes: Vec<_> = (0..300)
        .map(|_| {
            let (working, most) = (Arc::clone(&working), Arc::clone(&most));
            let work = move || {
                most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                working.fetch_sub(1, Ordering::SeqCst);
            };
            pool.submit(work).unwrap()
        })
        .collect();
    for outcome in outcomes {
        output(outcome).await;
    }
    assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn there_are_as_many_threads_as_are_allowed_once_all_before_are_blocked() {
    const ALL: usize = 40;
    let pool = pool(ALL, 1000);
    let barrier = Arc::new(Barrier::new(ALL));
    // Nobody gets through before the last one is there.
    let outcomes: Vec<_> = (0..ALL)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            pool.submit(move || barrier.wait().is_leader()).unwrap()
        })
        .collect();
    let mut leaders = 0;
    for outcome in outcomes {
        leaders += usize::from(output(outcome).await);
    }
    assert_eq!(leaders, 1);
}

#[tokio::test]
async fn what_was_taken_along_with_a_job_that_blocks_is_done_and_told_all_the_same() {
    let pool = pool(2, 1000);
    // Quick ones, so that many are taken at once from now on.
    for _ in 0..200 {
        output(pool.submit(|| ()).unwrap()).await;
    }
    let (release, released) = mpsc::channel::<()>();
    let mut outcomes: Vec<_> = (0..20).map(|number| pool.submit(move || number).unwrap()).collect();
    let blocked = pool.submit(move || released.recv().is_err()).unwrap();
    outcomes.extend((20..40).map(|number| pool.submit(move || number).unwrap()));
    for (number, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(output(outcome).await, number);
    }
    assert!(!blocked.is_over());
    drop(release);
    assert!(output(blocked).await);
}

#[tokio::test]
async fn the_queue_is_bounded_and_places_come_back() {
    let pool = pool(1, 2);
    let (release, released) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let blocked = pool
        .submit(move || {
            begun.send(()).unwrap();
            released.recv().unwrap_err();
        })
        .unwrap();
    has_begun.await.unwrap();
    let place = pool.reserve().unwrap();
    let queued = pool.submit(|| ()).unwrap();
    assert!(pool.submit(|| ()).is_none());
    assert!(pool.reserve().is_none());
    drop(place);
    let other = pool.submit(|| ()).unwrap();
    drop(release);
    for outcome in [blocked, queued, other] {
        output(outcome).await;
    }
}

#[tokio::test]
async fn what_is_withdrawn_is_never_done() {
    let pool = pool(1, 10);
    let (release, released) = mpsc::channel::<()>();
    let blocked = pool.submit(move || released.recv().is_err()).unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let its = Arc::clone(&done);
    let withdrawn = pool.submit(move || its.fetch_add(1, Ordering::SeqCst)).unwrap();
    assert!(withdrawn.withdraw());
    assert!(!withdrawn.withdraw());
    drop(release);
    output(blocked).await;
    output(pool.submit(|| ()).unwrap()).await;
    assert_eq!(done.load(Ordering::SeqCst), 0);
}

#[tokio::test]
#[should_panic(expected = "a panic of the work")]
async fn a_panic_goes_on_in_the_one_who_waits() {
    let pool = pool(1, 10);
    output(pool.submit(|| panic!("a panic of the work")).unwrap()).await;
}

#[tokio::test]
async fn a_thread_outlives_a_panic() {
    let pool = pool(1, 10);
    let panicked = pool.submit(|| panic!("a panic of the work")).unwrap();
    assert_eq!(output(pool.submit(|| 7).unwrap()).await, 7);
    assert!(panicked.is_over());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_threads_end_when_the_pool_is_dropped_and_everything_is_done() {
    const NAME: &str = "a-name-no-other";
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
        names.filter(|name| name.as_ref().is_ok_and(|name| name.starts_with(NAME))).count()
    };
    let pool = Pool::new(NAME, NonZeroUsize::new(8).unwrap(), NonZeroUsize::new(100).unwrap());
    let (release, released) = mpsc::channel::<()>();
    let blocked = pool.submit(move || released.recv().is_err()).unwrap();
    let queued: Vec<_> = (0..50).map(|_| pool.submit(|| ()).unwrap()).collect();
    drop(pool);
    for outcome in queued {
        output(outcome).await;
    }
    assert!(threads() > 0, "one is at work still");
    drop(release);
    output(blocked).await;
    while threads() > 0 {
        tokio::task::yield_now().await;
    }
}
