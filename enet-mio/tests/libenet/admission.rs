//! What an unmodified C client makes of being refused, and of having to wait (docs/SECURITY.md).

use enet_mio::enet_proto::{Admission, ConnectAttempt};
use enet_mio::{Delivery, DisconnectReason};

use crate::ends::{Ask, CRC32_AND_RANGE_CODER, Heard, Kind, PLAIN, Setup, Wire};
use crate::scene::{Scene, Side, play};

const WIRES: [Wire; 2] = [PLAIN, CRC32_AND_RANGE_CODER];

/// A server of ours with this policy and a client of C's that starts to connect to it.
fn c_client(scene: &mut Scene, setup: Setup, policy: fn(&ConnectAttempt) -> Admission) -> (usize, Side) {
    let server = scene.server(Kind::Ours, setup);
    scene.ours(server).set_admission(Some(Box::new(policy)));
    let client = scene.client(Kind::C, setup);
    let to = scene.end(server).address();
    let at_client = scene.dial(client, to, Ask { data: 0xABCD, ..Ask::default() });
    (server, at_client)
}

#[test]
fn a_refused_c_client_gets_its_disconnect_event_with_the_number_at_once() {
    play("refused", WIRES, |scene, wire| {
        let (server, at_client) =
            c_client(scene, Setup::on(wire), |attempt| Admission::Refuse(attempt.data + 1));
        let expected = vec![scene.disconnected(at_client, DisconnectReason::Refused, 0xABCE)];
        scene.expect(expected);
        scene.silence();
        assert_eq!(scene.end(server).connected_peers(), 0);
    });
}

#[test]
fn a_c_client_that_finds_a_full_host_is_told_at_once() {
    play("full", WIRES, |scene, wire| {
        let setup = Setup { peers: 1, ..Setup::on(wire) };
        let server = scene.server(Kind::Ours, setup);
        let [first, second] = [scene.client(Kind::C, setup), scene.client(Kind::C, setup)];
        scene.connect(first, server, Ask::default());
        let to = scene.end(server).address();
        let at_second = scene.dial(second, to, Ask::default());
        let expected = vec![scene.disconnected(at_second, DisconnectReason::Refused, 0)];
        scene.expect(expected);
        scene.silence();
    });
}

/// The C client is connected for itself, and sends; what it sends arrives once it is let in.
#[test]
fn a_c_client_that_is_let_in_later_loses_nothing() {
    play("let in later", WIRES, |scene, wire| {
        let (server, at_client) = c_client(scene, Setup::on(wire), |_| Admission::Ask);
        let mut request = None;
        for _ in 0..2 {
            match scene.next() {
                (_, Heard::Requested { request: id, data: 0xABCD }) => request = Some(id),
                (_, Heard::Connected { peer, .. }) => {
                    assert_eq!(peer, at_client.peer);
                    scene.send(at_client, 0, Delivery::Reliable, b"early");
                }
                (_, other) => panic!("{other:?}"),
            }
        }
        scene.silence();
        assert_eq!(scene.ours(server).stats().discarded.total(), 0, "what comes with the proof is kept");
        scene.ours(server).accept(request.expect("a request")).expect("a free slot");
        let (_, connected) = scene.next();
        assert!(matches!(connected, Heard::Connected { data: 0xABCD, .. }), "{connected:?}");
        let (_, received) = scene.next();
        assert!(matches!(&received, Heard::Received { payload, .. } if payload == b"early"), "{received:?}");
    });
}

#[test]
fn a_c_client_that_is_refused_later_gets_the_number() {
    play("refused later", WIRES, |scene, wire| {
        let (server, at_client) = c_client(scene, Setup::on(wire), |_| Admission::Ask);
        for _ in 0..2 {
            if let (_, Heard::Requested { request, .. }) = scene.next() {
                assert!(scene.ours(server).refuse(request, 77));
            }
        }
        let expected = vec![scene.disconnected(at_client, DisconnectReason::Remote, 77)];
        scene.expect(expected);
        scene.silence();
    });
}

#[test]
fn a_c_server_does_not_notice_a_token_before_the_connect() {
    play("token", WIRES, |scene, wire| {
        let server = scene.server(Kind::C, Setup::on(wire));
        let client = scene.client(Kind::Ours, Setup::on(wire));
        let ask = Ask { token: &[b'k'; 1024], data: 7, ..Ask::default() };
        let [from, to] = scene.connect(client, server, ask);
        scene.send(from, 0, Delivery::Reliable, b"and then");
        let payload = b"and then".to_vec();
        scene.expect(vec![(
            to.end,
            Heard::Received { peer: to.peer, channel: 0, delivery: Delivery::Reliable, payload },
        )]);
        scene.silence();
        assert_eq!(scene.ours(client).stats().discarded.total(), 0);
    });
}
