//! Defects that reviews and fuzzing found, each with what showed it.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::collections::VecDeque;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use common::{Crafted, grant, modern, two_channels, verify_connect};
use enet_proto::{
    Checksum, ConnectOptions, Datagram, Delivery, DiscardReason, DisconnectReason, Event, Host, HostConfig,
    Instant, Mtu, Packet, PeerState, Profile, RangeCoder, Redundancy, ThrottleSettings, Timeouts,
};
use enet_testkit::alloc::{Counting, allocations};
use enet_testkit::commands::acknowledge;
use enet_testkit::pair::{Client, Pair, Sent, first, ms};
use enet_wire::{
    Body, ChannelId, Command, Connect, ConnectId, Header, ReliableSeq, Session, VerifyConnect, Writer,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn lone_host() -> Host {
    let mut config = HostConfig::new([3; 32]);
    config.profile = Profile::Compat; // ids are slots
    Host::new(config)
}

fn put(header: &Header, commands: &[Command<'_>]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let mut writer = Writer::new(&mut bytes);
    writer.header(header).unwrap();
    for command in commands {
        writer.command(command).unwrap();
    }
    let len = writer.len();
    bytes.truncate(len);
    bytes
}

fn to_slot_0(sent_time: Option<u16>) -> Header {
    Header {
        peer: enet_wire::WirePeerId::new(0).unwrap(),
        session: Session::default(),
        compressed: false,
        sent_time,
    }
}

/// An interval of 49 days or more lay in the past on the wrapping clock: `handle_timeout` never returned.
#[test]
fn no_ping_interval_hangs_the_host() {
    let mut pair = Pair::connected();
    for interval in [Duration::MAX, Duration::from_secs(49 * 86_400), Duration::from_secs(86_400)] {
        pair.client.peer_mut().set_ping_interval(interval);
        pair.client.peer_mut().set_round_trip_time(Duration::MAX);
        pair.client.peer_mut().ping();
        pair.run_for(ms(3_000));
    }
}

/// With a checksum, two packets filled a datagram of 4100 bytes, which no ENet host receives: it was lost on each
/// retransmission until the connection timed out.
#[test]
fn the_largest_mtu_leaves_room_for_the_checksum() {
    for range_coder in [false, true] {
        let mut pair = Pair::with()
            .both(|config| {
                config.mtu = Mtu::MAX;
                config.checksum = Some(Checksum::CRC32);
                if range_coder {
                    config.compressor = Some(RangeCoder::boxed());
                }
            })
            .connected();
        for len in [2000, 2080, 4064, 6000] {
            pair.client.send(0, Packet::reliable(vec![7; len]));
        }
        pair.run_for(ms(1_000));
        assert_eq!(pair.server.received().len(), 4);
    }
}

/// One fragment at the far end of a large packet made the host fill everything before it with zeros; thousands of them
/// in a few datagrams cost seconds.
#[test]
fn far_fragments_cost_no_more_than_near_ones() {
    let mut pair = Pair::connected();
    let fragment = |start| {
        Body::SendUnreliableFragment(enet_wire::Fragment {
            start,
            count: 2,
            number: 1,
            total_length: 10 << 20,
            offset: (10 << 20) - 1,
            payload: &[1],
        })
    };
    let at = pair.now();
    let source = pair.client.address;
    let mut far = |start| {
        let command = Command {
            channel: ChannelId::new(0),
            seq: ReliableSeq(0),
            acknowledge: false,
            unsequenced: false,
            body: fragment(start),
        };
        let bytes = put(&to_slot_0(None), &[command]);
        pair.server.host.handle_datagram(at, Datagram::new(source, &bytes));
    };
    let ((), asked) = allocations(|| (1..=1_000).for_each(&mut far));
    assert!(asked.bytes < 20 << 20, "{} bytes for a thousand fragments of one byte", asked.bytes);
}

/// A DISCONNECT that asks for an acknowledgement in a datagram without a sent time can never have one: the peer stayed in
/// between for ever, and its slot with it.
#[test]
fn a_disconnect_that_cannot_be_acknowledged_ends_the_connection() {
    let mut pair = Pair::connected();
    let command = Command {
        channel: ChannelId::CONTROL,
        seq: ReliableSeq(9),
        acknowledge: true,
        unsequenced: false,
        body: Body::Disconnect { data: 5 },
    };
    let bytes = put(&to_slot_0(None), &[command]);
    let (at, source) = (pair.now(), pair.client.address);
    pair.server.host.handle_datagram(at, Datagram::new(source, &bytes));
    assert!(matches!(pair.server.host.poll_event(), Some(Event::Disconnected { data: 5, .. })));
    assert_eq!(pair.server.host.peers().count(), 0);
}

/// A CONNECT from everybody's address took a slot that anybody could then write to, and whose address changed under the
/// table's indexes.
#[test]
fn nobody_connects_from_the_broadcast_address() {
    let mut host = lone_host();
    let connect = Connect {
        outgoing_peer: 0,
        incoming_session: 0xff,
        outgoing_session: 0xff,
        mtu: 1392,
        window_size: 65_536,
        channel_count: 1,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle: enet_wire::ThrottleConfigure { interval: 5_000, acceleration: 2, deceleration: 2 },
        connect_id: ConnectId([1; 4]),
        data: 0,
    };
    let command = Command {
        channel: ChannelId::CONTROL,
        seq: ReliableSeq(1),
        acknowledge: true,
        unsequenced: false,
        body: Body::Connect(connect),
    };
    let header = Header { peer: enet_wire::WirePeerId::UNKNOWN, ..to_slot_0(Some(1)) };
    let bytes = put(&header, &[command]);
    let from = |address: &str| Datagram::new(address.parse().unwrap(), &bytes);
    host.handle_datagram(Instant::from_millis(1_000_000), from("255.255.255.255:9"));
    assert_eq!((host.peers().count(), host.stats().discarded.get(DiscardReason::BadConnect)), (0, 1));
    host.handle_datagram(Instant::from_millis(1_000_000), from("192.0.2.9:9"));
    assert_eq!(host.peers().count(), 1);
    host.check_invariants();
}

/// A held connect whose remote guessed its id became connected, and never said a word.
#[test]
fn a_held_connect_hears_nothing() {
    let mut host = lone_host();
    let server = "192.0.2.1:1".parse().unwrap();
    let options =
        ConnectOptions { hold: true, connect_id: Some(ConnectId([1; 4])), ..ConnectOptions::default() };
    let id = host.connect(server, options).unwrap();
    let verify = VerifyConnect {
        outgoing_peer: 0,
        incoming_session: 0,
        outgoing_session: 0,
        mtu: 1392,
        window_size: 65_536,
        channel_count: 1,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle: enet_wire::ThrottleConfigure { interval: 5_000, acceleration: 2, deceleration: 2 },
        connect_id: ConnectId([1; 4]),
    };
    let command = Command {
        channel: ChannelId::CONTROL,
        seq: ReliableSeq(1),
        acknowledge: true,
        unsequenced: false,
        body: Body::VerifyConnect(verify),
    };
    let bytes = put(&to_slot_0(Some(1)), &[command]);
    let now = Instant::from_millis(1_000_000);
    host.handle_datagram(now, Datagram::new(server, &bytes));
    assert_eq!(host.peer(id).unwrap().state(), PeerState::Connecting);
    host.peer_mut(id).unwrap().release();
    assert!(host.poll_transmit(now, &mut vec![], NonZeroUsize::MIN).is_some());
}

/// Durations below a millisecond became zero, which stands for the default.
#[test]
fn half_a_millisecond_is_not_the_default() {
    let mut pair = Pair::connected();
    pair.client.peer_mut().set_ping_interval(Duration::from_micros(500));
    assert_eq!(pair.client.peer().ping_interval(), ms(1));
    pair.client
        .peer_mut()
        .set_throttle(ThrottleSettings { interval: Duration::from_micros(1), ..ThrottleSettings::default() });
    pair.run_for(ms(100));
    pair.client.send(0, Packet::new(Delivery::Reliable, "still works"));
    pair.run_for(ms(100));
    assert_eq!(pair.server.texts(), ["still works"]);
}

/// The driver's clock may begin at zero. The host took the second time it was told for the first, and what was due
/// came later by what lay between, unless somebody asked for the deadline.
#[test]
fn a_clock_that_begins_at_zero_puts_nothing_off() {
    let mut host = lone_host();
    host.connect("127.0.0.1:9".parse().unwrap(), ConnectOptions::default()).unwrap();
    let mut sent_at = |ms| {
        let now = Instant::from_millis(ms);
        host.handle_timeout(now);
        host.poll_transmit(now, &mut Vec::new(), NonZeroUsize::MIN).is_some()
    };
    assert_eq!([0, 30, 499, 500].map(&mut sent_at), [true, false, false, true]);
}

/// An attempt that was rejected waits for its event, not for acknowledgements: one that was looked at again later became
/// a connection that timed out, though it had never opened.
#[test]
fn what_has_ended_does_not_time_out_as_well() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    remote.peer_mut().set_timeouts(Timeouts { limit: 3, minimum: ms(500), maximum: ms(500) });
    let asked = remote.asked();
    remote.now += ms(600);
    remote.utters(&remote.datagram(&[verify_connect(&VerifyConnect { channel_count: 0, ..grant(&asked) })]));
    remote.host.handle_timeout(remote.now);
    assert_eq!(remote.endings(), [(DisconnectReason::HandshakeRejected, 0)]);
}

/// A peer that acknowledges some of what it gets, and never the rest, hears of the rest as often as bad luck would explain,
/// then less and less, and is given up (docs/RECOVERY.md). Its acknowledgements of the one are no evidence for the other.
#[test]
fn what_is_swallowed_again_and_again_is_held_back_and_ends_the_connection() {
    for (count, len) in [(1, 1_376), (40, 1_376), (500, 0)] {
        let mut remote = Crafted::stranger_with(modern);
        remote.joins(Connect { channel_count: 2, ..two_channels() });
        for _ in 0..count {
            remote.peer_mut().send(1, Packet::reliable(vec![7; len])).unwrap();
        }
        let (mut once, mut sent, mut under_way) = (0, 0, VecDeque::new());
        let start = remote.now;
        let mut endings = vec![];
        while endings.is_empty() && remote.now < start + ms(60_000) {
            if remote.now.saturating_duration_since(start).as_millis().is_multiple_of(16) {
                remote.host_sends(0, Packet::reliable(""));
            }
            let mut answer = vec![];
            for heard in remote.heard() {
                let bytes = heard.bytes.len();
                sent += bytes;
                once += if remote.now == start { bytes } else { 0 };
                let told = heard.commands();
                let lucky = told.iter().filter(|it| it.acknowledge && it.channel != ChannelId::new(1));
                answer
                    .extend(lucky.map(|it| {
                        acknowledge(it.channel.get(), it.seq.0, heard.header().sent_time.unwrap())
                    }));
            }
            if !answer.is_empty() {
                under_way.push_back((remote.now + ms(50), answer));
            }
            remote.wait(1);
            while under_way.front().is_some_and(|(at, _)| *at <= remote.now) {
                remote.says(&under_way.pop_front().unwrap().1);
            }
            endings = remote.endings();
        }
        assert_eq!(endings, [(DisconnectReason::TimedOut, 0)], "{count} packets of {len} bytes");
        let took = remote.now.saturating_duration_since(start).as_millis();
        assert!((30_000..45_000).contains(&took), "{count} packets of {len} bytes: given up after {took} ms");
        // Ten times at once, eight times after pauses that double, and some copies; and what was acknowledged, 60 a second.
        let most = 22 * once + 40 * usize::try_from(took / 16).unwrap();
        assert!(sent <= most, "{count} packets of {len} bytes: {sent} bytes sent, {once} of them at first");
    }
}

/// Found by the swarm: many packets at once made losses rare, so that what rode along with them was missed at once.
#[test]
fn what_has_just_left_is_not_missed_when_losses_become_rare() {
    let mut pair = Pair::with().modern().delay(ms(40)).connected();
    for _ in 0..30 {
        pair.lose(first(4, |sent| sent.from == Client && sent.says("-")));
        for _ in 0..20 {
            pair.client.send(0, Packet::reliable("-"));
            pair.run_for(ms(16));
        }
    }
    pair.run_until_quiet();
    pair.client.peer_mut().set_redundancy(Redundancy::Repeat(NonZeroU8::new(3).unwrap()));
    pair.mark();
    pair.cut();
    for packets in [1, 1, 1, 60, 1] {
        (0..packets).for_each(|_| pair.client.send(0, Packet::reliable("a")));
        pair.run_for(if packets > 1 { ms(0) } else { ms(90) });
    }
    let packets =
        |sent: &Sent| sent.commands().filter(|it| it.acknowledge).map(|it| it.seq).collect::<Vec<_>>();
    let first = pair.sent_by(Client).flat_map(packets).next().unwrap();
    let left = |sent: &&Sent| packets(sent).contains(&first);
    let times: Vec<u128> = pair.sent_by(Client).filter(left).map(|sent| sent.at.as_millis()).collect();
    assert_eq!(times[..4], [0, 90, 180, 270]);
    assert!(times[4] >= 290, "{times:?}");
}
