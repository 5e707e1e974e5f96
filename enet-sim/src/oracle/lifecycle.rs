//! Lifecycle: C1, C3, C4, C5, C7.

use super::Judge;
use super::ids::SideId;
use super::side::{Phase, Side};
use crate::endpoint::{Close, Conn, Ended};
use crate::marks::Mark;
use crate::time::{Span, Time};
use crate::world::address;
use crate::world::observer::{HostChange, HostIndex};

impl Judge {
    pub(super) fn on_connect(&mut self, at: Time, host: HostIndex, conn: Conn, to: HostIndex, data: u32) {
        if let Some(old) = self.side_of(host, conn).filter(|old| self.side(*old).lives()) {
            let since = self.side(old).since;
            let complaint =
                || format!("the name {conn:?} of a connection that lives since {since} was given again");
            self.verdict.complain(at, "C1", host, complaint);
        }
        let id = self.add_side(Side::new(host, conn, Some(to), data, at));
        if let Some(book) = self.hosts.get_mut(host) {
            book.strangers.wanted(address(to));
        }
        self.side_mut(id).tainted = self.may_be_confused(at, host, to);
        if self.sides.iter().any(|side| side.host == host && side.to == Some(to) && side.opened.is_some()) {
            self.verdict.mark(Mark::Reconnected);
        }
    }

    pub(super) fn on_close(&mut self, at: Time, host: HostIndex, conn: Conn, how: Close, data: u32) {
        // An application may close what is over already: that does nothing.
        let Some(id) = self.side_of(host, conn).filter(|id| self.side(*id).lives()) else { return };
        self.verdict.mark(match how {
            Close::Disconnect => Mark::ClosedDisconnect,
            Close::Later => Mark::ClosedLater,
            Close::Now => Mark::ClosedNow,
            Close::Reset => Mark::ClosedReset,
        });
        let side = self.side_mut(id);
        let first = side.closed.is_none();
        if first {
            side.closed = Some((how, data, at));
        } else {
            side.closed_again = true;
        }
        let connecting = side.phase == Phase::Connecting;
        if connecting {
            self.verdict.mark(Mark::ClosedConnecting);
        }
        if first && how == Close::Later && self.side(id).has_pending() {
            self.verdict.mark(Mark::ClosedLaterWithData);
        }
        // These end at once and in silence (PROTOCOL.md §8).
        if connecting || matches!(how, Close::Now | Close::Reset) {
            self.end_side(at, id, Phase::Over);
        }
    }

    pub(super) fn on_connected(&mut self, at: Time, host: HostIndex, conn: Conn, data: u32) {
        self.verdict.mark(Mark::Connected);
        let id = match self.side_of(host, conn) {
            Some(id) if self.side(id).phase == Phase::Connecting => {
                if data != 0 && self.trusted {
                    let complaint = || format!("the connecting side was told the data {data:#x}, not 0");
                    self.verdict.complain(at, "C3", host, complaint);
                }
                id
            }
            Some(id) if self.side(id).phase != Phase::Lost => {
                let phase = self.side(id).phase;
                let complaint = || format!("a connection opened that was {phase:?}");
                return self.verdict.complain(at, "C1", host, complaint);
            }
            _ => {
                let id = self.add_side(Side::new(host, conn, None, data, at));
                self.judge_proof(at, host, data);
                self.judge_incoming(at, host, id, data);
                id
            }
        };
        let side = self.side_mut(id);
        side.phase = Phase::Open;
        side.opened = Some(at);
        side.progress = at;
        if self.side(id).insider {
            self.verdict.mark(Mark::InsiderConnected);
        } else {
            self.bind(at, id);
        }
        let peers = self.config.hosts.get(host).map_or(usize::MAX, |rules| rules.peers);
        let living = self.hosts.get(host).map_or(0, |book| book.living.len());
        if living > peers {
            let complaint = || format!("{living} connections and attempts live at a host of {peers} slots");
            self.verdict.complain(at, "C7", host, complaint);
        }
    }

    /// Somebody connected: somebody must have wanted to, with this data.
    fn judge_incoming(&mut self, at: Time, host: HostIndex, id: SideId, data: u32) {
        if self.is_insider(data) {
            let side = self.side_mut(id);
            (side.insider, side.tainted) = (true, true);
            return;
        }
        let attempts = |side: &&Side| side.to == Some(host) && side.data == data;
        let tainted = match self.sides.iter().rfind(attempts) {
            Some(attempt) => attempt.tainted || attempt.phase == Phase::Lost,
            None => {
                if self.trusted {
                    let complaint = || format!("a connection opened with data {data:#x}, which nobody sent");
                    self.verdict.complain(at, "C3", host, complaint);
                }
                true
            }
        };
        // A late copy of a CONNECT that came from another address, or after its connection had ended, brings forth a second
        // connection on this side alone: C's rule (PROTOCOL.md §6.2). What it sends may pass for the first one's.
        let taken = self.sides.iter().rfind(|side| attempts(side) && side.partner.is_some());
        let taken = taken.and_then(|side| {
            let first = self.side(side.partner?);
            first.partner.filter(|_| self.config.rebinding || !first.lives())
        });
        if let Some(attempt) = taken {
            self.side_mut(attempt).tainted = true;
        }
        let restarted = self.hosts.get(host).is_some_and(|book| book.crashed.is_some());
        let old = self.sides.iter().rfind(attempts).map(|attempt| attempt.host);
        let holds_old = |side: &Side| {
            let of_crashed = side.partner.is_some_and(|partner| self.side(partner).phase == Phase::Lost);
            side.phase == Phase::Open
                && side.host == host
                && of_crashed
                && side.partner.map(|partner| self.side(partner).host) == old
        };
        if self.sides.iter().any(holds_old) {
            self.verdict.mark(Mark::ReconnectedWhileOldLives);
        }
        let side = self.side_mut(id);
        side.tainted = tainted || taken.is_some();
        if restarted {
            let crashed = self.hosts.get(host).and_then(|book| book.crashed);
            let window = self.confusion_window(host);
            self.side_mut(id).tainted |= crashed.is_some_and(|then| at.since(then) < window);
        }
    }

    pub(super) fn on_disconnected(&mut self, at: Time, host: HostIndex, conn: Conn, ended: Ended, data: u32) {
        let id = match self.side_of(host, conn) {
            Some(id) if self.side(id).lives() => id,
            other => {
                let phase = other.map(|id| (self.side(id).phase, self.side(id).closed));
                let complaint = || match phase {
                    None => format!("the connection {conn:?} ended ({ended:?}), which never was"),
                    Some((phase, closed)) => {
                        format!("a connection ended ({ended:?}) that was {phase:?}, closed {closed:?}")
                    }
                };
                return self.verdict.complain(at, "C1", host, complaint);
            }
        };
        let opened = self.side(id).opened.is_some();
        let possible = match ended {
            Ended::Remote | Ended::Unknown => true,
            Ended::TimedOut => opened,
            Ended::Local => opened && self.side(id).closed.is_some(),
            Ended::ConnectTimedOut | Ended::Refused => !opened,
        };
        if !possible {
            let closed = self.side(id).closed;
            let complaint =
                || format!("a connection ended {ended:?} that had opened: {opened}, closed: {closed:?}");
            self.verdict.complain(at, "C1", host, complaint);
        }
        self.mark_ended(id, ended);
        if self.side(id).insider && ended == Ended::TimedOut {
            self.verdict.mark(Mark::InsiderGivenUp);
        }
        if self.trusted && !self.side(id).tainted {
            self.judge_end_data(at, host, id, ended, data);
            self.judge_patience(at, host, id, ended);
        }
        let side = self.side_mut(id);
        side.ended = Some(ended);
        self.end_side(at, id, Phase::Over);
    }

    fn mark_ended(&mut self, id: SideId, ended: Ended) {
        match ended {
            Ended::Remote => {
                self.verdict.mark(Mark::EndedRemote);
                if self.side(id).closed.is_some() {
                    self.verdict.mark(Mark::ClosedBothWays);
                }
            }
            Ended::Local => self.verdict.mark(Mark::EndedLocal),
            Ended::ConnectTimedOut => self.verdict.mark(Mark::ConnectTimedOut),
            Ended::TimedOut | Ended::Refused | Ended::Unknown => {}
        }
    }

    /// C3 and C4: what the closing side sent along arrives unchanged, and each way to close ends as PROTOCOL.md §8 says.
    fn judge_end_data(&mut self, at: Time, host: HostIndex, id: SideId, ended: Ended, data: u32) {
        let side = self.side(id);
        if !matches!(ended, Ended::Remote | Ended::Refused | Ended::Unknown) && data != 0 {
            let complaint = || format!("a connection ended {ended:?} with data {data:#x}, not 0");
            return self.verdict.complain(at, "C3", host, complaint);
        }
        if ended != Ended::Remote {
            return;
        }
        let Some(partner) = side.partner.filter(|_| side.opened.is_some()) else {
            // An attempt can be ended by an older connection's DISCONNECT; somebody must have sent it.
            let sent = |side: &Side| {
                side.closed_again
                    || side.closed.is_some_and(|(how, sent, _)| how != Close::Reset && sent == data)
            };
            // Whose last slot was taken while a client proved its address refuses it with 0.
            let refused = data == 0 && self.farewells;
            if !refused && !self.sides.iter().any(sent) {
                let complaint = || format!("the remote closed with data {data:#x}, which nobody sent");
                self.verdict.complain(at, "C3", host, complaint);
            }
            return;
        };
        let (closing, closed_here) = (self.side(partner), side.closed.is_some());
        if closing.closed_again {
            return;
        }
        let remote = closing.host;
        match closing.closed {
            None if data == 0 && self.may_be_dismissed(host, remote, side) => {}
            Some((Close::Reset, ..)) | None => {
                let closed = closing.closed;
                let complaint =
                    || format!("the remote closed, says the event; host {remote} did not: {closed:?}");
                self.verdict.complain(at, "C4", host, complaint);
            }
            Some((_, sent, _)) if sent != data => {
                let complaint = || format!("host {remote} closed with data {sent:#x}, and {data:#x} arrived");
                self.verdict.complain(at, "C3", host, complaint);
            }
            Some((Close::Later, ..)) if !closed_here => {
                let pending = closing
                    .sent
                    .iter()
                    .enumerate()
                    .find_map(|(channel, outbox)| Some((channel, outbox.pending()?)));
                if let Some((channel, pending)) = pending {
                    let complaint = || {
                        let (count, kind, id) = (pending.count, pending.kind.as_str(), pending.id);
                        format!(
                            "host {remote} closed by disconnect later, and {count} messages of channel {channel}, from {kind} {id}, had not arrived"
                        )
                    };
                    self.verdict.complain(at, "C4", host, complaint);
                }
            }
            Some(_) => {}
        }
    }

    /// Whether a refusal of the remote's that reached a stock host after the connection was established could have been for a
    /// former attempt from its slot. Nobody sees one that is compressed.
    fn may_be_dismissed(&self, host: HostIndex, remote: HostIndex, side: &Side) -> bool {
        let dismissed = self.hosts.get(host).and_then(|book| book.dismissed);
        let was_seen = self.farewells && side.opened.is_some_and(|opened| dismissed >= Some(opened));
        self.is_modern(remote) && !self.is_modern(host) && (was_seen || !self.transparent)
    }

    pub(super) fn on_host_changed(&mut self, at: Time, host: HostIndex, change: HostChange) {
        let Some(book) = self.hosts.get_mut(host) else { return };
        book.trouble = Some(at);
        match change {
            HostChange::Crashed => {
                self.verdict.mark(Mark::Crashed);
                self.crash = Some(at);
                book.crashed = Some(at);
                book.down = true;
                book.disturbed = Some(at);
                for id in core::mem::take(&mut book.living) {
                    self.sides[id.0].end(at, Phase::Lost);
                }
                book.forget();
            }
            HostChange::Restarted => book.down = false,
            HostChange::Paused => book.paused = Some(at),
            HostChange::Resumed => {
                let open = book.living.iter().any(|id| self.sides[id.0].phase == Phase::Open);
                let paused = book.paused.take().map_or(Span::ZERO, |since| at.since(since));
                if open && paused > Span::from_millis(500) {
                    book.caught_up = Some(at);
                }
                book.disturbed = Some(book.disturbed.unwrap_or_default().max(at));
            }
            HostChange::ClockStepped(nanos) => {
                self.verdict.mark(Mark::ClockStepped);
                let stands = book.disturbed.unwrap_or_default().max(at);
                let step = Span(nanos.unsigned_abs());
                book.disturbed = Some(if nanos < 0 { stands + step } else { at + (stands.since(at + step)) });
                // Echoes of the future are no acknowledgements (PROTOCOL.md §9.4).
                let shown = book.living.iter().filter_map(|id| self.sides[id.0].half);
                let halves: Vec<_> = shown.chain(self.tap.unshown(host)).collect();
                halves.into_iter().for_each(|half| self.lose_track(half));
            }
        }
    }

    fn add_side(&mut self, side: Side) -> SideId {
        let (host, conn) = (side.host, side.conn);
        let id = SideId(self.sides.push(side));
        if let Some(book) = self.hosts.get_mut(host) {
            book.name(conn, id);
        }
        id
    }

    fn end_side(&mut self, at: Time, id: SideId, phase: Phase) {
        let side = self.side_mut(id);
        side.end(at, phase);
        let host = side.host;
        if let Some(book) = self.hosts.get_mut(host) {
            book.is_over(id);
        }
    }

    /// How long datagrams of a connection can still be about after one of its sides is gone.
    pub(super) fn confusion_window(&self, host: HostIndex) -> Span {
        let bound =
            self.config.hosts.get(host).map_or(Span::ZERO, |rules| rules.death_bound(Span::from_secs(1)));
        bound + self.config.delay_bound
    }

    /// Whether a host crashed so lately that what it left behind in slots and on the way may still be about: nobody can
    /// tell its half-open connections from the new ones then.
    pub(super) fn crashed_lately(&self, at: Time, host: HostIndex) -> bool {
        let window = self.confusion_window(host).max(self.confusion_window(0));
        self.crash.is_some_and(|then| at.since(then) < window)
    }

    /// Whether datagrams of older connections between two hosts may pass for those of a new one: the session ids have
    /// two bits (PROTOCOL.md §6.4), and a restarted host begins to count anew.
    fn may_be_confused(&self, at: Time, host: HostIndex, to: HostIndex) -> bool {
        let window = self.confusion_window(host).max(self.confusion_window(to));
        let crashed = [host, to].into_iter().any(|it| {
            self.hosts.get(it).and_then(|book| book.crashed).is_some_and(|then| at.since(then) < window)
        });
        let recent = |side: &&Side| {
            let between =
                (side.host, side.to) == (host, Some(to)) || (side.host, side.to) == (to, Some(host));
            between && side.over.is_none_or(|over| at.since(over) < window)
        };
        crashed || self.sides.iter().rev().filter(recent).count() > 2
    }
}
