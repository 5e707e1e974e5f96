//! What two ends settle when they connect: channels, MTU, bandwidth (PROTOCOL.md §6, §11).

use std::num::NonZeroU32;

use enet_mio::Delivery;
use enet_mio::enet_proto::PeerStats;

use crate::ends::{Ask, BOTH_WAYS, Heard, Kind, Roles, Setup};
use crate::scene::{Scene, Side, both_directions, ours_first, play};

/// Sends a packet each way and sees it arrive.
fn exchange(scene: &mut Scene, sides: [Side; 2], channel: u8, delivery: Delivery, len: usize) {
    for ([from, to], fill) in both_directions(sides).into_iter().zip(1..) {
        let payload = vec![fill; len];
        scene.send(from, channel, delivery, &payload);
        scene.expect(vec![(to.end, Heard::Received { peer: to.peer, channel, delivery, payload })]);
    }
}

#[test]
fn the_smaller_number_of_channels_is_agreed_on() {
    // What the client asks for, what the server grants, what both have.
    let numbers = [(1, 255, 1), (7, 3, 3), (3, 7, 3), (255, 1, 1), (255, 255, 255)];
    let rows = BOTH_WAYS.into_iter().flat_map(|roles| numbers.map(|numbers| (roles, numbers)));
    play("channels", rows, |scene, (roles, (asked, granted, agreed))| {
        let server = scene.server(roles.server, Setup { channels: granted, ..Setup::default() });
        let client = scene.client(roles.client, Setup::default());
        let sides = scene.connect(client, server, Ask { channels: asked, ..Ask::default() });
        for side in sides {
            let end = scene.end(side.end);
            assert_eq!(end.channels(side.peer), usize::from(agreed));
            if agreed < 255 {
                assert!(!end.send(side.peer, agreed, Delivery::Reliable, b"one too far"));
            }
        }
        exchange(scene, sides, agreed - 1, Delivery::Reliable, 10);
    });
}

#[test]
fn an_mtu_is_agreed_on_and_kept() {
    use Kind::{C, Ours};
    let (ours, c) = (Roles { server: Ours, client: C }, Roles { server: C, client: Ours });
    // The server's, the client's, what both have. 1.3.17 as a server takes the client's, whatever its own (§16.1).
    let rows = [
        (ours, None, None, 1392),
        (c, None, None, 1392),
        (ours, Some(576), Some(4096), 576),
        (ours, Some(4096), Some(576), 576),
        (ours, Some(4096), Some(4096), 4096),
        (ours, Some(1200), None, 1200),
        (c, Some(576), Some(4096), 4096),
        (c, Some(4096), Some(576), 576),
        (c, Some(600), None, 1392),
    ];
    play("MTU", rows, |scene, (roles, server, client, agreed)| {
        let server = scene.server(roles.server, Setup { mtu: server, ..Setup::default() });
        let client = scene.client(roles.client, Setup { mtu: client, ..Setup::default() });
        let sides = scene.connect(client, server, Ask::default());
        scene.never_throttle(sides);
        for side in sides {
            assert_eq!(scene.end(side.end).mtu(side.peer), agreed);
        }
        // The largest packet that is not cut, and the smallest that is: 4 bytes of header, 24 of a fragment's own.
        let largest = usize::try_from(agreed).expect("a small number") - 28;
        exchange(scene, sides, 0, Delivery::Unsequenced, largest);
        exchange(scene, sides, 0, Delivery::UnreliableFragments, largest + 1);
        exchange(scene, sides, 0, Delivery::Reliable, 20_000);
    });
}

/// What our host knows of the connection.
fn stats(scene: &mut Scene, ours: Side) -> PeerStats {
    scene.ours(ours.end).peer(ours.peer.ours()).expect("a peer").stats()
}

/// The numbers are such that C's later announcements (PROTOCOL.md §11.3) repeat them.
#[test]
fn each_end_hears_of_the_others_bandwidth_and_sizes_its_window_by_it() {
    // In bytes/s downstream and upstream, of ours and of C's; our window in bytes (§6.2 step 8, §6.3).
    let limits = [
        ((0, 0), (0, 0), 65_536),
        ((0, 262_144), (0, 0), 16_384),
        ((131_072, 262_144), (200_000, 500_000), 12_288),
        ((0, 60_000), (60_000, 0), 4_096),
        ((0, 3_000_000), (1_000_000, 0), 61_440),
    ];
    let rows = BOTH_WAYS.into_iter().flat_map(|roles| limits.map(|limits| (roles, limits)));
    play("bandwidth", rows, |scene, (roles, (ours, c, window))| {
        let limited = |kind| {
            let (incoming, outgoing) = if kind == Kind::Ours { ours } else { c };
            Setup { incoming, outgoing, ..Setup::default() }
        };
        let server = scene.server(roles.server, limited(roles.server));
        let client = scene.client(roles.client, limited(roles.client));
        let [ours, _] = ours_first(scene.connect(client, server, Ask::default()));
        let stats = stats(scene, ours);
        assert_eq!((stats.incoming_bandwidth, stats.outgoing_bandwidth), c);
        assert_eq!(stats.window_size, window);
    });
}

/// C tells a peer with an upstream below its share just that upstream (PROTOCOL.md §11.3): an echo of what it heard.
#[test]
fn bandwidth_limits_that_change_later_are_announced() {
    play("later bandwidth", BOTH_WAYS, |scene, roles| {
        let limited = |kind| match kind {
            Kind::Ours => Setup { outgoing: 40_000, ..Setup::default() },
            Kind::C => Setup { incoming: 100_000, outgoing: 50_000, ..Setup::default() },
        };
        let server = scene.server(roles.server, limited(roles.server));
        let client = scene.client(roles.client, limited(roles.client));
        let [ours, c] = ours_first(scene.connect(client, server, Ask::default()));
        scene.serve_until(|scene| stats(scene, ours).incoming_bandwidth == 40_000);
        assert_eq!(stats(scene, ours).outgoing_bandwidth, 50_000);

        scene.ours(ours.end).set_bandwidth_limits(None, NonZeroU32::new(60_000));
        // Asked again and again, for C may announce before it hears of ours.
        scene.serve_until(|scene| {
            scene.c(c.end).bandwidth_limit(90_000, 80_000);
            let stats = stats(scene, ours);
            (stats.incoming_bandwidth, stats.outgoing_bandwidth) == (60_000, 80_000)
        });
    });
}

/// How many of twenty packets of 1000 bytes C sends before it hears of any.
fn sent_at_once(scene: &mut Scene, roles: Roles, our_incoming: u32) -> usize {
    let limited = |kind| match kind {
        Kind::Ours => Setup { incoming: our_incoming, ..Setup::default() },
        // Above ours, or else C would be told that there is no limit (docs/QUIRKS.md Q20).
        Kind::C => Setup { outgoing: 1_000_000, ..Setup::default() },
    };
    let server = scene.server(roles.server, limited(roles.server));
    let client = scene.client(roles.client, limited(roles.client));
    let [ours, c] = ours_first(scene.connect(client, server, Ask::default()));
    for _ in 0..20 {
        scene.send(c, 0, Delivery::Reliable, &[7; 1_000]);
    }
    scene.c(c.end).flush();
    scene.freeze(c.end, true);
    let enough = if our_incoming == 0 { 20 } else { 1 };
    let mut count = 0;
    while count < enough {
        assert_eq!(scene.next().0, ours.end);
        count += 1;
    }
    count += scene.count_until_silence();
    scene.freeze(c.end, false);
    for _ in count..20 {
        assert_eq!(scene.next().0, ours.end);
    }
    scene.silence();
    count
}

#[test]
fn c_keeps_to_the_window_that_our_limit_allows() {
    play("window of C", BOTH_WAYS, |scene, roles| {
        assert_eq!(sent_at_once(scene, roles, 0), 20);
        // 65,536 bytes/s are a window of 4096 bytes.
        assert!((1..=4).contains(&sent_at_once(scene, roles, 65_536)));
    });
}
