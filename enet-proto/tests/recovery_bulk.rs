//! Loss recovery of large packets, and of a peer's own commands, under `Profile::Modern` (docs/RECOVERY.md).

#![allow(clippy::unwrap_used, reason = "tests know their own data")]

use std::num::NonZeroU32;

use enet_proto::Packet;
use enet_testkit::pair::{Client, Pair, Sent, Server, Side, first, ms};
use enet_wire::{Body, ChannelId, Command, CommandKind};

/// Two hosts 40 ms apart; the client has sent so many packets.
fn settled(packets: usize) -> Pair {
    let mut pair = Pair::with().modern().delay(ms(40)).connected();
    for _ in 0..packets {
        pair.client.send(0, Packet::reliable("-"));
        pair.run_for(ms(16));
    }
    pair.run_until_quiet();
    pair.server.texts();
    pair.mark();
    pair
}

/// Two windows and a half.
fn large() -> Packet {
    Packet::reliable(vec![7; 160_000])
}

/// When the client sent commands of this kind, in ms, within 200.
fn times_of(pair: &Pair, kind: CommandKind) -> Vec<u128> {
    pair.times_of(Client, kind).into_iter().filter(|at| *at < 200).collect()
}

fn acknowledgements(pair: &Pair, side: Side, on_control: bool) -> usize {
    let commands = pair.sent_by(side).flat_map(Sent::commands);
    let on = |channel| (channel == ChannelId::CONTROL) == on_control;
    commands.filter(|it| it.kind() == CommandKind::Acknowledge && on(it.channel)).count()
}

#[test]
fn a_ping_follows_what_fills_the_window_unless_losses_are_rare() {
    let pings = |mut pair: Pair| {
        pair.client.send(0, large());
        pair.run_until_quiet();
        times_of(&pair, CommandKind::Ping)
    };
    // When the third leaves, nothing has been lost for long.
    assert_eq!(pings(settled(60)), [2, 82]);
    assert_eq!(pings(settled(300)), []);
}

#[test]
fn no_ping_follows_a_packet_that_is_but_a_small_part_of_the_window() {
    let mut pair = settled(60);
    pair.client.send(0, Packet::reliable(vec![7; 14_000]));
    pair.run_until_quiet();
    assert_eq!(times_of(&pair, CommandKind::Ping), []);
}

#[test]
fn when_a_window_s_acknowledgements_are_lost_together_the_next_leaves_as_the_ping_s_comes() {
    let mut pair = settled(60);
    pair.lose(first(1, |sent| sent.from == Server && sent.commands().count() > 20));
    pair.client.send(0, large());
    pair.run_for(ms(120));
    let fragments = times_of(&pair, CommandKind::SendFragment);
    assert_eq!(fragments.iter().find(|at| **at > 0), Some(&82), "not after 100, as a probe would");
}

#[test]
fn a_path_that_died_is_probed_without_pings() {
    let mut pair = settled(60);
    pair.cut();
    pair.client.send(0, Packet::reliable(vec![7; 40_000]));
    pair.run_for(ms(300));
    pair.client.send(0, Packet::reliable(vec![7; 8_000]));
    pair.run_for(ms(700));
    assert_eq!(pair.times_of(Client, CommandKind::Ping).len(), 1);
}

#[test]
fn where_many_fragments_are_lost_acknowledgements_leave_twice() {
    let repeated = |every: usize| {
        let mut pair = settled(60);
        let mut left = 0;
        pair.lose(move |sent| {
            left += usize::from(sent.carries(CommandKind::SendFragment));
            sent.from == Client && left % every == 0
        });
        pair.client.send(0, Packet::reliable(vec![7; 2_000_000]));
        pair.run_until_quiet();
        let fragments = pair.sent_by(Client).filter(|sent| sent.carries(CommandKind::SendFragment));
        let arrived = fragments.count() * (every - 1) / every;
        acknowledgements(&pair, Server, false) * 100 / arrived
    };
    assert!(repeated(10) > 130, "{} %", repeated(10));
    assert!(repeated(50) < 105, "{} %", repeated(50));
}

/// A stock host that has sent its bandwidth limits seven times without an answer ends the connection.
#[test]
fn while_much_is_lost_the_answer_to_new_limits_is_said_again_like_that_to_a_ping() {
    let answers = |every: usize| {
        let mut pair = settled(60);
        let mut left = 0;
        pair.lose(move |sent| {
            left += usize::from(sent.from == Client);
            sent.from == Client && left % every == 0
        });
        let frames = |pair: &mut Pair, count: usize| {
            for _ in 0..count {
                pair.client.send(0, Packet::reliable("a"));
                pair.run_for(ms(16));
            }
        };
        frames(&mut pair, 100);
        pair.server.host.set_bandwidth_limits(NonZeroU32::new(10_000_000), None);
        pair.run_until(|pair| !pair.times_of(Server, CommandKind::BandwidthLimit).is_empty());
        let limit =
            pair.sent_by(Server).flat_map(Sent::commands).find(|it| it.kind() == CommandKind::BandwidthLimit);
        let limit = limit.map(|it| it.seq).unwrap();
        pair.mark();
        frames(&mut pair, 20);
        let is_answer = |it: &Command<'_>| matches!(it.body, Body::Acknowledge { received_seq, .. } if received_seq == limit);
        let sent = pair.sent_by(Client).flat_map(Sent::commands);
        sent.filter(|it| it.channel == ChannelId::CONTROL && is_answer(it)).count()
    };
    assert!(answers(1_000) <= 1);
    assert!(answers(3) >= 3, "{}", answers(3));
}
