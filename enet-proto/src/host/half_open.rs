//! [`HalfOpen`]: CONNECTs that were answered and whose senders have not proven yet that they are where they say.

mod early;
mod tokens;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::num::NonZeroU16;

use early::Early;
use enet_wire::{ConnectId, WirePeerId};

use super::origin::Secret;
use crate::channel::account::counted;
use crate::collections::index::{Index, Name};
use crate::peer::candidate::Candidate;

/// When replies are repeated unasked, in ms after the first.
const REPEATS: [u32; 2] = [500, 1_500];

/// How long an entry stays at most, in ms: a stock client asks for 31.5 s, and each time anew.
const LIFETIME: u32 = 30_000;

/// A name for an entry while it lives: its place, plus one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(NonZeroU16);

impl Number {
    fn of(place: usize) -> Option<Number> {
        u16::try_from(place + 1).ok().and_then(NonZeroU16::new).map(Number)
    }

    const fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Taken(Entry),
    /// Free, and before the free place used next.
    Free(Option<Number>),
}

/// In the order of arrival among all, and among those of its bucket.
#[derive(Debug, Clone, Copy)]
struct Entry {
    candidate: Candidate,
    among_all: Links,
    among_bucket: Links,
}

#[derive(Debug, Clone, Copy, Default)]
struct Links {
    older: Option<Number>,
    younger: Option<Number>,
}

/// Which of the two orders.
#[derive(Debug, Clone, Copy)]
enum Order {
    OfAll,
    OfBucket,
}

impl Entry {
    const fn links(&mut self, order: Order) -> &mut Links {
        match order {
            Order::OfAll => &mut self.among_all,
            Order::OfBucket => &mut self.among_bucket,
        }
    }
}

// And twice 4 in the indexes when the table is full.
const _: () = assert!(size_of::<Place>() <= 88, "96 bytes for an unproven address");

#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    oldest: Option<Number>,
    youngest: Option<Number>,
}

/// The entries of the networks that share a hash.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    ends: Ends,
    entries: u16,
    token_bytes: u32,
}

const BUCKETS: usize = 1024;

/// The share of the table that one network may have, one in so many.
const QUOTA: usize = 4;

/// Bytes of all tokens that are kept for the application.
const TOKEN_BYTES: u32 = 4 << 20;

/// The same of one network.
const NETWORK_TOKEN_BYTES: u32 = TOKEN_BYTES / 4;

/// New entries in a second above which replies are not repeated unasked.
const HURRY: u32 = 1_000;

/// Entries in order of arrival. When there is no room the oldest one goes, of the same network if that has its share
/// already: a flood must pass through the table within a round trip to keep anybody out.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    places: Vec<Place>,
    free: Option<Number>,
    all: Ends,
    limit: usize,
    entries: usize,
    /// The first entries whose reply was not repeated once, and twice.
    repeats: [Option<Number>; 2],
    /// Those to reply to; and names of entries that have gone, which others may have by now.
    replies: VecDeque<Number>,
    by_origin: Index<Number>,
    by_id: Index<Number>,
    buckets: Vec<Bucket>,
    /// What the policy has seen and the application is to see, of those who brought any.
    tokens: BTreeMap<Number, Box<[u8]>>,
    token_bytes: u32,
    /// Who brought them, in order of arrival; and names of entries that have gone.
    token_order: VecDeque<(Number, ConnectId)>,
    early: Early,
    secret: Secret,
    is_always_strict: bool,
    /// When the running second began, and new entries in it.
    arrivals: (u32, u32),
}

impl HalfOpen {
    pub(crate) fn new(limit: u16, is_always_strict: bool, secret: Secret) -> Self {
        HalfOpen {
            places: Vec::new(),
            free: None,
            all: Ends::default(),
            limit: usize::from(limit),
            entries: 0,
            repeats: [None; 2],
            replies: VecDeque::new(),
            by_origin: Index::new(),
            by_id: Index::new(),
            buckets: Vec::new(),
            tokens: BTreeMap::new(),
            token_bytes: 0,
            token_order: VecDeque::new(),
            early: Early::default(),
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
        self.entry(number).map(|entry| &entry.candidate)
    }

    pub(crate) fn get_mut(&mut self, number: Number) -> Option<&mut Candidate> {
        self.entry_mut(number).map(|entry| &mut entry.candidate)
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

    /// Takes an entry in, with what the application is to see; and how many had to go for it.
    pub(crate) fn insert(&mut self, candidate: Candidate, token: Option<Box<[u8]>>) -> (Number, u64) {
        let before = self.entries;
        let quota = (self.limit / QUOTA).max(1);
        let bytes = token.as_ref().map_or(0, |token| counted(token.len()));
        let at = self.bucket_of(&candidate);
        while let Some(bucket) = self.buckets.get(at)
            && (usize::from(bucket.entries) >= quota
                || bucket.token_bytes.saturating_add(bytes) > NETWORK_TOKEN_BYTES)
            && let Some(oldest) = bucket.ends.oldest
        {
            self.remove(oldest);
        }
        if self.entries >= self.limit
            && let Some(oldest) = self.all.oldest
        {
            self.remove(oldest);
        }
        while self.token_bytes.saturating_add(bytes) > TOKEN_BYTES
            && let Some((oldest, id)) = self.token_order.pop_front()
        {
            if self.has_token(oldest, id) {
                self.remove(oldest);
            }
        }
        let gone = before - self.entries;
        self.count_arrival(candidate.created);
        let number = self.append(candidate);
        if let Some(token) = token {
            self.keep_token(number, candidate.connect_id, token);
        }
        (number, gone as u64)
    }

    fn append(&mut self, candidate: Candidate) -> Number {
        let number = self.take_place(candidate);
        self.entries += 1;
        self.link(Order::OfAll, number);
        self.link(Order::OfBucket, number);
        for repeat in &mut self.repeats {
            *repeat = repeat.or(Some(number));
        }
        let HalfOpen { places, secret, by_origin, by_id, .. } = self;
        let (origin, id) = names(*secret, &candidate);
        by_origin.insert(origin, number, |at| names_at(places, *secret, at).map(|it| it.0));
        by_id.insert(id, number, |at| names_at(places, *secret, at).map(|it| it.1));
        number
    }

    fn take_place(&mut self, candidate: Candidate) -> Number {
        let (among_all, among_bucket) = (Links::default(), Links::default());
        let taken = Place::Taken(Entry { candidate, among_all, among_bucket });
        if let Some(number) = self.free
            && let Some(place) = self.places.get_mut(number.place())
        {
            self.free = match core::mem::replace(place, taken) {
                Place::Free(next) => next,
                Place::Taken(_) => None,
            };
            return number;
        }
        self.places.push(taken);
        // There are as many places as there were entries at once: 65,535 at most.
        Number::of(self.places.len() - 1).unwrap_or(Number(NonZeroU16::MAX))
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, number: Number) -> Option<Candidate> {
        self.take_token(number);
        let Entry { candidate, among_all, .. } = *self.entry(number)?;
        let HalfOpen { places, secret, by_origin, by_id, .. } = self;
        let (origin, id) = names(*secret, &candidate);
        let is_it = |at| at == number;
        by_origin.remove(origin, is_it, |at| names_at(places, *secret, at).map(|it| it.0));
        by_id.remove(id, is_it, |at| names_at(places, *secret, at).map(|it| it.1));
        self.entries -= 1;
        if self.entries == 0 {
            self.give_back();
            return Some(candidate);
        }
        for repeat in &mut self.repeats {
            if *repeat == Some(number) {
                *repeat = among_all.younger;
            }
        }
        self.unlink(Order::OfAll, number);
        self.unlink(Order::OfBucket, number);
        if let Some(place) = self.places.get_mut(number.place()) {
            *place = Place::Free(self.free.replace(number));
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
            if self.get_mut(number).is_some_and(Candidate::unqueue) {
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
        while let Some(oldest) = self.all.oldest
            && self.age(oldest, now).is_some_and(|age| age >= LIFETIME)
        {
            self.remove(oldest);
        }
        let gone = before - self.entries;
        for (stage, after) in REPEATS.into_iter().enumerate() {
            while let Some(number) = self.repeats.get(stage).copied().flatten()
                && self.age(number, now).is_some_and(|age| age >= after)
            {
                let younger = self.entry(number).and_then(|entry| entry.among_all.younger);
                if let Some(repeat) = self.repeats.get_mut(stage) {
                    *repeat = younger;
                }
                if !self.is_strict(now) {
                    self.reply_to(number);
                }
            }
        }
        gone as u64
    }

    /// How long until that; `None` while there is nobody.
    pub(crate) fn wait(&self, now: u32) -> Option<u32> {
        let mut wait = LIFETIME.saturating_sub(self.age(self.all.oldest?, now)?);
        for (repeat, after) in self.repeats.into_iter().zip(REPEATS) {
            if let Some(age) = repeat.and_then(|number| self.age(number, now)) {
                wait = wait.min(after.saturating_sub(age));
            }
        }
        Some(wait)
    }

    fn age(&self, number: Number, now: u32) -> Option<u32> {
        self.get(number).map(|candidate| now.wrapping_sub(candidate.created))
    }

    // --- inside ---

    fn entry(&self, number: Number) -> Option<&Entry> {
        match self.places.get(number.place())? {
            Place::Taken(entry) => Some(entry),
            Place::Free(_) => None,
        }
    }

    fn entry_mut(&mut self, number: Number) -> Option<&mut Entry> {
        match self.places.get_mut(number.place())? {
            Place::Taken(entry) => Some(entry),
            Place::Free(_) => None,
        }
    }

    /// Gives back what a flood left behind.
    fn give_back(&mut self) {
        (self.places, self.free, self.all) = (Vec::new(), None, Ends::default());
        self.repeats = [None; 2];
        self.replies = VecDeque::new();
        (self.by_origin, self.by_id) = (Index::new(), Index::new());
        self.buckets = Vec::new();
        self.token_order = VecDeque::new();
        self.early = Early::default();
    }

    /// The ends of the order that an entry is in; it comes to it, or goes.
    fn ends(&mut self, order: Order, number: Number, comes: bool) -> Option<&mut Ends> {
        if matches!(order, Order::OfAll) {
            return Some(&mut self.all);
        }
        if self.buckets.is_empty() {
            self.buckets = vec![Bucket::default(); BUCKETS];
        }
        let at = self.bucket_of(self.get(number)?);
        let bucket = self.buckets.get_mut(at)?;
        bucket.entries = if comes { bucket.entries + 1 } else { bucket.entries - 1 };
        Some(&mut bucket.ends)
    }

    /// Makes an entry the youngest.
    fn link(&mut self, order: Order, number: Number) {
        let Some(ends) = self.ends(order, number, true) else { return };
        let before = ends.youngest.replace(number);
        ends.oldest = ends.oldest.or(Some(number));
        if let Some(before) = before.and_then(|before| self.entry_mut(before)) {
            before.links(order).younger = Some(number);
        }
        if let Some(entry) = self.entry_mut(number) {
            entry.links(order).older = before;
        }
    }

    fn unlink(&mut self, order: Order, number: Number) {
        let Some(Links { older, younger }) = self.entry_mut(number).map(|entry| *entry.links(order)) else {
            return;
        };
        let Some(ends) = self.ends(order, number, false) else { return };
        if older.is_none() {
            ends.oldest = younger;
        }
        if younger.is_none() {
            ends.youngest = older;
        }
        if let Some(entry) = older.and_then(|it| self.entry_mut(it)) {
            entry.links(order).younger = younger;
        }
        if let Some(entry) = younger.and_then(|it| self.entry_mut(it)) {
            entry.links(order).older = older;
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
        let mut at = self.all.oldest;
        let candidates = core::iter::from_fn(|| {
            let entry = self.entry(at?)?;
            at = entry.among_all.younger;
            Some(&entry.candidate)
        });
        let candidates: Vec<&Candidate> = candidates.collect();
        assert_eq!(candidates.len(), self.entries, "half-open entries");
        assert!(self.places.len() <= self.limit && (self.entries > 0 || self.places.is_empty()));
        assert_eq!((self.by_origin.len(), self.by_id.len()), (self.entries, self.entries));
        assert_eq!(self.buckets.iter().map(|it| usize::from(it.entries)).sum::<usize>(), self.entries);
        let bytes: u32 = self.tokens.values().map(|token| counted(token.len())).sum();
        let by_bucket: u32 = self.buckets.iter().map(|it| it.token_bytes).sum();
        assert!(bytes == self.token_bytes && bytes == by_bucket && bytes <= TOKEN_BYTES, "tokens");
        let known = self.token_order.iter().filter(|(number, id)| self.has_token(*number, *id));
        assert!(
            known.count() >= self.tokens.len()
                && self.token_order.len() <= 2 * self.tokens.len() + tokens::FEW + 1
        );
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

fn names_at(places: &[Place], secret: Secret, at: Number) -> Option<(Name, Name)> {
    match places.get(at.place())? {
        Place::Taken(entry) => Some(names(secret, &entry.candidate)),
        Place::Free(_) => None,
    }
}

#[cfg(test)]
mod tests;
