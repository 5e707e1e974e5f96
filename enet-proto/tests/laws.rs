//! The laws between a host and its driver, as `enet_proto`'s documentation numbers them.

// Tests know their own data.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used)]

mod world;

use std::collections::HashMap;
use std::num::NonZeroUsize;

use enet_proto::{Datagram, Delivery, Event, Host, Instant, PeerId};
use enet_wire::{Body, ChannelId, Command, Header, ReliableSeq, UnreliableSeq, Writer};
use proptest::prelude::*;
use world::{Step, World, configs, fair, life, talk, weather};

/// Everything two runs can differ in that a user or a peer can see.
type Trace = (Vec<(u64, usize, Vec<u8>)>, [Vec<Event>; 2]);

fn trace(world: World) -> Trace {
    (world.wire, world.events)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// 1. An earlier `now` counts as the latest one given.
    #[test]
    fn time(script in talk(40), back in prop::collection::vec(0u64..5_000, 1..20)) {
        let mut straight = World::connected((false, false), fair());
        let mut wavering = World::connected((false, false), fair());
        for (step, back) in script.iter().zip(back.iter().cycle()) {
            straight.step(step);
            for host in &mut wavering.hosts {
                host.handle_timeout(Instant::from_millis(wavering.now - back));
            }
            wavering.step(step);
        }
        prop_assert_eq!(trace(straight), trace(wavering));
    }

    /// 2. Equal seeds and calls give equal bytes and events.
    #[test]
    fn determinism(script in life(60), weather in weather(20), codec in configs()) {
        let run = || {
            let mut world = World::new(codec, weather.clone());
            world.run(&script);
            trace(world)
        };
        prop_assert_eq!(run(), run());
    }

    /// 3. Inputs may pile up between two rounds of polling: the same reliable messages arrive in the same order.
    #[test]
    fn drive(script in talk(60), weather in weather(10), batch in 2usize..50) {
        let run = |batch| {
            let mut world = World::connected((false, false), weather.clone());
            world.batch = batch;
            world.run(&script);
            world.wait(3_000);
            (0..2).map(|side| world.received(side)).map(|messages| {
                messages.into_iter().filter(|m| m.delivery == Delivery::Reliable).fold(HashMap::new(), |mut by, m| {
                    by.entry(m.channel).or_insert_with(Vec::new).push(m.number);
                    by
                })
            }).collect::<Vec<_>>()
        };
        let (one, many) = (run(1), run(batch));
        for (one, many) in one.iter().zip(&many) {
            for (channel, numbers) in one {
                let other = many.get(channel).map_or(&[][..], Vec::as_slice);
                let common = numbers.len().min(other.len());
                prop_assert_eq!(&numbers[..common], &other[..common]);
            }
        }
    }

    /// 4. Between polling and the deadline a host has nothing to give, and at the deadline it has, unless it is that of
    ///    the once-a-second pass.
    #[test]
    fn readiness(script in life(60), weather in weather(20)) {
        let mut world = World::new((false, false), weather);
        for step in &script {
            world.step(step);
            for side in 0..2 {
                let host = &mut world.hosts[side];
                let deadline = host.poll_timeout();
                let mut out = vec![];
                if deadline.is_none_or(|deadline| deadline > Instant::from_millis(world.now + 1)) {
                    let at = Instant::from_millis(world.now + 1);
                    host.handle_timeout(at);
                    prop_assert!(host.poll_transmit(at, &mut out, NonZeroUsize::MIN).is_none());
                    prop_assert!(host.poll_event().is_none());
                    prop_assert_eq!(host.poll_timeout(), deadline);
                }
            }
            world.wait(1);
        }
    }

    /// 5. After `handle_timeout(t)` the next deadline is later than `t`; wakes without effect are those of the
    ///    once-a-second pass, and those that silently drop a half-open peer.
    #[test]
    fn progress(script in life(40), weather in weather(30)) {
        let mut world = World::new((false, false), weather);
        world.run(&script);
        let (start, mut idle_wakes) = (world.now, 0);
        for _ in 0..200 {
            let host = &mut world.hosts[0];
            let Some(deadline) = host.poll_timeout() else { break };
            let peers = host.peers().count() + host.stats().half_open;
            host.handle_timeout(deadline);
            let mut out = vec![];
            let mut busy = host.poll_event().is_some() || host.peers().count() + host.stats().half_open < peers;
            while host.poll_transmit(deadline, &mut out, NonZeroUsize::MIN).is_some() {
                busy = true;
            }
            while host.poll_event().is_some() {}
            idle_wakes += u64::from(!busy);
            let next = host.poll_timeout();
            prop_assert!(next.is_none_or(|next| next > deadline), "{next:?} after {deadline:?}");
            prop_assert!(idle_wakes <= (deadline.as_millis().saturating_sub(start)) / 1_000 + 2);
        }
    }

    /// 6. Rubbish, from anywhere, changes a counter and nothing else.
    #[test]
    fn silence(
        script in talk(40),
        rubbish in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..80), any::<prop::sample::Index>(), 1u8..=255), 1..40),
    ) {
        let mut clean = World::connected((true, false), fair());
        let mut dirty = World::connected((true, false), fair());
        for (step, (known, noise, at, flip)) in script.iter().zip(rubbish.iter().cycle()) {
            clean.step(step);
            dirty.step(step);
            let before = dirty.hosts[1].stats().discarded.total();
            let source = if *known { dirty.addresses[0] } else { "203.0.113.9:9".parse().unwrap() };
            let mut forged = at.get(&dirty.wire).2.clone();
            let place = at.index(forged.len());
            forged[place] ^= flip;
            for bytes in [noise, &forged] {
                dirty.hosts[1].handle_datagram(dirty.at(), Datagram::new(source, bytes));
            }
            prop_assert_eq!(dirty.hosts[1].stats().discarded.total(), before + 2);
        }
        prop_assert_eq!(trace(clean), trace(dirty));
    }

    /// 7. Commands before a bad one take effect, those after it do not.
    #[test]
    fn prefix(before in 0u16..5, after in 0u16..5, bad in 0usize..4) {
        let run = |whole: bool| {
            let mut world = World::connected((false, false), fair());
            let mut bytes = datagram(before, if whole { Some((bad, after)) } else { None });
            world.direct(&mut bytes);
            world.hosts[1].handle_datagram(world.at(), Datagram::new(world.addresses[0], &bytes));
            world.poll();
            let counted = world.hosts[1].stats().discarded.total();
            (trace(world), counted)
        };
        let ((cut, cut_counted), (whole, whole_counted)) = (run(false), run(true));
        prop_assert_eq!(cut_counted, 0);
        prop_assert_eq!(whole_counted, 1);
        let received = whole.1[1].iter().filter(|event| matches!(event, Event::Received { .. })).count();
        prop_assert_eq!(received, usize::from(before));
        prop_assert_eq!(cut, whole);
    }

    /// 8. What a connection holds for the application stays within its limit, whatever the peer sends.
    #[test]
    fn bounds(commands in prop::collection::vec((0u8..4, 0u16..40, 0u16..6, 1u32..40, 0u32..40, 1usize..200), 1..400)) {
        let mut world = World::connected((false, false), fair());
        let word = world.word_to_server();
        let host = &mut world.hosts[1];
        host.set_max_waiting_data(3_000);
        host.set_max_packet_size(2_000);
        let peer = host.peers().next().unwrap().id();
        for (kind, seq, unreliable, count, number, len) in commands {
            let payload = vec![1; len];
            let mut bytes = hostile(kind, seq, unreliable, count, number, &payload);
            *bytes.first_chunk_mut().unwrap() = word;
            let at = Instant::from_millis(world.now);
            host.handle_datagram(at, Datagram::new(world.addresses[0], &bytes));
            let waiting = host.peer(peer).unwrap().stats().waiting_data;
            prop_assert!(waiting < 3_000 + 2_000, "{waiting} bytes wait");
            let mut out = vec![];
            let mut answers = 0;
            while host.poll_transmit(at, &mut out, NonZeroUsize::MIN).is_some() {
                answers += 1;
            }
            prop_assert!(answers <= 1 && out.len() <= 100, "{answers} answers of {} bytes", out.len());
            host.check_invariants();
        }
    }

    /// 9. For each handle: connected, then packets, then disconnected, then nothing.
    #[test]
    fn lifecycle(script in life(120), weather in weather(25), codec in configs()) {
        let mut world = World::new(codec, weather);
        let mut silenced: Vec<(usize, PeerId, usize)> = vec![];
        for step in &script {
            let leaver = match step {
                Step::DisconnectNow(side) | Step::Reset(side) => world.first_peer(*side).map(|id| (*side, id)),
                _ => None,
            };
            let seen = leaver.map(|(side, id)| (side, id, world.events[side].len()));
            world.step(step);
            silenced.extend(seen);
        }
        world.wait(60_000);
        for (side, id, seen) in silenced {
            prop_assert!(!world.events[side][seen..].iter().any(|event| event.peer() == Some(id)));
        }
        for events in &world.events {
            prop_assert_eq!(check_grammar(events), Ok(()));
        }
    }

    /// 10. What each delivery promises, over a bad network.
    #[test]
    fn delivery(script in talk(120), weather in weather(25), codec in configs()) {
        let mut world = World::connected(codec, weather);
        world.run(&script);
        world.wait(4_000);
        for side in 0..2 {
            let received = world.received(side);
            for channel in 0..3 {
                let on_channel: Vec<_> = received.iter().filter(|m| m.channel == channel).collect();
                let numbers = |kind: &[Delivery]| -> Vec<u32> {
                    on_channel.iter().filter(|m| kind.contains(&m.delivery)).map(|m| m.number).collect()
                };
                let reliable = numbers(&[Delivery::Reliable]);
                let sent = world.sent_reliably(1 - side, channel);
                prop_assert!(sent.starts_with(&reliable), "{sent:?} sent, {reliable:?} arrived");
                let ordered = numbers(&[Delivery::Reliable, Delivery::Unreliable, Delivery::UnreliableFragments]);
                prop_assert!(ordered.is_sorted_by(|a, b| a < b), "out of order: {ordered:?}");
                let mut all: Vec<u32> = on_channel.iter().map(|m| m.number).collect();
                let count = all.len();
                all.sort_unstable();
                all.dedup();
                prop_assert_eq!(all.len(), count, "something arrived twice");
            }
        }
    }
}

/// On a fair network everything reliable arrives, and both ends fall silent but for pings.
#[test]
fn nothing_is_left_over_once_the_network_is_fair() {
    let mut world = World::connected((true, true), fair());
    for number in 0..300usize {
        world.step(&Step::Send {
            side: number % 2,
            channel: u8::try_from(number % 3).unwrap(),
            delivery: Delivery::Reliable,
            len: 10 + number * 17,
        });
    }
    world.wait(5_000);
    for side in 0..2 {
        assert_eq!(world.received(side).len(), 150);
        let peer = world.hosts[side].peers().next().unwrap().stats();
        assert_eq!(
            (peer.in_flight, peer.queued, peer.waiting_data, peer.reliable_data_in_transit),
            (0, 0, 0, 0)
        );
    }
}

fn check_grammar(events: &[Event]) -> Result<(), String> {
    #[derive(Clone, Copy, PartialEq)]
    enum Phase {
        Connected,
        Gone,
    }
    let mut phases: HashMap<PeerId, Phase> = HashMap::new();
    for event in events {
        let peer = event.peer().ok_or("nobody asks")?;
        let phase = phases.get(&peer).copied();
        let next = match (phase, event) {
            (None, Event::Connected { .. }) => Phase::Connected,
            (Some(Phase::Connected), Event::Received { .. }) => Phase::Connected,
            (None | Some(Phase::Connected), Event::Disconnected { .. }) => Phase::Gone,
            _ => return Err(format!("{event:?} out of turn in {events:?}")),
        };
        phases.insert(peer, next);
    }
    Ok(())
}

fn put(bytes: &mut [u8], commands: &[Command<'_>]) -> usize {
    let mut writer = Writer::new(bytes);
    let header = Header {
        peer: enet_wire::WirePeerId::new(0).unwrap(),
        session: enet_wire::Session::default(),
        compressed: false,
        sent_time: Some(0x4240),
    };
    writer.header(&header).unwrap();
    for command in commands {
        writer.command(command).unwrap();
    }
    writer.len()
}

fn reliable(seq: u16) -> Command<'static> {
    Command {
        channel: ChannelId::new(0),
        seq: ReliableSeq(seq),
        acknowledge: true,
        unsequenced: false,
        body: Body::SendReliable { payload: b"data" },
    }
}

/// `before` good commands, then perhaps a bad one and good ones after it.
fn datagram(before: u16, tail: Option<(usize, u16)>) -> Vec<u8> {
    let mut commands: Vec<_> = (1..=before).map(reliable).collect();
    if let Some((bad, after)) = tail {
        commands.push(match bad {
            0 => Command { channel: ChannelId::new(200), ..reliable(9) },
            1 => Command { body: Body::Connect(connect()), ..reliable(9) },
            2 => Command { body: Body::SendFragment(fragment(3, 3, 0, b"x")), ..reliable(9) },
            _ => Command { body: Body::SendFragment(fragment(1, 0, 10, b"")), ..reliable(9) },
        });
        commands.extend((before + 1..=before + after).map(reliable));
    }
    let mut bytes = vec![0; 1400];
    let len = put(&mut bytes, &commands);
    bytes.truncate(len);
    bytes
}

fn connect() -> enet_wire::Connect {
    enet_wire::Connect {
        outgoing_peer: 0,
        incoming_session: 0xff,
        outgoing_session: 0xff,
        mtu: 1392,
        window_size: 65_536,
        channel_count: 1,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle: enet_wire::ThrottleConfigure { interval: 5_000, acceleration: 2, deceleration: 2 },
        connect_id: enet_wire::ConnectId([1; 4]),
        data: 0,
    }
}

fn fragment(count: u32, number: u32, offset: u32, payload: &[u8]) -> enet_wire::Fragment<'_> {
    enet_wire::Fragment { start: 9, count, number, total_length: 1_900, offset, payload }
}

fn hostile(kind: u8, seq: u16, unreliable: u16, count: u32, number: u32, payload: &[u8]) -> Vec<u8> {
    let set = enet_wire::Fragment {
        start: seq,
        count,
        number,
        total_length: 40 * count,
        offset: 40 * number,
        payload: &payload[..payload.len().min(40)],
    };
    let body = match kind {
        0 => Body::SendReliable { payload },
        1 => Body::SendUnreliable { seq: UnreliableSeq(unreliable), payload },
        2 => Body::SendFragment(set),
        _ => Body::SendUnreliableFragment(enet_wire::Fragment { start: unreliable, ..set }),
    };
    let mut bytes = vec![0; 600];
    let len = put(&mut bytes, &[Command { body, ..reliable(seq) }]);
    bytes.truncate(len);
    bytes
}

/// Two hosts with different seeds name their connections differently; equal ones alike.
#[test]
fn connect_ids_come_from_the_seed() {
    let first = |seed| {
        let mut host = Host::new(enet_proto::HostConfig::new([seed; 32]));
        let id = host.connect("192.0.2.1:1".parse().unwrap(), enet_proto::ConnectOptions::default()).unwrap();
        host.peer(id).unwrap().connect_id()
    };
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}
