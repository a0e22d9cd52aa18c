use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use seawall_core::{
    Attention, Departure, Epoch, Event, Fate, InvalidConfig, Limit, LimitConfig, Priority, Sample, WaitKey,
    WaitQueue, WaitQueueConfig,
};

use super::places::{self, MOST_PLACES, Places};
use super::platform::{Lock, Platform, Word};
use super::spacing::Spacing;
use super::waiter::{Verdict, Waiter};

/// Lets as many calls in as the limit says, and has the others wait.
///
/// While nobody waits, a call enters and leaves by one exchange of one word. As soon as somebody does, the word is
/// marked, and everybody asks under the lock: so the one who waits and the one who leaves cannot miss each other, and
/// nobody gets in past those who wait.
#[repr(C)]
pub(super) struct Gate<P: Platform> {
    /// [`Places`]. While they are marked as guarded, only who has the lock changes them.
    places: P::Word,
    // What follows says no more than what an unlocked look at the limit would; a moment late does no harm.
    epoch: AtomicU64,
    attention: AtomicU64,
    /// The most calls that were under way since the limit was told last.
    peak: AtomicU32,
    inside: P::Lock<Inside<P>>,
}

struct Inside<P: Platform> {
    limit: Limit,
    queue: WaitQueue<Arc<Waiter<P>>>,
    spacing: Spacing,
}

/// A call that was let in, and has left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// What it tells the limit, if anything.
    pub(super) sample: Option<Sample>,
    /// How long it took; `None` if it was never made.
    pub(super) took: Option<Duration>,
}

impl<P: Platform> Gate<P> {
    pub(super) fn new(limit: LimitConfig, queue: WaitQueueConfig) -> Result<Self, InvalidConfig> {
        let inside = Inside {
            limit: Limit::new(limit).map_err(|invalid| invalid.within("limit"))?,
            queue: WaitQueue::new(queue).map_err(|invalid| invalid.within("queue"))?,
            spacing: Spacing::default(),
        };
        let places = Places { limit: inside.places(), guarded: inside.must_guard(), ..Places::default() };
        Ok(Self {
            places: P::Word::new(places.pack()),
            epoch: AtomicU64::new(inside.limit.epoch().number()),
            attention: AtomicU64::new(pack(inside.limit.attention())),
            peak: AtomicU32::new(0),
            inside: P::Lock::new(inside),
        })
    }

    /// Enters at once if there is a place and nobody waits for it. Says how many are under way then.
    #[inline]
    pub(super) fn try_enter(&self) -> Option<u32> {
        self.change(places::entered).map(|word| Places::unpack(word).in_flight)
    }

    /// Enters, or takes a place in the queue. The answer is put into `waiter`; who has to wait for it gets a key. Says how
    /// long anybody may wait.
    pub(super) fn enter_or_wait(
        &self,
        waiter: &Arc<Waiter<P>>,
        priority: Priority,
        deadline: Option<Instant>,
        now: Instant,
    ) -> (Option<WaitKey>, Option<Duration>) {
        self.locked(now, |inside, places, wakers| {
            let longest = inside.queue.config().max_wait;
            // During a pause it is not settled yet whose turn it is.
            if inside.queue.is_empty() && places.has_room() && inside.opens_after(now).is_none() {
                inside.admit(waiter, Duration::ZERO, places, now, wakers);
                return (None, longest);
            }
            // Those whose time is over make room before anybody else has to.
            while let Some(departure) = inside.queue.shed(now) {
                inside.answer(&departure, Duration::ZERO, places, now, wakers);
            }
            let (key, displaced) = inside.queue.push(Arc::clone(waiter), priority, deadline, now);
            if let Some(departure) = displaced {
                inside.answer(&departure, Duration::ZERO, places, now, wakers);
            }
            (Some(key), longest)
        })
    }

    /// At the end of a pause: waits again if somebody more urgent goes first, and says so.
    pub(super) fn wait_again(
        &self,
        waiter: &Arc<Waiter<P>>,
        key: WaitKey,
        (since, deadline): (Instant, Option<Instant>),
        now: Instant,
    ) -> bool {
        self.locked(now, |inside, places, _| {
            let more_urgent = inside.queue.most_urgent().is_some_and(|class| class > key.priority());
            let waits = more_urgent || inside.spacing.is_ahead() || inside.opens_after(now).is_some();
            if waits {
                places.in_flight = places.in_flight.saturating_sub(1);
                inside.queue.put_back(key, Arc::clone(waiter), since, deadline, now);
            }
            waits
        })
    }

    /// Stops waiting. `false` if the answer has been given.
    pub(super) fn withdraw(&self, key: WaitKey, now: Instant) -> bool {
        // What is removed is dropped after the lock is.
        self.locked(now, |inside, _, _| inside.queue.remove(key)).is_some()
    }

    /// Leaves at once, if there is nothing to tell the limit but that a call was answered, and nobody waits.
    #[inline]
    pub(super) fn try_leave(&self, in_flight: u32, answered: bool) -> bool {
        if answered && self.peak.load(Ordering::Relaxed) < in_flight {
            self.peak.fetch_max(in_flight, Ordering::Relaxed);
        }
        self.change(|word| places::left(word, answered)).is_some()
    }

    /// Leaves, and lets in who is next.
    pub(super) fn leave(&self, left: Left, now: Instant) -> Option<Event> {
        self.locked(now, |inside, places, _| {
            places.in_flight = places.in_flight.saturating_sub(1);
            let before = inside.limit.limit();
            let event = left.sample.and_then(|sample| inside.limit.record(sample, now));
            inside.spacing.moved(before, inside.limit.limit(), now);
            if let Some(took) = left.took {
                let outcome = left.sample.and_then(|sample| sample.outcome);
                inside.spacing.ended(outcome, inside.limit.pace(took, outcome), now);
            }
            if places.in_flight == 0 {
                inside.spacing.all_have_left();
            }
            event
        })
    }

    /// Puts another configuration in force: more places are given to those who wait, and of fewer none is taken back.
    pub(super) fn reconfigure(
        &self,
        limit: LimitConfig,
        queue: WaitQueueConfig,
        now: Instant,
    ) -> Result<Option<Event>, InvalidConfig> {
        limit.validate().map_err(|invalid| invalid.within("limit"))?;
        queue.validate().map_err(|invalid| invalid.within("queue"))?;
        self.locked(now, |inside, _, _| {
            let before = inside.limit.limit();
            inside.limit.reconfigure(limit)?;
            inside.queue.reconfigure(queue)?;
            let limit = inside.limit.limit();
            Ok((limit.to_bits() != before.to_bits()).then_some(Event::LimitChanged { limit }))
        })
    }

    pub(super) fn in_flight(&self) -> u32 {
        Places::unpack(self.places.load()).in_flight
    }

    pub(super) fn waiting(&self) -> usize {
        self.inside.with(|inside| inside.queue.len())
    }

    /// Runs with the limit; it does not change it.
    pub(super) fn with_limit<R>(&self, run: impl FnOnce(&Limit) -> R) -> R {
        self.inside.with(|inside| run(&inside.limit))
    }

    #[inline]
    pub(super) fn epoch(&self) -> Epoch {
        Epoch::from_number(self.epoch.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn attention(&self) -> Attention {
        unpack(self.attention.load(Ordering::Relaxed))
    }

    #[inline]
    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let mut word = self.places.load();
        loop {
            let new = change(word)?;
            match self.places.exchange(word, new) {
                Ok(_) => return Some(new),
                Err(other) => word = other,
            }
        }
    }

    /// Runs with everything, while nobody enters or leaves; then gives places to those who wait, as far as there are
    /// any, and wakes who has an answer, after the lock.
    fn locked<R>(
        &self,
        now: Instant,
        run: impl FnOnce(&mut Inside<P>, &mut Places, &mut Vec<Waker>) -> R,
    ) -> R {
        let mut wakers = Vec::new();
        let result = self.inside.with(|inside| {
            let mut places = self.guard();
            inside.limit.count(places.answered, self.peak.swap(0, Ordering::Relaxed));
            places.answered = 0;
            let result = run(inside, &mut places, &mut wakers);
            places.limit = inside.places();
            inside.settle(&mut places, now, &mut wakers);
            self.epoch.store(inside.limit.epoch().number(), Ordering::Relaxed);
            self.attention.store(pack(inside.limit.attention()), Ordering::Relaxed);
            places.guarded = inside.must_guard();
            self.places.store(places.pack());
            result
        });
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Marks the places: from here on nobody else changes them.
    fn guard(&self) -> Places {
        let word = self.change(|word| Some(places::guarded(word)));
        word.map(Places::unpack).unwrap_or_default()
    }
}

impl<P: Platform> Inside<P> {
    /// Whole places: one, where the limit is below.
    fn places(&self) -> u32 {
        (self.limit.limit() as u32).clamp(1, MOST_PLACES)
    }

    /// The end of the pause under way.
    fn opens_after(&self, now: Instant) -> Option<Instant> {
        self.spacing.opens_after(now).filter(|_| self.limit.limit() < 1.0)
    }

    /// How much sooner than at the end of the pause the next to be served may go.
    fn credit(&self) -> Duration {
        self.spacing.credit(self.queue.most_urgent(), self.limit.config().max_pause)
    }

    /// Whether the next to be served goes ahead of the pause under way. The one place may be held by a call that waits for
    /// the end of it.
    fn may_go_ahead(&self, places: &Places, now: Instant) -> bool {
        let owes = self.opens_after(now).map(|opens| opens.saturating_duration_since(now));
        !self.spacing.is_ahead() && places.in_flight <= 1 && owes.is_some_and(|owes| owes <= self.credit())
    }

    fn must_guard(&self) -> bool {
        !self.queue.is_empty() || self.limit.limit() < 1.0
    }

    fn settle(&mut self, places: &mut Places, now: Instant, wakers: &mut Vec<Waker>) {
        loop {
            let (ahead, credit) = (self.may_go_ahead(places, now), self.credit());
            let departure =
                if ahead || places.has_room() { self.queue.next(now) } else { self.queue.shed(now) };
            let Some(departure) = departure else { return };
            if ahead && departure.fate == Fate::Served {
                self.spacing.go_ahead();
            }
            self.answer(&departure, credit, places, now, wakers);
        }
    }

    fn answer(
        &self,
        departure: &Departure<Arc<Waiter<P>>>,
        credit: Duration,
        places: &mut Places,
        now: Instant,
        wakers: &mut Vec<Waker>,
    ) {
        match departure.fate {
            Fate::Served => self.admit(&departure.waiter, credit, places, now, wakers),
            fate => wakers.extend(departure.waiter.decide(Verdict::Refused(fate))),
        }
    }

    fn admit(
        &self,
        waiter: &Waiter<P>,
        credit: Duration,
        places: &mut Places,
        now: Instant,
        wakers: &mut Vec<Waker>,
    ) {
        places.in_flight += 1;
        let opens = self.opens_after(now).and_then(|opens| opens.checked_sub(credit));
        let opens = opens.filter(|&opens| opens > now);
        wakers.extend(waiter.decide(Verdict::Entered { in_flight: places.in_flight, opens }));
    }
}

const LEARNS: u64 = 1 << 63;

fn pack(attention: Attention) -> u64 {
    let learns = if attention.learns { LEARNS } else { 0 };
    learns | u64::from(attention.grows_from)
}

fn unpack(word: u64) -> Attention {
    Attention { learns: word & LEARNS != 0, grows_from: word as u32 }
}
