//! What datagrams are wrapped in, when the ends disagree about it, and where they come from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use enet_mio::enet_proto::{Datagram, DiscardReason, Verdict};
use enet_mio::{Delivery, DisconnectReason, RangeCoder, Service};

use crate::ends::{Ask, BOTH_WAYS, Heard, Kind, Manner, PLAIN, RANGE_CODER, Setup, WIRES, every_pairing};
use crate::scene::{Scene, Side, ours_first, play};

/// Sends a packet from one side to the other and sees it arrive.
fn tell(scene: &mut Scene, from: Side, to: Side, payload: &[u8]) {
    let (peer, delivery) = (to.peer, Delivery::Reliable);
    scene.send(from, 0, delivery, payload);
    scene.expect(vec![(to.end, Heard::Received { peer, channel: 0, delivery, payload: payload.to_vec() })]);
}

#[test]
fn c_compresses_what_it_sends_if_and_only_if_it_has_the_range_coder() {
    play("compressed", every_pairing(), |scene, (roles, wire)| {
        let [ours, c] = ours_first(scene.pair(roles, Setup::on(wire), Ask::default()));
        let compressed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&compressed);
        scene.ours(ours.end).intercept(move |datagram: &Datagram<'_>| {
            // Bit 14 of the peer word.
            let is_compressed = datagram.bytes.first().is_some_and(|byte| byte & 0x40 != 0);
            count.fetch_add(usize::from(is_compressed), Relaxed);
            Verdict::Pass
        });
        tell(scene, c, ours, &[7; 5_000]);
        assert_eq!(compressed.load(Relaxed) > 0, wire.range_coder);
    });
}

#[test]
fn ends_that_disagree_about_the_wire_never_meet() {
    // All at once, for each attempt takes half a second.
    play("disagreement", ["on checksum or compression"], |scene, _| {
        let mut expected = Vec::new();
        for (roles, wire) in every_pairing() {
            for other in WIRES.into_iter().filter(|other| *other != wire) {
                let server = scene.server(roles.server, Setup::on(wire));
                let client = scene.client(roles.client, Setup::on(other));
                let to = scene.end(server).address();
                let at_client = scene.dial(client, to, Ask { hurried: true, ..Ask::default() });
                expected.push(scene.disconnected(at_client, DisconnectReason::ConnectTimedOut, 0));
            }
        }
        assert_eq!(expected.len(), 24);
        scene.expect(expected);
    });
}

#[test]
fn a_server_that_gets_its_compressor_late_understands_the_repeated_connect() {
    play("late compressor", [RANGE_CODER], |scene, wire| {
        let server = scene.server(Kind::Ours, Setup::on(PLAIN));
        let client = scene.client(Kind::C, Setup::on(wire));
        let to = scene.end(server).address();
        let at_client = scene.dial(client, to, Ask::default());
        let not_understood =
            |scene: &mut Scene| scene.ours(server).stats().discarded.get(DiscardReason::NoCompressor);
        scene.serve_until(|scene| not_understood(scene) > 0);
        scene.ours(server).set_compressor(Some(RangeCoder::boxed()));
        let [server, client] = scene.meet(at_client, server, Ask::default());
        tell(scene, server, client, &[1; 5_000]);
        tell(scene, client, server, &[2; 5_000]);
    });
}

/// C takes datagrams that are not compressed, whatever it sends itself (PROTOCOL.md §1.4).
#[test]
fn our_compressor_can_be_switched_while_connected() {
    play("switched compressor", BOTH_WAYS, |scene, roles| {
        let sides = scene.pair(roles, Setup::on(RANGE_CODER), Ask::default());
        scene.never_throttle(sides);
        let [ours, c] = ours_first(sides);
        let payload = [7; 1_300];
        let sent_for = |scene: &mut Scene| {
            let before = scene.ours(ours.end).stats().bytes_sent;
            scene.send(ours, 0, Delivery::Unsequenced, &payload);
            scene.ours(ours.end).flush();
            scene.ours(ours.end).stats().bytes_sent - before
        };
        assert!(sent_for(scene) < 200, "compressed");
        scene.ours(ours.end).set_compressor(None);
        assert!(sent_for(scene) > 1_300, "not compressed");
        let heard = Heard::Received {
            peer: c.peer,
            channel: 0,
            delivery: Delivery::Unsequenced,
            payload: payload.to_vec(),
        };
        scene.expect(vec![(c.end, heard.clone()), (c.end, heard)]);

        // What C says meanwhile is not understood, until it is.
        scene.send(c, 0, Delivery::Reliable, &[8; 3_000]);
        let not_understood =
            |scene: &mut Scene| scene.ours(ours.end).stats().discarded.get(DiscardReason::NoCompressor);
        scene.serve_until(|scene| not_understood(scene) > 0);
        scene.ours(ours.end).set_compressor(Some(RangeCoder::boxed()));
        let (peer, delivery, payload) = (ours.peer, Delivery::Reliable, vec![8; 3_000]);
        scene.expect(vec![(ours.end, Heard::Received { peer, channel: 0, delivery, payload })]);
        tell(scene, ours, c, &[9; 5_000]);
        scene.silence();
    });
}

#[test]
fn a_c_client_reaches_our_server_on_all_addresses_by_ipv4_loopback() {
    play("all addresses", WIRES, |scene, wire| {
        let service = Service::bind("*:0", Setup::on(wire).ours()).expect("a free port");
        let local = service.local_addr().expect("bound");
        assert!(local.ip().is_unspecified(), "of IPv6 if the machine has it, else of IPv4");
        let server = scene.add("server on all addresses", service.into());
        let client = scene.client(Kind::C, Setup::on(wire));
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, local.port()));
        let ask = Ask { data: 11, ..Ask::default() };
        let at_client = scene.dial(client, to, ask);
        let [at_server, at_client] = scene.meet(at_client, server, ask);
        let seen = scene.ours(server).peer(at_server.peer.ours()).expect("a peer").address();
        assert_eq!(seen, scene.end(client).address(), "not in its IPv6 spelling");
        assert_eq!(seen.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        tell(scene, at_server, at_client, &[3; 3_000]);
        tell(scene, at_client, at_server, &[4; 3_000]);
        scene.leave(at_client, Manner::Disconnect, 12);
        let expected = vec![
            scene.disconnected(at_server, DisconnectReason::Remote, 12),
            scene.disconnected(at_client, DisconnectReason::Local, 0),
        ];
        scene.expect(expected);
    });
}
