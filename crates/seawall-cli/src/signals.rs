//! Ctrl-C and SIGTERM: the first asks the run to stop, the second ends the process at once.

use tokio_util::sync::CancellationToken;

use crate::exit::STOPPED;

/// A token that is cancelled by the first signal.
pub(crate) fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        signal().await;
        token.cancel();
        signal().await;
        std::process::exit(i32::from(STOPPED));
    });
    stop
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a handler the signal would simply end the process, which is safe at any moment: so a handler that
    // cannot be installed is waited for like a signal that never comes.
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
