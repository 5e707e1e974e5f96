//! [`Kernel`] where std's calls are all there is.

use std::io;
use std::net::{IpAddr, SocketAddr};

use enet_proto::Instant;
use mio::net::UdpSocket;

use super::Departure;
use crate::burst::Arrival;

#[derive(Debug)]
pub(crate) struct Kernel;

impl Kernel {
    pub(crate) fn new(_: &UdpSocket, _offload: bool) -> io::Result<Kernel> {
        Ok(Kernel)
    }

    pub(crate) fn at(&mut self, _: Instant) {}

    pub(crate) fn cuts_trains(&self) -> bool {
        false
    }

    pub(crate) fn joins_trains(&self) -> bool {
        false
    }

    pub(crate) fn knows_local_address(&self) -> bool {
        false
    }

    pub(crate) fn receive(&mut self, socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Arrival> {
        let (len, source) = socket.recv_from(buffer)?;
        Ok(Arrival::of_one(source, len))
    }

    pub(crate) fn receive_batch(
        &mut self,
        _: &UdpSocket,
        _rooms: &mut [u8],
        _arrivals: &mut Vec<Arrival>,
    ) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn must_name(&mut self, _to: SocketAddr, _from: IpAddr) -> bool {
        false
    }

    pub(crate) fn send(&self, socket: &UdpSocket, departure: &Departure<'_>) -> io::Result<()> {
        if departure.segment.is_some() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        socket.send_to(departure.bytes, departure.to).map(drop)
    }
}
