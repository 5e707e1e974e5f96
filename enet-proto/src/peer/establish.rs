//! Establishing: what CONNECT and VERIFY_CONNECT settle between the two ends (PROTOCOL.md §6).

use core::net::SocketAddr;

use enet_wire::{
    Body, ChannelId, Connect, ConnectId, MAX_CHANNELS, MAX_MTU, MAX_WINDOW, MIN_MTU, MIN_WINDOW, ReliableSeq,
};
use enet_wire::{ThrottleConfigure, VerifyConnect, WirePeerId};

use super::candidate::Candidate;
use super::{Connection, Seat, Sessions, Stage};
use crate::event::DisconnectReason;
use crate::shared::Shared;
use crate::stats::DiscardReason;

const WINDOW_SCALE: u32 = 65_536;

/// What the application asks for when it connects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) channels: u8,
    pub(crate) data: u32,
    pub(crate) connect_id: ConnectId,
}

impl Connection {
    /// A connection in the making, its CONNECT queued.
    pub(crate) fn connecting(
        to: SocketAddr,
        seat: Seat,
        sessions: Sessions,
        request: Request,
        shared: &mut Shared,
    ) -> Self {
        let mut new = Connection::new(seat, Stage::Connecting, to, sessions, request.channels, shared.mtu);
        new.connect_id = request.connect_id;
        if let Some(throttle) = shared.peer_defaults.throttle {
            new.adopt_throttle(throttle.on_wire());
        }
        new.window_size = window_of(shared.outgoing_bandwidth);
        let body = Body::Connect(Connect {
            outgoing_peer: seat.wire_id.get(),
            incoming_session: sessions.incoming,
            outgoing_session: sessions.outgoing,
            mtu: new.mtu.into(),
            window_size: new.window_size,
            channel_count: u32::from(request.channels),
            incoming_bandwidth: shared.incoming_bandwidth,
            outgoing_bandwidth: shared.outgoing_bandwidth,
            throttle: new.throttle_settings(),
            connect_id: request.connect_id,
            data: request.data,
        });
        new.queue_control(body, shared);
        new
    }

    /// The answer to a CONNECT that was let in, its VERIFY_CONNECT queued.
    pub(crate) fn accepting(
        from: SocketAddr,
        seat: Seat,
        remote_id: WirePeerId,
        stored: Sessions,
        connect: &Connect,
        shared: &mut Shared,
    ) -> Self {
        let sessions = Sessions {
            outgoing: next_session(connect.incoming_session, stored.outgoing),
            incoming: next_session(connect.outgoing_session, stored.incoming),
        };
        let Grant { channels, mtu, window } = Grant::of(connect, shared);
        let stage = Stage::AcknowledgingConnect { data: connect.data };
        let mut new = Connection::new(seat, stage, from, sessions, channels, mtu);
        new.remote_id = remote_id;
        new.connect_id = connect.connect_id;
        new.on_bandwidth_limit(connect.incoming_bandwidth, connect.outgoing_bandwidth, shared);
        new.adopt_throttle(connect.throttle);
        let body = Body::VerifyConnect(VerifyConnect {
            outgoing_peer: seat.wire_id.get(),
            incoming_session: sessions.outgoing,
            outgoing_session: sessions.incoming,
            mtu,
            window_size: window,
            channel_count: u32::from(channels),
            incoming_bandwidth: shared.incoming_bandwidth,
            outgoing_bandwidth: shared.outgoing_bandwidth,
            throttle: connect.throttle,
            connect_id: connect.connect_id,
        });
        new.queue_control(body, shared);
        new
    }

    /// A connection whose client has proven its address, just before it is established.
    pub(crate) fn admitted(
        from: SocketAddr,
        slot: u16,
        candidate: &Candidate,
        sample: Option<u32>,
        shared: &mut Shared,
    ) -> Self {
        let proof = candidate.proof;
        let sessions = Sessions { incoming: proof.incoming(), outgoing: proof.outgoing() };
        let seat = Seat { slot, wire_id: proof.id() };
        let mtu = u32::from(candidate.mtu);
        let stage = Stage::AcknowledgingConnect { data: candidate.data };
        let mut new = Connection::new(seat, stage, from, sessions, candidate.channels, mtu);
        new.local = candidate.local;
        new.remote_id = candidate.remote_id;
        new.connect_id = candidate.connect_id;
        new.on_bandwidth_limit(candidate.incoming_bandwidth, candidate.outgoing_bandwidth, shared);
        new.adopt_throttle(candidate.throttle);
        new.outgoing.control_seq = proof.seq;
        if let Some(sample) = sample {
            new.on_sample(sample, shared);
            new.recovery.sample(sample.saturating_mul(1_000));
        }
        new
    }

    /// Handles VERIFY_CONNECT, which only a connecting peer expects (PROTOCOL.md §6.3).
    pub(crate) fn on_verify_connect(
        &mut self,
        verify: &VerifyConnect,
        shared: &mut Shared,
    ) -> Result<(), DiscardReason> {
        if self.stage != Stage::Connecting {
            return Ok(());
        }
        let remote_id = WirePeerId::new(verify.outgoing_peer).filter(|id| !id.is_unknown());
        let matches = (1..=MAX_CHANNELS).contains(&verify.channel_count)
            && verify.throttle == self.throttle_settings()
            && verify.connect_id == self.connect_id;
        let Some(remote_id) = remote_id.filter(|_| matches) else {
            self.stage = Stage::Zombie { reason: DisconnectReason::HandshakeRejected, data: 0 };
            return Err(DiscardReason::BadVerify);
        };
        self.outgoing.acknowledge(self.slot, ChannelId::CONTROL, ReliableSeq(1), &mut shared.commands);
        #[allow(clippy::cast_possible_truncation)] // checked above
        let granted = verify.channel_count as u8;
        self.channel_count = self.channel_count.min(granted);
        self.channels.shrink_to(self.channel_count);
        self.remote_id = remote_id;
        self.sessions =
            Sessions { incoming: verify.incoming_session & 3, outgoing: verify.outgoing_session & 3 };
        self.mtu = self.mtu.min(u16::try_from(verify.mtu.clamp(MIN_MTU, MAX_MTU)).unwrap_or(u16::MAX));
        self.window_size = self.window_size.min(verify.window_size.clamp(MIN_WINDOW, MAX_WINDOW));
        self.incoming_bandwidth = verify.incoming_bandwidth;
        self.outgoing_bandwidth = verify.outgoing_bandwidth;
        self.establish(0);
        Ok(())
    }

    /// The handshake is complete.
    pub(crate) fn establish(&mut self, data: u32) {
        self.stage = Stage::Connected;
        self.announce = Some(data);
    }

    /// The remote's bandwidth limits changed: so does what may be in flight (PROTOCOL.md §11.4).
    pub(crate) fn on_bandwidth_limit(&mut self, incoming: u32, outgoing: u32, shared: &Shared) {
        self.incoming_bandwidth = incoming;
        self.outgoing_bandwidth = outgoing;
        self.window_size = shared_window(shared.outgoing_bandwidth, incoming);
    }

    pub(crate) const fn throttle_settings(&self) -> ThrottleConfigure {
        ThrottleConfigure {
            interval: self.throttle.interval,
            acceleration: self.throttle.acceleration,
            deceleration: self.throttle.deceleration,
        }
    }

    pub(crate) const fn adopt_throttle(&mut self, settings: ThrottleConfigure) {
        self.throttle.interval = settings.interval;
        self.throttle.acceleration = settings.acceleration;
        self.throttle.deceleration = settings.deceleration;
    }
}

/// What is granted to who asks to connect (PROTOCOL.md §6.2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grant {
    pub(crate) channels: u8,
    pub(crate) mtu: u32,
    /// Bytes the remote may have in flight.
    pub(crate) window: u32,
}

impl Grant {
    pub(crate) fn of(connect: &Connect, shared: &Shared) -> Self {
        let window = window_of(shared.incoming_bandwidth).min(connect.window_size);
        Grant {
            #[allow(clippy::cast_possible_truncation)] // limited by a u8
            channels: connect.channel_count.min(u32::from(shared.channel_limit)) as u8,
            mtu: connect.mtu.clamp(MIN_MTU, MAX_MTU).min(shared.mtu),
            window: window.clamp(MIN_WINDOW, MAX_WINDOW),
        }
    }
}

/// Window for a bandwidth in bytes/s, 0 = unlimited.
fn window_of(bandwidth: u32) -> u32 {
    if bandwidth == 0 {
        return MAX_WINDOW;
    }
    (bandwidth / WINDOW_SCALE).saturating_mul(MIN_WINDOW).clamp(MIN_WINDOW, MAX_WINDOW)
}

/// Window for the smaller of two bandwidths, 0 = unlimited.
fn shared_window(ours: u32, theirs: u32) -> u32 {
    window_of(if ours == 0 || theirs == 0 { ours.max(theirs) } else { ours.min(theirs) })
}

/// The session number after `theirs` that differs from ours.
const fn next_session(theirs: u8, ours: u8) -> u8 {
    let from = if theirs == 0xff { ours } else { theirs };
    let next = from.wrapping_add(1) & 3;
    if next == ours { (next + 1) & 3 } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_s_sessions_go_round_as_recorded() {
        let mut own = (0xff, 0xff);
        let script = [
            ((255, 0), (0, 1)),
            ((0, 1), (1, 2)),
            ((1, 2), (2, 3)),
            ((2, 3), (3, 0)),
            ((3, 7), (0, 1)),
            ((7, 255), (1, 2)),
        ];
        for ((incoming, outgoing), expected) in script {
            own = (next_session(incoming, own.0), next_session(outgoing, own.1));
            assert_eq!(own, expected);
        }
    }

    #[test]
    fn windows_follow_bandwidth_as_recorded() {
        assert_eq!(shared_window(0, 0), 65_536);
        assert_eq!(shared_window(0, 131_072), 8_192);
        assert_eq!(shared_window(262_144, 0), 16_384);
        assert_eq!(shared_window(60_000, 60_000), 4_096);
        assert_eq!(shared_window(3_000_000, 1_000_000), 61_440);
        assert_eq!(window_of(u32::MAX), 65_536);
    }
}
