//! Datagrams for many destinations by one system call.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::{array, slice};

use mio::net::UdpSocket;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

use crate::batch::MOST;

/// What a header refers to.
struct Letter<'a> {
    to: SocketAddrAny,
    bytes: IoSlice<'a>,
    control: SendAncillaryBuffer<'a, 'a, 'a>,
}

/// Sends the first of these datagrams, and the others up to one that cannot leave; how many. An error is the first one's.
#[inline(never)] // its large stack frame is not every caller's
pub(crate) fn send_batch<'a>(
    socket: &UdpSocket,
    mut datagrams: impl ExactSizeIterator<Item = (SocketAddr, &'a [u8])>,
) -> io::Result<usize> {
    let count = datagrams.len();
    let nobody = SocketAddr::from(([0; 4], 0));
    let mut letters: [Letter<'a>; MOST] = array::from_fn(|_| {
        let (to, bytes) = datagrams.next().unwrap_or((nobody, &[]));
        let (to, bytes) = (SocketAddrAny::from(to), IoSlice::new(bytes));
        Letter { to, bytes, control: SendAncillaryBuffer::default() }
    });
    let mut headers = letters.each_mut().map(|letter| {
        MMsgHdr::new_with_addr(&letter.to, slice::from_ref(&letter.bytes), &mut letter.control)
    });
    let headers = headers.get_mut(..count).ok_or(io::ErrorKind::InvalidInput)?;
    match sendmmsg(socket, headers, SendFlags::empty())? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        sent => Ok(sent),
    }
}
