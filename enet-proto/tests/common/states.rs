//! A [`Crafted`] remote whose connection is in a state of PROTOCOL.md §7, and the ways to leave it.

use enet_proto::{Packet, PeerState};
use enet_testkit::commands::{disconnect, disconnect_now, reliable};

use super::{Crafted, two_channels};

/// The three ways to leave, with data 13: at once, later, and now.
pub(crate) const WAYS: [fn(&mut Crafted); 3] = [
    |remote| remote.peer_mut().disconnect(13),
    |remote| remote.peer_mut().disconnect_later(13),
    |remote| remote.peer_mut().disconnect_now(13),
];

impl Crafted {
    pub(crate) fn connecting() -> Crafted {
        let mut remote = Crafted::stranger();
        remote.is_connected_to();
        remote.asked();
        assert_eq!(remote.state(), PeerState::Connecting);
        remote
    }

    pub(crate) fn acknowledging_connect() -> Crafted {
        let mut remote = Crafted::stranger();
        if let Some(granted) = remote.knocks(two_channels()) {
            remote.adopts(&granted);
        }
        assert_eq!(remote.state(), PeerState::AcknowledgingConnect);
        remote
    }

    /// With one reliable packet in flight.
    pub(crate) fn disconnect_later() -> Crafted {
        let mut remote = Crafted::client();
        remote.host_sends(0, Packet::reliable("last words"));
        remote.peer_mut().disconnect_later(9);
        remote.hears(&[reliable(0, 1, b"last words")]);
        assert_eq!(remote.state(), PeerState::DisconnectLater);
        remote
    }

    pub(crate) fn disconnecting() -> Crafted {
        let mut remote = Crafted::client();
        remote.peer_mut().disconnect(9);
        remote.hears(&[disconnect(2, 9)]);
        assert_eq!(remote.state(), PeerState::Disconnecting);
        remote
    }

    /// The acknowledgement is still to be sent.
    pub(crate) fn acknowledging_disconnect() -> Crafted {
        let mut remote = Crafted::client();
        remote.says(&[disconnect(2, 9)]);
        assert_eq!(remote.state(), PeerState::AcknowledgingDisconnect);
        remote
    }

    /// The event is still to be fetched.
    pub(crate) fn zombie() -> Crafted {
        let mut remote = Crafted::client();
        remote.says(&[disconnect_now(2, 9)]);
        assert_eq!(remote.state(), PeerState::Zombie);
        remote
    }

    /// Asserts that the connection is gone, that nobody is told and that nothing more is sent.
    #[track_caller]
    pub(crate) fn gone_without_a_word(mut self) {
        assert_eq!(self.state(), PeerState::Disconnected);
        assert_eq!(self.events(), []);
        self.hears_nothing();
        assert_eq!(self.host.peers().count(), 0);
    }
}
