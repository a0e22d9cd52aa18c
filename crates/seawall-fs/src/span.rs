use seawall_core::Error;
use tower::ServiceExt;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use crate::client::Stack;
use crate::{FsRequest, FsResponse};

/// Sends a request in a span of its own, which is made only if a subscriber wants it.
pub(crate) async fn around(stack: Stack, request: FsRequest) -> Result<FsResponse, Error> {
    let span = of(&request);
    if span.is_disabled() {
        return stack.oneshot(request).await;
    }
    let answer = stack.oneshot(request).instrument(span.clone()).await;
    if let Err(error) = &answer {
        span.record("error.type", error.kind().as_str());
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", display(error));
    }
    answer
}

fn of(request: &FsRequest) -> Span {
    tracing::info_span!(
        target: "seawall_fs",
        "fs.operation",
        otel.name = request.operation().name(),
        otel.kind = "internal",
        otel.status_code = Empty,
        otel.status_description = Empty,
        "file.path" = %request.path().display(),
        "error.type" = Empty,
    )
}
