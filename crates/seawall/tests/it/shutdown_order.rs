//! Calls that race a shutdown, on threads of their own.

use std::time::Duration;

use crate::support::system;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_races_a_shutdown_is_whole_or_refused() {
    let (io, folder) = system().await;
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (io, path) = (io.clone(), folder.path().join(caller.to_string()));
            tokio::spawn(async move {
                let mut written = 0_u64;
                loop {
                    match io.fs().write_atomic(&path, written.to_string()).await {
                        Ok(()) => written += 1,
                        Err(error) => return (path, written, error),
                    }
                }
            })
        })
        .collect();
    while io.stats().calls.targets.iter().map(|target| target.calls.success).sum::<u64>() < 20 {
        tokio::task::yield_now().await;
    }
    io.shutdown(Duration::from_mins(10)).await.unwrap();
    assert_eq!(io.stats().in_flight, 0);
    for caller in callers {
        let (path, written, error) = caller.await.unwrap();
        assert_eq!(error.layer(), "shutdown");
        // Nothing was under way when the shutdown returned: the last that succeeded is what stands.
        let stored = std::fs::read_to_string(path).ok().map(|text| text.parse::<u64>().unwrap() + 1);
        assert_eq!(stored.unwrap_or(0), written);
    }
}
