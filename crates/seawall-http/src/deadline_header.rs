//! Tells the server until when its answer is of use.

use std::cell::RefCell;
use std::time::Duration;

use http::header::Entry;
use http::{HeaderMap, HeaderValue};
use seawall_core::CallContext;
use seawall_tower::{DeadlineHeader, clock};

use crate::outgoing::Head;

/// Of the time that is left so much is kept for the way there and back: a tenth, and no more than this.
const MARGIN: Duration = Duration::from_millis(50);

/// Marks a request whose answer goes on and on: the time that an attempt has until it begins says nothing of its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenEnded;

/// Says in a header how much time the attempt has left that is being made.
pub(crate) fn tell(header: DeadlineHeader, head: &Head, headers: &mut HeaderMap) {
    if let Some(deadline) = CallContext::current_deadline()
        && head.extensions.get::<OpenEnded>().is_none()
        // What the caller says itself goes first.
        && let Entry::Vacant(entry) = headers.entry(header.name())
    {
        let left = deadline.saturating_duration_since(clock::now());
        entry.insert(spelled(header, left.saturating_sub(MARGIN.min(left / 10))));
    }
}

thread_local! {
    static LAST: RefCell<Option<(DeadlineHeader, Duration, HeaderValue)>> = const { RefCell::new(None) };
}

/// A time as the header spells it. Most attempts begin with the same time left, by the millisecond; one that is spelled
/// already is shared, and neither written nor copied again where the headers are.
fn spelled(header: DeadlineHeader, left: Duration) -> HeaderValue {
    let left = Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
    LAST.with_borrow_mut(|last| match last {
        Some((of, time, value)) if *of == header && *time == left => value.clone(),
        _ => last.insert((header, left, header.write(left))).2.clone(),
    })
}
