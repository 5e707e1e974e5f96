//! One service call in the C library's order (PROTOCOL.md §18.2), for [`Profile::Compat`](crate::Profile::Compat).

use alloc::vec::Vec;

use super::Host;
use super::receive::Datagram;
use super::transmit::Transmit;
use crate::event::Event;
use crate::time::Instant;

/// Datagrams taken from the socket in one pass.
const RECEIVE_LIMIT: usize = 256;

/// The socket as [`service_pass`](Host::service_pass) and [`flush_pass`](Host::flush_pass) see it.
pub trait Socket {
    /// The next waiting datagram, if there is one.
    fn receive(&mut self) -> Option<Datagram<'_>>;

    /// Sends a datagram. One that cannot be sent is lost, as on any network.
    fn send(&mut self, transmit: &Transmit, bytes: &[u8]);
}

impl Host {
    /// Does what one `enet_host_service` call with a timeout of zero does, in its order: an event that is waiting
    /// already is returned and nothing else happens; otherwise bandwidth pass, timeouts and sending, receiving up to
    /// 256 datagrams or until one of them connects or disconnects a peer, sending again, one event.
    ///
    /// Call it until it gives `None`, then wait for the socket or [`poll_timeout`](Host::poll_timeout), whichever
    /// comes first, but not at all while [`has_pending_transmit`](Host::has_pending_transmit).
    #[doc(alias = "enet_host_service")]
    pub fn service_pass(&mut self, now: Instant, socket: &mut impl Socket) -> Option<Event> {
        if let Some(event) = self.poll_event() {
            return Some(event);
        }
        self.advance(now);
        self.tick_if_due();
        if let Some(event) = self.send_pass(socket, true) {
            return Some(event);
        }
        if let Some(event) = self.receive_pass(socket) {
            return Some(event);
        }
        if let Some(event) = self.send_pass(socket, true) {
            return Some(event);
        }
        self.poll_event()
    }

    /// Sends what can be sent, without looking at timeouts: C's `enet_host_flush`.
    #[doc(alias = "enet_host_flush")]
    pub fn flush_pass(&mut self, now: Instant, socket: &mut impl Socket) {
        self.advance(now);
        self.send_pass(socket, false);
    }

    /// One pass over all peers that have something to send. A peer that times out ends it with its event.
    fn send_pass(&mut self, socket: &mut impl Socket, check_timeouts: bool) -> Option<Event> {
        self.ready_touched();
        let due = self.take_due();
        for slot in &due {
            self.schedule.mark_ready_unsettled(*slot);
        }
        if check_timeouts {
            self.visit_lobby();
        }
        self.schedule.begin_pass();
        let mut out: Vec<u8> = core::mem::take(&mut self.out);
        let mut ended = None;
        while let Some(built) = self.transmit_in_pass(&mut out, check_timeouts) {
            if let Some(transmit) = built {
                socket.send(&transmit, &out);
                out.clear();
            }
            ended = if check_timeouts { self.events.pop_front() } else { None };
            if ended.is_some() {
                break;
            }
        }
        // A pass that came to its end has visited and so settled them all.
        if ended.is_some() {
            for slot in &due {
                self.settle(*slot);
            }
        }
        (self.out, self.due) = (out, due);
        ended
    }

    fn receive_pass(&mut self, socket: &mut impl Socket) -> Option<Event> {
        for _ in 0..RECEIVE_LIMIT {
            let datagram = socket.receive()?;
            let is_last = datagram.bytes.is_empty();
            self.receive(&datagram);
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if is_last {
                return None;
            }
        }
        None
    }
}
