//! [`HalfOpen`]: CONNECTs that were answered and whose senders have not proven yet that they are where they say.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::num::NonZeroU32;

use enet_wire::{ConnectId, WirePeerId};

use super::origin::Secret;
use crate::collections::index::{Index, Name};
use crate::peer::candidate::Candidate;

/// When replies are repeated unasked, in ms after the first.
const REPEATS: [u32; 2] = [500, 1_500];

/// How long an entry stays at most, in ms: a stock client asks for 31.5 s, and each time anew.
const LIFETIME: u32 = 30_000;

/// A name for an entry while it lives: its place in the order of arrival, modulo 2³¹, plus one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(NonZeroU32);

impl Number {
    const MIN: Number = Number(NonZeroU32::MIN);

    const fn next(self) -> Number {
        Number(NonZeroU32::MIN.saturating_add(self.0.get() & (u32::MAX >> 1)))
    }

    const fn since(self, first: Number) -> usize {
        (self.0.get().wrapping_sub(first.0.get()) & (u32::MAX >> 1)) as usize
    }

    fn plus(self, places: usize) -> Number {
        let places = u32::try_from(places).unwrap_or(0);
        let sum = (self.0.get() - 1).wrapping_add(places) & (u32::MAX >> 1);
        Number(NonZeroU32::MIN.saturating_add(sum))
    }
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// With the next younger place of the same bucket.
    Taken { candidate: Candidate, next: Number },
    /// Who was there has left. The links of its bucket go on.
    Left { next: Number, bucket: u16 },
}

impl Place {
    const fn candidate(&self) -> Option<&Candidate> {
        match self {
            Place::Taken { candidate, .. } => Some(candidate),
            Place::Left { .. } => None,
        }
    }
}

// And at most twice 8 in the indexes when the table is full.
const _: () = assert!(size_of::<Place>() <= 80, "96 bytes for an unproven address");

/// The entries of the networks that share a hash, oldest first.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    oldest: Number,
    youngest: Number,
    entries: u32,
}

const BUCKETS: usize = 1024;

/// The share of the table that one network may have, one in so many.
const QUOTA: usize = 4;

/// New entries in a second above which replies are not repeated unasked.
const HURRY: u32 = 1_000;

/// Entries in order of arrival. When there is no room the oldest one goes, of the same network if that has its share
/// already: a flood must pass through the table within a round trip to keep anybody out.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    places: VecDeque<Place>,
    /// The number of the first place.
    first: Number,
    limit: usize,
    entries: usize,
    /// The first places whose reply was not repeated once, and twice.
    repeats: [Number; 2],
    replies: VecDeque<Number>,
    by_origin: Index<Number>,
    by_id: Index<Number>,
    buckets: Vec<Bucket>,
    secret: Secret,
    is_always_strict: bool,
    /// When the running second began, and new entries in it.
    arrivals: (u32, u32),
}

impl HalfOpen {
    pub(crate) fn new(limit: u16, is_always_strict: bool, secret: Secret) -> Self {
        HalfOpen {
            places: VecDeque::new(),
            first: Number::MIN,
            limit: usize::from(limit),
            entries: 0,
            repeats: [Number::MIN; 2],
            replies: VecDeque::new(),
            by_origin: Index::new(),
            by_id: Index::new(),
            buckets: Vec::new(),
            secret,
            is_always_strict,
            arrivals: (0, 0),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.entries
    }

    /// Whether no more may be sent than was received, and nothing unasked.
    pub(crate) const fn is_strict(&self, now: u32) -> bool {
        let (began, count) = self.arrivals;
        let in_a_hurry = count > HURRY && now.wrapping_sub(began) < 2_000;
        self.is_always_strict || self.entries > self.limit / 2 || in_a_hurry
    }

    // --- finding ---

    pub(crate) fn get(&self, number: Number) -> Option<&Candidate> {
        self.places.get(number.since(self.first))?.candidate()
    }

    pub(crate) fn get_mut(&mut self, number: Number) -> Option<&mut Candidate> {
        match self.places.get_mut(number.since(self.first))? {
            Place::Taken { candidate, .. } => Some(candidate),
            Place::Left { .. } => None,
        }
    }

    /// The entry of a CONNECT.
    pub(crate) fn find(&self, from: SocketAddr, id: ConnectId) -> Option<Number> {
        if self.entries == 0 {
            return None;
        }
        let is_it = |at| self.get(at).is_some_and(|it| it.connect_id == id && it.is_at(from));
        self.by_origin.find(self.secret.of_connect(from, id), is_it)
    }

    /// The entry that a datagram header names.
    pub(crate) fn route(&self, from: SocketAddr, id: WirePeerId) -> Option<Number> {
        if self.entries == 0 {
            return None;
        }
        let is_it = |at| self.get(at).is_some_and(|it| it.proof.id() == id && it.is_at(from));
        self.by_id.find(self.secret.of_id(from, id), is_it)
    }

    // --- changing ---

    /// Takes an entry in; and how many had to go for it.
    pub(crate) fn insert(&mut self, candidate: Candidate) -> (Number, u64) {
        let before = self.entries;
        let bucket = self.bucket_of(&candidate);
        if self.places.len() >= self.limit && self.entries <= self.limit - self.limit / QUOTA {
            self.close_up();
        }
        while self.places.len() >= self.limit {
            self.drop_first();
        }
        while self.buckets.get(bucket).is_some_and(|it| it.entries as usize >= (self.limit / QUOTA).max(1)) {
            self.drop_oldest_of(bucket);
        }
        let gone = before - self.entries;
        self.count_arrival(candidate.created);
        (self.append(candidate), gone as u64)
    }

    fn append(&mut self, candidate: Candidate) -> Number {
        let bucket = self.bucket_of(&candidate);
        let number = self.first.plus(self.places.len());
        self.places.push_back(Place::Taken { candidate, next: number });
        self.entries += 1;
        self.link(bucket, number);
        let HalfOpen { places, first, secret, by_origin, by_id, .. } = self;
        let (origin, id) = names(*secret, &candidate);
        by_origin.insert(origin, number, |at| names_at(places, *first, *secret, at).map(|it| it.0));
        by_id.insert(id, number, |at| names_at(places, *first, *secret, at).map(|it| it.1));
        number
    }

    /// Closes the gaps between places, which a network leaves behind that displaces its own: or it would displace others
    /// with them. There is one more entry for every three that move.
    fn close_up(&mut self) {
        let repeats = self.repeats.map(|repeat| repeat.since(self.first));
        let places = core::mem::take(&mut self.places);
        self.first = self.first.plus(places.len());
        self.give_back();
        self.entries = 0;
        for (at, place) in places.into_iter().enumerate() {
            if let Place::Taken { mut candidate, .. } = place {
                let wants_reply = candidate.unqueue();
                let number = self.append(candidate);
                if wants_reply {
                    self.reply_to(number);
                }
            }
            for (repeat, stopped_at) in self.repeats.iter_mut().zip(repeats) {
                if at < stopped_at {
                    *repeat = self.first.plus(self.places.len());
                }
            }
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, number: Number) -> Option<Candidate> {
        let Place::Taken { candidate, next } = *self.places.get(number.since(self.first))? else {
            return None;
        };
        let HalfOpen { places, first, secret, by_origin, by_id, .. } = self;
        let (origin, id) = names(*secret, &candidate);
        let is_it = |at| at == number;
        by_origin.remove(origin, is_it, |at| names_at(places, *first, *secret, at).map(|it| it.0));
        by_id.remove(id, is_it, |at| names_at(places, *first, *secret, at).map(|it| it.1));
        self.entries -= 1;
        if self.entries == 0 {
            self.give_back();
            return Some(candidate);
        }
        let at = self.bucket_of(&candidate);
        #[allow(clippy::cast_possible_truncation)] // of 1024
        if let Some(place) = self.places.get_mut(number.since(self.first)) {
            *place = Place::Left { next, bucket: at as u16 };
        }
        if let Some(bucket) = self.buckets.get_mut(at) {
            bucket.entries -= 1;
        }
        Some(candidate)
    }

    /// Has a reply sent.
    pub(crate) fn reply_to(&mut self, number: Number) {
        if self.replies.len() >= self.limit {
            self.next_reply();
        }
        if let Some(candidate) = self.get_mut(number)
            && candidate.queue()
        {
            self.replies.push_back(number);
        }
    }

    /// The next entry to reply to.
    pub(crate) fn next_reply(&mut self) -> Option<Number> {
        while let Some(number) = self.replies.pop_front() {
            if let Some(candidate) = self.get_mut(number) {
                candidate.unqueue();
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn wants_to_reply(&self) -> bool {
        !self.replies.is_empty()
    }

    // --- time ---

    /// Does what is due: has replies repeated, and lets entries go; how many.
    pub(crate) fn on_time(&mut self, now: u32) -> u64 {
        let before = self.entries;
        while self.first_age(now).is_some_and(|age| age.is_none_or(|age| age >= LIFETIME)) {
            self.drop_first();
        }
        let gone = before - self.entries;
        for (stage, after) in REPEATS.into_iter().enumerate() {
            while let Some(number) = self.next_repeat(stage)
                && self.get(number).is_some_and(|candidate| now.wrapping_sub(candidate.created) >= after)
            {
                if let Some(repeat) = self.repeats.get_mut(stage) {
                    *repeat = number.next();
                }
                if !self.is_strict(now) {
                    self.reply_to(number);
                }
            }
        }
        gone as u64
    }

    /// How long until that; `None` while there is nobody.
    pub(crate) fn wait(&mut self, now: u32) -> Option<u32> {
        if self.entries == 0 {
            return None;
        }
        while let Some(Place::Left { .. }) = self.places.front() {
            self.drop_first();
        }
        let mut wait = LIFETIME.saturating_sub(self.first_age(now)??);
        for (stage, after) in REPEATS.into_iter().enumerate() {
            if let Some(candidate) = self.next_repeat(stage).and_then(|number| self.get(number)) {
                wait = wait.min(after.saturating_sub(now.wrapping_sub(candidate.created)));
            }
        }
        Some(wait)
    }

    /// The first entry whose reply was not repeated so often.
    fn next_repeat(&mut self, stage: usize) -> Option<Number> {
        let HalfOpen { places, first, repeats, .. } = self;
        let repeat = repeats.get_mut(stage)?;
        while let Some(Place::Left { .. }) = places.get(repeat.since(*first)) {
            *repeat = repeat.next();
        }
        (repeat.since(*first) < places.len()).then_some(*repeat)
    }

    /// The age of the entry in the first place, if there is one and a place.
    fn first_age(&self, now: u32) -> Option<Option<u32>> {
        let first = self.places.front()?;
        Some(first.candidate().map(|candidate| now.wrapping_sub(candidate.created)))
    }

    // --- inside ---

    /// Gives back what a flood left behind.
    fn give_back(&mut self) {
        self.first = self.first.plus(self.places.len());
        self.repeats = [self.first; 2];
        self.places = VecDeque::new();
        self.replies = VecDeque::new();
        (self.by_origin, self.by_id) = (Index::new(), Index::new());
        self.buckets = Vec::new();
    }

    /// Removes the first place.
    fn drop_first(&mut self) {
        let number = self.first;
        self.remove(number);
        // There is none if that was the last candidate.
        let Some(Place::Left { next, bucket }) = self.places.pop_front() else { return };
        self.first = number.next();
        for repeat in &mut self.repeats {
            if *repeat == number {
                *repeat = self.first;
            }
        }
        if let Some(bucket) = self.buckets.get_mut(usize::from(bucket))
            && bucket.oldest == number
        {
            bucket.oldest = next;
        }
    }

    /// Removes the first place of a bucket that has entries, from its links at least.
    fn drop_oldest_of(&mut self, bucket: usize) {
        let Some(Bucket { oldest, .. }) = self.buckets.get(bucket).copied() else { return };
        self.remove(oldest);
        if let (Some(Place::Left { next, .. }), Some(bucket)) =
            (self.places.get(oldest.since(self.first)), self.buckets.get_mut(bucket))
        {
            bucket.oldest = *next;
        }
    }

    fn link(&mut self, at: usize, number: Number) {
        if self.buckets.is_empty() {
            let empty = Bucket { oldest: number, youngest: number, entries: 0 };
            self.buckets = vec![empty; BUCKETS];
        }
        let Some(bucket) = self.buckets.get_mut(at) else { return };
        let before = core::mem::replace(&mut bucket.youngest, number);
        bucket.entries += 1;
        if bucket.entries == 1 {
            bucket.oldest = number;
        } else if let Some(Place::Taken { next, .. } | Place::Left { next, .. }) =
            self.places.get_mut(before.since(self.first))
        {
            *next = number;
        }
    }

    fn bucket_of(&self, candidate: &Candidate) -> usize {
        self.secret.of_network(candidate.address().ip()) % BUCKETS
    }

    fn count_arrival(&mut self, now: u32) {
        let (began, count) = self.arrivals;
        self.arrivals = if now.wrapping_sub(began) < 1_000 { (began, count + 1) } else { (now, 1) };
    }

    /// Panics if links, counts and indexes disagree with the entries.
    #[allow(clippy::panic)] // its purpose
    pub(crate) fn check_invariants(&self) {
        let candidates = self.places.iter().filter_map(Place::candidate);
        assert_eq!(candidates.clone().count(), self.entries, "half-open entries");
        assert!(self.places.len() <= self.limit && (self.entries > 0 || self.places.is_empty()));
        assert_eq!((self.by_origin.len(), self.by_id.len()), (self.entries, self.entries));
        assert_eq!(self.buckets.iter().map(|it| it.entries as usize).sum::<usize>(), self.entries);
        for candidate in candidates {
            assert!(
                self.find(candidate.address(), candidate.connect_id).is_some(),
                "an entry without an origin"
            );
            assert!(
                self.route(candidate.address(), candidate.proof.id()).is_some(),
                "an entry without an id"
            );
            candidate.check_invariants();
        }
    }
}

fn names(secret: Secret, candidate: &Candidate) -> (Name, Name) {
    let from = candidate.address();
    (secret.of_connect(from, candidate.connect_id), secret.of_id(from, candidate.proof.id()))
}

fn names_at(places: &VecDeque<Place>, first: Number, secret: Secret, at: Number) -> Option<(Name, Name)> {
    Some(names(secret, places.get(at.since(first))?.candidate()?))
}

#[cfg(test)]
mod tests;
