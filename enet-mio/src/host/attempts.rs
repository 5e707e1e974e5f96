//! Attempts to connect, and the handler that hears of them.

use std::net::SocketAddr;

use enet_proto::{Bytes, ConnectError, ConnectOptions, PeerId, PeerState};

use super::Host;
use crate::family::destination;
use crate::handler::Handler;

impl Host {
    /// Starts a connection, as [`enet_proto::Host::connect`] does; the address may be in any spelling, including
    /// IPv4-mapped IPv6, and `0.0.0.0` or `[::]` is this machine.
    ///
    /// # Errors
    ///
    /// As there; or the socket does not reach addresses of this family ([`OtherFamily`](ConnectError::OtherFamily)).
    #[doc(alias = "enet_host_connect")]
    pub fn connect(&mut self, to: SocketAddr, options: ConnectOptions) -> Result<PeerId, ConnectError> {
        let attempt = self.protocol.connect(self.reached(to)?, options)?;
        self.note_attempt(attempt);
        Ok(attempt)
    }

    /// The same with a token, as [`enet_proto::Host::connect_with_token`] does.
    ///
    /// # Errors
    ///
    /// As there; or the socket does not reach addresses of this family ([`OtherFamily`](ConnectError::OtherFamily)).
    pub fn connect_with_token(
        &mut self,
        to: SocketAddr,
        options: ConnectOptions,
        token: impl Into<Bytes>,
    ) -> Result<PeerId, ConnectError> {
        let attempt = self.protocol.connect_with_token(self.reached(to)?, options, token)?;
        self.note_attempt(attempt);
        Ok(attempt)
    }

    fn reached(&self, to: SocketAddr) -> Result<SocketAddr, ConnectError> {
        let to = destination(to);
        if self.udp.family().reaches(to) { Ok(to) } else { Err(ConnectError::OtherFamily { to }) }
    }

    /// Tells a handler of the attempts to connect since it was last told.
    pub(crate) fn tell_attempts(&mut self, handler: &mut (impl Handler + ?Sized)) {
        for attempt in std::mem::take(&mut self.attempts) {
            let peer = self.protocol.peer(attempt).filter(|peer| peer.state() == PeerState::Connecting);
            if let Some(address) = peer.map(|peer| peer.address()) {
                handler.on_connecting(self, attempt, address);
            }
        }
    }

    /// Where no handler asks for them, those that are over make room before it grows.
    fn note_attempt(&mut self, attempt: PeerId) {
        if self.attempts.len() == self.attempts.capacity() {
            let Host { protocol, attempts, .. } = self;
            attempts.retain(|it| protocol.peer(*it).is_some_and(|it| it.state() == PeerState::Connecting));
        }
        self.attempts.push(attempt);
    }
}
