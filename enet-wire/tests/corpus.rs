//! The fuzzer's seeds, replayed: what each one must decode to.

use enet_wire::CommandKind::{
    Acknowledge, BandwidthLimit, Connect, Disconnect, Ping, SendFragment, SendReliable, SendUnreliable,
    SendUnreliableFragment, SendUnsequenced, ThrottleConfigure, VerifyConnect,
};
use enet_wire::DecodeError::{TruncatedCommand, TruncatedHeader, TruncatedPayload, UnknownCommand};
use enet_wire::{Command, CommandKind, Commands, DecodeError, Header};

/// A seed, the commands it begins with, and the error it ends with, if any.
struct Seed {
    name: &'static str,
    datagram: &'static [u8],
    kinds: &'static [CommandKind],
    end: Option<DecodeError>,
}

macro_rules! seed {
    ($name:literal, [$($kind:ident),*]) => { seed!($name, [$($kind),*], None) };
    ($name:literal, [$($kind:ident),*], $end:expr) => {
        Seed {
            name: $name,
            datagram: include_bytes!(concat!("corpus/", $name, ".bin")),
            kinds: &[$($kind),*],
            end: $end,
        }
    };
}

#[rustfmt::skip]
const SEEDS: &[Seed] = &[
    seed!("connect", [Connect]),
    seed!("verify_connect", [VerifyConnect]),
    seed!("acknowledge_and_ping", [Acknowledge, Ping]),
    seed!("disconnect", [Disconnect]),
    seed!("disconnect_now", [Disconnect]),
    seed!("send_reliable", [SendReliable]),
    seed!("send_reliable_empty", [SendReliable]),
    seed!("send_unreliable", [SendUnreliable, SendUnreliable]),
    seed!("send_fragment", [SendFragment]),
    seed!("send_unsequenced", [SendUnsequenced]),
    seed!("bandwidth_limit", [BandwidthLimit]),
    seed!("throttle_configure", [ThrottleConfigure]),
    seed!("send_unreliable_fragment", [SendUnreliableFragment]),
    seed!("every_kind", [
        Acknowledge, Connect, VerifyConnect, Disconnect, Ping, SendReliable, SendUnreliable, SendFragment,
        SendUnsequenced, BandwidthLimit, ThrottleConfigure, SendUnreliableFragment
    ]),
    // D5 14 AE 70, the checksum, read as a command: number 5, with bits that are ignored.
    seed!("checksum", [Ping, Acknowledge, Ping]),
    // The block's first byte is 83: a VERIFY_CONNECT, for which 32 bytes are too few.
    seed!("compressed", [], Some(TruncatedCommand)),
    seed!("ignored_bits", [Ping, SendReliable]),
    seed!("trailing_zeros", [Ping], Some(UnknownCommand(0))),
    seed!("header_only", []),
    seed!("truncated_header", [], Some(TruncatedHeader)),
    seed!("truncated_command", [Ping], Some(TruncatedCommand)),
    seed!("truncated_payload", [], Some(TruncatedPayload)),
    seed!("length_at_its_limit", [], Some(TruncatedPayload)),
    seed!("command_number_0", [Ping], Some(UnknownCommand(0))),
    seed!("command_number_13", [Ping], Some(UnknownCommand(13))),
];

#[test]
fn every_seed_decodes_to_the_commands_and_the_end_it_was_made_for() {
    for seed in SEEDS {
        let mut kinds = Vec::new();
        let mut end = None;
        match Header::decode(seed.datagram) {
            Err(error) => end = Some(error),
            Ok((_, rest)) => {
                for command in Commands::new(rest) {
                    match command {
                        Ok(command) => kinds.push(command.kind()),
                        Err(error) => end = Some(error),
                    }
                }
            }
        }
        assert_eq!(kinds, seed.kinds, "{}", seed.name);
        assert_eq!(end, seed.end, "{}", seed.name);
    }
}

#[test]
fn every_command_of_every_seed_decodes_to_itself_when_encoded() {
    let mut decoded = 0;
    for seed in SEEDS {
        let Ok((_, rest)) = Header::decode(seed.datagram) else { continue };
        for command in Commands::new(rest).map_while(Result::ok) {
            let mut bytes = vec![0; command.encoded_len()];
            command.encode(&mut bytes).unwrap();
            assert_eq!(Command::decode(&bytes), Ok((command, &[][..])), "{}", seed.name);
            decoded += 1;
        }
    }
    let expected: usize = SEEDS.iter().map(|seed| seed.kinds.len()).sum();
    assert_eq!(decoded, expected);
}

#[test]
fn the_seeds_hold_every_kind_of_command_on_its_own() {
    for kind in (1..=12).filter_map(CommandKind::from_number) {
        assert!(
            SEEDS.iter().any(|seed| seed.kinds.len() <= 2 && seed.kinds.first() == Some(&kind)),
            "{kind:?}"
        );
    }
}
