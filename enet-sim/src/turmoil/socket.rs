//! [`UdpSocket`]: turmoil's, with this crate's network before it and a record of what went over it.

use core::cell::RefCell;
use core::fmt;
use core::net::SocketAddr;
use std::io;
use std::rc::Rc;

use super::record::{Record, Verdict};
use crate::net::Network;
use crate::time::Time;

/// A simulated socket under the names of tokio's. Whole hosts and links are broken by turmoil; single datagrams are lost
/// and doubled here, on their way out.
pub struct UdpSocket {
    socket: ::turmoil::net::UdpSocket,
    host: usize,
    local: SocketAddr,
    network: Rc<RefCell<Network>>,
    record: Record,
}

impl UdpSocket {
    /// A socket of the host with this number and address, on which it must be called.
    pub(super) async fn bind(
        host: usize,
        local: SocketAddr,
        network: Rc<RefCell<Network>>,
        record: Record,
    ) -> io::Result<Self> {
        let socket = ::turmoil::net::UdpSocket::bind(("0.0.0.0", local.port())).await?;
        Ok(UdpSocket { socket, host, local, network, record })
    }

    /// Waits until the socket takes datagrams; this one always does.
    pub async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }

    /// Sends a datagram, or seems to.
    pub fn try_send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let mut copies = Vec::new();
        // turmoil is in charge of time; the network decides on everything else.
        self.network.borrow_mut().send(Time::ZERO, self.host, to, bytes, &mut copies);
        self.record.datagram(Verdict::Sent { copies: copies.len() }, self.local, to, bytes);
        for copy in copies {
            self.socket.try_send_to(&copy.bytes, to)?;
        }
        Ok(bytes.len())
    }

    /// Waits for a datagram.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let arrived = self.socket.recv_from(buffer).await;
        self.arrived(buffer, arrived)
    }

    /// A datagram, if one is there.
    pub fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let arrived = self.socket.try_recv_from(buffer);
        self.arrived(buffer, arrived)
    }

    fn arrived(
        &self,
        buffer: &[u8],
        arrived: io::Result<(usize, SocketAddr)>,
    ) -> io::Result<(usize, SocketAddr)> {
        if let Ok((len, from)) = arrived {
            self.record.datagram(Verdict::Arrived, from, self.local, buffer.get(..len).unwrap_or_default());
        }
        arrived
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket").field("local", &self.local).finish_non_exhaustive()
    }
}
