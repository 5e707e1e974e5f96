//! Delivery: R1, U1, U2, S1, X1.

use super::Judge;
use super::ids::SideId;
use super::outbox::{Delivered, Outbox};
use super::side::Phase;
use crate::endpoint::{Close, Conn, Kind};
use crate::marks::Mark;
use crate::message::{HEADER_LEN, Message};
use crate::time::Time;
use crate::world::observer::HostIndex;

impl Judge {
    /// An endpoint took a message.
    pub(super) fn on_send(
        &mut self,
        at: Time,
        host: HostIndex,
        conn: Conn,
        channel: u8,
        kind: Kind,
        payload: &[u8],
    ) {
        let Some(id) = self.side_of(host, conn) else {
            let complaint = || format!("a message was taken for the connection {conn:?}, which never was");
            return self.verdict.complain(at, "C1", host, complaint);
        };
        if !self.side(id).is_open() {
            let phase = self.side(id).phase;
            let complaint = || format!("a message was taken for a connection that is not open: {phase:?}");
            return self.verdict.complain(at, "C1", host, complaint);
        }
        // One whose CONNECT was corrupted on the way may be an insider's, and not known for it.
        let is_unknown = self.config.corruption && !self.config.checksum && self.side(id).tainted;
        if self.side(id).insider || is_unknown {
            self.insiders.is_sent(payload.len());
        }
        let message = Message::peek(payload);
        let side = &mut self.sides[id.0];
        if let (None, Some(message)) = (side.number, message) {
            side.number = Some(message.conn);
            if let Some(book) = self.hosts.get_mut(host) {
                book.number(message.conn, id);
            }
        }
        let fragment = side.fragment.unwrap_or_else(|| {
            let mtu = self.config.hosts.iter().map(|rules| rules.mtu).min().unwrap_or_default();
            mtu as usize - 28 - if self.config.checksum { 4 } else { 0 }
        });
        let channel = usize::from(channel);
        if side.sent.len() <= channel {
            side.sent.resize_with(channel + 1, Outbox::default);
        }
        let Some(outbox) = side.sent.get_mut(channel) else { return };
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        side.largest = side.largest.max(len);
        match outbox.sent(at, kind, message.map(|it| it.id), payload, fragment, side.groups) {
            Kind::Unsequenced => side.groups += 1,
            Kind::UnreliableFragments => {
                side.largest_set = side.largest_set.max(len);
            }
            Kind::Reliable | Kind::Unreliable => {}
        }
        if outbox.exhausted {
            self.verdict.mark(Mark::UnreliableNumbersExhausted);
        }
    }

    /// An endpoint showed a message to its application.
    pub(super) fn on_received(
        &mut self,
        at: Time,
        host: HostIndex,
        conn: Conn,
        channel: u8,
        kind: Option<Kind>,
        payload: &[u8],
    ) {
        let receiver = match self.side_of(host, conn) {
            Some(id) if self.may_receive(id) => id,
            other => {
                let phase = other.map(|id| (self.side(id).phase, self.side(id).closed));
                let complaint = || match phase {
                    None => format!("a message came over the connection {conn:?}, which never was"),
                    Some((phase, closed)) => format!(
                        "a message came over a connection that is not open: {phase:?}, closed {closed:?}"
                    ),
                };
                return self.verdict.complain(at, "C1", host, complaint);
            }
        };
        if payload.is_empty() {
            self.verdict.mark(Mark::EmptyDelivered);
        }
        if self.side(receiver).insider {
            return self.judge_insider_heard(at, host, payload.len());
        }
        let tainted = self.side(receiver).tainted;
        if !self.trusted || tainted {
            if !tainted
                && !self.config.attacked
                && payload.len() >= HEADER_LEN
                && Message::read(payload).is_none()
            {
                self.verdict.mark(Mark::AlteredDelivered);
            }
            return;
        }
        if let Err((property, text)) = self.judge_received(at, receiver, channel, kind, payload) {
            self.verdict.complain(at, property, host, || format!("channel {channel}: {text}"));
        }
    }

    /// After `disconnect` nothing is shown any more. After `disconnect later` sets that had begun may be.
    fn may_receive(&self, id: SideId) -> bool {
        let side = self.side(id);
        let open = !matches!(side.closed, Some((Close::Disconnect | Close::Now | Close::Reset, ..)));
        side.phase == Phase::Open && open
    }

    fn judge_received(
        &mut self,
        at: Time,
        receiver: SideId,
        channel: u8,
        kind: Option<Kind>,
        payload: &[u8],
    ) -> Result<(), (&'static str, String)> {
        let message = if payload.len() < HEADER_LEN {
            None
        } else {
            let altered = || ("R1", format!("a message of {} bytes arrived altered", payload.len()));
            Some(Message::read(payload).ok_or_else(altered)?)
        };
        let sender = match message {
            Some(message) => self.sender_of(at, receiver, &message)?,
            None => match self.side(receiver).partner {
                Some(partner) => partner,
                None => {
                    // A message without a header says nothing about where it comes from, and is missing from the books.
                    self.side_mut(receiver).tainted = true;
                    return Ok(());
                }
            },
        };
        if self.side(receiver).tainted {
            return Ok(()); // as was found out only now
        }
        if let Some(message) = message.filter(|message| message.channel != channel) {
            return Err(("R1", format!("a message of channel {} arrived", message.channel)));
        }
        let side = &mut self.sides[sender.0];
        let groups = side.groups;
        let Some(outbox) = side.sent.get_mut(usize::from(channel)) else {
            return Err(("R1", "a message arrived where nothing was sent".into()));
        };
        let delivered = match message {
            Some(message) => outbox.delivered(message.kind, message.id, payload.len(), kind, groups)?,
            None => outbox.delivered_tiny(payload, kind, groups)?,
        };
        side.progress = at;
        self.mark_delivered(delivered, kind);
        self.mark_beside_insider(receiver);
        if kind == Some(Kind::Reliable)
            && self.side(sender).fragment.is_some_and(|fragment| payload.len() > fragment)
        {
            self.verdict.mark(Mark::SetCompleted);
        }
        Ok(())
    }

    /// The side that sent a message, which must be the partner of the one that received it.
    fn sender_of(
        &mut self,
        at: Time,
        receiver: SideId,
        message: &Message,
    ) -> Result<SideId, (&'static str, String)> {
        if let Some(partner) = self.side(receiver).partner {
            let side = self.side(partner);
            if side.host == usize::from(message.sender) && side.number == Some(message.conn) {
                return Ok(partner);
            }
        }
        let origin = self.hosts.get(usize::from(message.sender)).and_then(|book| book.numbered(message.conn));
        let whose = || format!("connection {} of host {}", message.conn, message.sender);
        let Some(sender) = origin else {
            return Err(("X1", format!("a message of {} arrived, which sent nothing", whose())));
        };
        if let Some(partner) = self.side(receiver).partner {
            let expected = self.side(partner);
            let expected = (expected.number, expected.host);
            return Err(("X1", format!("a message of {} arrived, not of connection {expected:?}", whose())));
        }
        self.pair(at, sender, receiver)?;
        Ok(sender)
    }

    /// These two are the sides of one connection, as a message or the handshake has shown.
    pub(super) fn pair(
        &mut self,
        at: Time,
        one: SideId,
        other: SideId,
    ) -> Result<(), (&'static str, String)> {
        let (first, second) = (self.side(one), self.side(other));
        if first.partner == Some(other) {
            return Ok(());
        }
        let possible = match (first.to, second.to) {
            (Some(to), None) => to == second.host,
            (None, Some(to)) => to == first.host,
            _ => false,
        };
        if !possible {
            let text =
                format!("a message came from a connection of host {} that leads elsewhere", first.host);
            return Err(("X1", text));
        }
        for (near, far) in [(one, other), (other, one)] {
            let Some(old) = self.side(near).partner.filter(|old| *old != far) else { continue };
            if self.side(old).lives() && !self.side(near).tainted && !self.side(far).tainted {
                let hosts = (self.side(near).host, self.side(old).host);
                return Err((
                    "C5",
                    format!("one connection of host {} has two sides at host {}", hosts.0, hosts.1),
                ));
            }
            // The older one is gone: a late CONNECT brought the other side to life again.
            self.side_mut(far).tainted = true;
            self.side_mut(near).tainted = true;
        }
        let tainted = self.side(one).tainted || self.side(other).tainted;
        for (near, far) in [(one, other), (other, one)] {
            let side = self.side_mut(near);
            side.partner = Some(far);
            side.tainted = tainted;
            side.progress = at;
        }
        Ok(())
    }

    fn mark_delivered(&mut self, delivered: Delivered, kind: Option<Kind>) {
        let marks = [
            (delivered.promoted, Mark::OversizeSentReliably),
            (delivered.passed_over, Mark::UnreliableOvertaken),
            (delivered.passed_set, Mark::UnreliableSetLost),
            (delivered.reordered, Mark::UnsequencedReordered),
            (kind == Some(Kind::UnreliableFragments), Mark::UnreliableSetCompleted),
        ];
        for (seen, mark) in marks {
            if seen {
                self.verdict.mark(mark);
            }
        }
    }
}
