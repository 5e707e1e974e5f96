//! The pass once a second that shares bandwidth out, and what it announces (PROTOCOL.md §11).

mod common;

use std::num::NonZeroU32;

use common::{Crafted, modern, stock, two_channels};
use enet_proto::{ConnectId, DiscardReason, HostConfig, Packet, Profile};
use enet_testkit::commands::{acknowledge, bandwidth_limit, disconnect_now, ping};
use enet_testkit::pair::{Client, Pair, Server, ms};
use enet_wire::{Body, CommandKind, Connect};

fn limited(incoming: u32, outgoing: u32) -> impl FnOnce(&mut HostConfig) {
    move |config| {
        config.incoming_bandwidth = NonZeroU32::new(incoming);
        config.outgoing_bandwidth = NonZeroU32::new(outgoing);
    }
}

/// The limits that are announced now, with the slots' addresses in order: (incoming, outgoing).
fn announced(remote: &mut Crafted) -> Vec<(u32, u32)> {
    let limits = |command: enet_wire::Command<'_>| match command.body {
        Body::BandwidthLimit { incoming, outgoing } => Some((incoming, outgoing)),
        _ => None,
    };
    let heard = remote.heard();
    heard.iter().flat_map(|datagram| datagram.commands().into_iter().filter_map(limits)).collect()
}

/// A second client, from another port.
fn another_joins(remote: &mut Crafted, connect: Connect) {
    remote.address.set_port(remote.address.port() + 1);
    remote.joins(Connect { connect_id: ConnectId([0, 0, 0, 9]), ..connect });
}

// ---- When (§11.1, §11.3)

#[test]
fn limits_are_announced_a_second_after_the_last_pass_once_there_is_a_reason() {
    let mut remote = Crafted::client();
    // The last pass was when the host was made, 10 ms before the connection.
    remote.wait(989);
    assert_eq!(announced(&mut remote), []);
    remote.wait(1);
    assert_eq!(announced(&mut remote), [(0, 0)]);
}

#[test]
fn limits_are_announced_once() {
    let mut pair = Pair::connected();
    pair.run_for(ms(5000));
    // §11.3: the flag is cleared.
    assert!(pair.times_of(Client, CommandKind::BandwidthLimit).is_empty());
    assert!(pair.times_of(Server, CommandKind::BandwidthLimit).is_empty());
}

#[test]
fn several_reasons_within_a_second_make_one_announcement() {
    let mut remote = Crafted::client();
    another_joins(&mut remote, two_channels());
    remote.host.set_bandwidth_limits(None, NonZeroU32::new(70_000));
    remote.wait(990);
    // §6.7: coalesced to one per tick; one for each peer
    assert_eq!(announced(&mut remote), [(0, 70_000), (0, 70_000)]);
}

#[test]
fn a_change_of_the_hosts_limits_is_announced_to_everybody() {
    let mut remote = Crafted::client();
    remote.wait(990);
    remote.acknowledges_everything();
    remote.host.set_bandwidth_limits(NonZeroU32::new(50_000), NonZeroU32::new(60_000));
    remote.wait(1000);
    // §18.1; the remote declared no upstream limit and so is told none (§11.3, the quirk).
    assert_eq!(announced(&mut remote), [(0, 60_000)]);
}

#[test]
fn the_end_of_a_connection_is_a_reason_for_the_others() {
    let mut remote = Crafted::client();
    let (first, first_header, first_address) = (remote.id, remote.header, remote.address);
    another_joins(&mut remote, two_channels());
    remote.wait(990);
    remote.acknowledges_everything();
    remote.heard();

    (remote.id, remote.header, remote.address) = (first, first_header, first_address);
    remote.says(&[disconnect_now(2, 0)]);
    remote.events();
    remote.wait(1000);
    // §11.3: ZOMBIE dispatch
    assert_eq!(announced(&mut remote), [(0, 0)]);
}

#[test]
fn a_host_without_connections_has_nothing_to_wake_up_for() {
    let mut remote = Crafted::stranger();
    remote.host.set_bandwidth_limits(NonZeroU32::new(50_000), None);
    // §11.1: no connected peers → return
    assert_eq!(remote.host.poll_timeout(), None);
    remote.wait(5000);
    remote.hears_nothing();
}

#[test]
fn every_reconnect_is_followed_by_an_exchange_of_limits() {
    let mut pair = Pair::connected();
    for _ in 0..3 {
        pair.client.disconnect(0);
        pair.run_until_quiet();
        pair.mark();
        pair.connect();
        pair.run_for(ms(1100));
        // §6.7
        assert_eq!(pair.times_of(Client, CommandKind::BandwidthLimit).len(), 1);
        assert_eq!(pair.times_of(Server, CommandKind::BandwidthLimit).len(), 1);
    }
}

// ---- How much each may send us (§11.3)

#[test]
fn a_remote_that_sends_less_than_its_share_is_told_what_it_said_and_the_rest_goes_to_the_others() {
    let mut remote = Crafted::stranger_with(limited(100_000, 0));
    remote.joins(Connect { outgoing_bandwidth: 30_000, ..two_channels() });
    another_joins(&mut remote, Connect { outgoing_bandwidth: 500_000, ..two_channels() });
    remote.wait(990);
    // Round 1: 50,000 each, the first needs 30,000 only. Round 2: 70,000 for the second.
    assert_eq!(announced(&mut remote), [(30_000, 0), (70_000, 0)]);
}

#[test]
fn one_remote_gets_the_whole_limit() {
    let mut remote = Crafted::stranger_with(limited(100_000, 0));
    remote.joins(Connect { outgoing_bandwidth: 100_000, ..two_channels() });
    remote.wait(990);
    assert_eq!(announced(&mut remote), [(100_000, 0)]);
}

#[test]
fn a_remote_that_declared_no_limit_is_told_none_however_small_ours_is() {
    let mut remote = Crafted::client_with(limited(10_000, 0));
    remote.wait(990);
    // §11.3, the quirk
    assert_eq!(announced(&mut remote), [(0, 0)]);
}

// ---- How much we send each (§11.2)

/// Queues unreliable packets for about 10,000 bytes, and returns what was queued in all when the pass runs.
fn queue_10_000_bytes(remote: &mut Crafted) -> u32 {
    for _ in 0..100 {
        remote.host_sends(0, Packet::unreliable(vec![0; 92]));
    }
    remote.wait(989);
    let total = remote.stats().outgoing_data_total;
    remote.wait(1);
    total
}

#[test]
fn a_host_that_queues_more_than_its_upstream_limit_throttles() {
    let mut remote = Crafted::client_with(limited(0, 4000));
    let total = queue_10_000_bytes(&mut remote);
    // VERIFY_CONNECT 44, 100 times 8 + 92, one PING 4
    assert_eq!(total, 10_048);
    // k = bw · 32 / total with bw = 4000 · 1000 / 1000
    let k = 4000 * 32 / 10_048;
    assert_eq!((remote.stats().throttle_limit, remote.stats().throttle), (k, k));
}

#[test]
fn a_remote_that_takes_little_is_throttled_alone() {
    let mut remote = Crafted::stranger();
    remote.joins(Connect { incoming_bandwidth: 5000, ..two_channels() });
    let total = queue_10_000_bytes(&mut remote);
    // The host is unlimited, so k = 32; throttle_limit = max(1, pb · 32 / outgoing_data_total)
    let limit = 5000 * 32 / total;
    assert_eq!((remote.stats().throttle_limit, remote.stats().throttle), (limit, limit));
}

#[test]
fn the_throttle_limit_is_1_at_least() {
    let mut remote = Crafted::stranger();
    remote.joins(Connect { incoming_bandwidth: 1, ..two_channels() });
    queue_10_000_bytes(&mut remote);
    assert_eq!(remote.stats().throttle_limit, 1);
}

#[test]
fn a_limited_throttle_is_not_raised_above_its_limit_by_good_round_trips() {
    let mut remote = Crafted::stranger();
    remote.joins(Connect { incoming_bandwidth: 5000, ..two_channels() });
    let limit = 5000 * 32 / queue_10_000_bytes(&mut remote);
    for _ in 0..10 {
        remote.says(&[acknowledge(0, 999, remote.clock_before(1))]);
    }
    // §10.2
    assert_eq!(remote.stats().throttle, limit);
}

#[test]
fn the_limit_is_lifted_by_the_next_pass_once_less_is_queued() {
    let mut remote = Crafted::client_with(limited(0, 4000));
    queue_10_000_bytes(&mut remote);
    remote.acknowledges_everything();
    remote.wait(1000);
    // total ≤ bw: k = 32. The throttle itself is raised by samples only.
    assert_eq!(remote.stats().throttle_limit, 32);
}

#[test]
fn each_pass_starts_the_totals_over() {
    let mut remote = Crafted::client();
    remote.says(&[ping(2)]);
    remote.host_sends(0, Packet::unreliable("u"));
    remote.wait(400);
    // §9.3, §11.2: VERIFY_CONNECT 44, an ACK 8, SEND_UNRELIABLE 8 + 1
    assert_eq!(remote.stats().outgoing_data_total, 44 + 8 + 9);
    // §14.1: header and commands: the ACK of VERIFY_CONNECT 2 + 8, the PING 4 + 4
    assert_eq!(remote.stats().incoming_data_total, 10 + 8);
    remote.wait(590);
    // Only the BANDWIDTH_LIMIT that the pass itself queued.
    assert_eq!((remote.stats().outgoing_data_total, remote.stats().incoming_data_total), (12, 0));
}

#[test]
fn retransmissions_do_not_count_as_queued_again() {
    let mut remote = Crafted::client_with(stock);
    remote.host_sends(0, Packet::reliable("a"));
    let before = remote.stats().outgoing_data_total;
    remote.wait(400);
    // §11.2
    assert_eq!(remote.heard().len(), 4, "at 0, 30, 90 and 210");
    assert_eq!(remote.stats().outgoing_data_total, before);
}

// ---- Being told (§11.4)

#[test]
fn a_bandwidth_limit_overwrites_the_negotiated_window() {
    let mut remote = Crafted::server_with(limited(0, 262_144));
    assert_eq!(remote.stats().window_size, 16_384);
    for (told, window) in [(131_072, 8_192), (0, 16_384), (1_000_000, 16_384), (1, 4_096)] {
        remote.says(&[bandwidth_limit(2, told, 7)]);
        // §6.2 step 8, with the smaller of the two limits
        assert_eq!(remote.stats().window_size, window, "told {told}");
        assert_eq!((remote.stats().incoming_bandwidth, remote.stats().outgoing_bandwidth), (told, 7));
    }
}

/// What was lost and is repeated comes behind what was said later (docs/QUIRKS.md Q46).
#[test]
fn a_limit_that_comes_late_is_not_applied_over_a_newer_one() {
    for (profile, then) in [(Profile::Modern, 40_000), (Profile::Compat, 20_000)] {
        let mut remote = Crafted::client_with(|config| config.profile = profile);
        remote.heard();
        for (limit, seq, holds) in [(30_000, 3, 30_000), (40_000, 4, 40_000), (20_000, 2, then)] {
            remote.says(&[bandwidth_limit(seq, limit, 0)]);
            remote.hears(&[acknowledge(0xff, seq, remote.clock())]);
            assert_eq!(remote.stats().incoming_bandwidth, holds, "number {seq} under {profile:?}");
        }
    }
}

#[test]
fn a_limit_that_comes_late_is_applied_over_an_older_one() {
    let mut remote = Crafted::client_with(modern);
    let mut pings = |range: std::ops::RangeInclusive<u16>, then, limit| {
        range.for_each(|seq| remote.says(&[ping(seq)]));
        remote.says(&[bandwidth_limit(then, limit, 0)]);
        assert_eq!(remote.stats().incoming_bandwidth, limit, "number {then}");
    };
    pings(2..=9, 3, 30_000);
    pings(10..=15, 12, 20_000);
    // The numbers come round, and are behind those of the last limit.
    pings(16..=40_011, 40_012, 10_000);
    pings(40_013..=u16::MAX, 0, 50_000);
}

#[test]
fn a_window_can_grow_past_what_verify_connect_granted() {
    let mut remote = Crafted::stranger();
    remote.is_connected_to();
    let asked = remote.asked();
    let granted = enet_wire::VerifyConnect { window_size: 8192, ..common::grant(&asked) };
    remote.says(&[common::verify_connect(&granted)]);
    assert_eq!(remote.stats().window_size, 8192);
    remote.says(&[bandwidth_limit(2, 0, 0)]);
    assert_eq!(remote.stats().window_size, 65_536);
}

#[test]
fn a_bandwidth_limit_is_unexpected_before_and_after_the_connection() {
    let mut remote = Crafted::client();
    remote.peer_mut().disconnect(0);
    // §11.4
    assert_eq!(remote.is_refused(&[bandwidth_limit(2, 1, 1)]), Some(DiscardReason::UnexpectedCommand));
}
