//! How connections end, and what each side hears of it (PROTOCOL.md §7, §8).

use enet_mio::{Delivery, DisconnectReason};

use crate::ends::{Ask, BOTH_WAYS, CRC32_AND_RANGE_CODER, Heard, Kind, Manner, PLAIN, Roles, Setup};
use crate::scene::{Side, play};

/// Who leaves: the server or the client.
const LEAVERS: [usize; 2] = [0, 1];

#[test]
fn both_ends_hear_of_the_end_what_the_manner_of_leaving_says() {
    use DisconnectReason::{Local, Remote, TimedOut};
    // What the one who leaves hears, and what the other does.
    let manners = [
        (Manner::Disconnect, Some((Local, 0)), (Remote, 0xCAFE)),
        (Manner::Later, Some((Local, 0)), (Remote, 0xCAFE)),
        (Manner::Now, None, (Remote, 0xCAFE)),
        (Manner::Reset, None, (TimedOut, 0)),
    ];
    let rows = BOTH_WAYS.into_iter().flat_map(|roles| {
        let wires = [PLAIN, CRC32_AND_RANGE_CODER];
        wires.into_iter().flat_map(move |wire| {
            LEAVERS.into_iter().flat_map(move |leaver| manners.map(|manner| (roles, wire, leaver, manner)))
        })
    });
    play("parting", rows, |scene, (roles, wire, leaver, (manner, leaver_hears, other_hears))| {
        let sides = scene.pair(roles, Setup::on(wire), Ask { data: 0xDEAD_BEEF, ..Ask::default() });
        let (leaver, other) = (sides[leaver], sides[1 - leaver]);
        scene.leave(leaver, manner, 0xCAFE);
        if manner == Manner::Reset {
            scene.doubt(other);
        }
        let (reason, data) = other_hears;
        let mut expected = vec![scene.disconnected(other, reason, data)];
        if let Some((reason, data)) = leaver_hears {
            expected.push(scene.disconnected(leaver, reason, data));
        }
        scene.expect(expected);
        scene.silence();
        for side in sides {
            assert_eq!(scene.end(side.end).connected_peers(), 0);
        }
    });
}

#[test]
fn disconnect_later_delivers_what_is_queued_and_disconnect_does_not() {
    let rows = BOTH_WAYS.into_iter().flat_map(|roles| LEAVERS.map(|leaver| (roles, leaver)));
    play("queued packets", rows, |scene, (roles, leaver)| {
        // More than may be in flight at once.
        let packets = [vec![1; 150_000], vec![2; 3], vec![3; 1_500]];
        for manner in [Manner::Later, Manner::Disconnect, Manner::Now] {
            let sides = scene.pair(roles, Setup::default(), Ask::default());
            let (leaver, other) = (sides[leaver], sides[1 - leaver]);
            for payload in &packets {
                scene.send(leaver, 1, Delivery::Reliable, payload);
            }
            scene.leave(leaver, manner, 5);
            let mut expected = Vec::new();
            if manner == Manner::Later {
                expected.extend(packets.clone().map(|payload| {
                    let (peer, delivery) = (other.peer, Delivery::Reliable);
                    (other.end, Heard::Received { peer, channel: 1, delivery, payload })
                }));
            }
            expected.push(scene.disconnected(other, DisconnectReason::Remote, 5));
            if manner != Manner::Now {
                expected.push(scene.disconnected(leaver, DisconnectReason::Local, 0));
            }
            scene.expect(expected);
            scene.silence();
        }
    });
}

#[test]
fn when_both_disconnect_at_once_each_hears_the_others_number() {
    play("both disconnect", BOTH_WAYS, |scene, roles| {
        let [server, client] = scene.pair(roles, Setup::default(), Ask::default());
        scene.silence(); // or the client's follows the answer to a ping
        scene.leave(server, Manner::Disconnect, 1);
        scene.leave(client, Manner::Disconnect, 2);
        let expected = vec![
            scene.disconnected(server, DisconnectReason::Remote, 2),
            scene.disconnected(client, DisconnectReason::Remote, 1),
        ];
        scene.expect(expected);
        scene.silence();
    });
}

/// C's own client would wait for half a minute, and the server never hear of it (docs/QUIRKS.md Q92).
#[test]
fn a_server_hears_of_who_leaves_in_direct_answer_to_connected() {
    let servers = [Kind::C, Kind::Ours].map(|server| Roles { server, client: Kind::Ours });
    play("leaving at once", servers, |scene, roles| {
        let server = scene.server(roles.server, Setup::default());
        let client = scene.client(roles.client, Setup::default());
        let to = scene.end(server).address();
        let at_client = scene.dial(client, to, Ask { data: 3, ..Ask::default() });
        assert_eq!(scene.next(), (client, Heard::Connected { peer: at_client.peer, data: 0 }));
        scene.leave(at_client, Manner::Disconnect, 5);
        let (end, Heard::Connected { peer, data: 3 }) = scene.next() else { panic!("nobody came") };
        let at_server = Side { end, peer };
        let expected = vec![
            scene.disconnected(at_server, DisconnectReason::Remote, 5),
            scene.disconnected(at_client, DisconnectReason::Local, 0),
        ];
        scene.expect(expected);
        scene.silence();
    });
}

/// The one who leaves forgets what it has not fetched (PROTOCOL.md §7).
#[test]
fn nothing_is_received_after_leaving() {
    let manners = [Manner::Disconnect, Manner::Now, Manner::Reset];
    let rows = BOTH_WAYS.into_iter().flat_map(|roles| {
        LEAVERS.into_iter().flat_map(move |leaver| manners.map(|manner| (roles, leaver, manner)))
    });
    play("crossing packets", rows, |scene, (roles, leaver, manner)| {
        let sides = scene.pair(roles, Setup::default(), Ask::default());
        let (leaver, other) = (sides[leaver], sides[1 - leaver]);
        scene.send(other, 0, Delivery::Reliable, b"too late");
        scene.leave(leaver, manner, 3);
        let mut expected = vec![match manner {
            Manner::Reset => {
                scene.doubt(other);
                scene.disconnected(other, DisconnectReason::TimedOut, 0)
            }
            _ => scene.disconnected(other, DisconnectReason::Remote, 3),
        }];
        if manner == Manner::Disconnect {
            expected.push(scene.disconnected(leaver, DisconnectReason::Local, 0));
        }
        scene.expect(expected);
        scene.silence();
    });
}
