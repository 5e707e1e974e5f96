//! [`Ledger`]: who sent what to whom, and the judge of what arrives.
//!
//! Each message carries its sender's host and session and its own number. A session is one connection as one of its two
//! ends sees it, numbered through the whole simulation, so what is delivered to the wrong end cannot go unnoticed.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use enet_proto::{Delivery, Packet, PeerId};

use super::life::Life;

/// One end of a connection.
pub(super) type End = (Life, PeerId);

/// What one end of a connection has sent, and what of it the other end received.
#[derive(Debug)]
struct Session {
    from: End,
    to: SocketAddr,
    /// Who received the first of it; none other may receive more.
    heard_by: Option<End>,
    reliable: Count,
    unreliable: Count,
}

/// Messages of a kind, numbered from 0.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    sent: u32,
    /// One more than the number of the last one delivered.
    next: u32,
}

/// Reliable messages travel here,
pub(super) const RELIABLE: u8 = 0;
/// and unreliable ones here.
pub(super) const UNRELIABLE: u8 = 1;

/// Where an end is in its life: `Connected`, messages, `Disconnected`, in this order and once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Connected; what it sends is the session of this number.
    Open(usize),
    Ended,
}

/// Sessions by number, and the rules that were broken.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sessions: Vec<Session>,
    ends: BTreeMap<End, Stage>,
    /// Which session an end receives.
    hears: BTreeMap<End, usize>,
    pub(super) delivered: u64,
    pub(super) violations: Vec<String>,
}

impl Ledger {
    /// A `Connected` event: the first one of its end.
    pub(super) fn connected(&mut self, end: End, to: SocketAddr) {
        let stage = Stage::Open(self.sessions.len());
        let (reliable, unreliable) = (Count::default(), Count::default());
        self.sessions.push(Session { from: end, to, heard_by: None, reliable, unreliable });
        if self.ends.insert(end, stage).is_some() {
            self.violations.push(format!("{}: peer {} connected twice", end.0, end.1));
        }
    }

    /// A `Disconnected` event, of a connection or of an attempt to make one.
    pub(super) fn disconnected(&mut self, end: End) {
        if self.ends.insert(end, Stage::Ended) == Some(Stage::Ended) {
            self.violations.push(format!("{}: peer {} disconnected twice", end.0, end.1));
        }
    }

    /// All connections of a host are gone, without a word.
    pub(super) fn crashed(&mut self, life: Life) {
        self.ends
            .iter_mut()
            .filter(|((owner, _), _)| *owner == life)
            .for_each(|(_, stage)| *stage = Stage::Ended);
    }

    /// The next message of an end; `None` if it is not connected.
    pub(super) fn compose(&mut self, end: End, delivery: Delivery) -> Option<Packet> {
        let number = self.session(end)?;
        let session = self.sessions.get_mut(number)?;
        let count = session.count_mut(delivery);
        let id = count.sent;
        count.sent += 1;
        Some(Packet::new(delivery, message(end.0.host, number, id, delivery)))
    }

    /// A `Received` event, at a host with the address `at`.
    pub(super) fn received(&mut self, end: End, at: SocketAddr, channel: u8, packet: &Packet) {
        self.delivered += 1;
        if let Err(broken) = self.judge(end, at, channel, packet) {
            self.violations.push(format!("{}, peer {}: {broken}", end.0, end.1));
        }
    }

    fn judge(&mut self, end: End, at: SocketAddr, channel: u8, packet: &Packet) -> Result<(), String> {
        self.session(end).ok_or("a message outside of a connection")?;
        let delivery = match channel {
            RELIABLE => Delivery::Reliable,
            UNRELIABLE => Delivery::Unreliable,
            _ => return Err(format!("a message on channel {channel}")),
        };
        let (host, number, id) = parse(packet).ok_or("a message of nobody's")?;
        let session = self.sessions.get_mut(number).ok_or_else(|| format!("no session {number}"))?;
        let name = format!("{delivery:?} message {id} of session {number}");
        if session.from.0.host != host || session.to != at {
            return Err(format!("{name} came to {at}, not to {}", session.to));
        }
        if *session.heard_by.get_or_insert(end) != end || *self.hears.entry(end).or_insert(number) != number {
            return Err(format!("{name} leaked in from another connection"));
        }
        let count = session.count_mut(delivery);
        let next = count.next;
        count.next = id.saturating_add(1).max(next);
        let in_turn = if delivery == Delivery::Reliable { id == next } else { id >= next };
        if !in_turn {
            return Err(format!("{name} is out of turn, {next} was next"));
        }
        if id >= count.sent {
            return Err(format!("{name} was never sent"));
        }
        if packet[..] != message(host, number, id, delivery) {
            return Err(format!("{name} was changed on its way"));
        }
        Ok(())
    }

    /// Once the network is whole and silent: what should have arrived by now has, and connections have two ends.
    pub(super) fn settle(&mut self) {
        for (end, number) in self.open() {
            let Some(session) = self.sessions.get(number) else { continue };
            let missing = session.reliable.sent - session.reliable.next;
            if missing > 0 {
                let sent = session.reliable.sent;
                let text =
                    format!("{}, peer {}: {missing} of {sent} reliable messages never arrived", end.0, end.1);
                self.violations.push(text);
            }
            let Some(partner) = session.heard_by else { continue };
            // Whoever hears me is there, and I hear it.
            if self.session(partner).and_then(|number| self.sessions.get(number)?.heard_by) != Some(end) {
                self.violations.push(format!("{}, peer {}: a connection with one end", end.0, end.1));
            }
        }
    }

    /// Ends that are connected, with the numbers of what they send.
    pub(super) fn open(&self) -> Vec<(End, usize)> {
        self.ends.keys().filter_map(|end| Some((*end, self.session(*end)?))).collect()
    }

    /// How many reliable messages of a session were sent, and how many delivered.
    pub(super) fn reliable(&self, session: usize) -> (u32, u32) {
        self.sessions.get(session).map_or((0, 0), |session| (session.reliable.sent, session.reliable.next))
    }

    fn session(&self, end: End) -> Option<usize> {
        match self.ends.get(&end)? {
            Stage::Open(number) => Some(*number),
            Stage::Ended => None,
        }
    }
}

impl Session {
    fn count_mut(&mut self, delivery: Delivery) -> &mut Count {
        if delivery == Delivery::Reliable { &mut self.reliable } else { &mut self.unreliable }
    }
}

/// The bytes of a message: the host, the session, the number, and a filling that follows from those. Every 32nd reliable
/// one has to travel in fragments.
fn message(host: u8, session: usize, id: u32, delivery: Delivery) -> Vec<u8> {
    let session = u32::try_from(session).unwrap_or(u32::MAX);
    let mut bytes = vec![host];
    bytes.extend(session.to_le_bytes());
    bytes.extend(id.to_le_bytes());
    let long = delivery == Delivery::Reliable && id % 32 == 31;
    let len = if long { 3000 } else { 20 + id % 150 };
    let mut filling = session.rotate_left(16) ^ id ^ u32::from(host) << 8;
    for _ in 0..len {
        filling = filling.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
        bytes.extend(filling.to_le_bytes().last());
    }
    bytes
}

fn parse(bytes: &[u8]) -> Option<(u8, usize, u32)> {
    let (host, rest) = bytes.split_first()?;
    let (session, rest) = rest.split_first_chunk()?;
    let (id, _) = rest.split_first_chunk()?;
    Some((*host, usize::try_from(u32::from_le_bytes(*session)).ok()?, u32::from_le_bytes(*id)))
}

#[cfg(test)]
mod tests {
    use enet_proto::PeerId;

    use super::*;

    const RELIABLY: Delivery = Delivery::Reliable;

    fn end(host: u8) -> End {
        (Life { host, life: 0 }, PeerId::from_bits(1 << 16))
    }

    fn at(host: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], 7))
    }

    /// Host 1 is connected to host 2, and has sent three messages of each kind.
    fn scene() -> (Ledger, [Packet; 3], [Packet; 3]) {
        let mut ledger = Ledger::default();
        ledger.connected(end(1), at(2));
        ledger.connected(end(2), at(1));
        let mut three = |delivery| [(); 3].map(|()| ledger.compose(end(1), delivery).unwrap());
        let (reliable, unreliable) = (three(RELIABLY), three(Delivery::Unreliable));
        (ledger, reliable, unreliable)
    }

    /// What the judge says of a sequence that arrives at host 2.
    fn verdict(mut ledger: Ledger, channel: u8, packets: &[&Packet]) -> String {
        packets.iter().for_each(|packet| ledger.received(end(2), at(2), channel, packet));
        ledger.violations.join("; ")
    }

    #[test]
    fn in_turn_and_whole_is_fine_and_unreliable_ones_may_be_missing() {
        let (ledger, [a, b, c], _) = scene();
        assert_eq!(verdict(ledger, RELIABLE, &[&a, &b, &c]), "");
        let (ledger, _, [a, _, c]) = scene();
        assert_eq!(verdict(ledger, UNRELIABLE, &[&a, &c]), "");
    }

    #[test]
    fn a_gap_a_repetition_and_a_late_one_are_out_of_turn() {
        let (ledger, [a, _, c], _) = scene();
        assert!(
            verdict(ledger, RELIABLE, &[&a, &c])
                .contains("message 2 of session 0 is out of turn, 1 was next")
        );
        let (ledger, [a, ..], _) = scene();
        assert!(verdict(ledger, RELIABLE, &[&a, &a]).contains("out of turn"));
        let (ledger, _, [a, b, _]) = scene();
        assert!(verdict(ledger, UNRELIABLE, &[&b, &a]).contains("out of turn"));
        let (ledger, _, [a, ..]) = scene();
        assert!(verdict(ledger, UNRELIABLE, &[&a, &a]).contains("out of turn"));
    }

    #[test]
    fn a_changed_byte_a_changed_length_and_an_invention_are_noticed() {
        let (ledger, [a, ..], _) = scene();
        let mut bytes = a.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        assert!(verdict(ledger, RELIABLE, &[&Packet::reliable(bytes)]).contains("changed on its way"));
        let (ledger, [a, ..], _) = scene();
        assert!(verdict(ledger, RELIABLE, &[&Packet::reliable(&a[..12])]).contains("changed on its way"));
        let (ledger, ..) = scene();
        let invented = Packet::unreliable(message(1, 0, 3, Delivery::Unreliable));
        assert!(verdict(ledger, UNRELIABLE, &[&invented]).contains("never sent"));
        let (ledger, ..) = scene();
        assert!(verdict(ledger, RELIABLE, &[&Packet::reliable(b"")]).contains("nobody's"));
    }

    #[test]
    fn what_another_host_or_an_older_connection_was_meant_to_get_is_noticed() {
        let (mut ledger, [a, ..], _) = scene();
        ledger.connected(end(3), at(1));
        ledger.received(end(3), at(3), RELIABLE, &a);
        assert!(ledger.violations.join("").contains("came to 192.0.2.3:7, not to 192.0.2.2:7"));

        let (mut ledger, [a, b, _], _) = scene();
        let restarted = (Life { host: 2, life: 1 }, end(2).1);
        ledger.received(end(2), at(2), RELIABLE, &a);
        ledger.crashed(end(2).0);
        ledger.connected(restarted, at(1));
        ledger.received(restarted, at(2), RELIABLE, &b);
        assert!(ledger.violations.join("").contains("leaked"));
    }

    #[test]
    fn nothing_comes_before_connected_or_after_disconnected_and_each_only_once() {
        let (mut ledger, [a, ..], _) = scene();
        ledger.received(end(4), at(2), RELIABLE, &a);
        assert!(ledger.violations.join("").contains("outside of a connection"));
        for order in ["cc", "dc", "cdc", "cdd", "dd"] {
            let mut ledger = Ledger::default();
            for event in order.chars() {
                if event == 'c' { ledger.connected(end(1), at(2)) } else { ledger.disconnected(end(1)) }
            }
            assert_eq!(ledger.violations.len(), 1, "{order}");
        }
    }

    #[test]
    fn what_is_missing_in_the_end_is_missed_and_so_is_the_other_end() {
        let (mut ledger, [a, b, c], _) = scene();
        for packet in [&a, &b] {
            ledger.received(end(2), at(2), RELIABLE, packet);
        }
        let back = ledger.compose(end(2), RELIABLY).unwrap();
        ledger.received(end(1), at(1), RELIABLE, &back);
        ledger.settle();
        assert_eq!(ledger.violations, ["client 1, peer 0#1: 1 of 3 reliable messages never arrived"]);
        ledger.violations.clear();
        ledger.received(end(2), at(2), RELIABLE, &c);
        ledger.settle();
        assert_eq!(ledger.violations, [""; 0]);
        ledger.disconnected(end(2));
        ledger.settle();
        assert_eq!(ledger.violations, ["client 1, peer 0#1: a connection with one end"]);
    }
}
