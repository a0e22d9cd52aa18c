mod config;
mod departure;
mod lane;

use std::time::{Duration, Instant};

pub use config::WaitQueueConfig;
pub use departure::{Departure, Fate};
use lane::{End, Lane, Waiter};

use crate::{InvalidConfig, Priority};

const CLASSES: usize = Priority::ALL.len();

/// Who is next when there is not enough for everybody: a bounded queue by priority that knows deadlines, and serves
/// the newest first when it does not get shorter.
///
/// - **Among classes** the turns are shared by weight: a class gets `priority_ratio` turns for one of the class below
///   it, when both wait. So the most urgent class waits for next to nobody, and no class waits for ever. (Self-clocked
///   fair queueing: Golestani, "A self-clocked fair queueing scheme for broadband applications", 1994. Priority that
///   grows with age would make everybody alike exactly when it matters.)
/// - **Within a class** the oldest is first, until the queue was not empty for `pressure_after`. Then the newest is,
///   and those who wait for long are sent away: the callers of the oldest have most likely given up, and serving them
///   would make everybody late. Critical ones may wait as long as ever: few are ahead of them, so their turn comes.
///   (Adaptive LIFO and controlled delay: Maurer, "Fail at Scale", ACM Queue 2015, after
///   Nichols and Jacobson, "Controlling Queue Delay", 2012.)
/// - **A full queue** sends away who would be served last: of the lowest class that waits, the newcomer counted, the
///   newest, and under pressure the oldest.
/// - **Somebody whose deadline has passed** never gets a turn.
///
/// Pushing, serving, shedding and removing cost O(log n).
///
/// ```
/// use std::time::Instant;
/// use seawall_core::{Fate, Priority, WaitQueue, WaitQueueConfig};
///
/// let now = Instant::now();
/// let mut queue = WaitQueue::new(WaitQueueConfig::default()).unwrap();
/// queue.push("report", Priority::Background, None, now);
/// let (page, _) = queue.push("page", Priority::High, None, now);
/// queue.push("payment", Priority::Critical, None, now);
/// assert_eq!(queue.remove(page), Some("page")); // its caller gave up
/// assert_eq!(queue.next(now).unwrap().waiter, "payment");
/// let last = queue.next(now).unwrap();
/// assert_eq!((last.waiter, last.fate), ("report", Fate::Served));
/// ```
#[derive(Debug)]
pub struct WaitQueue<T> {
    config: WaitQueueConfig,
    /// The lowest class first, as `Priority` counts.
    lanes: [Lane<T>; CLASSES],
    waiting: usize,
    next_number: u64,
    /// Since when somebody waits.
    busy_since: Option<Instant>,
    /// The virtual time at which the last turn ended.
    virtual_time: u64,
}

/// The place of one waiter, to leave it by. Of no use any more once the waiter has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WaitKey {
    priority: Priority,
    number: u64,
}

impl WaitKey {
    /// The class of the waiter.
    pub const fn priority(self) -> Priority {
        self.priority
    }
}

impl<T> WaitQueue<T> {
    /// An empty queue.
    ///
    /// # Errors
    /// What [`WaitQueueConfig::validate`] says.
    pub fn new(config: WaitQueueConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(Self {
            config,
            lanes: std::array::from_fn(|_| Lane::new()),
            waiting: 0,
            next_number: 0,
            busy_since: None,
            virtual_time: 0,
        })
    }

    /// Takes a place. If the queue is full, somebody has to go for it: maybe the newcomer itself.
    pub fn push(
        &mut self,
        waiter: T,
        priority: Priority,
        deadline: Option<Instant>,
        now: Instant,
    ) -> (WaitKey, Option<Departure<T>>) {
        let number = self.next_number;
        self.next_number += 1;
        let lane = &mut self.lanes[priority as usize];
        if lane.waiters.is_empty() {
            // What a class did not use while nobody of it waited is not saved up.
            lane.served = lane.served.max(self.virtual_time);
        }
        lane.waiters.insert(number, Waiter { who: waiter, since: now, deadline });
        self.waiting += 1;
        self.busy_since.get_or_insert(now);
        let displaced = if self.is_too_long() { self.displace(now) } else { None };
        (WaitKey { priority, number }, displaced)
    }

    /// The next to leave when somebody can be served: first, one by one, those that must be sent away, then whose turn
    /// it is.
    pub fn next(&mut self, now: Instant) -> Option<Departure<T>> {
        self.shed(now).or_else(|| self.serve(now))
    }

    /// The next to be sent away, whether or not anybody can be served. Ask until there is none.
    ///
    /// It finds those that wait for longer than anybody may. One whose own deadline passed earlier is found when it
    /// would be its turn; its owner, who has a timer, knows before.
    pub fn shed(&mut self, now: Instant) -> Option<Departure<T>> {
        if self.is_too_long() {
            return self.displace(now);
        }
        let pressed = self.is_under_pressure(now);
        let lane = (0..CLASSES).find(|&lane| {
            let waited = self.lanes[lane].oldest_since().map(|since| now.saturating_duration_since(since));
            waited.zip(self.longest_wait(lane, pressed)).is_some_and(|(waited, longest)| waited >= longest)
        })?;
        self.take(lane, End::Oldest, now, Fate::Overdue)
    }

    /// Leaves without having been served. `None` if it has left already.
    pub fn remove(&mut self, key: WaitKey) -> Option<T> {
        let removed = self.lanes[key.priority as usize].waiters.remove(&key.number)?;
        self.count_out();
        Some(removed.who)
    }

    /// Takes its old place again, for somebody who was served and could not use the turn. The turn stays counted.
    pub fn put_back(
        &mut self,
        key: WaitKey,
        waiter: T,
        since: Instant,
        deadline: Option<Instant>,
        now: Instant,
    ) {
        self.lanes[key.priority as usize].waiters.insert(key.number, Waiter { who: waiter, since, deadline });
        self.waiting += 1;
        self.busy_since.get_or_insert(now);
    }

    /// The most urgent class that waits.
    pub fn most_urgent(&self) -> Option<Priority> {
        Priority::ALL.into_iter().find(|&class| !self.lanes[class as usize].waiters.is_empty())
    }

    /// How many wait that somebody of a class would come after: those of the class and of more urgent ones.
    pub fn ahead_of(&self, class: Priority) -> usize {
        self.lanes[class as usize..].iter().map(|lane| lane.waiters.len()).sum()
    }

    /// How many wait.
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nobody waits.
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Whether the queue has not been empty for so long that the newest is served first.
    pub fn is_under_pressure(&self, now: Instant) -> bool {
        let busy = self.busy_since.map(|since| now.saturating_duration_since(since));
        busy.zip(self.config.pressure_after).is_some_and(|(busy, after)| busy > after)
    }

    /// The configuration in force.
    pub const fn config(&self) -> &WaitQueueConfig {
        &self.config
    }

    /// Puts another configuration in force. Everybody keeps their place; [`shed`](Self::shed) finds those that the new
    /// one leaves none for.
    ///
    /// # Errors
    /// What [`WaitQueueConfig::validate`] says; the old configuration then stays.
    pub fn reconfigure(&mut self, config: WaitQueueConfig) -> Result<(), InvalidConfig> {
        config.validate()?;
        self.config = config;
        Ok(())
    }

    fn serve(&mut self, now: Instant) -> Option<Departure<T>> {
        let waiting = (0..CLASSES).filter(|&lane| !self.lanes[lane].waiters.is_empty());
        // Whose turn would end first; between two, the more urgent class.
        let lane = waiting.min_by_key(|&lane| (self.turn_end(lane), CLASSES - lane))?;
        let end = if self.is_under_pressure(now) { End::Newest } else { End::Oldest };
        let turn_end = self.turn_end(lane);
        let departure = self.take(lane, end, now, Fate::Served)?;
        if departure.fate == Fate::Served {
            self.lanes[lane].served = turn_end;
            self.virtual_time = turn_end;
        }
        Some(departure)
    }

    fn displace(&mut self, now: Instant) -> Option<Departure<T>> {
        let lane = self.lanes.iter().position(|lane| !lane.waiters.is_empty())?;
        let end = if self.is_under_pressure(now) { End::Oldest } else { End::Newest };
        self.take(lane, end, now, Fate::Displaced)
    }

    fn take(&mut self, lane: usize, end: End, now: Instant, fate: Fate) -> Option<Departure<T>> {
        let Waiter { who, since, deadline } = self.lanes[lane].take(end)?;
        self.count_out();
        // A passed deadline is the better reason, whatever else was to happen.
        let fate = if deadline.is_some_and(|deadline| deadline <= now) { Fate::Expired } else { fate };
        Some(Departure { waiter: who, waited: now.saturating_duration_since(since), fate })
    }

    fn count_out(&mut self) {
        self.waiting -= 1;
        if self.waiting == 0 {
            self.busy_since = None;
            // Nobody is owed anything, so the virtual clock may start anew.
            self.virtual_time = 0;
            self.lanes.iter_mut().for_each(|lane| lane.served = 0);
        }
    }

    fn is_too_long(&self) -> bool {
        self.waiting > self.config.max_waiting as usize
    }

    fn longest_wait(&self, lane: usize, pressed: bool) -> Option<Duration> {
        let pressed = pressed && lane != Priority::Critical as usize;
        let pressed = self.config.max_wait_under_pressure.filter(|_| pressed);
        self.config.max_wait.into_iter().chain(pressed).min()
    }

    /// The virtual time at which the next turn of a class would end. A turn lasts the longer, the lower the class.
    fn turn_end(&self, lane: usize) -> u64 {
        let below_the_top = (CLASSES - 1 - lane) as u32;
        let turn = u64::from(self.config.priority_ratio.get()).pow(below_the_top);
        self.lanes[lane].served.saturating_add(turn)
    }
}
