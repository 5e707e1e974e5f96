//! What became of the commands in flight, as acknowledgements tell it; and copies that ride along (docs/RECOVERY.md).

use super::credit::RARE;
use super::{Commands, Departure, Key, List, MAX_RIDERS, Outgoing, Place, Queued, QueuedBody, SMALL};
use crate::mutants::{self, Mutant};
use crate::peer::recover::{LEAST_TIMEOUT, MUCH, USUAL_BURST};
use crate::peer::recovery::{Fate, Recovery};
use crate::time::Millis;

/// So often a packet or fragment may be lost, and leave again at once, while later ones arrive. Then it is not bad luck any
/// more: something on the way, or the peer, swallows it.
const BAD_LUCK: u8 = 10;

/// In a burst, where they are usual, what left so many ms ago may leave again.
const HASTE: u32 = 20;

/// With so many bytes in flight, a quarter of the usual window, a ping follows.
const MUCH_IN_FLIGHT: u32 = 16_384;

/// So many commands leave with a probe at most.
const MAX_PROBED: u32 = 8;

impl Outgoing {
    /// A datagram is about to be built: what leaves in it bears its number.
    #[inline(always)]
    pub(crate) const fn begin_datagram(&mut self) {
        self.datagram = self.datagram.wrapping_add(1);
    }

    /// Queues for retransmission what acknowledgements show to be lost; how many commands, and for how many ms the most
    /// unlucky of them was held back in all. Those in flight are in order of transmission, so the first that may still
    /// arrive ends the search.
    pub(crate) fn withdraw_lost(
        &mut self,
        recovery: &Recovery,
        now: Millis,
        commands: &mut Commands,
    ) -> (u32, u32) {
        let (mut lost, mut worst) = (0, 0);
        while let Some(key) = self.in_flight.first()
            && let Some(sent) = commands.lists.get_mut(key)
            && sent.fate(recovery, now) == Fate::Lost
        {
            if sent.body.is_data() {
                sent.losses = sent.losses.saturating_add(1);
                worst = worst.max(sent.losses);
            }
            let (datagram, timeout) = (sent.datagram, sent.timeout);
            self.clusters.note(datagram);
            self.postpone(key, timeout, (None, None), commands);
            lost += 1;
        }
        (lost, held_in_all(worst))
    }

    /// A command leaves the retry queue, perhaps the first of the swallowed ones.
    #[inline]
    pub(super) fn leave_swallowed(&mut self, key: Key, commands: &Commands) {
        if self.swallowed == Some(key) {
            self.swallowed = commands.lists.next(key);
        }
    }

    /// When what is lost, but held back, may leave again, if nothing else is to leave before it.
    #[inline]
    pub(crate) fn held_until(&self, now: Millis, commands: &Commands) -> Option<Millis> {
        commands.get(self.retry_data.first()?)?.held_until(now)
    }

    /// Queues the oldest datagram's commands for retransmission, as a probe; how many, and for how many ms the most unlucky of
    /// them was held back in all. Whether it counts as a loss, of which others may be neighbours: an outage is one event,
    /// however many probes it takes. With it goes what is small and left by `latest`, if that is given.
    pub(crate) fn withdraw_oldest(
        &mut self,
        is_loss: bool,
        latest: Option<Millis>,
        commands: &mut Commands,
    ) -> (u32, u32) {
        let Some(datagram) = self.oldest(commands).map(|oldest| oldest.datagram) else { return (0, 0) };
        let (mut withdrawn, mut worst, before) = (0, 0, self.bytes);
        if is_loss {
            self.clusters.note(datagram);
        }
        for riding in [false, true] {
            while let Some(key) = if riding { self.riding.first() } else { self.in_flight.first() }
                && let Some(sent) = commands.lists.get_mut(key)
                && sent.datagram == datagram
            {
                if sent.is_swallowed() {
                    sent.losses = sent.losses.saturating_add(1);
                    worst = worst.max(sent.losses);
                }
                let timeout = sent.timeout;
                self.postpone(key, timeout, (None, None), commands);
                withdrawn += 1;
            }
        }
        while let Some(latest) = latest
            && withdrawn < MAX_PROBED
            && let Some((key, sent)) = self.oldest_of_all(commands)
            && sent.len <= SMALL
            && !latest.less(sent.sent_time)
        {
            self.clusters.note(sent.datagram);
            self.postpone(key, sent.timeout, (None, None), commands);
            withdrawn += 1;
        }
        self.probe = before - self.bytes;
        (withdrawn, held_in_all(worst))
    }

    /// The command whose last transmission is the oldest.
    #[inline]
    pub(crate) fn oldest<'a>(&self, commands: &'a Commands) -> Option<&'a Queued> {
        self.oldest_of_all(commands).map(|(_, oldest)| oldest)
    }

    #[inline]
    fn oldest_of_all<'a>(&self, commands: &'a Commands) -> Option<(Key, &'a Queued)> {
        let front = |list: &List| Some(list.first()?).and_then(|key| Some((key, commands.get(key)?)));
        let flying = front(&self.in_flight);
        if self.riding.is_empty() {
            return flying;
        }
        match (flying, front(&self.riding)) {
            (Some(flying), Some(riding)) if riding.1.sent_time.less(flying.1.sent_time) => Some(riding),
            (None, riding) => riding,
            (flying, _) => flying,
        }
    }

    /// The fragment that left last, for the first time, if nothing left after it and no ping was queued behind it; while much
    /// is in flight and losses are not rare.
    #[inline]
    pub(crate) fn tail<'a>(&self, commands: &'a Commands) -> Option<&'a Queued> {
        if self.bytes < MUCH_IN_FLIGHT || self.loss_spacing() >= RARE.1 {
            return None;
        }
        let flying = commands.lists.back(&self.in_flight);
        let newest = match (flying, commands.lists.back(&self.riding)) {
            (Some(flying), Some(riding)) if flying.sent_time.less(riding.sent_time) => Some(riding),
            (None, riding) => riding,
            (flying, _) => flying,
        };
        let is_tail = |it: &&Queued| matches!(it.body, QueuedBody::Fragments(..)) && it.attempts == 1;
        newest.filter(is_tail).filter(|it| self.followed != Some(it.datagram))
    }

    /// A ping was queued behind the tail.
    pub(crate) fn follow_tail(&mut self, commands: &Commands) {
        self.followed = self.tail(commands).map(|tail| tail.datagram);
    }

    /// When the host should look at what is in flight again: a loss may be certain, or a probe due.
    #[inline]
    pub(crate) fn evident_deadline(
        &self,
        recovery: &Recovery,
        probe_timeout: u32,
        now: Millis,
        commands: &Commands,
    ) -> Option<Millis> {
        let Some(oldest) = self.oldest(commands) else {
            return self.lone_ping_deadline(recovery, probe_timeout);
        };
        if mutants::is(Mutant::ForgottenTimer) && oldest.attempts > 1 {
            return None;
        }
        // Probes are for silence: while later datagrams are acknowledged, what is late is judged by them.
        Some(match oldest.fate(recovery, now) {
            Fate::Lost => now,
            Fate::LostAt(at) => at,
            Fate::Unknown => self.probe_deadline(oldest.times(), recovery, probe_timeout),
        })
    }

    /// When the path is to be probed for the oldest's sake. Where losses come in bursts, copies are lost together: it is the
    /// first one's answer that is overdue, unless something that left later was acknowledged. And each datagram brings the end
    /// of the burst nearer: then nobody waits for answers, which is to say for a round trip. But nothing leaves twice in a frame.
    #[inline]
    pub(crate) fn probe_deadline(
        &self,
        (first, last): (Millis, Millis),
        recovery: &Recovery,
        timeout: u32,
    ) -> Millis {
        if !self.loses_in_bursts() {
            return recovery.probe_deadline(last, timeout);
        }
        let (awaited, soonest) = (
            if recovery.is_silent_since(first) { first } else { last },
            recovery.probe_deadline(last, HASTE),
        );
        let overdue = recovery.probe_deadline(awaited, timeout);
        if recovery.is_probing(USUAL_BURST) || overdue.less(soonest) { soonest } else { overdue }
    }

    /// Whether losses are rare, but come in bursts.
    #[inline]
    pub(crate) fn loses_in_bursts(&self) -> bool {
        self.clusters.are_usual() && self.loss_spacing() >= MUCH
    }

    /// In a burst, where they are usual: what left by when may leave again.
    pub(crate) fn latest_in_burst(&self, now: Millis) -> Option<Millis> {
        self.loses_in_bursts().then(|| Millis(now.0.wrapping_sub(HASTE)))
    }

    // --- copies ---

    /// How many packets or fragments leave between losses, of late.
    #[inline(always)]
    pub(crate) fn loss_spacing(&self) -> u32 {
        self.credit.spacing()
    }

    /// Number of the datagram that is being built, or was last.
    #[inline(always)]
    pub(crate) const fn datagram(&self) -> u16 {
        self.datagram
    }

    /// Whether anything may ride along.
    #[inline(always)]
    pub(crate) const fn has_riders(&self) -> bool {
        self.riders > 0
    }

    /// What rides along in the datagram that is being built: the first behind `after` that left in an earlier millisecond.
    /// Copies that leave together are lost together.
    pub(crate) fn next_rider<'a>(
        &self,
        after: Option<Key>,
        now: Millis,
        commands: &'a Commands,
    ) -> Option<(Key, &'a Queued)> {
        let mut next = match after {
            None => self.riding.first(),
            Some(key) => commands.lists.next(key),
        };
        while let Some(key) = next
            && let Some(rider) = commands.get(key)
            && rider.sent_time != now
        {
            if !self.keeps_its_distance(rider) {
                return Some((key, rider));
            }
            next = commands.lists.next(key);
        }
        None
    }

    /// Whether it is not for this datagram but for the next: where losses come in bursts, the last copy of what nobody misses
    /// yet outlasts a longer one so.
    fn keeps_its_distance(&self, rider: &Queued) -> bool {
        rider.rides == 1
            && rider.attempts == 1
            && self.datagram.wrapping_sub(rider.datagram) == 1
            && self.loses_in_bursts()
    }

    /// What has just left again rides along as well, if a copy is worth its price; a small probe in a burst at any price.
    pub(super) fn insure(&mut self, key: Key, departure: Departure, commands: &mut Commands) {
        let Some(sent) = commands.get(key) else { return };
        let in_burst = departure.insured > 1 && sent.len <= SMALL;
        let is_worth_it = self.credit.on_loss(sent.attempts > 2) || in_burst;
        let rides = if in_burst { departure.insured } else { departure.insured.min(1) };
        if rides > 0 && self.riders < MAX_RIDERS && is_worth_it {
            self.begin_to_ride(key, rides, commands);
        }
    }

    /// A copy of a command rides along.
    pub(crate) fn ride(&mut self, key: Key, departure: Departure, commands: &mut Commands) {
        let Some(rider) = commands.lists.get_mut(key) else { return };
        rider.depart(departure, self.datagram);
        // What was lost stops riding once the silence ends.
        let ends = rider.attempts > 1 && departure.insured <= 1;
        rider.rides = if ends { 0 } else { rider.rides.saturating_sub(1) };
        if rider.rides > 0 {
            commands.lists.rotate(&mut self.riding, key);
        } else {
            rider.place = Place::InFlight;
            self.riders = self.riders.saturating_sub(1);
            commands.lists.move_back(&mut self.riding, key, &mut self.in_flight);
        }
    }

    /// A command that has just entered flight is to ride along in so many datagrams.
    #[inline(never)]
    pub(super) fn begin_to_ride(&mut self, key: Key, rides: u8, commands: &mut Commands) {
        commands.enter(key);
        let Some(sent) = commands.lists.get_mut(key) else { return };
        (sent.rides, sent.place) = (rides, Place::Riding);
        self.riders += 1;
        commands.lists.move_back(&mut self.in_flight, key, &mut self.riding);
    }
}

/// How long is held back what was lost so often: as long as stock ENet's doubled timeouts, from the least that counts.
const fn pause(losses: u8) -> u32 {
    match losses.checked_sub(BAD_LUCK) {
        None => 0,
        Some(doublings) if doublings < 16 => LEAST_TIMEOUT << doublings,
        Some(_) => LEAST_TIMEOUT << 16,
    }
}

/// For how many ms it was held back until it was lost so often: pauses that double are as long together as the next one, but
/// for the first.
const fn held_in_all(losses: u8) -> u32 {
    pause(losses).saturating_sub(LEAST_TIMEOUT)
}

impl Queued {
    /// Whether it was lost so often that it was no bad luck.
    #[inline]
    pub(super) const fn is_swallowed(&self) -> bool {
        self.losses >= BAD_LUCK
    }

    /// When it may leave again, if not yet.
    #[inline]
    pub(super) fn held_until(&self, now: Millis) -> Option<Millis> {
        if !self.is_swallowed() {
            return None;
        }
        let until = self.sent_time.plus(pause(self.losses));
        now.less(until).then_some(until)
    }

    /// When the first transmission left that does not count as lost, and when the last one.
    #[inline]
    pub(crate) const fn times(&self) -> (Millis, Millis) {
        let held = self.sent_time.sent_time().wrapping_sub(self.again);
        (Millis(self.sent_time.0.wrapping_sub(held as u32)), self.sent_time)
    }

    /// What has become of the last transmission. What is to ride along leaves again anyway.
    #[inline]
    pub(crate) fn fate(&self, recovery: &Recovery, now: Millis) -> Fate {
        match self.place {
            Place::Riding => Fate::Unknown,
            _ => recovery.fate(self.sent_time, self.datagram, now),
        }
    }
}
