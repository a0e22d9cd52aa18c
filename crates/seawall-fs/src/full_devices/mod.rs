//! Devices on which there is no room: nothing more is written to them for a while.

mod circuit;
mod place;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use seawall_core::{Admission, CircuitState, Event, FailureKind, Outcome};
use seawall_tower::Identity;

use self::circuit::FullDevice;
pub(crate) use self::place::Place;
use crate::fault::Fault;

const STRATEGY: &str = "full_device";

/// So many devices are remembered; one more takes the place of the first.
const MOST: usize = 64;

/// A circuit for the writes to each device that was full when it was last written to.
///
/// A full disk fails every write only after it was tried, and what is tried costs: a temporary file, what was written
/// of it, the log lines about it. So the first failure keeps further ones from being made, for a second, then for twice
/// as long each time, up to half a minute; after that one write finds out how it is. When there is more room than there
/// was when it failed, nobody waits for that. Reading goes on, and so does all that can make room.
///
/// All of it is done on a thread, where asking about a device keeps nobody waiting.
#[derive(Debug, Default)]
pub(crate) struct FullDevices {
    /// How many there are. Who writes while there is none looks at nothing else.
    count: AtomicUsize,
    devices: Mutex<Vec<FullDevice>>,
    identity: Identity,
}

impl FullDevices {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, ..Self::default() }
    }

    /// Does what takes room on a device, unless that is full.
    pub(crate) fn with_room<T>(
        &self,
        place: Place<'_>,
        work: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let probe = if self.count.load(Ordering::Acquire) == 0 { None } else { self.enter(place)? };
        let result = work();
        match (&result, probe) {
            (Ok(_), Some(probe)) => probe.exit(Outcome::Success),
            (Err(fault), probe) if fault.is_for_want_of_room() => self.take_note(place, probe),
            _ => {}
        }
        result
    }

    /// Does what may make room and may need some, and takes note if there was none.
    pub(crate) fn watching<T>(
        &self,
        place: Place<'_>,
        work: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        work().inspect_err(|fault| {
            if fault.is_for_want_of_room() {
                self.take_note(place, None);
            }
        })
    }

    /// The leave to find out how it is, if the device is one that was full.
    fn enter(&self, place: Place<'_>) -> Result<Option<Probe<'_>>, Fault> {
        let Some((number, room)) = place.look() else { return Ok(None) };
        let now = now();
        let mut devices = self.lock();
        let Some(at) = devices.iter().position(|device| device.number == number) else { return Ok(None) };
        if room.is_more_than(devices[at].room) {
            self.forget(devices, at);
            return Ok(None);
        }
        let entered = devices[at].circuit.enter(now);
        let path = devices[at].path.clone();
        drop(devices);
        match entered {
            Ok(admission) => {
                if let Some(event) = admission.transition() {
                    self.identity.tell(STRATEGY, &event);
                }
                Ok(Some(Probe { devices: self, number, admission: Some(admission) }))
            }
            Err(refused) => {
                let wait = refused.retry_after.unwrap_or_default();
                let reason = "the device is full";
                self.identity.tell(STRATEGY, &Event::Refused { reason, retry_after: Some(wait) });
                Err(Fault::no_room(&path, wait))
            }
        }
    }

    /// Takes note that there was no room.
    fn take_note(&self, place: Place<'_>, probe: Option<Probe<'_>>) {
        let Some((number, room)) = place.look() else { return };
        let full = Outcome::failure(FailureKind::Transient);
        if let Some(probe) = probe {
            if let Some(device) = self.lock().iter_mut().find(|device| device.number == number) {
                device.room = room;
            }
            return probe.exit(full);
        }
        let path = place::mount_of(place.path(), number);
        let (mut devices, now) = (self.lock(), now());
        let at = devices.iter().position(|device| device.number == number).unwrap_or_else(|| {
            if devices.len() == MOST {
                devices.remove(0);
            }
            devices.push(FullDevice::new(number, path, now));
            devices.len() - 1
        });
        devices[at].room = room;
        // Those that began before it was known change nothing any more.
        let circuit = &mut devices[at].circuit;
        let event = match circuit.state() {
            CircuitState::Closed => circuit
                .enter(now)
                .ok()
                .and_then(|admission| circuit.exit(admission, Some(full), now, &mut fastrand::Rng::new())),
            _ => None,
        };
        self.count.store(devices.len(), Ordering::Release);
        drop(devices);
        self.tell(event);
    }

    fn exit(&self, number: u64, admission: Admission, outcome: Option<Outcome>) {
        let mut devices = self.lock();
        let Some(at) = devices.iter().position(|device| device.number == number) else { return };
        let event = devices[at].circuit.exit(admission, outcome, now(), &mut fastrand::Rng::new());
        if event == Some(Event::Closed) {
            return self.forget(devices, at);
        }
        drop(devices);
        self.tell(event);
    }

    /// What has room is not remembered.
    fn forget(&self, mut devices: MutexGuard<'_, Vec<FullDevice>>, at: usize) {
        devices.remove(at);
        self.count.store(devices.len(), Ordering::Release);
        drop(devices);
        self.tell(Some(Event::Closed));
    }

    // Outside of the lock: an observer may take its time.
    fn tell(&self, event: Option<Event>) {
        if let Some(event) = event {
            self.identity.tell(STRATEGY, &event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<FullDevice>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one write that finds out whether there is room again. Dropped, it has found out nothing, and the next one may.
struct Probe<'a> {
    devices: &'a FullDevices,
    number: u64,
    admission: Option<Admission>,
}

impl Probe<'_> {
    fn exit(mut self, outcome: Outcome) {
        if let Some(admission) = self.admission.take() {
            self.devices.exit(self.number, admission, Some(outcome));
        }
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        if let Some(admission) = self.admission.take() {
            self.devices.exit(self.number, admission, None);
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
