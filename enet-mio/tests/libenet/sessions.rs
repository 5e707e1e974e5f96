//! One slot, used again and again: its sessions go round (PROTOCOL.md §6.4).

use std::sync::{Arc, Mutex};

use enet_mio::enet_proto::{Datagram, Profile, Verdict};
use enet_mio::{Delivery, DisconnectReason};

use crate::ends::{Ask, BOTH_WAYS, Heard, Kind, Manner, Setup};
use crate::scene::{both_directions, ours_first, play};

#[test]
fn a_slot_is_used_six_times_and_its_sessions_wrap() {
    // Who leaves, the server or the client, and how.
    let partings = [
        (1, Manner::Disconnect),
        (0, Manner::Disconnect),
        (1, Manner::Now),
        (0, Manner::Now),
        (1, Manner::Later),
        (0, Manner::Later),
    ];
    play("sessions", BOTH_WAYS, |scene, roles| {
        // Sessions go round in C's order; by default they are random.
        let setup = Setup { peers: 1, profile: Profile::Compat, ..Setup::default() };
        let server = scene.server(roles.server, setup);
        let client = scene.client(roles.client, setup);
        let ours = if roles.server == Kind::Ours { server } else { client };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        scene.ours(ours).intercept(move |datagram: &Datagram<'_>| {
            // Peer 0xFFF: a CONNECT, which belongs to no session yet.
            if let [high, low, ..] = *datagram.bytes
                && (high & 0x0F, low) != (0x0F, 0xFF)
            {
                record.lock().expect("no panic").push(high >> 4 & 3);
            }
            Verdict::Pass
        });
        let mut handles = Vec::new();
        for (round, (leaver, manner)) in (0u8..).zip(partings) {
            let sides = scene.connect(client, server, Ask { data: round.into(), ..Ask::default() });
            for [from, to] in both_directions(sides) {
                let (peer, delivery, payload) = (to.peer, Delivery::Reliable, vec![round; 2_000]);
                scene.send(from, 1, delivery, &payload);
                scene.expect(vec![(to.end, Heard::Received { peer, channel: 1, delivery, payload })]);
            }
            let (leaver, other) = (sides[leaver], sides[1 - leaver]);
            scene.leave(leaver, manner, round.into());
            let mut expected = vec![scene.disconnected(other, DisconnectReason::Remote, round.into())];
            if manner != Manner::Now {
                expected.push(scene.disconnected(leaver, DisconnectReason::Local, 0));
            }
            scene.expect(expected);
            // A repeated DISCONNECT that is still on its way shall find an empty slot: one that connects again would
            // take it for its own, because it knows no session yet (§6.4).
            scene.silence();

            let sessions = std::mem::take(&mut *seen.lock().expect("no panic"));
            assert!(!sessions.is_empty(), "the hook sees what comes in");
            assert!(sessions.iter().all(|session| *session == round % 4), "round {round}: {sessions:?}");
            handles.push(ours_first(sides)[0].peer.ours());
        }
        assert!(handles.iter().all(|handle| handle.slot() == 0), "one slot");
        handles.dedup();
        assert_eq!(handles.len(), partings.len(), "and a new handle each time");
    });
}
