//! Recovery: what a connection does about what was lost, where its profile goes by evidence (docs/RECOVERY.md).

use enet_wire::CommandKind;

use super::acks::Ack;
use super::command::Departure;
use super::outgoing::Acknowledged;
use super::queueing::Reading;
use super::recovery::{Arrival, Fate, LEAST_ALLOWANCE};
use super::{Connection, Stage, earlier};
use crate::config::Redundancy;
use crate::mutants::{self, Mutant};
use crate::profile::{Profile, Silence, THROTTLE_SCALE};
use crate::shared::{Heard, Shared};
use crate::time::Millis;

impl Connection {
    /// Whether what is in flight is judged by evidence. Handshake and farewell never are: who does not answer them may be a
    /// victim, or gone, and must not be sent more than stock ENet sends.
    #[inline]
    pub(crate) fn goes_by_evidence(&self, shared: &Shared) -> bool {
        shared.profile == Profile::Modern
            && !matches!(
                self.stage,
                Stage::Connecting
                    | Stage::AcknowledgingConnect { .. }
                    | Stage::DisconnectOnceKnown { .. }
                    | Stage::Disconnecting
            )
    }

    /// How whatever leaves now leaves. Inlined, for who sends something for the first time needs only half of it.
    #[inline(always)]
    pub(crate) fn departure(&self, shared: &Shared) -> Departure {
        let (repeats, insured) = if self.goes_by_evidence(shared) { self.rides(shared) } else { (0, 0) };
        let Shared { now, micros, .. } = *shared;
        Departure { at: now, micros, timeout: self.first_timeout(shared), repeats, insured }
    }

    /// In how many datagrams a small new command rides along, and one that was lost. Where packets queue up, more of them
    /// would make it worse.
    #[inline(always)]
    fn rides(&self, shared: &Shared) -> (u8, u8) {
        if self.queueing.as_ref().is_some_and(|queueing| queueing.is_growing()) {
            return (0, 0);
        }
        let repeats = match self.redundancy(shared) {
            Redundancy::Repeat(copies)
                if self.throttle.value == THROTTLE_SCALE && self.may_repeat(shared) =>
            {
                copies.get()
            }
            Redundancy::Repeat(_) | Redundancy::Off => 0,
        };
        let is_spared =
            repeats > 1 && self.loses_nothing() && self.outgoing.datagram().is_multiple_of(SPARED);
        let burst = if self.outgoing.loses_in_bursts() { USUAL_BURST } else { BURST };
        let in_burst = self.recovery.is_probing(burst)
            && self.outgoing.loss_spacing() >= MUCH
            && !self.recovery.is_often_late();
        (repeats - u8::from(is_spared), if in_burst { burst } else { 1 })
    }

    /// Whether copies that nobody asked for keep to the limits of bandwidth: there is none, or they have room below it.
    fn may_repeat(&self, shared: &Shared) -> bool {
        self.has_room || shared.outgoing_bandwidth == 0 && self.incoming_bandwidth == 0
    }

    /// Bytes queued since the last bandwidth tick, with all the copies that were to ride along unasked, whether they
    /// did or not: what is suspended for its size must not seem to fit then.
    pub(crate) fn queued_with_copies(&self, shared: &Shared) -> u64 {
        let copies = match self.redundancy(shared) {
            Redundancy::Repeat(copies) => copies.get(),
            Redundancy::Off => 0,
        };
        u64::from(self.outgoing_data_total) + u64::from(self.repeatable) * u64::from(copies)
    }

    /// Whether no command counted as lost since losses were last averaged, nor in the average.
    fn loses_nothing(&self) -> bool {
        self.loss.loss == 0 && self.loss.lost == 0
    }

    /// The peer's last commands are acknowledged once more, if so much is lost that the peer may hear too little to believe that
    /// we are there: the more is lost, the more often.
    #[inline]
    pub(crate) fn beat(&mut self, shared: &Shared) -> Option<Ack> {
        let interval = self.beat_interval(shared)?;
        self.choose(shared)?;
        self.mishaps.as_mut()?.pulse.beat(shared.now, interval)
    }

    /// How often, in ms, if at all.
    #[inline]
    pub(crate) fn beat_interval(&self, shared: &Shared) -> Option<u32> {
        let mishaps = self.mishaps.as_ref()?;
        if self.stage != Stage::Connected || !self.goes_by_evidence(shared) {
            return None;
        }
        let spacing = match self.redundancy(shared) {
            // Copies hide the losses: one that none of them survived says enough.
            Redundancy::Repeat(_) if !self.loses_nothing() => 2,
            _ => self.outgoing.loss_spacing(),
        };
        // Where reliable packets leave one by one, others leave again: with those it costs less, and does as much.
        if spacing < MUCH && !self.outgoing.is_lone_reliable(&shared.commands) {
            return Some(spacing.max(1) * BEAT);
        }
        mishaps.pulse.is_asked_again(shared.now).then_some(ANSWERS)
    }

    /// How long an acknowledgement may take, in ms.
    #[inline]
    pub(crate) fn probe_timeout(&self) -> u32 {
        // Nothing has taught how far the peer is, or only answers that were said again.
        let guess = || {
            let least = if self.last_receive_time.is_unset() { 0 } else { LEAST_ALLOWANCE / 1_000 };
            self.rtt.mean.saturating_add(self.rtt.variance.saturating_mul(4).max(least))
        };
        self.recovery.probe_timeout().unwrap_or_else(guess)
    }

    /// Learns from the acknowledgement of a command, which arrived `elapsed` ms after what it echoes was sent. What is
    /// acknowledged once more teaches nothing: whoever repeats himself does so late.
    #[inline]
    pub(crate) fn learn(&mut self, found: &Acknowledged, echoed: u16, elapsed: u32, shared: &mut Shared) {
        let is_last = echoed == found.sent_time.sent_time();
        let is_data = matches!(found.kind, CommandKind::SendReliable | CommandKind::SendFragment);
        if !is_last && !is_data {
            // Perhaps an answer that was said again, before the first arrived: what it echoes was never sent.
            return self.undo(found, echoed, shared);
        }
        let arrival = if is_last {
            let micros = shared.now.diff(found.sent_time).saturating_mul(1_000);
            let rtt = micros.saturating_add(u32::from(shared.micros)).saturating_sub(u32::from(found.micros));
            Arrival { sent: found.sent_time, datagram: Some(found.datagram), rtt }
        } else {
            let sent = Millis(shared.now.0.wrapping_sub(elapsed));
            Arrival { sent, datagram: None, rtt: elapsed.saturating_mul(1_000) }
        };
        if self.recovery.is_news(arrival) {
            self.recovery.on_arrival(arrival, shared.now);
            self.judge_queueing(found.kind, arrival.rtt, shared.now);
        }
        self.recovery.note_echo(echoed);
        if !is_last || found.waited {
            self.undo(found, echoed, shared);
        } else {
            shared.heard = Some(Heard { echoed, datagram: found.datagram });
        }
    }

    /// The throttle judges by queues, not by distance. Pings alone fill none.
    #[inline]
    fn judge_queueing(&mut self, kind: CommandKind, rtt: u32, now: Millis) {
        let (deviation, interval, before) =
            (self.recovery.deviation, self.throttle.interval, self.throttle.value);
        if kind != CommandKind::Ping {
            self.queueing.get_or_insert_default();
        }
        let reading = self.queueing.as_mut().map_or(Reading::Clear, |queueing| {
            queueing.on_round_trip(rtt, deviation, now, interval);
            queueing.read(rtt)
        });
        self.throttle.on_reading(reading);
        if mutants::is(Mutant::ThrottleOutOfRange) {
            self.throttle.value = before.saturating_add(self.throttle.acceleration);
        }
        if mutants::is(Mutant::ThrottleStaysLow) {
            self.throttle.value = self.throttle.value.min(before);
        }
    }

    /// What counted as lost had arrived: nothing was lost.
    #[cold]
    fn undo(&mut self, found: &Acknowledged, echoed: u16, shared: &mut Shared) {
        let needless = found.again.is_some_and(|again| echoed.wrapping_sub(again) >= 1 << 15);
        if needless {
            shared.stats.needless_retransmissions += 1;
            self.mishaps_mut().resent.needless += 1;
        }
        if needless || found.waited {
            self.loss.lost = self.loss.lost.saturating_sub(1);
        }
    }

    /// Queues for retransmission what is lost; and if the path is silent, the oldest datagram as a probe, unless it has
    /// been silent for so long that the peer is given up.
    pub(super) fn recover(&mut self, shared: &mut Shared) {
        if self.outgoing.has_lone_ping() {
            if self.in_flight_deadline(shared).is_some_and(|deadline| shared.now.less(deadline)) {
                return;
            }
            self.list_lone_ping(shared);
        }
        self.withdraw_lost(shared);
        if self.tail_deadline(shared).is_some_and(|deadline| !shared.now.less(deadline)) {
            self.ping(shared);
            self.outgoing.follow_tail(&shared.commands);
        }
        let (now, timeout) = (shared.now, self.probe_timeout());
        let oldest = self.outgoing.oldest(&shared.commands);
        let Some((oldest, Fate::Unknown)) = oldest.map(|it| (it, it.fate(&self.recovery, now))) else {
            return;
        };
        if now.less(self.outgoing.probe_deadline(oldest.times(), &self.recovery, timeout)) {
            return;
        }
        let sent_time = oldest.sent_time;
        let silent = self.silent_for(sent_time, now);
        let silence = Silence { attempts: transmissions(silent, timeout), age: silent };
        let gone = shared.profile.gives_up(silence, self.settings().give_up);
        if (gone || mutants::is(Mutant::HastyTimeout)) && !mutants::is(Mutant::NoTimeout) {
            return self.on_timed_out();
        }
        let is_loss = !self.recovery.has_probed_more_than(BURST);
        let repeats = is_loss && self.redundancy(shared) != Redundancy::Off;
        let latest = if repeats { self.outgoing.latest_in_burst(now) } else { None };
        let (withdrawn, held) = self.outgoing.withdraw_oldest(is_loss, latest, &mut shared.commands);
        self.loss.lost = self.loss.lost.wrapping_add(withdrawn);
        self.recovery.on_probe(now, silent, sent_time);
        self.give_up_what_is_swallowed(held);
    }

    /// When evidence is to be looked at again, or time has become evidence.
    #[inline]
    pub(super) fn evident_deadline(&self, shared: &Shared) -> Option<Millis> {
        let Connection { outgoing, recovery, .. } = self;
        let Shared { now, commands, .. } = shared;
        let evident = outgoing.evident_deadline(recovery, self.probe_timeout(), *now, commands);
        earlier(earlier(evident, outgoing.held_until(*now, commands)), self.tail_deadline(shared))
    }

    /// When a ping is to follow what has filled much of the window, while packets are lost. A window that leaves in one
    /// millisecond is acknowledged in one datagram: if that is lost, nothing shows it. And what is to ride along leaves with
    /// the ping, not a round trip later.
    #[inline]
    pub(crate) fn tail_deadline(&self, shared: &Shared) -> Option<Millis> {
        let tail = self.outgoing.tail(&shared.commands)?;
        let is_due = self.stage == Stage::Connected && !self.recovery.is_probing(u8::MAX);
        is_due.then(|| tail.sent_time.plus(TAIL))
    }

    /// What a datagram's acknowledgements have shown takes effect when all of them are known.
    #[inline]
    pub(crate) fn on_datagram_end(&mut self, shared: &mut Shared) {
        if self.goes_by_evidence(shared) {
            self.withdraw_lost(shared);
        }
    }

    /// Queues for retransmission what acknowledgements show to be lost. If nothing of it can be expected to arrive any more
    /// the peer is given up: it, or the way, takes some and swallows others.
    #[inline]
    fn withdraw_lost(&mut self, shared: &mut Shared) {
        let Shared { commands, now, .. } = shared;
        let (lost, held) = self.outgoing.withdraw_lost(&self.recovery, *now, commands);
        if lost > 0 {
            self.loss.lost = self.loss.lost.wrapping_add(lost);
            if let Some(queueing) = &mut self.queueing {
                queueing.on_loss();
            }
        }
        self.give_up_what_is_swallowed(held);
    }

    /// Something was held back for so many ms in all, and lost again.
    fn give_up_what_is_swallowed(&mut self, held: u32) {
        if held > 0 && held >= self.settings().give_up.maximum {
            self.on_timed_out();
        }
    }

    /// For how long nothing was acknowledged while something could have been, in ms. `oldest` is the last transmission of
    /// what is in flight longest; it was the first one when the silence began.
    fn silent_for(&mut self, oldest: Millis, now: Millis) -> u32 {
        let heard = self.last_receive_time;
        let earliest = &mut self.mishaps_mut().earliest_timeout;
        if earliest.is_unset() {
            let since = if heard.is_unset() || heard.less(oldest) { oldest } else { heard };
            *earliest = Millis(since.0.max(1));
        }
        if mutants::is(Mutant::ClockWrap) {
            return now.0.abs_diff(earliest.0);
        }
        now.diff(*earliest)
    }
}

/// So many ms after a large part of the window a ping follows.
const TAIL: u32 = 2;

/// With fewer packets between losses than this, much is lost.
pub(super) const MUCH: u32 = 6;

/// While much is lost, ms from one repeated answer to a ping to the next, for each packet between losses.
const BEAT: u32 = 40;

/// The same while the peer repeats its questions, however little is lost.
const ANSWERS: u32 = 100;

/// With so many probes unanswered a silence still counts as a burst of losses, and in so many datagrams each rides; and where
/// bursts are usual.
const BURST: u8 = 6;
pub(super) const USUAL_BURST: u8 = 12;

/// Of so many datagrams the commands of one ride once less, if they are to ride more than once and nothing is lost.
const SPARED: u16 = 10;

/// How often a command would have left in so many ms, all unanswered, if its timeout doubled each time, as stock ENet's
/// does: what [`Timeouts::limit`](crate::Timeouts) means where probes leave more often.
const fn transmissions(silent: u32, timeout: u32) -> u32 {
    let least = if timeout < LEAST_TIMEOUT { LEAST_TIMEOUT } else { timeout };
    (silent / least + 1).ilog2()
}

/// Least timeout to double, in ms: on a short path a break of some seconds shall not count as many round trips.
pub(super) const LEAST_TIMEOUT: u32 = 150;
