//! Real time: how long the kernel took over something, which a test that pauses tokio's clock cannot pause.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "no policy: it measures what work really took")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
