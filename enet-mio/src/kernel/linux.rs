//! [`Kernel`] of Linux and Android.

use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use enet_proto::{Ecn, Instant};
use mio::net::UdpSocket;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, getsockopt,
    recvmmsg, recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::SockRef;

use super::Departure;
use super::sources::Sources;
use crate::burst::{Arrival, MOST, ROOM};

/// What a datagram counts that could have arrived together with the one before it, and the sum that is enough. Every
/// other one counts -1.
const COMPANY: u32 = 8;
const ENOUGH_COMPANY: u32 = 64;

/// Room for every control message that is asked for, and for some that the socket's maker may have asked for: of one
/// datagram, and of each in a batch (`burst::MOST` says why that is less).
const CONTROL: usize = 256;
const CONTROL_EACH: usize = 120;

#[derive(Debug)]
#[repr(align(16))]
struct Control([u8; CONTROL]);

#[derive(Debug)]
pub(crate) struct Kernel {
    cuts_trains: bool,
    joins_trains: bool,
    /// The address that the socket is bound to, so that no control message need tell.
    bound: Option<IpAddr>,
    is_v4: bool,
    tells_local: bool,
    /// Whether there is anything to learn from control messages.
    listens: bool,
    /// While trains are not joined: source and length of the datagram that arrived just before the next, and whether
    /// that happens often.
    last: Option<(SocketAddr, usize)>,
    company: u32,
    control: Control,
    /// Unless the socket's maker chose a route other than the routing table's.
    sources: Option<Sources>,
    /// The time, as of the last word of it.
    now: Instant,
}

impl Kernel {
    /// Asks the kernel for what it can do for this socket.
    pub(crate) fn new(socket: &UdpSocket, offload: bool) -> io::Result<Kernel> {
        let at = socket.local_addr()?;
        let bound = Some(at.ip().to_canonical()).filter(|ip| !ip.is_unspecified());
        let tells_local = bound.is_none()
            && match at {
                SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true).is_ok(),
                SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true).is_ok(),
            };
        let cuts_trains = offload && getsockopt(socket, sockopt::UdpGsoSegment).is_ok();
        // Only asked: to try it out would join what arrives meanwhile. Kernels before 2021 do not answer.
        let joined = getsockopt(socket, sockopt::UdpGroSegment);
        let made = SockRef::from(socket);
        let tells_marks =
            made.recv_tos_v4().unwrap_or(false) || at.is_ipv6() && made.recv_tclass_v6().unwrap_or(false);
        let is_routed_as_usual = matches!((made.device(), made.mark()), (Ok(None), Ok(0)));
        let listens = tells_local || tells_marks || joined == Ok(true);
        let joins_trains = offload
            && if listens {
                setsockopt(socket, sockopt::UdpGroSegment, &true).is_ok()
            } else {
                joined.is_ok() // later, if trains come
            };
        Ok(Kernel {
            cuts_trains,
            joins_trains,
            bound,
            is_v4: at.is_ipv4(),
            tells_local,
            listens,
            last: None,
            company: 0,
            control: Control([0; CONTROL]),
            sources: is_routed_as_usual.then(Sources::default),
            now: Instant::ZERO,
        })
    }

    /// Tells the time of what is sent from here on.
    pub(crate) fn at(&mut self, now: Instant) {
        self.now = now;
    }

    /// Whether one call can send several datagrams.
    pub(crate) fn cuts_trains(&self) -> bool {
        self.cuts_trains
    }

    /// Whether one call may receive several datagrams.
    pub(crate) fn joins_trains(&self) -> bool {
        self.joins_trains
    }

    /// Whether received datagrams tell at which of our addresses they arrived.
    pub(crate) fn knows_local_address(&self) -> bool {
        self.tells_local || self.bound.is_some()
    }

    pub(crate) fn receive(&mut self, socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Arrival> {
        if !self.listens {
            let received = socket.recv_from(buffer);
            let received =
                received.map(|(len, source)| Arrival { local: self.bound, ..Arrival::of_one(source, len) });
            self.join_trains_if_they_come(socket, received.as_ref().ok());
            return received;
        }
        let mut parts = [IoSliceMut::new(buffer)];
        let control = Some(&mut self.control.0[..]);
        let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, control, MsgFlags::empty())?;
        arrival(&message, self.bound, true)
    }

    /// Receives what is there, each datagram or train into a room of its own, as far as there are rooms. How many were lost for
    /// the system did not say enough about them.
    #[inline(never)] // its large stack frame is not every caller's
    pub(crate) fn receive_batch(
        &mut self,
        socket: &UdpSocket,
        rooms: &mut [u8],
        arrivals: &mut Vec<Arrival>,
    ) -> io::Result<u64> {
        let mut rooms = rooms.chunks_mut(ROOM);
        let mut parts: [_; MOST] = array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let control = self.listens.then(|| Vec::with_capacity(CONTROL_EACH));
        // Used once: what the last call wrote is what the next one would have room for.
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(MOST, control);
        let messages = match recvmmsg(socket.as_raw_fd(), &mut headers, &mut parts, MsgFlags::empty(), None) {
            Ok(messages) => messages,
            Err(error) => {
                self.last = None;
                return Err(error.into());
            }
        };
        let mut lost = 0;
        for (room, message) in messages.enumerate() {
            match arrival(&message, self.bound, self.listens) {
                Ok(arrival) => arrivals.push(Arrival { room, ..arrival }),
                Err(_) => lost += 1,
            }
        }
        for arrival in &*arrivals {
            self.join_trains_if_they_come(socket, Some(arrival));
        }
        if arrivals.len() < MOST {
            self.last = None;
        }
        Ok(lost)
    }

    /// Has trains joined from now on if enough datagrams could have been parts of one: close behind another of the same
    /// source, and no longer. Until then receiving is cheaper without.
    ///
    /// There is no way back, also if none comes. The kernel says where to cut a train only while joining is on when it
    /// is received; one that waits at that moment would be one datagram. Not even an empty queue shows that none does:
    /// one may be on its way there on another processor, already past the question whether to join (seen 26 times in
    /// 111,195 attempts).
    fn join_trains_if_they_come(&mut self, socket: &UdpSocket, received: Option<&Arrival>) {
        if !self.joins_trains || self.listens {
            return;
        }
        let arrived = received.map(|arrival| (arrival.source, arrival.len));
        let could_be_one = |(source, len): (SocketAddr, usize)| {
            self.last.is_some_and(|last| source == last.0 && (1..=last.1).contains(&len))
        };
        if arrived.is_some_and(could_be_one) {
            self.company += COMPANY;
        } else if arrived.is_some() {
            self.company = self.company.saturating_sub(1);
        }
        self.last = arrived;
        if self.company >= ENOUGH_COMPANY {
            self.joins_trains = setsockopt(socket, sockopt::UdpGroSegment, &true).is_ok();
            self.listens = self.joins_trains;
        }
    }

    /// Whether a datagram to `to` may leave from another address than `from` unless it is told.
    pub(crate) fn must_name(&mut self, to: SocketAddr, from: IpAddr) -> bool {
        let (now, is_told) = (self.now, self.tells_local);
        let is_usual = |sources: &mut Sources| sources.is_usual(now, to.ip().to_canonical(), from);
        is_told && !self.sources.as_mut().is_some_and(is_usual)
    }

    pub(crate) fn send(&self, socket: &UdpSocket, departure: &Departure<'_>) -> io::Result<()> {
        if departure.is_plain() {
            return socket.send_to(departure.bytes, departure.to).map(drop);
        }
        self.send_message(socket, departure)
    }

    /// Sends with control messages.
    #[inline(never)] // its large stack frame would cost every plain send 150 instructions
    fn send_message(&self, socket: &UdpSocket, departure: &Departure<'_>) -> io::Result<()> {
        let (v4, v6) = (departure.from.map(source_v4), departure.from.map(source_v6));
        let source = match (&v4, &v6) {
            (Some(Some(v4)), _) if self.is_v4 => Some(ControlMessage::Ipv4PacketInfo(v4)),
            (_, Some(v6)) if !self.is_v4 => Some(ControlMessage::Ipv6PacketInfo(v6)),
            _ => None,
        };
        let segment = departure.segment.as_ref().map(ControlMessage::UdpGsoSegments);
        let parts = [IoSlice::new(departure.bytes)];
        let to = SockaddrStorage::from(departure.to);
        let send = |controls: &[ControlMessage<'_>]| {
            sendmsg(socket.as_raw_fd(), &parts, controls, MsgFlags::empty(), Some(&to))
        };
        match (segment, source) {
            (Some(segment), Some(source)) => send(&[segment, source])?,
            (Some(one), None) | (None, Some(one)) => send(&[one])?,
            (None, None) => send(&[])?,
        };
        Ok(())
    }
}

/// What came, and what its control messages say of it if there is room for them.
fn arrival(
    message: &RecvMsg<'_, '_, SockaddrStorage>,
    bound: Option<IpAddr>,
    listens: bool,
) -> io::Result<Arrival> {
    let source = message.address.as_ref().and_then(socket_addr);
    let source = source.ok_or(io::ErrorKind::InvalidData)?;
    let mut arrival = Arrival { local: bound, ..Arrival::of_one(source, message.bytes) };
    if listens {
        // Without all of them the datagrams' boundaries may be unknown.
        message.cmsgs()?.for_each(|message| learn(&mut arrival, &message));
    }
    Ok(arrival)
}

/// Takes down what a control message says about what arrived.
fn learn(arrival: &mut Arrival, message: &ControlMessageOwned) {
    match message {
        ControlMessageOwned::UdpGroSegments(segment) => {
            arrival.segment = usize::try_from(*segment).unwrap_or_default();
        }
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            // Not the address in the datagram, which may be a broadcast: the one to answer from.
            arrival.local = Some(IpAddr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()));
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            arrival.local = Some(IpAddr::from(info.ipi6_addr.s6_addr).to_canonical());
        }
        ControlMessageOwned::Ipv4Tos(tos) => arrival.ecn = ecn(*tos),
        ControlMessageOwned::Ipv6TClass(class) => arrival.ecn = u8::try_from(*class).ok().and_then(ecn),
        _ => {}
    }
}

/// The codepoint in a traffic class (RFC 3168 §5).
const fn ecn(class: u8) -> Option<Ecn> {
    match class & 0b11 {
        0b10 => Some(Ecn::Ect0),
        0b01 => Some(Ecn::Ect1),
        0b11 => Some(Ecn::Ce),
        _ => None,
    }
}

fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddr::V4((*address).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into())))
}

fn source_v4(from: IpAddr) -> Option<in_pktinfo> {
    let IpAddr::V4(ip) = from else { return None };
    let source = in_addr { s_addr: u32::from_ne_bytes(ip.octets()) };
    Some(in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: in_addr { s_addr: 0 } })
}

fn source_v6(from: IpAddr) -> in6_pktinfo {
    let ip = match from {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    in6_pktinfo { ipi6_addr: in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_a_quiet_time_is_no_part_of_a_train() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (to, sender) = (socket.local_addr().unwrap(), std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        socket.set_nonblocking(true).unwrap();
        let socket = UdpSocket::from_std(socket);
        let mut kernel = Kernel::new(&socket, true).unwrap();
        let (mut rooms, mut arrivals) = (vec![0; MOST * ROOM], vec![]);
        for _ in 0..40 {
            sender.send_to(b"alone", to).unwrap();
            kernel.receive_batch(&socket, &mut rooms, &mut arrivals).unwrap();
            assert_eq!(arrivals.drain(..).count(), 1);
        }
        assert!(!kernel.listens);
        for _ in 0..40 {
            sender.send_to(b"in company", to).unwrap();
        }
        while kernel.receive_batch(&socket, &mut rooms, &mut arrivals).is_ok() {}
        assert_eq!(arrivals.len(), 40);
        assert_eq!(kernel.listens, kernel.joins_trains, "these could be one");
    }
}
