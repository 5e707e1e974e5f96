//! Ends that do not answer, and how long the others wait for them (PROTOCOL.md §6.1, §9.5).

use std::net::SocketAddr;
use std::time::Duration;

use enet_mio::{DisconnectReason, IoStats};

use crate::ends::{Ask, BOTH_WAYS, End, Kind, Manner, Setup};
use crate::scene::play;

/// A connect in a hurry is given up after half a second, one that is not after 31.5 s.
const HURRIED: Duration = Duration::from_secs(5);

/// How an end falls silent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gone {
    /// It forgets the connection.
    Reset,
    /// It does nothing any more.
    Frozen,
}

#[test]
fn a_peer_that_falls_silent_is_given_up() {
    let rows = BOTH_WAYS.into_iter().flat_map(|roles| {
        let who = [(0, Gone::Reset), (1, Gone::Reset), (0, Gone::Frozen), (1, Gone::Frozen)];
        who.map(|(silent, how)| (roles, silent, how))
    });
    play("falls silent", rows, |scene, (roles, silent, how)| {
        let sides = scene.pair(roles, Setup::default(), Ask::default());
        let (silent, other) = (sides[silent], sides[1 - silent]);
        match how {
            Gone::Reset => scene.leave(silent, Manner::Reset, 9),
            Gone::Frozen => scene.freeze(silent.end, true),
        }
        scene.doubt(other);
        let expected = vec![scene.disconnected(other, DisconnectReason::TimedOut, 0)];
        scene.expect(expected);
        assert_eq!(scene.end(other.end).connected_peers(), 0);
    });
}

#[test]
fn a_disconnect_that_nobody_confirms_ends_by_itself() {
    let rows = BOTH_WAYS.into_iter().flat_map(|roles| [(roles, 0), (roles, 1)]);
    play("unconfirmed disconnect", rows, |scene, (roles, silent)| {
        let sides = scene.pair(roles, Setup::default(), Ask::default());
        let (silent, leaver) = (sides[silent], sides[1 - silent]);
        scene.silence(); // or a client's follows the answer to a ping
        scene.freeze(silent.end, true);
        scene.end(leaver.end).hurry(leaver.peer);
        scene.leave(leaver, Manner::Disconnect, 4);
        let expected = vec![scene.disconnected(leaver, DisconnectReason::Local, 0)];
        scene.expect(expected);
        // The other finds the disconnect in its socket when it goes on.
        scene.freeze(silent.end, false);
        let expected = vec![scene.disconnected(silent, DisconnectReason::Remote, 4)];
        scene.expect(expected);
        scene.silence();
    });
}

#[test]
fn a_connect_to_a_dead_port_is_given_up() {
    // Nobody gets port 1 by asking for any free port.
    let dead: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    play("dead port", [Kind::Ours, Kind::C], |scene, kind| {
        let client = scene.client(kind, Setup::default());
        let at_client = scene.dial(client, dead, Ask { hurried: true, ..Ask::default() });
        let expected = vec![scene.disconnected(at_client, DisconnectReason::ConnectTimedOut, 0)];
        scene.expect(expected);
        assert!(scene.time_served() < HURRIED);
        scene.silence();
        if let End::Ours(service) = scene.end(client) {
            let IoStats { send_blocked, send_errors, .. } = service.io_stats();
            assert_eq!((send_blocked, send_errors), (0, 0), "the port's refusal is not an error of sending");
        }
    });
}

#[test]
fn a_full_host_refuses_in_silence() {
    play("full host", BOTH_WAYS, |scene, roles| {
        let setup = Setup { peers: 1, ..Setup::default() };
        let [server, _] = scene.pair(roles, setup, Ask::default());
        let late = scene.client(roles.client, setup);
        let to = scene.end(server.end).address();
        let at_late = scene.dial(late, to, Ask { hurried: true, ..Ask::default() });
        let expected = vec![scene.disconnected(at_late, DisconnectReason::ConnectTimedOut, 0)];
        scene.expect(expected);
        assert!(scene.time_served() < HURRIED);
        assert_eq!(scene.end(server.end).connected_peers(), 1);
    });
}

/// The first CONNECT reaches a host that is not served yet; the client is patient.
#[test]
fn a_server_that_wakes_late_still_answers() {
    play("late server", BOTH_WAYS, |scene, roles| {
        let server = scene.server(roles.server, Setup::default());
        let client = scene.client(roles.client, Setup::default());
        scene.freeze(server, true);
        let to = scene.end(server).address();
        let ask = Ask { data: 6, ..Ask::default() };
        let at_client = scene.dial(client, to, ask);
        scene.silence();
        scene.freeze(server, false);
        scene.meet(at_client, server, ask);
        scene.silence();
    });
}
