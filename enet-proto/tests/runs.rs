//! Commands of one kind that stand behind each other in a datagram are carried out in one go. That must not show.

mod common;

use common::{Crafted, modern};
use enet_proto::{Delivery, Packet};
use enet_testkit::commands::{acknowledge, reliable, throttle_configure, unreliable};
use enet_testkit::describe;
use enet_wire::{Command, ThrottleConfigure};
use proptest::prelude::*;

const THROTTLE: ThrottleConfigure = ThrottleConfigure { interval: 5000, acceleration: 2, deceleration: 2 };

/// What stands between others, and changes nothing.
const NOTHING: Command<'static> = Command { acknowledge: false, ..throttle_configure(9, THROTTLE) };

/// Packets that the host has in flight on each channel, in two datagrams.
const IN_FLIGHT: u16 = 12;

/// Commands of one kind on one channel, their numbers following each other, once the number before them has made a
/// jump.
#[derive(Debug, Clone, Copy)]
struct Part {
    kind: u8,
    channel: u8,
    jump: i16,
    count: u16,
    /// Whether they want to be acknowledged, or not, against all custom.
    odd: bool,
}

fn part() -> impl Strategy<Value = Part> {
    let jump = prop_oneof![4 => Just(0i16), 1 => -3..4i16];
    let odd = prop::bool::weighted(0.1);
    // Of three channels the connection has two.
    let channel = prop_oneof![6 => 0..2u8, 1 => Just(2u8)];
    (0..3u8, channel, jump, 1..9u16, odd).prop_map(|(kind, channel, jump, count, odd)| Part {
        kind,
        channel,
        jump,
        count,
        odd,
    })
}

/// A remote whose host has sent packets on both channels; when each was sent, as it travels.
fn remote() -> (Crafted, [u16; 2]) {
    let mut remote = Crafted::client_with(|config| {
        modern(config);
        config.max_packet_size = 40;
    });
    let sent = [(); 2].map(|()| {
        for _ in 0..IN_FLIGHT / 2 {
            (0..2).for_each(|channel| remote.host_sends(channel, Packet::new(Delivery::Reliable, b"there")));
        }
        remote.heard();
        let sent = remote.clock();
        remote.wait(5);
        sent
    });
    (remote, sent)
}

/// The commands, as a remote counts that has sent nothing yet.
fn commands(parts: &[Part], sent: [u16; 2]) -> Vec<Command<'static>> {
    let (mut numbers, mut last) = ([[0u16; 3]; 3], [0u16; 3]);
    let mut commands = Vec::new();
    for Part { kind, channel, jump, count, odd } in parts.iter().copied() {
        let number = &mut numbers[usize::from(kind)][usize::from(channel)];
        *number = number.wrapping_add_signed(jump);
        for _ in 0..count {
            *number = number.wrapping_add(1);
            let payload = if number.is_multiple_of(7) {
                &[7; 41][..]
            } else {
                &[b'x'; 40][..usize::from(*number % 40)]
            };
            let command = match kind {
                0 => acknowledge(channel, *number, sent[usize::from(*number > IN_FLIGHT / 2)]),
                1 => {
                    last[usize::from(channel)] = *number;
                    reliable(channel, *number, payload)
                }
                _ => unreliable(channel, last[usize::from(channel)], *number, payload),
            };
            commands.push(Command { acknowledge: command.acknowledge != odd, ..command });
        }
        if kind == 1 {
            numbers[2][usize::from(channel)] = 0;
        }
    }
    commands
}

/// All that can be seen of these commands in one datagram: events, what is said in return, what is in flight and what was
/// discarded.
fn effect(remote: &mut Crafted, said: &[Command<'_>]) -> (String, Vec<String>, usize, String) {
    remote.says(said);
    let events = format!("{:?}", remote.events());
    let in_flight = remote.stats().in_flight;
    let heard = remote.heard();
    let heard =
        heard.iter().flat_map(|datagram| datagram.commands().iter().map(describe).collect::<Vec<_>>());
    (events, heard.collect(), in_flight, format!("{:?}", remote.host.stats().discarded))
}

proptest! {
    #[test]
    fn commands_do_what_they_would_with_others_between_them(parts in prop::collection::vec(part(), 1..12)) {
        let ((mut one, sent), (mut other, _)) = (remote(), remote());
        let commands = commands(&parts, sent);
        let apart: Vec<_> = commands.iter().flat_map(|command| [*command, NOTHING]).collect();
        prop_assert_eq!(effect(&mut one, &commands), effect(&mut other, &apart));
    }
}

#[test]
fn nothing_between_commands_is_nothing() {
    let (mut remote, _) = remote();
    let before = remote.stats().in_flight;
    let (events, heard, in_flight, discarded) = effect(&mut remote, &[NOTHING; 3]);
    assert_eq!((&*events, heard, in_flight, &*discarded), ("[]", vec![], before, "{}"));
}
