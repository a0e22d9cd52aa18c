use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// How a call ended, for one who waited.
pub(super) type Answer<R, E> = Result<R, E>;

/// The calls under way, one per key at most. Locked for moments only, and never while anything of the user's runs but
/// the hash and the comparison of keys.
pub(super) struct Flights<Q, R, E>(Mutex<Table<Q, R, E>>);

struct Table<Q, R, E> {
    under_way: HashMap<Q, Flight<R, E>>,
    launched: u64,
}

struct Flight<R, E> {
    number: u64,
    waiters: Vec<oneshot::Sender<Answer<R, E>>>,
    /// Those of the waiters who have not given up.
    waiting: usize,
    task: Option<AbortHandle>,
}

/// A caller's place among those who wait. Given up by being dropped.
pub(super) struct Seat<Q: Hash + Eq, R, E> {
    flights: Arc<Flights<Q, R, E>>,
    key: Q,
    number: u64,
}

/// The right to answer all who wait. Dropped without an answer, by a panic or the end of the runtime, it lets them
/// know that there will be none.
pub(super) struct Landing<Q: Hash + Eq, R, E> {
    flights: Arc<Flights<Q, R, E>>,
    key: Q,
    number: u64,
}

/// What a call finds when it comes.
pub(super) struct Boarded<Q: Hash + Eq, R, E> {
    pub(super) answer: oneshot::Receiver<Answer<R, E>>,
    pub(super) seat: Seat<Q, R, E>,
    /// Set if nothing was under way: then the call is to be made.
    pub(super) landing: Option<Landing<Q, R, E>>,
}

impl<Q: Hash + Eq + Clone, R, E> Flights<Q, R, E> {
    /// Joins the call of this key, or takes it upon itself.
    pub(super) fn board(self: &Arc<Self>, key: Q) -> Boarded<Q, R, E> {
        let (sender, answer) = oneshot::channel();
        let (number, is_new) = self.with(|table| {
            if let Some(flight) = table.under_way.get_mut(&key) {
                flight.join(sender);
                return (flight.number, false);
            }
            table.launched += 1;
            let number = table.launched;
            let flight = Flight { number, waiters: vec![sender], waiting: 1, task: None };
            table.under_way.insert(key.clone(), flight);
            (number, true)
        });
        let landing = is_new.then(|| Landing { flights: Arc::clone(self), key: key.clone(), number });
        Boarded { answer, seat: Seat { flights: Arc::clone(self), key, number }, landing }
    }
}

impl<Q: Hash + Eq, R, E> Flights<Q, R, E> {
    fn take(&self, key: &Q, number: u64) -> Option<Flight<R, E>> {
        self.with(|table| {
            let is_it = table.under_way.get(key).is_some_and(|flight| flight.number == number);
            if is_it { table.under_way.remove(key) } else { None }
        })
    }
}

impl<Q, R, E> Flights<Q, R, E> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Table { under_way: HashMap::new(), launched: 0 }))
    }

    pub(super) fn under_way(&self) -> usize {
        self.with(|table| table.under_way.len())
    }

    fn with<T>(&self, run: impl FnOnce(&mut Table<Q, R, E>) -> T) -> T {
        // Only a key's own hash or comparison can panic in here, before anything is changed.
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<R, E> Flight<R, E> {
    fn join(&mut self, waiter: oneshot::Sender<Answer<R, E>>) {
        if self.waiters.len() == self.waiters.capacity() {
            // Those who gave up are let go before more memory is taken.
            self.waiters.retain(|waiter| !waiter.is_closed());
        }
        self.waiters.push(waiter);
        self.waiting += 1;
    }
}

impl<Q: Hash + Eq, R, E> Seat<Q, R, E> {
    /// Says what to abort when the last one gives up.
    pub(super) fn flown_by(&self, task: AbortHandle) {
        self.flights.with(|table| {
            if let Some(flight) = table.under_way.get_mut(&self.key)
                && flight.number == self.number
            {
                flight.task = Some(task);
            }
        });
    }
}

impl<Q: Hash + Eq, R, E> Drop for Seat<Q, R, E> {
    fn drop(&mut self) {
        let abandoned = self.flights.with(|table| {
            let flight = table.under_way.get_mut(&self.key)?;
            if flight.number != self.number {
                return None;
            }
            flight.waiting -= 1;
            if flight.waiting > 0 {
                return None;
            }
            table.under_way.remove(&self.key)
        });
        if let Some(task) = abandoned.and_then(|flight| flight.task) {
            task.abort();
        }
    }
}

impl<Q: Hash + Eq, R: Clone, E: Clone> Landing<Q, R, E> {
    /// Answers everybody. A call that comes from now on is made anew.
    pub(super) fn land(self, answer: &Answer<R, E>) {
        let Some(flight) = self.flights.take(&self.key, self.number) else { return };
        for waiter in flight.waiters {
            // One who gave up is not there to be told, and needs no copy.
            if !waiter.is_closed() {
                let _unless_gone = waiter.send(answer.clone());
            }
        }
    }
}

impl<Q: Hash + Eq, R, E> Drop for Landing<Q, R, E> {
    fn drop(&mut self) {
        drop(self.flights.take(&self.key, self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_gave_up_take_no_memory_while_a_call_goes_on() {
        let flights = Arc::new(Flights::<u8, (), ()>::new());
        let first = flights.board(1);
        for _ in 0..10_000 {
            drop(flights.board(1));
        }
        let waiters = flights.with(|table| table.under_way[&1].waiters.capacity());
        assert!(waiters <= 8, "{waiters}");
        drop(first);
        assert_eq!(flights.under_way(), 0);
    }
}
