//! Which server has which slot.

use std::fmt;
use std::sync::Arc;

use super::member::Member;
use super::slot::SLOTS;
use crate::replica::Replica;

/// No server has the slot, as far as is known.
const NOBODY: u16 = u16::MAX;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A range of slots, and where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) owner: Address,
    pub(super) replicas: Vec<Address>,
}

/// The servers of a cluster, and which of them has each slot.
#[derive(Clone)]
pub(super) struct Map {
    pub(super) members: Vec<Arc<Member>>,
    /// Of each of them, if replicas are read from.
    replicas: Vec<Vec<Arc<Replica>>>,
    /// By slot, the place of its server among them.
    owners: Vec<u16>,
}

impl Map {
    pub(super) fn empty() -> Self {
        Self { members: Vec::new(), replicas: Vec::new(), owners: vec![NOBODY; usize::from(SLOTS)] }
    }

    /// The one that has this slot.
    pub(super) fn owner(&self, slot: u16) -> Option<&Arc<Member>> {
        self.members.get(usize::from(self.owners[usize::from(slot)]))
    }

    /// One that has any slot, if possible one that there is a connection to.
    pub(super) fn any(&self) -> Option<&Arc<Member>> {
        let drawn = || self.owner(fastrand::u16(..SLOTS));
        let connected = |member: &&Arc<Member>| member.is_connected();
        (0..4).find_map(|_| drawn().filter(connected)).or_else(drawn).or_else(|| self.members.first())
    }

    /// Those that have slots.
    pub(super) fn serving(&self) -> impl Iterator<Item = &Arc<Member>> {
        let members = self.members.iter().enumerate();
        members
            .filter(|(place, _)| self.owners.iter().any(|owner| usize::from(*owner) == *place))
            .map(|(_, member)| member)
    }

    pub(super) fn find(&self, address: &Address) -> Option<&Arc<Member>> {
        self.members.iter().find(|member| member.address == *address)
    }

    /// Says who has these slots.
    pub(super) fn give(&mut self, first: u16, last: u16, member: &Arc<Member>) {
        let place = self.place_of(member);
        if let Some(slots) = self.owners.get_mut(usize::from(first)..=usize::from(last)) {
            slots.fill(place);
        }
    }

    /// Those that follow a member.
    pub(super) fn replicas_of(&self, member: &Arc<Member>) -> &[Arc<Replica>] {
        let place = self.members.iter().position(|known| Arc::ptr_eq(known, member));
        place.and_then(|place| self.replicas.get(place)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn replicas(&self) -> impl Iterator<Item = &Arc<Replica>> {
        self.replicas.iter().flatten()
    }

    /// Says who follows a member.
    pub(super) fn follow(&mut self, member: &Arc<Member>, replicas: Vec<Arc<Replica>>) {
        let place = usize::from(self.place_of(member));
        if self.replicas.len() <= place {
            self.replicas.resize(place + 1, Vec::new());
        }
        self.replicas[place] = replicas;
    }

    /// Remembers a member, whether it has slots or not.
    pub(super) fn place_of(&mut self, member: &Arc<Member>) -> u16 {
        let known = self.members.iter().position(|known| Arc::ptr_eq(known, member));
        let place = known.unwrap_or_else(|| {
            self.members.push(Arc::clone(member));
            self.members.len() - 1
        });
        u16::try_from(place).unwrap_or(NOBODY)
    }
}
