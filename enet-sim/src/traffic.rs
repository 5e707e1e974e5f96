//! [`Traffic`]: the messages of a run, what became of each, and whether that was allowed.

use core::fmt;
use core::time::Duration;

use enet_proto::{Delivery, Instant, Packet};
use serde::Serialize;

use crate::link::micros;
use crate::report::{DeliveryReport, Latency};

/// The kinds of messages in a run, one for each way of delivery. Each has a channel of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Delivery::Reliable`]
    Reliable,
    /// [`Delivery::Unreliable`]
    Unreliable,
    /// [`Delivery::UnreliableFragments`], of several datagrams each.
    UnreliableFragments,
    /// [`Delivery::Unsequenced`]
    Unsequenced,
}

impl Kind {
    /// Every kind, in the order of their channels.
    pub const ALL: [Kind; 4] =
        [Kind::Reliable, Kind::Unreliable, Kind::UnreliableFragments, Kind::Unsequenced];

    pub(crate) const COUNT: u32 = 4;

    pub(crate) fn channel(self) -> u8 {
        self as u8
    }

    fn delivery(self) -> Delivery {
        match self {
            Kind::Reliable => Delivery::Reliable,
            Kind::Unreliable => Delivery::Unreliable,
            Kind::UnreliableFragments => Delivery::UnreliableFragments,
            Kind::Unsequenced => Delivery::Unsequenced,
        }
    }

    /// Bytes of a message.
    fn size(self) -> usize {
        match self {
            Kind::UnreliableFragments => 3000,
            Kind::Reliable | Kind::Unreliable | Kind::Unsequenced => 100,
        }
    }

    /// Message `id`: its number, then bytes that only this message has.
    fn packet(self, id: u32) -> Packet {
        let filler = (0u8..=u8::MAX).cycle().map(|n| n ^ id.to_le_bytes()[0] ^ (self as u8) << 6);
        let payload: Vec<u8> = id.to_le_bytes().into_iter().chain(filler).take(self.size()).collect();
        Packet::new(self.delivery(), payload)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Reliable => "reliable",
            Kind::Unreliable => "unreliable",
            Kind::UnreliableFragments => "unreliable fragments",
            Kind::Unsequenced => "unsequenced",
        })
    }
}

/// A message's fate.
struct Message {
    sent: Instant,
    latency: Option<Duration>,
}

/// All messages of one kind.
struct Flow {
    kind: Kind,
    messages: Vec<Message>,
    last_received: Option<u32>,
}

impl Flow {
    fn receive(&mut self, now: Instant, packet: &Packet) -> Result<(), String> {
        let kind = self.kind;
        let id = packet.first_chunk().map(|id| u32::from_le_bytes(*id)).ok_or("it is too short")?;
        if *packet != kind.packet(id) {
            return Err(format!("message {id} is not what was sent"));
        }
        let message = self.messages.get_mut(id as usize).ok_or(format!("message {id} was never sent"))?;
        if message.latency.is_some() {
            return Err(format!("message {id} arrived twice"));
        }
        message.latency = Some(now.saturating_duration_since(message.sent));
        let last = self.last_received.replace(id);
        let in_order = match kind {
            Kind::Reliable => id == last.map_or(0, |last| last + 1),
            Kind::Unreliable | Kind::UnreliableFragments => last.is_none_or(|last| id > last),
            Kind::Unsequenced => true,
        };
        match (in_order, last) {
            (true, _) => Ok(()),
            (false, Some(last)) => Err(format!("message {id} came after message {last}")),
            (false, None) => Err(format!("message {id} came first")),
        }
    }

    fn report(&self) -> DeliveryReport {
        let latencies: Vec<u64> =
            self.messages.iter().filter_map(|message| message.latency.map(micros)).collect();
        DeliveryReport {
            kind: self.kind,
            sent: self.messages.len() as u64,
            delivered: latencies.len() as u64,
            lost: (self.messages.len() - latencies.len()) as u64,
            latency: Latency::of(latencies),
        }
    }
}

/// What is sent from the client to the server, and a judge of its own of what arrives: it knows nothing of the
/// protocol but what each kind of delivery promises (PROTOCOL.md §12.1).
pub(crate) struct Traffic {
    flows: [Flow; 4],
    violations: Vec<String>,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        let flow = |kind| Flow { kind, messages: Vec::new(), last_received: None };
        Traffic { flows: Kind::ALL.map(flow), violations: Vec::new() }
    }

    /// The next message of a kind, sent now.
    pub(crate) fn send(&mut self, now: Instant, kind: Kind) -> Packet {
        let messages = &mut self.flow(kind).messages;
        let id = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        messages.push(Message { sent: now, latency: None });
        kind.packet(id)
    }

    /// A message that arrived.
    pub(crate) fn receive(&mut self, now: Instant, channel: u8, packet: &Packet) {
        let kind = Kind::ALL.into_iter().find(|kind| kind.channel() == channel);
        let result = match kind {
            Some(kind) => self.flow(kind).receive(now, packet).map_err(|what| format!("{kind}: {what}")),
            None => Err(format!("a message on channel {channel}, where nothing was sent")),
        };
        if let Err(violation) = result {
            self.complain(violation);
        }
    }

    /// Notes that something happened that must not.
    pub(crate) fn complain(&mut self, violation: String) {
        self.violations.push(violation);
    }

    pub(crate) fn reports(&self) -> Vec<DeliveryReport> {
        self.flows.iter().map(Flow::report).collect()
    }

    pub(crate) fn into_violations(self) -> Vec<String> {
        self.violations
    }

    fn flow(&mut self, kind: Kind) -> &mut Flow {
        let [reliable, unreliable, fragments, unsequenced] = &mut self.flows;
        match kind {
            Kind::Reliable => reliable,
            Kind::Unreliable => unreliable,
            Kind::UnreliableFragments => fragments,
            Kind::Unsequenced => unsequenced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::ZERO;

    /// Sends three messages of a kind and lets these arrive.
    fn violations(kind: Kind, arrivals: &[usize]) -> Vec<String> {
        let mut traffic = Traffic::new();
        let packets = [(); 3].map(|()| traffic.send(NOW, kind));
        for arrival in arrivals {
            traffic.receive(NOW, kind.channel(), &packets[*arrival]);
        }
        traffic.into_violations()
    }

    #[test]
    fn order_without_gaps_is_fine_for_every_kind() {
        for kind in Kind::ALL {
            assert_eq!(violations(kind, &[0, 1, 2]), [""; 0]);
        }
    }

    #[test]
    fn a_gap_is_a_violation_only_for_reliable_messages() {
        assert_eq!(violations(Kind::Reliable, &[0, 2]), ["reliable: message 2 came after message 0"]);
        assert_eq!(violations(Kind::Reliable, &[1]), ["reliable: message 1 came first"]);
        for kind in [Kind::Unreliable, Kind::UnreliableFragments, Kind::Unsequenced] {
            assert_eq!(violations(kind, &[0, 2]), [""; 0]);
        }
    }

    #[test]
    fn overtaking_is_allowed_only_for_unsequenced_messages() {
        assert_eq!(violations(Kind::Unsequenced, &[1, 0]), [""; 0]);
        for kind in [Kind::Unreliable, Kind::UnreliableFragments] {
            assert_eq!(violations(kind, &[1, 0]), [format!("{kind}: message 0 came after message 1")]);
        }
    }

    #[test]
    fn a_message_that_arrives_twice_is_always_a_violation() {
        for kind in Kind::ALL {
            assert_eq!(violations(kind, &[0, 0]), [format!("{kind}: message 0 arrived twice")]);
        }
    }

    #[test]
    fn a_message_that_was_not_sent_or_was_changed_is_a_violation() {
        let mut traffic = Traffic::new();
        let sent = traffic.send(NOW, Kind::Reliable);
        let mut changed = sent.to_vec();
        changed[50] ^= 1;
        traffic.receive(NOW, 0, &Packet::reliable(changed));
        traffic.receive(NOW, 0, &Packet::unreliable(&sent[..]));
        traffic.receive(NOW, 0, &Kind::Reliable.packet(7));
        traffic.receive(NOW, 0, &Packet::reliable("hi"));
        traffic.receive(NOW, 9, &sent);
        assert_eq!(
            traffic.into_violations(),
            [
                "reliable: message 0 is not what was sent",
                "reliable: message 0 is not what was sent",
                "reliable: message 7 was never sent",
                "reliable: it is too short",
                "a message on channel 9, where nothing was sent",
            ]
        );
    }
}
