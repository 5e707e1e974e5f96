//! What became of the commands in flight, as acknowledgements tell it; and copies that ride along (docs/RECOVERY.md).

use super::{Commands, Departure, Key, MAX_RIDERS, Outgoing, Place, Queued, SMALL};
use crate::mutants::{self, Mutant};
use crate::peer::recover::{LEAST_TIMEOUT, MUCH, USUAL_BURST};
use crate::peer::recovery::{Fate, Recovery};
use crate::time::Millis;

/// So often a packet or fragment may be lost, and leave again at once, while later ones arrive. Then it is not bad luck any
/// more: something on the way, or the peer, swallows it.
const BAD_LUCK: u8 = 10;

/// In a burst, where they are usual, what left so many ms ago may leave again.
const HASTE: u32 = 20;

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
        // Pauses that double are as long together as the next one, but for the first.
        (lost, pause(worst).saturating_sub(LEAST_TIMEOUT))
    }

    /// When what is lost, but held back, may leave again.
    #[inline]
    pub(crate) fn held_until(&self, now: Millis, commands: &Commands) -> Option<Millis> {
        commands.get(self.retry_data.first()?)?.held_until(now)
    }

    /// Queues the oldest datagram's commands for retransmission, as a probe; how many. Whether it counts as a loss, of which
    /// others may be neighbours: an outage is one event, however many probes it takes.
    pub(crate) fn withdraw_oldest(&mut self, is_loss: bool, commands: &mut Commands) -> u32 {
        let Some(datagram) = self.oldest(commands).map(|oldest| oldest.datagram) else { return 0 };
        let (mut withdrawn, before) = (0, self.bytes);
        if is_loss {
            self.clusters.note(datagram);
        }
        for riding in [false, true] {
            while let Some(key) = if riding { self.riding.first() } else { self.in_flight.first() }
                && let Some(sent) = commands.get(key)
                && sent.datagram == datagram
            {
                self.postpone(key, sent.timeout, (None, None), commands);
                withdrawn += 1;
            }
        }
        self.probe = before - self.bytes;
        withdrawn
    }

    /// The command whose last transmission is the oldest.
    #[inline]
    pub(crate) fn oldest<'a>(&self, commands: &'a Commands) -> Option<&'a Queued> {
        let flying = commands.lists.front(&self.in_flight);
        if self.riding.is_empty() {
            return flying;
        }
        let riding = commands.lists.front(&self.riding);
        match (flying, riding) {
            (Some(flying), Some(riding)) if riding.sent_time.less(flying.sent_time) => Some(riding),
            (None, riding) => riding,
            (flying, _) => flying,
        }
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
    /// of the burst nearer: then nobody waits for answers, which is to say for a round trip.
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
        if recovery.is_probing(USUAL_BURST) {
            return recovery.probe_deadline(last, HASTE);
        }
        recovery.probe_deadline(if recovery.is_silent_since(first) { first } else { last }, timeout)
    }

    /// Whether losses are rare, but come in bursts.
    #[inline]
    pub(crate) fn loses_in_bursts(&self) -> bool {
        self.clusters.are_usual() && self.loss_spacing() >= MUCH
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
        let key = match after {
            None => self.riding.first()?,
            Some(key) => commands.lists.next(key)?,
        };
        let rider = commands.get(key)?;
        (rider.sent_time != now).then_some((key, rider))
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

impl Queued {
    /// When it may leave again, if not yet.
    #[inline]
    pub(super) fn held_until(&self, now: Millis) -> Option<Millis> {
        if self.losses < BAD_LUCK {
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
