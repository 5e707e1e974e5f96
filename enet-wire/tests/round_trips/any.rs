//! Generators: any header, any command, any datagram.

use enet_wire::{
    Body, ChannelId, Command, CommandKind, Connect, ConnectId, Fragment, Header, ReliableSeq, Session,
    ThrottleConfigure, UnreliableSeq, UnsequencedGroup, VerifyConnect, WirePeerId, Writer,
};
use proptest::prelude::*;

/// A command that owns its payload: numbers to fill the fields of any kind with.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) kind: CommandKind,
    channel: u8,
    seq: u16,
    acknowledge: bool,
    unsequenced: bool,
    halves: [u16; 2],
    bytes: [u8; 2],
    words: [u32; 9],
    connect_id: [u8; 4],
    pub(crate) payload: Vec<u8>,
}

impl Recipe {
    pub(crate) fn command(&self) -> Command<'_> {
        Command {
            channel: ChannelId::new(self.channel),
            seq: ReliableSeq(self.seq),
            acknowledge: self.acknowledge,
            unsequenced: self.unsequenced,
            body: self.body(),
        }
    }

    fn body(&self) -> Body<'_> {
        let payload = &self.payload[..];
        match self.kind {
            CommandKind::Acknowledge => Body::Acknowledge {
                received_seq: ReliableSeq(self.halves[0]),
                received_sent_time: self.halves[1],
            },
            CommandKind::Connect => Body::Connect(self.connect()),
            CommandKind::VerifyConnect => Body::VerifyConnect(self.verify_connect()),
            CommandKind::Disconnect => Body::Disconnect { data: self.words[0] },
            CommandKind::Ping => Body::Ping,
            CommandKind::SendReliable => Body::SendReliable { payload },
            CommandKind::SendUnreliable => {
                Body::SendUnreliable { seq: UnreliableSeq(self.halves[0]), payload }
            }
            CommandKind::SendFragment => Body::SendFragment(self.fragment()),
            CommandKind::SendUnsequenced => {
                Body::SendUnsequenced { group: UnsequencedGroup(self.halves[0]), payload }
            }
            CommandKind::BandwidthLimit => {
                Body::BandwidthLimit { incoming: self.words[0], outgoing: self.words[1] }
            }
            CommandKind::ThrottleConfigure => Body::ThrottleConfigure(self.throttle()),
            CommandKind::SendUnreliableFragment => Body::SendUnreliableFragment(self.fragment()),
        }
    }

    fn connect(&self) -> Connect {
        let [mtu, window_size, channel_count, incoming_bandwidth, outgoing_bandwidth, data, ..] = self.words;
        Connect {
            outgoing_peer: self.halves[0],
            incoming_session: self.bytes[0],
            outgoing_session: self.bytes[1],
            mtu,
            window_size,
            channel_count,
            incoming_bandwidth,
            outgoing_bandwidth,
            throttle: self.throttle(),
            connect_id: ConnectId(self.connect_id),
            data,
        }
    }

    fn verify_connect(&self) -> VerifyConnect {
        let [mtu, window_size, channel_count, incoming_bandwidth, outgoing_bandwidth, ..] = self.words;
        VerifyConnect {
            outgoing_peer: self.halves[0],
            incoming_session: self.bytes[0],
            outgoing_session: self.bytes[1],
            mtu,
            window_size,
            channel_count,
            incoming_bandwidth,
            outgoing_bandwidth,
            throttle: self.throttle(),
            connect_id: ConnectId(self.connect_id),
        }
    }

    fn throttle(&self) -> ThrottleConfigure {
        let [.., interval, acceleration, deceleration] = self.words;
        ThrottleConfigure { interval, acceleration, deceleration }
    }

    fn fragment(&self) -> Fragment<'_> {
        let [count, number, total_length, offset, ..] = self.words;
        Fragment { start: self.halves[0], count, number, total_length, offset, payload: &self.payload }
    }
}

/// A reliable packet.
pub(crate) fn reliable(payload: Vec<u8>) -> Recipe {
    Recipe {
        kind: CommandKind::SendReliable,
        channel: 0,
        seq: 1,
        acknowledge: true,
        unsequenced: false,
        halves: [0; 2],
        bytes: [0; 2],
        words: [0; 9],
        connect_id: [0; 4],
        payload,
    }
}

pub(crate) fn recipe() -> impl Strategy<Value = Recipe> {
    let kind = (1..=12_u8).prop_map(|number| CommandKind::from_number(number).unwrap());
    let header = (kind, any::<u8>(), any::<u16>(), any::<bool>(), any::<bool>());
    let fields = (any::<[u16; 2]>(), any::<[u8; 2]>(), any::<[u32; 9]>(), any::<[u8; 4]>());
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    (header, fields, payload).prop_map(|(header, fields, payload)| {
        let (kind, channel, seq, acknowledge, unsequenced) = header;
        let (halves, bytes, words, connect_id) = fields;
        Recipe { kind, channel, seq, acknowledge, unsequenced, halves, bytes, words, connect_id, payload }
    })
}

pub(crate) fn header() -> impl Strategy<Value = Header> {
    (0..=0x0FFF_u16, 0..=3_u8, any::<bool>(), any::<Option<u16>>()).prop_map(
        |(peer, session, compressed, sent_time)| Header {
            peer: WirePeerId::new(peer).unwrap(),
            session: Session::new(session).unwrap(),
            compressed,
            sent_time,
        },
    )
}

/// A header and up to 8 commands.
pub(crate) fn datagram() -> impl Strategy<Value = (Header, Vec<Recipe>)> {
    (header(), prop::collection::vec(recipe(), 0..=8))
}

/// The datagram's bytes.
pub(crate) fn write(header: &Header, recipes: &[Recipe]) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let mut writer = Writer::new(&mut buffer);
    writer.header(header).unwrap();
    for recipe in recipes {
        writer.command(&recipe.command()).unwrap();
    }
    writer.finish().to_vec()
}

/// A length from 0 to below `len`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 4096, not negative")]
pub(crate) fn part_of(len: usize, part: f64) -> usize {
    let len = f64::from(u32::try_from(len).unwrap());
    (len * part) as usize
}
