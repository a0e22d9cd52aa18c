use std::sync::{Arc, Mutex};

use seawall_core::{Event, Observer, Origin};
use seawall_tower::Identity;

/// An observer that remembers: strategy and event.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Vec<(&'static str, Event)>>);

impl Recorder {
    pub(crate) fn identity(self: &Arc<Self>) -> Identity {
        Identity::new("target").pipeline("test").observer(Arc::clone(self) as Arc<dyn Observer>)
    }

    /// The events of one strategy so far.
    pub(crate) fn of(&self, strategy: &str) -> Vec<Event> {
        let events = self.0.lock().unwrap();
        events.iter().filter(|(by, _)| *by == strategy).map(|&(_, event)| event).collect()
    }
}

impl Observer for Recorder {
    fn observe(&self, origin: Origin<'_>, event: &Event) {
        // A pipeline speaks of all its targets as `*`.
        assert!(["target", "*"].contains(&origin.target), "{origin:?}");
        self.0.lock().unwrap().push((origin.strategy, *event));
    }
}
