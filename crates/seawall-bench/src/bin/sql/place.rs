//! Where a client and its server run. Left to itself, the kernel puts the one server beside the client and the other on a
//! processor that sleeps between two queries, and to wake that takes longer than all that is measured.

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;

/// Where the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the client's processor, which never sleeps.
    Shared,
    /// On one of its own: each sleeps while the other works.
    Apart,
}

/// This thread on the first processor that it may use, and servers in their place, as long as this is held.
pub(crate) struct Placed {
    anywhere: CpuSet,
    servers: Vec<Pid>,
}

impl Placed {
    pub(crate) fn new(place: Place, servers: &[i32]) -> Result<Self> {
        let anywhere = sched_getaffinity(None)?;
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|processor| anywhere.is_set(*processor));
        let here = allowed.next().ok_or("this thread may run nowhere")?;
        let there = if place == Place::Shared { Some(here) } else { allowed.next() };
        let there = there.ok_or("a processor for each takes two")?;
        let servers: Option<Vec<Pid>> = servers.iter().map(|pid| Pid::from_raw(*pid)).collect();
        let placed = Self { anywhere, servers: servers.ok_or("a process has no number")? };
        sched_setaffinity(None, &only(here))?;
        for server in &placed.servers {
            sched_setaffinity(Some(*server), &only(there))?;
        }
        Ok(placed)
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        // What has ended by now needs no place.
        for process in self.servers.iter().copied().map(Some).chain([None]) {
            let _gone = sched_setaffinity(process, &self.anywhere);
        }
    }
}

fn only(processor: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(processor);
    set
}
