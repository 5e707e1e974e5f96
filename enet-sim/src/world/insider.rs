//! [`Insider`]: an attacker that the server has let in. It completes the handshake as any client does, and then says what
//! no client says.

use enet_wire::{
    Body, CHECKSUM_LEN, ChannelId, Command, Commands, Connect, ConnectId, Crc32, Fragment, Header,
    MAX_FRAGMENTS, ReliableSeq, Session, ThrottleConfigure, UnreliableSeq, UnsequencedGroup, VerifyConnect,
    WirePeerId, Writer,
};
use rand_chacha::ChaCha8Rng;

use crate::random::{RngCore, scale};
use crate::scenario::INSIDER_DATA;
use crate::time::{Span, Time};

/// A server that says nothing for so long has given it up, or was never there.
const DEAF: Span = Span::from_secs(10);

/// Commands whose acknowledgement it owes, and remembers.
const OWED: usize = 64;

/// What most of its datagrams hold at most, and what some do.
const FEW: u32 = 8;
const MANY: u32 = 200;

/// The longest datagram a host may want.
const LONGEST: usize = 4_096;

/// Numbers where something changes.
const EDGES: [u32; 8] = [0, 1, 2, 31, 32, 65_535, u32::MAX / 2, u32::MAX];

/// What packets are made of.
const PAYLOAD: [u8; 1_000] = [0xEE; 1_000];

/// Where its datagrams have to go, as the VERIFY_CONNECT has said.
#[derive(Debug, Clone, Copy)]
struct Line {
    peer: WirePeerId,
    session: Session,
}

/// A reliable command of the server: where, which, sent when.
type Owed = (ChannelId, ReliableSeq, u16);

/// An attacker that the server has let in.
pub(super) struct Insider {
    /// Whether it acknowledges what it gets; else a part of it, late.
    answers: bool,
    checksum: bool,
    id: ConnectId,
    line: Option<Line>,
    heard: Time,
    owed: Vec<Owed>,
    /// The last reliable number of each channel, the channel's number modulo 8.
    numbers: [u16; 8],
}

impl Insider {
    pub(super) fn new(answers: bool, checksum: bool) -> Self {
        Insider {
            answers,
            checksum,
            id: ConnectId::ZERO,
            line: None,
            heard: Time::ZERO,
            owed: Vec::new(),
            numbers: [0; 8],
        }
    }

    /// A datagram for it has arrived.
    pub(super) fn hear(&mut self, now: Time, bytes: &[u8]) {
        let Ok((header, rest)) = Header::decode(bytes) else { return };
        let skipped = if self.checksum { CHECKSUM_LEN } else { 0 };
        let Some(body) = rest.get(skipped..).filter(|_| !header.compressed) else { return };
        for command in Commands::new(body).map_while(Result::ok) {
            match command.body {
                Body::VerifyConnect(verify) if verify.connect_id == self.id => self.is_let_in(&verify),
                Body::Disconnect { .. } => self.begin_anew(),
                _ => {}
            }
            if let Some(time) = header.sent_time.filter(|_| command.acknowledge) {
                self.heard = now;
                if self.owed.len() == OWED {
                    self.owed.remove(0);
                }
                self.owed.push((command.channel, command.seq, time));
            }
        }
    }

    fn is_let_in(&mut self, verify: &VerifyConnect) {
        let session = Session::new(verify.outgoing_session).unwrap_or_default();
        let peer = WirePeerId::new(verify.outgoing_peer).unwrap_or_default();
        self.line = Some(Line { peer, session });
    }

    fn begin_anew(&mut self) {
        let Insider { answers, checksum, .. } = *self;
        *self = Insider::new(answers, checksum);
    }

    /// Makes its next datagram.
    pub(super) fn strike(&mut self, now: Time, rng: &mut ChaCha8Rng, datagram: &mut Vec<u8>) {
        if self.line.is_some() && now.since(self.heard) > DEAF {
            self.begin_anew();
        }
        if self.id == ConnectId::ZERO {
            self.id = ConnectId(rng.next_u32().to_le_bytes());
        }
        datagram.resize(LONGEST, 0);
        let mut writer = Writer::new(datagram);
        let time = Some((now.0 / 1_000_000) as u16);
        let (header, seed) = match self.line {
            Some(Line { peer, session }) => {
                (Header { peer, session, sent_time: time, ..Header::default() }, self.id)
            }
            None => {
                let peer = WirePeerId::UNKNOWN;
                (Header { peer, sent_time: time, ..Header::default() }, ConnectId::ZERO)
            }
        };
        let begun = writer.header(&header);
        if self.checksum && begun.is_ok() {
            _ = writer.checksum(seed.0);
        }
        match self.line {
            None => _ = writer.command(&control(1, true, connect(self.id))),
            Some(_) => self.speak(rng, &mut writer),
        }
        let length = writer.finish().len();
        datagram.truncate(length);
        if self.checksum {
            sign(datagram, header.encoded_len());
        }
    }

    /// What does not fit is not said.
    fn speak(&mut self, rng: &mut ChaCha8Rng, writer: &mut Writer<'_>) {
        // The acknowledgement of the VERIFY_CONNECT proves its address: without it nothing begins.
        let honest = self.answers || rng.next_u32().is_multiple_of(8);
        for (channel, number, time) in self.owed.drain(..) {
            if honest || channel.is_control() && number.0 < 2 {
                _ = writer.command(&acknowledgement(channel, number, time));
            }
        }
        if rng.next_u32().is_multiple_of(8) {
            self.send_set(rng, writer);
        }
        let most = if rng.next_u32().is_multiple_of(16) { MANY } else { FEW };
        // Many of the same, or anything.
        let theme = rng.next_u32();
        for _ in 0..=scale(rng.next_u32(), u64::from(most)) {
            let choice = if most == MANY { theme } else { rng.next_u32() };
            _ = writer.command(&self.nonsense(choice, rng));
        }
    }

    /// All fragments of a packet; now and then they overlap, or leave a hole.
    fn send_set(&mut self, rng: &mut ChaCha8Rng, writer: &mut Writer<'_>) {
        let channel = ChannelId::new(scale(rng.next_u32(), 4) as u8);
        let start = self.number(channel, rng);
        let payload = PAYLOAD.get(..1 + scale(rng.next_u32(), 64) as usize).unwrap_or_default();
        let length = payload.len() as u32;
        let total_length = pick(rng, &[2 * length, 2 * length, 2 * length - 1, 2 * length + 1, 1 << 20]);
        for number in 0..2 {
            let offset = if number == 0 { 0 } else { total_length - length };
            let body =
                Body::SendFragment(Fragment { start, count: 2, number, total_length, offset, payload });
            let seq = ReliableSeq(start.wrapping_add(number as u16));
            _ = writer.command(&Command { channel, seq, acknowledge: true, unsequenced: false, body });
        }
    }

    /// A command that a client could send, with values that none would.
    fn nonsense(&mut self, choice: u32, rng: &mut ChaCha8Rng) -> Command<'static> {
        let channel = match scale(rng.next_u32(), 16) {
            0 => ChannelId::new(rng.next_u32() as u8),
            other => ChannelId::new(other as u8 % 4),
        };
        let size = pick(rng, &[0, 0, 1, 16, 200, PAYLOAD.len()]);
        let payload = PAYLOAD.get(..size).unwrap_or_default();
        let (number, control_number) = (self.number(channel, rng), self.number(ChannelId::CONTROL, rng));
        let make = |acknowledge, unsequenced, body| Command {
            channel,
            seq: ReliableSeq(number),
            acknowledge,
            unsequenced,
            body,
        };
        let of_control = |body| control(control_number, true, body);
        let any = rng.next_u32();
        let edges = [pick(rng, &EDGES), pick(rng, &EDGES), pick(rng, &EDGES)];
        let [first, second, third] = edges;
        match scale(choice, 32) {
            0..6 => make(true, false, Body::SendReliable { payload }),
            6..8 => make(true, false, Body::SendReliable { payload: &[] }),
            8..12 => make(true, false, Body::SendFragment(fragment(number, payload, rng))),
            12..14 => make(false, false, Body::SendUnreliableFragment(fragment(any as u16, payload, rng))),
            14..16 => {
                make(false, false, Body::SendUnreliable { seq: UnreliableSeq(any as u16 >> 8), payload })
            }
            16..19 => {
                let group = UnsequencedGroup(if any >> 31 == 0 { any as u16 } else { number });
                make(false, true, Body::SendUnsequenced { group, payload })
            }
            // Of things that were never sent.
            19..22 => acknowledgement(channel, ReliableSeq(number), any as u16),
            22..24 => acknowledgement(ChannelId::CONTROL, ReliableSeq(control_number), any as u16),
            24..26 => of_control(Body::Ping),
            26..28 => of_control(Body::BandwidthLimit { incoming: first, outgoing: second }),
            28..30 => {
                let all = ThrottleConfigure { interval: first, acceleration: second, deceleration: third };
                of_control(Body::ThrottleConfigure(all))
            }
            30 => of_control(connect(ConnectId(any.to_le_bytes()))),
            _ if any >> 28 == 0 => {
                control(control_number, any >> 27 & 1 == 0, Body::Disconnect { data: any })
            }
            _ => of_control(Body::VerifyConnect(VerifyConnect { mtu: first, ..VerifyConnect::default() })),
        }
    }

    /// The channel's next number, or one behind it, ahead of it, windows away, or anywhere.
    fn number(&mut self, channel: ChannelId, rng: &mut ChaCha8Rng) -> u16 {
        let place = usize::from(if channel.is_control() { 7 } else { channel.get() % 7 });
        let Some(last) = self.numbers.get_mut(place) else { return 0 };
        let (choice, any) = (scale(rng.next_u32(), 16), rng.next_u32() as u16);
        match choice {
            0..8 => {
                *last = last.wrapping_add(1);
                *last
            }
            8..11 => last.wrapping_sub(any % 64),
            11..14 => last.wrapping_add(any % 64),
            14 => last.wrapping_add((any % 16) << 12),
            _ => any,
        }
    }
}

/// A piece of a packet that may contradict another one of its number, or lack all the others.
fn fragment(start: u16, payload: &'static [u8], rng: &mut ChaCha8Rng) -> Fragment<'static> {
    let count = pick(rng, &[1, 2, 2, 3, 64, MAX_FRAGMENTS, MAX_FRAGMENTS + 1, 0, u32::MAX]);
    let number = scale(rng.next_u32(), u64::from(count.min(64))) as u32;
    let length = payload.len() as u32;
    let whole = count.saturating_mul(length);
    let total_length = pick(rng, &[whole, whole, whole, whole.saturating_sub(1), 32 << 20, 0, u32::MAX]);
    let offset = number.saturating_mul(length);
    let offset = pick(rng, &[offset, offset, offset, offset.wrapping_sub(1), total_length, u32::MAX]);
    Fragment { start, count, number, total_length, offset, payload }
}

fn connect(connect_id: ConnectId) -> Body<'static> {
    Body::Connect(Connect {
        outgoing_peer: 0,
        incoming_session: 0xFF,
        outgoing_session: 0xFF,
        mtu: 1_392,
        window_size: 65_536,
        channel_count: 4,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle: ThrottleConfigure { interval: 5_000, acceleration: 2, deceleration: 2 },
        connect_id,
        data: INSIDER_DATA,
    })
}

fn control(number: u16, acknowledge: bool, body: Body<'_>) -> Command<'_> {
    let seq = ReliableSeq(number);
    Command { channel: ChannelId::CONTROL, seq, acknowledge, unsequenced: !acknowledge, body }
}

fn acknowledgement(channel: ChannelId, number: ReliableSeq, time: u16) -> Command<'static> {
    let body = Body::Acknowledge { received_seq: number, received_sent_time: time };
    Command { channel, seq: number, acknowledge: false, unsequenced: false, body }
}

/// Puts the checksum where its seed stands (PROTOCOL.md §1.3).
fn sign(datagram: &mut [u8], place: usize) {
    let mut crc = Crc32::new();
    crc.update(datagram);
    if let Some(field) = datagram.get_mut(place..place + CHECKSUM_LEN) {
        field.copy_from_slice(&crc.finish().to_be_bytes());
    }
}

fn pick<T: Copy + Default>(rng: &mut ChaCha8Rng, among: &[T]) -> T {
    let place = scale(rng.next_u32(), among.len() as u64) as usize;
    among.get(place).copied().unwrap_or_default()
}
