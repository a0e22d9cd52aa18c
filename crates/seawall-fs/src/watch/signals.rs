use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{EventKind, ModifyKind};
use tokio::sync::Notify;

/// With more paths than this, all is looked at: that costs no more then.
const PATHS: usize = 16_384;

/// Where the system says that something has changed.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pending: Mutex<Pending>,
    any: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) paths: HashMap<PathBuf, Hint>,
    /// Something was told that was not heard: look everywhere.
    pub(super) overflowed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hint {
    /// Its content was written to.
    pub(super) written: bool,
    /// It was made, removed or renamed, perhaps several times.
    pub(super) renewed: bool,
}

impl Signals {
    /// Waits until there is a signal.
    pub(super) async fn wait(&self) {
        self.any.notified().await;
    }

    pub(super) fn take(&self) -> Pending {
        std::mem::take(&mut *self.lock())
    }

    fn note(&self, event: notify::Result<notify::Event>) {
        {
            let mut pending = self.lock();
            match event {
                Ok(event) if matches!(event.kind, EventKind::Access(_)) && !event.need_rescan() => return,
                Ok(event) if !event.need_rescan() && !event.paths.is_empty() => {
                    if pending.overflowed {
                        return;
                    }
                    for path in event.paths {
                        let hint = pending.paths.entry(path).or_default();
                        match event.kind {
                            EventKind::Modify(ModifyKind::Data(_)) => hint.written = true,
                            EventKind::Modify(ModifyKind::Metadata(_)) => {}
                            _ => hint.renewed = true,
                        }
                    }
                    if pending.paths.len() > PATHS {
                        *pending = Pending { overflowed: true, ..Pending::default() };
                    }
                }
                // Its queue ran over, or it does not know what has happened.
                Ok(_) | Err(_) => *pending = Pending { overflowed: true, ..Pending::default() },
            }
        }
        self.any.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes signals in on the system's own thread, quickly.
pub(super) struct Listener(pub(super) Arc<Signals>);

impl notify::EventHandler for Listener {
    fn handle_event(&mut self, event: notify::Result<notify::Event>) {
        self.0.note(event);
    }
}

#[cfg(test)]
mod tests {
    use notify::Event;
    use notify::event::{CreateKind, Flag};

    use super::*;

    fn created(number: usize) -> Event {
        Event::new(EventKind::Create(CreateKind::File)).add_path(PathBuf::from(format!("/{number}")))
    }

    #[test]
    fn what_is_told_of_one_path_several_times_is_one() {
        let signals = Signals::default();
        (0..100).for_each(|_| signals.note(Ok(created(1))));
        let pending = signals.take();
        assert_eq!((pending.paths.len(), pending.overflowed), (1, false));
        assert!(signals.take().paths.is_empty());
    }

    #[test]
    fn more_paths_than_there_is_room_for_are_an_overflow_and_take_no_memory() {
        let signals = Signals::default();
        (0..=PATHS).for_each(|number| signals.note(Ok(created(number))));
        (0..1000).for_each(|number| signals.note(Ok(created(number))));
        let pending = signals.take();
        assert_eq!((pending.paths.len(), pending.overflowed), (0, true));
    }

    #[test]
    fn a_queue_that_ran_over_and_an_event_without_a_path_and_an_error_are_overflows() {
        let rescan = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        let pathless = Event::new(EventKind::Create(CreateKind::Any));
        for event in [Ok(rescan), Ok(pathless), Err(notify::Error::generic("broken"))] {
            let signals = Signals::default();
            signals.note(Ok(created(1)));
            signals.note(event);
            assert!(signals.take().overflowed);
        }
    }
}
