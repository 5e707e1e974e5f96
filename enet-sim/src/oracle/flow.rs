//! Flow: F1, F3 from the numbers of a connection and what was seen of it on the wire.

use super::Judge;
use super::half::Half;
use super::ids::{HalfId, SideId};
use crate::endpoint::Snapshot;
use crate::marks::Mark;
use crate::time::{Span, Time};

/// ENet's state numbers (PROTOCOL.md §7).
const CONNECTING: u8 = 1;
const CONNECTED: u8 = 5;
const DISCONNECT_LATER: u8 = 6;

/// The retransmission timeout that follows from these numbers, ms.
fn rto(snapshot: &Snapshot) -> u32 {
    snapshot.rtt.saturating_add(snapshot.rtt_variance.saturating_mul(4))
}

/// Whether so much reliable data may be in flight (PROTOCOL.md §9.6).
fn byte_window(window: u32, throttle: u32, mtu: u32) -> u64 {
    (u64::from(window) * u64::from(throttle) / 32).max(u64::from(mtu))
}

impl Judge {
    /// The numbers of a connection after a service.
    pub(super) fn judge_numbers(&mut self, at: Time, id: SideId, half: Option<HalfId>, now: &Snapshot) {
        let before = self.side(id).snapshot;
        self.mark_numbers(id, now);
        self.judge_ranges(at, id, half, now);
        let clear = |half: &HalfId| self.tap.half(*half).sure && !self.crashed_lately(at, self.side(id).host);
        if let Some(half) = half.filter(clear) {
            self.judge_in_flight(at, half, now);
            // While connecting, late acknowledgements of the slot's last connection count (docs/QUIRKS.md Q94).
            let comparable = |(then, before): &(Time, Snapshot)| {
                before.state != CONNECTING && at.since(*then) < Span::from_millis(900)
            };
            if let Some((then, before)) = before.filter(comparable) {
                self.judge_window(at, half, &before, now);
                self.judge_throttle(at, half, &before, now, then);
            }
        }
        if let Some(half) = half {
            let before = before.map_or(500, |(_, before)| rto(&before));
            self.time_fresh(half, before.min(rto(now)));
        }
        self.judge_waiting(at, id, now);
        self.judge_quiescence(at, id, now);
        let side = self.side_mut(id);
        side.snapshot = Some((at, *now));
        side.rto = side.rto.max(Span::from_millis(u64::from(rto(now))));
    }

    /// No snapshot: the application ended the connection, or does not know it yet.
    pub(super) fn judge_without_numbers(&mut self, half: HalfId) {
        self.time_fresh(half, 0);
    }

    /// Notes the retransmission timeout of what was sent first in the last service. If several acknowledgements were
    /// looked at in it, the estimate went through values that nobody saw.
    fn time_fresh(&mut self, id: HalfId, rto: u32) {
        let half = self.tap.half_mut(id);
        let rto = if half.acks > 1 { rto / 4 * 3 } else { rto };
        for (channel, number) in core::mem::take(&mut half.fresh) {
            if let Some(flight) = half.lane(channel).flight(number) {
                flight.rto =
                    if flight.rto == 0 || rto == 0 { flight.rto.max(rto) } else { flight.rto.min(rto) };
            }
        }
    }

    fn judge_ranges(&mut self, at: Time, id: SideId, half: Option<HalfId>, now: &Snapshot) {
        let host = self.side(id).host;
        if now.throttle > 32 || now.throttle > now.throttle_limit || now.throttle_limit > 32 {
            let complaint =
                || format!("the throttle stands at {}, its limit at {}", now.throttle, now.throttle_limit);
            self.verdict.complain(at, "F3", host, complaint);
        }
        let window = enet_wire::MIN_WINDOW..=enet_wire::MAX_WINDOW;
        if !window.contains(&now.window) && (now.tells() || !self.is_foreign(host)) {
            self.verdict.complain(at, "C3", host, || format!("a window of {} bytes", now.window));
        }
        let agreed =
            half.map(|half| self.tap.half(half)).filter(|half| half.established).map(|half| half.mtu);
        if now.state == CONNECTED && agreed.is_some_and(|agreed| agreed != now.mtu) {
            let complaint = || format!("the MTU is {}, and {agreed:?} was agreed on", now.mtu);
            self.verdict.complain(at, "C3", host, complaint);
        }
    }

    /// F1, conservation: what counts as in flight is what left and was not acknowledged.
    fn judge_in_flight(&mut self, at: Time, id: HalfId, now: &Snapshot) {
        if !matches!(now.state, CONNECTED | DISCONNECT_LATER) {
            return;
        }
        let half = self.tap.half(id);
        let (seen, host) = (half.in_flight(), half.host);
        // Not every implementation tells.
        if self.is_foreign(host) && !now.tells() {
            return;
        }
        if u64::from(now.in_flight) > seen {
            let complaint = || {
                format!("{} bytes count as in flight; {seen} were sent and not acknowledged", now.in_flight)
            };
            return self.verdict.complain(at, "F1", host, complaint);
        }
        let every = self.hosts.get(host).is_some_and(|book| book.serves.is_multiple_of(64));
        // What counts as lost by evidence cannot be told from outside.
        if !every || u64::from(now.in_flight) == seen || self.is_modern(host) {
            return;
        }
        let waiting = waiting_again(half, at);
        if u64::from(now.in_flight) + waiting < seen {
            let complaint = || {
                format!(
                    "{} bytes count as in flight; {seen} were sent and not acknowledged, {waiting} of them may wait to be sent again",
                    now.in_flight
                )
            };
            self.verdict.complain(at, "F1", host, complaint);
        }
    }

    /// F1: reliable data leaves only while the byte window has room.
    fn judge_window(&mut self, at: Time, id: HalfId, before: &Snapshot, now: &Snapshot) {
        let half = self.tap.half(id);
        let steps = if half.acks > 1 { half.acks.saturating_mul(half.acceleration) } else { 0 };
        let throttle = before.throttle.max(now.throttle).saturating_add(steps).min(32);
        let limit = byte_window(before.window.max(now.window), throttle, now.mtu);
        if half.sent_data && now.state == CONNECTED && u64::from(now.in_flight) > limit {
            let host = half.host;
            let complaint = || format!("{} bytes are in flight, and {limit} are allowed", now.in_flight);
            self.verdict.complain(at, "F1", host, complaint);
        }
    }

    /// F3: the throttle moves only with acknowledgements, in steps, and by the limit.
    fn judge_throttle(&mut self, at: Time, id: HalfId, before: &Snapshot, now: &Snapshot, then: Time) {
        let half = self.tap.half(id);
        let (acks, host) = (half.acks, half.host);
        let up = before.throttle.saturating_add(acks.saturating_mul(half.acceleration));
        let capped = before.throttle.min(before.throttle_limit).min(now.throttle_limit);
        let down = capped.saturating_sub(acks.saturating_mul(half.deceleration));
        // A steady round trip takes it to its limit at once, and the next one may lower it from there.
        let limit = now.throttle_limit.min(before.throttle_limit);
        let from_limit = limit.saturating_sub(acks.saturating_sub(1).saturating_mul(half.deceleration));
        let to_limit = acks > 0 && (from_limit..=now.throttle_limit.max(limit)).contains(&now.throttle);
        let lawful = (down..=up).contains(&now.throttle) || (to_limit && now.throttle >= down);
        if !lawful && now.state == CONNECTED {
            let complaint = || {
                format!(
                    "the throttle went from {} to {} since {then}, with {acks} acknowledgements and limit {}",
                    before.throttle, now.throttle, now.throttle_limit
                )
            };
            self.verdict.complain(at, "F3", host, complaint);
        }
        // One acknowledgement that brought the mean down, which was at most the baseline: its round trip was at most the
        // baseline, and the throttle had to rise (PROTOCOL.md §10.2).
        let fell = acks == 1 && now.rtt < before.rtt;
        let below = before.rtt <= before.baseline_rtt && now.baseline_rtt == before.baseline_rtt;
        let room = half.least_acceleration > 0
            && before.throttle < before.throttle_limit.min(now.throttle_limit)
            && before.state == CONNECTED;
        if fell
            && below
            && room
            && !self.is_modern(host)
            && now.throttle <= before.throttle
            && now.state == CONNECTED
        {
            let complaint = || {
                format!(
                    "the throttle stays at {} although round trips fell from {} to {} ms, below the {} of before",
                    now.throttle, before.rtt, now.rtt, now.baseline_rtt
                )
            };
            self.verdict.complain(at, "F3", host, complaint);
        }
    }

    fn mark_numbers(&mut self, id: SideId, now: &Snapshot) {
        let host = self.side(id).host;
        let repeats = self.config.hosts.get(host).is_some_and(|rules| rules.modern && rules.redundancy > 0);
        let side = &mut self.sides[id.0];
        let fell = side.snapshot.is_some_and(|(_, before)| now.throttle < before.throttle);
        let recovered = side.throttled && now.throttle == 32;
        side.throttled = now.throttle < 32;
        let full =
            u64::from(now.in_flight) + u64::from(now.mtu) > byte_window(now.window, now.throttle, now.mtu);
        let marks = [
            (repeats && now.throttle < 32 && now.in_flight > 0, Mark::RepeatSuspended),
            (fell, Mark::ThrottleLowered),
            (recovered, Mark::ThrottleRecovered),
            (now.throttle == 0, Mark::ThrottleZero),
            (now.throttle_limit < 32, Mark::ThrottleLimited),
            (now.window < enet_wire::MAX_WINDOW, Mark::WindowShrunk),
            (now.rtt > 500, Mark::RttRose),
            (full && now.in_flight > 0 && now.queued > 0, Mark::ByteWindowFull),
        ];
        for (seen, mark) in marks {
            if seen {
                self.verdict.mark(mark);
            }
        }
    }
}

/// Bytes of commands whose timeout is over: they may have been taken back to be sent again.
fn waiting_again(half: &Half, at: Time) -> u64 {
    let over = |flight: &&super::half::Flight| {
        let doublings = u32::from(flight.attempts.saturating_sub(1)).min(16);
        let rto = Span::from_millis(u64::from(flight.rto) << doublings);
        flight.rto == 0 || at.since(flight.last) + Span::from_millis(2) >= Span(rto.0 / 10 * 9)
    };
    let data = half.lanes().filter(|(channel, _)| *channel != 0xFF);
    data.flat_map(|(_, lane)| lane.unacknowledged()).filter(over).map(|flight| u64::from(flight.len)).sum()
}
