use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall_core::{CallContext, Error, FailureKind};
use tokio::sync::watch;
use tokio::time::timeout_at;

use super::rules::VariantId;

/// The fetches under way.
///
/// Its lock also orders fetches against invalidations: who forgets a URL first disowns its fetches, so that an answer
/// that is older than the reason for forgetting is never stored after it.
#[derive(Default)]
pub(super) struct Flights(Mutex<Table>);

#[derive(Default)]
pub(super) struct Table {
    under_way: HashMap<Arc<str>, Vec<Flight>>,
    launched: u64,
}

struct Flight {
    number: u64,
    variant: Option<VariantId>,
    landing: watch::Receiver<Option<Landed>>,
    joinable: bool,
}

/// What a fetch was for those who waited.
#[derive(Clone)]
pub(super) enum Landed {
    /// Its answer is stored.
    Stored,
    /// Its answer is for its caller alone: everybody has to ask for themselves, and need not wait for each other.
    ForOneOnly,
    /// It failed; `None` if that was a response.
    Failed(Option<Error>),
}

impl Flights {
    pub(super) fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing in a critical section can be left half done, so a poisoned table is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a fetch whatever became of it.
    fn end(&self, url: &str, number: u64) {
        let mut table = self.lock();
        if let Some(flights) = table.under_way.get_mut(url) {
            flights.retain(|flight| flight.number != number);
            if flights.is_empty() {
                table.under_way.remove(url);
            }
        }
    }
}

impl Table {
    pub(super) fn join(&self, url: &str, variant: Option<VariantId>) -> Option<Waiter> {
        let flights = self.under_way.get(url)?;
        let flight = flights.iter().find(|flight| flight.joinable && flight.variant == variant)?;
        Some(Waiter(flight.landing.clone()))
    }

    pub(super) fn launch(
        &mut self,
        all: &Arc<Flights>,
        url: &Arc<str>,
        variant: Option<VariantId>,
        joinable: bool,
    ) -> Pilot {
        self.launched += 1;
        let number = self.launched;
        let (tower, landing) = watch::channel(None);
        let flight = Flight { number, variant, landing, joinable };
        self.under_way.entry(Arc::clone(url)).or_default().push(flight);
        Pilot { all: Arc::clone(all), url: Arc::clone(url), number, tower }
    }

    /// Forgets the fetches of a URL: they answer those who wait, but what they bring is not stored.
    pub(super) fn disown(&mut self, url: &str) {
        self.under_way.remove(url);
    }

    pub(super) fn disown_all(&mut self) {
        self.under_way.clear();
    }

    pub(super) fn owns(&self, pilot: &Pilot) -> bool {
        self.under_way
            .get(&pilot.url)
            .is_some_and(|flights| flights.iter().any(|flight| flight.number == pilot.number))
    }
}

/// The fetching task's end of a flight. Dropped, it ends it.
pub(super) struct Pilot {
    all: Arc<Flights>,
    pub(super) url: Arc<str>,
    number: u64,
    tower: watch::Sender<Option<Landed>>,
}

impl Pilot {
    pub(super) fn waiter(&self) -> Waiter {
        Waiter(self.tower.subscribe())
    }

    /// Tells those who wait, the first time it is called. Whoever comes later does not wait.
    pub(super) fn land(&self, landed: Landed) {
        let mut table = self.all.lock();
        let flights = table.under_way.get_mut(&self.url);
        if let Some(flight) = flights.into_iter().flatten().find(|flight| flight.number == self.number) {
            flight.joinable = false;
        }
        drop(table);
        self.tower.send_if_modified(|slot| {
            let first = slot.is_none();
            if first {
                *slot = Some(landed);
            }
            first
        });
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.all.end(&self.url, self.number);
    }
}

/// A waiter's end of a flight. Dropping it leaves the fetch alone.
pub(super) struct Waiter(watch::Receiver<Option<Landed>>);

impl Waiter {
    /// Waits for the fetch, at most until the deadline of the call.
    ///
    /// # Errors
    /// [`FailureKind::Timeout`] when that passes. A fetch that was abandoned is [`Landed::ForOneOnly`].
    pub(super) async fn wait(mut self) -> Result<Landed, Error> {
        let landing = self.0.wait_for(Option::is_some);
        let landed = within_deadline(landing).await?;
        Ok(landed.ok().and_then(|landed| landed.clone()).unwrap_or(Landed::ForOneOnly))
    }
}

/// Waits at most until the deadline of the call.
pub(super) async fn within_deadline<F: Future>(waiting: F) -> Result<F::Output, Error> {
    match CallContext::current_deadline() {
        None => Ok(waiting.await),
        Some(deadline) => timeout_at(deadline.into(), waiting).await.map_err(|_elapsed| {
            Error::new(FailureKind::Timeout, "http", "cache")
                .with_message("no answer before the deadline; its fetch goes on")
        }),
    }
}
