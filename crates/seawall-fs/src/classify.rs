use std::time::Duration;

use seawall_core::{ByKind, Classify, Error, Idempotency, Outcome};
use seawall_tower::Replay;

use crate::{FsRequest, FsResponse};

/// How the results of file operations are judged, and which operations may be repeated.
///
/// | error | judged | so |
/// |---|---|---|
/// | `EINTR` `EAGAIN` `EBUSY` `ETXTBSY` `EDEADLK` `ESTALE` `ETIMEDOUT`, a file server out of reach | transient | repeated |
/// | `EMFILE` `ENFILE` | overloaded | told only after a wait for a file to be closed: see [`FileService`](crate::FileService) |
/// | `ENOMEM` | overloaded | repeated, and counted against the target |
/// | `ENOSPC` `EDQUOT` | permanent | told at once, and no more is written to the device for a while |
/// | a device that is full | refused | told at once |
/// | `EFBIG` `EROFS` `EACCES` `EPERM` `ENOENT` `EIO` and all others | permanent | told at once |
/// | any error of `fsync` | permanent | never repeated: a second `fsync` may succeed without the lost data |
///
/// Which requests may be repeated, [`Operation::idempotency`](crate::Operation::idempotency) says. What a writer does
/// after it was opened is not a request and is never repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FsClassifier;

impl Classify<FsResponse, Error> for FsClassifier {
    fn classify(&self, result: Result<&FsResponse, &Error>) -> Outcome {
        ByKind.classify(result)
    }

    fn note_attempts(&self, error: &mut Error, attempts: u32, elapsed: Duration) {
        Classify::<FsResponse, Error>::note_attempts(&ByKind, error, attempts, elapsed);
    }

    fn note_may_have_executed(&self, error: &mut Error) {
        Classify::<FsResponse, Error>::note_may_have_executed(&ByKind, error);
    }
}

impl Replay<FsRequest> for FsClassifier {
    fn replay(&self, request: &FsRequest) -> Option<FsRequest> {
        Some(request.clone())
    }

    fn idempotency(&self, request: &FsRequest) -> Idempotency {
        request.operation().idempotency()
    }
}
