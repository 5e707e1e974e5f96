//! [`Exchange`]: what was sent to an echo server, and what of it is still to come back.
#![allow(unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;
use std::time::{Duration, Instant};

use enet_mio::{ChannelId, Delivery, Event, Packet, PeerId, Service};
use serde_json::{Value, json};

const KINDS: [(Delivery, &str); 4] = [
    (Delivery::Reliable, "reliable"),
    (Delivery::Unreliable, "unreliable"),
    (Delivery::UnreliableFragments, "unreliable_fragments"),
    (Delivery::Unsequenced, "unsequenced"),
];
const RELIABLE: usize = 0;
const UNRELIABLE_FRAGMENTS: usize = 2;

/// Reliable packets under way before more are sent: no need to overrun socket buffers.
const UNDER_WAY: usize = 64;

/// How long to wait for the last unreliable packets, which may never come.
const STRAGGLERS: Duration = Duration::from_millis(300);

/// A packet's number says everything about it.
struct Numbering {
    channels: u8,
    sizes: Vec<usize>,
}

struct Message {
    channel: u8,
    kind: usize,
    bytes: Vec<u8>,
}

impl Numbering {
    fn message(&self, id: u64) -> Message {
        // Numbers from the network may be anything; a nonsensical one gives a message that matches no packet.
        let at = usize::try_from(id).unwrap_or_default();
        let per_round = usize::from(self.channels).max(1) * KINDS.len();
        let (round, place) = (at / per_round, at % per_round);
        let (channel, kind) = (place / KINDS.len(), place % KINDS.len());
        // Not a multiple of anything, so that every kind gets every size.
        let size = self.sizes.get((round + place) % self.sizes.len()).copied().unwrap_or_default();
        // An empty packet is never cut into fragments: it would come back as plainly unreliable.
        let len = if kind == UNRELIABLE_FRAGMENTS { size.max(8) } else { size };
        let number = id.to_be_bytes();
        let filling = (0..=255_u8).map(|byte| byte.wrapping_mul(167) ^ number[7]).cycle();
        let bytes = number.into_iter().chain(filling).take(len).collect();
        Message { channel: u8::try_from(channel).unwrap_or_default(), kind, bytes }
    }
}

/// What was sent, and what of it is still to come back.
pub struct Exchange {
    numbering: Numbering,
    total: u64,
    next: u64,
    /// By channel, in the order in which they must come back.
    reliable: BTreeMap<u8, VecDeque<u64>>,
    others: BTreeSet<u64>,
    /// Empty packets have no number; by channel and kind.
    empty: BTreeMap<(u8, usize), u64>,
    sent: [u64; 4],
    echoed: [u64; 4],
    wrong: u64,
}

impl Exchange {
    /// `count` packets of each kind on each channel, of up to `largest` bytes.
    pub fn new(channels: u8, count: u64, largest: usize, with_empty: bool) -> Exchange {
        let mut sizes: Vec<usize> =
            [8, 39, largest / 50, largest / 4, largest / 2, largest].map(|size| size.max(8)).into();
        if with_empty {
            sizes.push(0);
        }
        let numbering = Numbering { channels, sizes };
        Exchange {
            numbering,
            total: count.saturating_mul(u64::from(channels) * 4),
            next: 0,
            reliable: BTreeMap::new(),
            others: BTreeSet::new(),
            empty: BTreeMap::new(),
            sent: [0; 4],
            echoed: [0; 4],
            wrong: 0,
        }
    }

    /// Sends and checks until everything reliable is back; whether the connection ended before.
    pub fn run(
        &mut self,
        service: &mut Service,
        peer: PeerId,
        deadline: Instant,
    ) -> Result<bool, Box<dyn Error>> {
        let mut complete_since = None;
        loop {
            self.send(service, peer)?;
            let now = Instant::now();
            if self.next == self.total && self.reliable_under_way() == 0 {
                let since = *complete_since.get_or_insert(now);
                if self.is_complete() || now >= since + STRAGGLERS {
                    return Ok(false);
                }
            }
            if now >= deadline {
                return Ok(false);
            }
            match service.service(Duration::from_millis(10))? {
                Some(Event::Received { channel, packet, .. }) => self.check(channel, &packet),
                Some(Event::Disconnected { reason, .. }) => {
                    eprintln!("echo_client: {reason}");
                    return Ok(true);
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, service: &mut Service, peer: PeerId) -> Result<(), Box<dyn Error>> {
        while self.next < self.total && self.reliable_under_way() < UNDER_WAY {
            let id = self.next;
            self.next += 1;
            let Message { channel, kind, bytes } = self.numbering.message(id);
            let (delivery, _) = KINDS.get(kind).ok_or("four kinds")?;
            match kind {
                RELIABLE => self.reliable.entry(channel).or_default().push_back(id),
                _ if bytes.is_empty() => *self.empty.entry((channel, kind)).or_default() += 1,
                _ => _ = self.others.insert(id),
            }
            if let Some(sent) = self.sent.get_mut(kind) {
                *sent += 1;
            }
            let mut peer = service.peer_mut(peer).ok_or("the connection ended")?;
            peer.send(channel, Packet::new(*delivery, bytes))?;
        }
        Ok(())
    }

    fn check(&mut self, channel: ChannelId, packet: &Packet) {
        let kind = self.settle(channel.get(), packet);
        match kind.and_then(|kind| self.echoed.get_mut(kind)) {
            Some(echoed) => *echoed += 1,
            None => self.wrong += 1,
        }
    }

    /// The kind of the packet that this is the echo of; `None` if there is none.
    fn settle(&mut self, channel: u8, packet: &Packet) -> Option<usize> {
        let Some(id) = packet.first_chunk().map(|id| u64::from_be_bytes(*id)) else {
            return self.settle_empty(channel, packet);
        };
        let message = self.numbering.message(id);
        if message.channel != channel || message.bytes != packet[..] {
            return None;
        }
        let expected = match message.kind {
            RELIABLE => self.reliable.get_mut(&channel)?.pop_front() == Some(id),
            _ => self.others.remove(&id),
        };
        expected.then_some(message.kind)
    }

    fn settle_empty(&mut self, channel: u8, packet: &Packet) -> Option<usize> {
        let kind = KINDS.iter().position(|(delivery, _)| *delivery == packet.delivery())?;
        if !packet.is_empty() {
            return None;
        }
        if kind == RELIABLE {
            let id = self.reliable.get_mut(&channel)?.pop_front()?;
            return self.numbering.message(id).bytes.is_empty().then_some(kind);
        }
        let left = self.empty.get_mut(&(channel, kind))?;
        *left = left.checked_sub(1)?;
        Some(kind)
    }

    fn reliable_under_way(&self) -> usize {
        self.reliable.values().map(VecDeque::len).sum()
    }

    fn is_complete(&self) -> bool {
        self.others.is_empty() && self.empty.values().all(|left| *left == 0)
    }

    pub fn is_flawless(&self) -> bool {
        self.next == self.total && self.reliable_under_way() == 0 && self.wrong == 0
    }

    pub fn totals(&self) -> Value {
        let mut line =
            json!({ "event": "totals", "wrong": self.wrong, "reliable_lost": self.reliable_under_way() });
        for ((_, name), (sent, echoed)) in KINDS.iter().zip(self.sent.iter().zip(&self.echoed)) {
            if let Some(line) = line.as_object_mut() {
                line.insert(format!("{name}_sent"), (*sent).into());
                line.insert(format!("{name}_echoed"), (*echoed).into());
            }
        }
        line
    }
}
