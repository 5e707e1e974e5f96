//! [`Spoken`]: a command as a script has it. Numbers are said relative to what the receiver expects, so that a few bytes reach states
//! that lie deep.

use arbitrary::{Arbitrary, Result, Unstructured};
use enet_wire::{
    Body, ChannelId, Command, Connect, ConnectId, Fragment, ReliableSeq, ThrottleConfigure, UnreliableSeq,
    UnsequencedGroup, VerifyConnect,
};

use crate::values::{Edge16, Edge32, length};

/// What the receiver expects next, as far as the script knows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Script {
    /// Last reliable and unreliable number taken, by channel.
    pub(crate) taken: [(u16, u16); 3],
    /// Last control number said.
    pub(crate) control: u16,
    /// First unsequenced group of the receiver's block.
    pub(crate) group: u16,
    /// The time of sending that the receiver's last datagram bore, or would bear.
    pub(crate) clock: u16,
    /// The id of the connection.
    pub(crate) connect_id: [u8; 4],
}

/// Bytes that payloads are cut from.
static FILLER: [u8; 40_000] = {
    let mut filler = [0; 40_000];
    let mut at = 0;
    while at < filler.len() {
        filler[at] = (at % 251) as u8;
        at += 1;
    }
    filler
};

impl Script {
    pub(crate) fn filler(&self) -> &'static [u8] {
        &FILLER
    }

    fn taken(&self, channel: u8) -> (u16, u16) {
        self.taken.get(usize::from(channel)).copied().unwrap_or_default()
    }
}

/// A number near the one expected, a few windows from it, or any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Near(u8, Edge16);

impl<'a> Arbitrary<'a> for Near {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let how = input.arbitrary::<u8>()?;
        let any = if how >= 224 { input.arbitrary()? } else { Edge16(0) };
        Ok(Near(how, any))
    }
}

impl Near {
    /// The number, where `taken` was the last.
    pub(crate) fn after(self, taken: u16) -> u16 {
        let Near(how, any) = self;
        match how {
            // The next, mostly.
            0..128 => taken.wrapping_add(1),
            128..192 => taken.wrapping_add(u16::from(how - 128)).wrapping_sub(16),
            192..224 => taken.wrapping_add(u16::from((how - 192) / 2) << 12).wrapping_add(u16::from(how % 2)),
            224.. => any.0,
        }
    }
}

/// A command of any kind.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) struct Spoken {
    channel: Channel,
    seq: Near,
    flags: Flags,
    what: What,
}

/// Mostly one that exists.
#[derive(Debug, Clone, Copy)]
struct Channel(u8);

impl<'a> Arbitrary<'a> for Channel {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let pick = input.arbitrary::<u8>()?;
        Ok(Channel(if pick < 240 { pick % 3 } else { pick }))
    }
}

/// As the kind is usually sent, or otherwise.
#[derive(Debug, Clone, Copy)]
struct Flags(Option<(bool, bool)>);

impl<'a> Arbitrary<'a> for Flags {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let pick = input.arbitrary::<u8>()?;
        Ok(Flags((pick >= 224).then_some((pick & 1 != 0, pick & 2 != 0))))
    }
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum What {
    Acknowledge { seq: Near, age: u16 },
    Connect(Terms),
    VerifyConnect(Terms),
    Disconnect { data: u32 },
    Ping,
    Reliable { len: u8 },
    Unreliable { seq: Near, len: u8 },
    Unsequenced { group: Near, len: u8 },
    Fragment { reliable: bool, start: Near, piece: Piece },
    BandwidthLimit { incoming: Edge32, outgoing: Edge32 },
    ThrottleConfigure { interval: Edge32, acceleration: Edge32, deceleration: Edge32 },
}

/// The terms of a connection.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(crate) struct Terms {
    /// Bits say which fields are as a stock client sends them.
    usual: u16,
    peer: Edge16,
    sessions: (u8, u8),
    mtu: Edge32,
    window: Edge32,
    channels: Edge32,
    bandwidth: (Edge32, Edge32),
    throttle: (Edge32, Edge32, Edge32),
    id: u8,
    data: u32,
}

impl Terms {
    pub(crate) fn connect(&self, peer: u16) -> Connect {
        let usual = |bit: u8| self.usual & 1 << bit != 0;
        let or = |bit, stock: u32, edge: Edge32| if usual(bit) { stock } else { edge.0 };
        Connect {
            outgoing_peer: if usual(0) { peer } else { self.peer.0 },
            incoming_session: if usual(1) { 0xFF } else { self.sessions.0 },
            outgoing_session: if usual(1) { 0xFF } else { self.sessions.1 },
            mtu: or(2, 1392, self.mtu),
            window_size: or(3, 65_536, self.window),
            channel_count: or(4, 3, self.channels),
            incoming_bandwidth: or(5, 0, self.bandwidth.0),
            outgoing_bandwidth: or(6, 0, self.bandwidth.1),
            throttle: ThrottleConfigure {
                interval: or(7, 5000, self.throttle.0),
                acceleration: or(8, 2, self.throttle.1),
                deceleration: or(9, 2, self.throttle.2),
            },
            // Few, so that some come twice.
            connect_id: ConnectId([self.id % 4, 1, 2, 3]),
            data: self.data,
        }
    }

    /// The answer to a connect of that id.
    fn verify_connect(&self, connect_id: [u8; 4]) -> VerifyConnect {
        let connect = self.connect(1);
        VerifyConnect {
            outgoing_peer: connect.outgoing_peer,
            incoming_session: connect.incoming_session & 3,
            outgoing_session: connect.outgoing_session & 3,
            mtu: connect.mtu,
            window_size: connect.window_size,
            channel_count: connect.channel_count,
            incoming_bandwidth: connect.incoming_bandwidth,
            outgoing_bandwidth: connect.outgoing_bandwidth,
            throttle: connect.throttle,
            connect_id: ConnectId(connect_id),
        }
    }
}

/// A fragment: a piece of a packet that was cut properly, or with fields of its own.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Piece {
    Proper { total: u16, size: u8, number: u8 },
    Any { count: Edge32, number: Edge32, total: Edge32, offset: Edge32, len: u8 },
}

impl Piece {
    fn fragment(self, start: u16, filler: &[u8]) -> Fragment<'_> {
        match self {
            Piece::Proper { total, size, number } => {
                let total = u32::from(total).max(1);
                let size = u32::from(size) * 4 + 1;
                let count = total.div_ceil(size);
                let number = u32::from(number) % count;
                let offset = number * size;
                let len = size.min(total - offset) as usize;
                let from = offset as usize % 20_000;
                Fragment {
                    start,
                    count,
                    number,
                    total_length: total,
                    offset,
                    payload: &filler[from..from + len],
                }
            }
            Piece::Any { count, number, total, offset, len } => Fragment {
                start,
                count: count.0,
                number: number.0,
                total_length: total.0,
                offset: offset.0,
                payload: &filler[..usize::from(len)],
            },
        }
    }
}

/// What the number in a command's head counts.
enum Counts {
    /// Nothing: as the kind has it.
    One,
    /// Commands of its channel that want an acknowledgement.
    Up,
    /// The last of those: it refers to it.
    Last,
    /// This very one.
    This(u16),
}

impl Spoken {
    /// The command, its numbers relative to what the script says was taken.
    pub(crate) fn command<'f>(&self, script: &Script, filler: &'f [u8]) -> Command<'f> {
        let (counts, flags, body) = match self.what {
            What::Reliable { .. }
            | What::Unreliable { .. }
            | What::Unsequenced { .. }
            | What::Fragment { .. } => self.data(script, filler),
            _ => self.control(script),
        };
        let Channel(own) = self.channel;
        let of_connection = !matches!(counts, Counts::One) && !self.is_data();
        let channel = if of_connection || self.is_handshake() { 0xFF } else { own };
        let last = if channel == 0xFF { script.control } else { script.taken(channel).0 };
        let number = match counts {
            Counts::One => 1,
            Counts::Up => self.seq.after(last),
            Counts::Last => self.seq.after(last).wrapping_sub(1),
            Counts::This(number) => number,
        };
        let (acknowledge, unsequenced) = self.flags.0.unwrap_or(flags);
        Command { channel: ChannelId::new(channel), seq: ReliableSeq(number), acknowledge, unsequenced, body }
    }

    const fn is_data(&self) -> bool {
        matches!(
            self.what,
            What::Reliable { .. }
                | What::Unreliable { .. }
                | What::Unsequenced { .. }
                | What::Fragment { .. }
        )
    }

    const fn is_handshake(&self) -> bool {
        matches!(self.what, What::Connect(_) | What::VerifyConnect(_))
    }

    fn data<'f>(&self, script: &Script, filler: &'f [u8]) -> (Counts, (bool, bool), Body<'f>) {
        let Channel(channel) = self.channel;
        let (reliable, unreliable) = script.taken(channel);
        let payload = |len: u8| &filler[..length(len).min(4_000)];
        match self.what {
            What::Unreliable { seq, len } => {
                let seq = UnreliableSeq(seq.after(unreliable));
                (Counts::Last, (false, false), Body::SendUnreliable { seq, payload: payload(len) })
            }
            What::Unsequenced { group, len } => {
                let group = UnsequencedGroup(group.after(script.group));
                (Counts::Last, (false, true), Body::SendUnsequenced { group, payload: payload(len) })
            }
            What::Fragment { reliable: true, start, piece } => {
                let fragment = piece.fragment(start.after(reliable), filler);
                let number = fragment.start.wrapping_add((fragment.number & 0xFFFF) as u16);
                (Counts::This(number), (true, false), Body::SendFragment(fragment))
            }
            What::Fragment { reliable: false, start, piece } => {
                let fragment = piece.fragment(start.after(unreliable), filler);
                (Counts::Last, (false, false), Body::SendUnreliableFragment(fragment))
            }
            What::Reliable { len } => {
                (Counts::Up, (true, false), Body::SendReliable { payload: payload(len) })
            }
            _ => (Counts::Up, (true, false), Body::Ping),
        }
    }

    fn control<'f>(&self, script: &Script) -> (Counts, (bool, bool), Body<'f>) {
        let usual = (true, false);
        match self.what {
            What::Acknowledge { seq, age } => {
                let Channel(channel) = self.channel;
                let received_seq = ReliableSeq(seq.after(script.taken(channel).0));
                // Mostly of late.
                let age = if age < 0xF000 { age % 64 } else { age };
                let received_sent_time = script.clock.wrapping_sub(age);
                (Counts::One, (false, false), Body::Acknowledge { received_seq, received_sent_time })
            }
            What::Connect(terms) => (Counts::One, usual, Body::Connect(terms.connect(1))),
            What::VerifyConnect(terms) => {
                (Counts::Up, usual, Body::VerifyConnect(terms.verify_connect(script.connect_id)))
            }
            What::Disconnect { data } => {
                (Counts::Up, (data % 2 == 0, data % 2 != 0), Body::Disconnect { data })
            }
            What::BandwidthLimit { incoming, outgoing } => {
                (Counts::Up, usual, Body::BandwidthLimit { incoming: incoming.0, outgoing: outgoing.0 })
            }
            What::ThrottleConfigure { interval, acceleration, deceleration } => {
                let (interval, acceleration, deceleration) = (interval.0, acceleration.0, deceleration.0);
                let throttle = ThrottleConfigure { interval, acceleration, deceleration };
                (Counts::Up, usual, Body::ThrottleConfigure(throttle))
            }
            _ => (Counts::Up, usual, Body::Ping),
        }
    }
}
