//! [`Forger`] and [`RawForger`]: sockets that send from any address of loopback.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};
use socket2::{Domain, Protocol, Socket, Type};

use crate::loopback::{Loopback, is_ours};

/// A socket that sends from every address of 127.0.0.0/8, and hears what is sent back to any of them.
#[derive(Debug)]
pub(crate) struct Forger {
    socket: UdpSocket,
}

impl Forger {
    pub(crate) fn new() -> io::Result<Forger> {
        let forger = Forger::deaf()?;
        // A wish, so that what comes back is not lost unseen.
        let _ = socket2::SockRef::from(&forger.socket).set_recv_buffer_size(4 << 20);
        Ok(forger)
    }

    /// One for floods: nobody looks at what comes back.
    pub(crate) fn deaf() -> io::Result<Forger> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_nonblocking(true)?;
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(0);
        Ok(Forger { socket })
    }

    /// Sends as if from `source` and this socket's port; how many bytes.
    pub(crate) fn send(&self, source: Ipv4Addr, to: Loopback, bytes: &[u8]) -> Result<usize, String> {
        send_from(&self.socket, source, to, bytes).map_err(|error| error.to_string())
    }

    /// Bytes that came back since the last call.
    pub(crate) fn reflected(&self) -> u64 {
        let (mut total, mut buffer) = (0, [0; 65_536]);
        while let Ok((len, _)) = self.socket.recv_from(&mut buffer) {
            total += len as u64;
        }
        total
    }
}

/// A socket that writes the UDP header itself: any source port, even 0. Needs the right to open it.
#[derive(Debug)]
pub(crate) struct RawForger {
    socket: Socket,
}

impl RawForger {
    pub(crate) fn new() -> io::Result<RawForger> {
        Ok(RawForger { socket: Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))? })
    }

    /// Sends as if from `source`, whoever has that port; how many bytes.
    pub(crate) fn send(&self, source: SocketAddrV4, to: Loopback, payload: &[u8]) -> Result<usize, String> {
        let len = u16::try_from(8 + payload.len()).map_err(|error| error.to_string())?;
        let mut bytes = Vec::with_capacity(usize::from(len));
        for field in [source.port(), to.port(), len, 0] {
            bytes.extend(field.to_be_bytes()); // a checksum of 0 is none (RFC 768)
        }
        bytes.extend(payload);
        send_from(&self.socket, *source.ip(), to, &bytes).map_err(|error| error.to_string())
    }
}

/// The one place where anything leaves: from loopback, to loopback.
fn send_from(socket: &impl AsRawFd, source: Ipv4Addr, to: Loopback, bytes: &[u8]) -> io::Result<usize> {
    if !is_ours(source) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{source} is not loopback")));
    }
    let source = in_addr { s_addr: u32::from_ne_bytes(source.octets()) };
    let info = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: in_addr { s_addr: 0 } };
    let (parts, to) = ([IoSlice::new(bytes)], SockaddrIn::from(to.address()));
    let control = [ControlMessage::Ipv4PacketInfo(&info)];
    match sendmsg(socket.as_raw_fd(), &parts, &control, MsgFlags::empty(), Some(&to)) {
        Ok(_) => Ok(bytes.len()),
        // Word of an earlier datagram that nobody took; this one has been lost like any other may be.
        Err(nix::Error::ECONNREFUSED | nix::Error::EAGAIN | nix::Error::ENOBUFS) => Ok(bytes.len()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    fn listener() -> (UdpSocket, Loopback) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let at = Loopback::new(socket.local_addr().unwrap()).unwrap();
        (socket, at)
    }

    #[test]
    fn a_forged_datagram_comes_from_the_address_it_claims_and_its_answer_comes_back() {
        let (listener, at) = listener();
        let forger = Forger::new().unwrap();
        let source = Ipv4Addr::new(127, 9, 8, 7);
        forger.send(source, at, b"hello").unwrap();
        let mut buffer = [0; 16];
        let (len, from) = listener.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from.ip()), (&b"hello"[..], source.into()));
        listener.send_to(b"answer", from).unwrap();
        assert_eq!(forger.reflected(), 6);
    }

    #[test]
    fn nothing_leaves_from_an_address_that_is_not_loopback() {
        let (_listener, at) = listener();
        let error = Forger::new().unwrap().send(Ipv4Addr::new(192, 0, 2, 1), at, b"x").unwrap_err();
        assert!(error.contains("not loopback"), "{error}");
    }

    #[test]
    fn a_raw_socket_sends_from_port_zero() {
        let Ok(raw) = RawForger::new() else {
            eprintln!("SKIPPED: raw sockets need the right to open them");
            return;
        };
        let (listener, at) = listener();
        let source = SocketAddrV4::new(Ipv4Addr::new(127, 1, 2, 3), 0);
        raw.send(source, at, b"zero").unwrap();
        let mut buffer = [0; 16];
        let (len, from) = listener.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from), (&b"zero"[..], SocketAddr::V4(source)));
    }
}
