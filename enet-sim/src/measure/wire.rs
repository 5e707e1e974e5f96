//! [`Wire`]: datagrams and bytes counted, retransmissions recognised.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use enet_wire::{Body, ChannelId, ConnectId, Header, ReliableSeq, WirePeerId};

use super::Format;
use super::datagram::Reader;
use super::record::Sending;
use crate::net::Fate;
use crate::world::observer::HostIndex;

/// Transmissions remembered per channel. ENet never has more than half the numbers unacknowledged.
const REMEMBERED: usize = 0x4000;

/// What went over the network.
pub(super) struct Wire {
    reader: Reader,
    checksum: bool,
    format: Format,
    sessions: BTreeMap<SessionKey, Session>,
    pub(super) datagrams: u64,
    pub(super) bytes: u64,
    pub(super) retransmissions: u64,
    pub(super) needless: u64,
    /// Of the measured side alone.
    pub(super) sending: Sending,
}

/// One direction of a connection, as a datagram shows it. The same numbers come again with later connections: a new
/// connect id starts afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SessionKey {
    from: HostIndex,
    to: SocketAddr,
    peer: u16,
    session: u8,
}

#[derive(Default)]
struct Session {
    connect_id: Option<ConnectId>,
    channels: BTreeMap<u8, Transmissions>,
}

/// The latest numbers of one channel, and how each fared so far.
#[derive(Default)]
struct Transmissions {
    base: ReliableSeq,
    fared: VecDeque<Fared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fared {
    Unseen,
    Lost,
    Through,
}

impl Wire {
    pub(super) fn new(checksum: bool, format: Format) -> Self {
        Self {
            reader: Reader::new(checksum),
            checksum,
            format,
            sessions: BTreeMap::new(),
            datagrams: 0,
            bytes: 0,
            retransmissions: 0,
            needless: 0,
            sending: Sending::default(),
        }
    }

    /// `measured`: whether the sender is of the measured side.
    pub(super) fn departed(
        &mut self,
        from: HostIndex,
        to: SocketAddr,
        bytes: &[u8],
        fate: &Fate,
        measured: bool,
    ) {
        self.datagrams += 1;
        self.bytes += bytes.len() as u64;
        self.sending.datagrams += u64::from(measured);
        self.sending.wire_bytes += if measured { bytes.len() as u64 } else { 0 };
        let fared = match fate.dropped.is_some() || (fate.corrupted && self.checksum) {
            true => Fared::Lost,
            false => Fared::Through,
        };
        match self.format {
            Format::Enet => {}
            Format::Kcp => return self.segments(from, to, bytes, fared, measured),
            Format::Sealed => return,
        }
        let Some((header, commands)) = self.reader.read(bytes) else { return };
        let key = SessionKey::new(from, to, &header);
        for command in commands.map_while(Result::ok).filter(|command| command.acknowledge) {
            let connect_id = match &command.body {
                Body::Connect(connect) => Some(connect.connect_id),
                Body::VerifyConnect(verify) => Some(verify.connect_id),
                _ => None,
            };
            if let Some(id) = connect_id {
                begin(&mut self.sessions, key, id);
            }
            let session = self.sessions.entry(key).or_default();
            let earlier = session.channels.entry(command.channel.get()).or_default().note(command.seq, fared);
            self.retransmissions += u64::from(earlier != Fared::Unseen);
            self.needless += u64::from(earlier == Fared::Through);
            if measured && command.channel != ChannelId::CONTROL {
                self.sending.note(earlier);
            }
        }
    }
}

/// A KCP datagram's payload carrying segments, by their 32-bit sequence numbers.
fn kcp_numbers(mut bytes: &[u8]) -> impl Iterator<Item = u32> {
    const HEADER: usize = 24;
    const PUSH: u8 = 81;
    std::iter::from_fn(move || {
        let header = bytes.first_chunk::<HEADER>()?;
        let [_, _, _, _, command, _, _, _, _, _, _, _, n0, n1, n2, n3, _, _, _, _, l0, l1, l2, l3] = *header;
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        bytes = bytes.get(HEADER.checked_add(len)?..)?;
        Some((command == PUSH).then(|| u32::from_le_bytes([n0, n1, n2, n3])))
    })
    .flatten()
}

impl Sending {
    fn note(&mut self, earlier: Fared) {
        self.transmissions += 1;
        self.commands += u64::from(earlier == Fared::Unseen);
        self.needless += u64::from(earlier == Fared::Through);
    }
}

impl Wire {
    /// The same for KCP. Half of its numbers is enough to tell them apart.
    fn segments(&mut self, from: HostIndex, to: SocketAddr, bytes: &[u8], fared: Fared, measured: bool) {
        let key = SessionKey { from, to, peer: 0, session: 0 };
        for number in kcp_numbers(bytes) {
            let session = self.sessions.entry(key).or_default();
            let number = ReliableSeq((number & 0xFFFF) as u16);
            let earlier = session.channels.entry(0).or_default().note(number, fared);
            self.retransmissions += u64::from(earlier != Fared::Unseen);
            self.needless += u64::from(earlier == Fared::Through);
            if measured {
                self.sending.note(earlier);
            }
        }
    }
}

impl SessionKey {
    fn new(from: HostIndex, to: SocketAddr, header: &Header) -> Self {
        Self { from, to, peer: header.peer.get(), session: header.session.get() }
    }
}

/// A handshake command with a new connect id makes what was known about its peer obsolete; that of a client, who
/// does not know its peer yet, makes everything towards the same address so.
fn begin(sessions: &mut BTreeMap<SessionKey, Session>, key: SessionKey, id: ConnectId) {
    if sessions.get(&key).is_some_and(|session| session.connect_id == Some(id)) {
        return;
    }
    let every_peer = key.peer == WirePeerId::UNKNOWN.get();
    let first = SessionKey { peer: if every_peer { 0 } else { key.peer }, session: 0, ..key };
    let last = SessionKey { session: u8::MAX, ..key };
    let obsolete: Vec<SessionKey> = sessions.range(first..=last).map(|(old, _)| *old).collect();
    for old in obsolete {
        sessions.remove(&old);
    }
    sessions.insert(key, Session { connect_id: Some(id), ..Session::default() });
}

impl Transmissions {
    /// Notes a transmission; returns how the earlier ones of the same number fared.
    fn note(&mut self, number: ReliableSeq, fared: Fared) -> Fared {
        if self.fared.is_empty() {
            self.base = number;
        }
        let offset = usize::from(number.distance_from(self.base));
        if offset >= 0x8000 {
            return Fared::Unseen; // Older than what is remembered.
        }
        if offset >= self.fared.len() {
            self.fared.resize(offset + 1, Fared::Unseen);
        }
        let Some(slot) = self.fared.get_mut(offset) else { return Fared::Unseen };
        let earlier = *slot;
        if *slot != Fared::Through {
            *slot = fared;
        }
        while self.fared.len() > REMEMBERED {
            self.fared.pop_front();
            self.base = self.base.next();
        }
        earlier
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::DropReason;
    use crate::time::Time;
    use enet_wire::{Command, Connect, ThrottleConfigure, Writer};

    fn fate(dropped: Option<DropReason>) -> Fate {
        Fate { number: 0, dropped, corrupted: false, copies: u8::from(dropped.is_none()), arrives: Time(1) }
    }

    fn reliable(seq: u16) -> Command<'static> {
        let body = Body::SendReliable { payload: b"x" };
        Command {
            channel: ChannelId::new(0),
            seq: ReliableSeq(seq),
            acknowledge: true,
            unsequenced: false,
            body,
        }
    }

    fn connect(id: u8) -> Command<'static> {
        let throttle = ThrottleConfigure { interval: 5_000, acceleration: 2, deceleration: 2 };
        let body = Body::Connect(Connect {
            outgoing_peer: 0,
            incoming_session: 0xFF,
            outgoing_session: 0xFF,
            mtu: 1_392,
            window_size: 65_536,
            channel_count: 1,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            throttle,
            connect_id: ConnectId([id; 4]),
            data: 0,
        });
        Command {
            channel: ChannelId::CONTROL,
            seq: ReliableSeq(1),
            acknowledge: true,
            unsequenced: false,
            body,
        }
    }

    fn datagram(peer: WirePeerId, commands: &[Command<'_>]) -> Vec<u8> {
        let mut buffer = [0; 1_392];
        let mut writer = Writer::new(&mut buffer);
        writer
            .header(&Header {
                peer,
                session: enet_wire::Session::default(),
                compressed: false,
                sent_time: Some(0),
            })
            .unwrap();
        for command in commands {
            writer.command(command).unwrap();
        }
        writer.finish().to_vec()
    }

    fn peer() -> WirePeerId {
        WirePeerId::new(3).unwrap()
    }

    fn to() -> SocketAddr {
        "10.0.0.2:7000".parse().unwrap()
    }

    fn counts(wire: &Wire) -> (u64, u64) {
        (wire.retransmissions, wire.needless)
    }

    #[test]
    fn a_repetition_is_needless_once_an_earlier_transmission_got_through() {
        let mut wire = Wire::new(false, Format::Enet);
        let bytes = datagram(peer(), &[reliable(1)]);
        wire.departed(0, to(), &bytes, &fate(Some(DropReason::Loss)), true);
        assert_eq!(counts(&wire), (0, 0));
        wire.departed(0, to(), &bytes, &fate(None), true);
        assert_eq!(counts(&wire), (1, 0));
        wire.departed(0, to(), &bytes, &fate(Some(DropReason::Loss)), true);
        assert_eq!(counts(&wire), (2, 1));
        wire.departed(0, to(), &bytes, &fate(None), true);
        assert_eq!(counts(&wire), (3, 2));
        assert_eq!((wire.datagrams, wire.bytes), (4, 4 * bytes.len() as u64));
    }

    #[test]
    fn other_hosts_destinations_and_sessions_do_not_count_as_repetitions() {
        let mut wire = Wire::new(false, Format::Enet);
        let bytes = datagram(peer(), &[reliable(1)]);
        wire.departed(0, to(), &bytes, &fate(None), true);
        wire.departed(1, to(), &bytes, &fate(None), true);
        wire.departed(0, "10.0.0.3:7000".parse().unwrap(), &bytes, &fate(None), true);
        wire.departed(0, to(), &datagram(WirePeerId::new(4).unwrap(), &[reliable(1)]), &fate(None), true);
        assert_eq!(counts(&wire), (0, 0));
    }

    #[test]
    fn numbers_may_wrap() {
        let mut wire = Wire::new(false, Format::Enet);
        for number in 1..=200_000_u32 {
            let seq = reliable((number & 0xFFFF) as u16);
            wire.departed(0, to(), &datagram(peer(), &[seq]), &fate(None), true);
        }
        assert_eq!(counts(&wire), (0, 0));
        wire.departed(
            0,
            to(),
            &datagram(peer(), &[reliable((200_000_u32 & 0xFFFF) as u16)]),
            &fate(None),
            true,
        );
        assert_eq!(counts(&wire), (1, 1));
    }

    #[test]
    fn a_connection_attempt_repeated_counts_and_a_new_one_starts_afresh() {
        let mut wire = Wire::new(false, Format::Enet);
        let unknown = WirePeerId::UNKNOWN;
        wire.departed(0, to(), &datagram(unknown, &[connect(7)]), &fate(Some(DropReason::Loss)), true);
        wire.departed(0, to(), &datagram(unknown, &[connect(7)]), &fate(None), true);
        assert_eq!(counts(&wire), (1, 0));
        wire.departed(0, to(), &datagram(peer(), &[reliable(1)]), &fate(None), true);
        wire.departed(0, to(), &datagram(unknown, &[connect(8)]), &fate(None), true);
        wire.departed(0, to(), &datagram(peer(), &[reliable(1)]), &fate(None), true);
        assert_eq!(counts(&wire), (1, 0));
    }

    #[test]
    fn corruption_counts_as_loss_where_a_checksum_reveals_it() {
        let mut wire = Wire::new(true, Format::Enet);
        let mut bytes = datagram(peer(), &[]);
        bytes.extend([0; 4]);
        let mut command = [0; 16];
        let len = reliable(1).encode(&mut command).unwrap();
        bytes.extend_from_slice(&command[..len]);
        wire.departed(0, to(), &bytes, &Fate { corrupted: true, ..fate(None) }, true);
        wire.departed(0, to(), &bytes, &fate(None), true);
        assert_eq!(counts(&wire), (1, 0));
    }
}
