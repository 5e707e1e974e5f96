//! The end of a [`Host`]: everybody is told, and has time to answer.

use std::io;
use std::time::Duration;

use enet_proto::PeerState;

use super::Host;
use crate::handle::Orders;

impl Host {
    /// Disconnects everybody and waits, blocking, until all have confirmed or `timeout` is over; how many had not.
    ///
    /// What is already queued is delivered first
    /// ([`disconnect_later`](enet_proto::PeerMut::disconnect_later), with 0 for whom you have not told so yourself with a
    /// number of your own); the ones that have not confirmed in time get one
    /// last datagram ([`disconnect_now`](enet_proto::PeerMut::disconnect_now)). From the first moment nobody new is
    /// let in and events are discarded, so take yours before.
    ///
    /// # Errors
    ///
    /// As [`drive`](Host::drive).
    pub fn close(&mut self, timeout: Duration) -> io::Result<usize> {
        let deadline = self.clock.now() + timeout;
        self.protocol.set_max_peers_per_ip(Some(0));
        self.carry_out_orders();
        // Disconnecting drops owed acknowledgements, without which a peer may not even know that it is connected.
        self.transmit(self.clock.now());
        let mut is_told = false;
        loop {
            if !is_told && !self.orders.as_ref().is_some_and(Orders::are_waiting) {
                self.disconnect_everybody_later();
                is_told = true;
            }
            self.drive()?;
            while self.protocol.poll_event().is_some() {}
            let left = self.peer_ids();
            let now = self.clock.now();
            if is_told && left.is_empty() || now >= deadline {
                for peer in &left {
                    if let Some(peer) = self.protocol.peer_mut(*peer) {
                        peer.disconnect_now(0);
                    }
                }
                self.transmit(now);
                return Ok(left.len());
            }
            let time_left = deadline.saturating_duration_since(now);
            let wait = self.timeout().unwrap_or(time_left).min(time_left);
            if !wait.is_zero() {
                self.udp.block(wait)?;
            }
        }
    }

    fn disconnect_everybody_later(&mut self) {
        for peer in self.peer_ids() {
            let state = self.protocol.peer(peer).map(|peer| peer.state());
            if let Some(mut peer) = self.protocol.peer_mut(peer)
                && state != Some(PeerState::DisconnectLater)
            {
                peer.disconnect_later(0);
            }
        }
    }
}
