//! [`Connection`]: one peer's side of the protocol. It never reaches up to its host: it is handed what it needs and asked
//! afterwards what it wants.

pub(crate) mod acks;
pub(crate) mod candidate;
pub(crate) mod command;
pub(crate) mod dispatch;
pub(crate) mod doubt;
pub(crate) mod establish;
pub(crate) mod extras;
#[cfg(test)]
mod footprint;
pub(crate) mod gaps;
pub(crate) mod loss;
mod mishaps;
pub(crate) mod outgoing;
mod ping;
pub(crate) mod pulse;
pub(crate) mod queue;
pub(crate) mod queueing;
mod recover;
pub(crate) mod recovery;
mod report;
pub(crate) mod rtt;
mod runs;
pub(crate) mod stall;
pub(crate) mod throttle;
pub(crate) mod unsequenced;

use alloc::boxed::Box;
use core::net::SocketAddr;

use enet_wire::{ConnectId, ReliableSeq, WirePeerId};

use crate::channel::Channels;
use crate::channel::inbox::Inbox;
use crate::config::Redundancy;
use crate::event::{DisconnectReason, PeerState};
use crate::mutants::{self, Mutant};
use crate::profile::{Profile, Silence};
use crate::shared::{LocalAddress, Shared};
use crate::time::Millis;
use acks::Acks;
use extras::{Extras, Settings};
use loss::PacketLoss;
use mishaps::Mishaps;
use outgoing::{Choice, Expiry, Limits, Outgoing};
use queueing::Queueing;
use recovery::Recovery;
use rtt::Rtt;
use throttle::Throttle;
use unsequenced::UnsequencedWindow;

/// How far a connection has come. `data` is what the application will be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Connecting,
    AcknowledgingConnect {
        data: u32,
    },
    Connected,
    /// To be disconnected with `data` once nothing is queued or in flight.
    DisconnectLater {
        data: u32,
    },
    /// To be disconnected with `data` once the remote has answered a ping.
    DisconnectOnceKnown {
        data: u32,
    },
    Disconnecting,
    /// The remote disconnected; its acknowledgement is still to be written.
    AcknowledgingDisconnect {
        data: u32,
    },
    /// Ended; the slot stays taken until the application fetches the event.
    Zombie {
        reason: DisconnectReason,
        data: u32,
    },
    /// Ended; the host frees the slot at once and raises the event, if there is one.
    Over {
        event: Option<DisconnectReason>,
        /// Whether the bandwidth shares of the other peers change.
        was_established: bool,
    },
}

/// The two-bit session numbers of a slot, kept from one connection to the next; 0xff before the first (PROTOCOL.md §6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sessions {
    /// What received datagrams must carry.
    pub(crate) incoming: u8,
    /// What sent datagrams carry.
    pub(crate) outgoing: u8,
}

impl Sessions {
    pub(crate) const NONE: Sessions = Sessions { incoming: 0xff, outgoing: 0xff };
}

/// Where a connection sits: its slot, and what the remote's datagrams call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) slot: u16,
    pub(crate) wire_id: WirePeerId,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) slot: u16,
    /// Its name in the headers of the remote's datagrams.
    pub(crate) wire_id: WirePeerId,
    pub(crate) stage: Stage,
    pub(crate) address: SocketAddr,
    /// Our own address as the remote last used it, if the driver knows.
    pub(crate) local: Option<LocalAddress>,
    /// Our name at the remote, once we know it.
    pub(crate) remote_id: WirePeerId,
    pub(crate) connect_id: ConnectId,
    pub(crate) sessions: Sessions,
    pub(crate) mtu: u16,
    pub(crate) window_size: u32,
    /// The remote's own limits, bytes/s, 0 = unlimited.
    pub(crate) incoming_bandwidth: u32,
    pub(crate) outgoing_bandwidth: u32,
    /// Bytes since the last bandwidth tick: received, and queued.
    pub(crate) incoming_data_total: u32,
    pub(crate) outgoing_data_total: u32,
    /// Of those queued, what may ride along unasked.
    pub(crate) repeatable: u32,
    /// Whether limits of bandwidth were seen to leave room for copies of it.
    pub(crate) has_room: bool,
    pub(crate) channels: Channels,
    pub(crate) channel_count: u8,
    pub(crate) inbox: Inbox,
    /// Acknowledgements owed.
    pub(crate) acks: Acks,
    pub(crate) outgoing: Outgoing,
    /// The latest number of the remote's control commands.
    control_in: ReliableSeq,
    /// Those of its latest BANDWIDTH_LIMIT and THROTTLE_CONFIGURE.
    limits_in: ReliableSeq,
    throttle_in: ReliableSeq,
    pub(crate) unsequenced_in: UnsequencedWindow,
    pub(crate) rtt: Rtt,
    /// What acknowledgements show of the path, where the profile looks at evidence.
    pub(crate) recovery: Recovery,
    /// Whether queues grow on it, while there is more than pings to tell by.
    pub(crate) queueing: Option<Box<Queueing>>,
    /// Since something was lost.
    pub(crate) mishaps: Option<Box<Mishaps>>,
    pub(crate) throttle: Throttle,
    pub(crate) loss: PacketLoss,
    /// What the application chose and asked for, if anything.
    extras: Option<Box<Extras>>,
    /// When the last acknowledgement came; unset before the first.
    pub(crate) last_receive_time: Millis,
    /// Data of the `Connected` event to raise.
    pub(crate) announce: Option<u32>,
    /// Whether the queues were cleared since the host last asked: the peer loses its turn for events.
    pub(crate) lost_turn: bool,
}

impl Connection {
    pub(crate) fn new(
        Seat { slot, wire_id }: Seat,
        stage: Stage,
        address: SocketAddr,
        sessions: Sessions,
        channel_count: u8,
        mtu: u32,
    ) -> Self {
        Connection {
            slot,
            wire_id,
            stage,
            address,
            local: None,
            remote_id: WirePeerId::UNKNOWN,
            connect_id: ConnectId::ZERO,
            sessions,
            mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
            window_size: enet_wire::MAX_WINDOW,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            incoming_data_total: 0,
            outgoing_data_total: 0,
            repeatable: 0,
            has_room: false,
            channels: Channels::default(),
            channel_count,
            inbox: Inbox::default(),
            acks: Acks::default(),
            outgoing: Outgoing::default(),
            control_in: ReliableSeq(0),
            limits_in: ReliableSeq(0),
            throttle_in: ReliableSeq(0),
            unsequenced_in: UnsequencedWindow::new(),
            rtt: Rtt::default(),
            recovery: Recovery::default(),
            queueing: None,
            mishaps: None,
            throttle: Throttle::default(),
            loss: PacketLoss::default(),
            extras: None,
            last_receive_time: Millis::UNSET,
            announce: None,
            lost_turn: false,
        }
    }

    /// What the application chose, or else what is usual.
    #[inline]
    pub(crate) fn settings(&self) -> Settings {
        self.extras.as_deref().map_or_else(Settings::usual, |extras| extras.settings)
    }

    /// Whether reliable commands ride along before anybody misses them.
    pub(crate) fn redundancy(&self, shared: &Shared) -> Redundancy {
        self.extras.as_deref().and_then(|extras| extras.settings.redundancy).unwrap_or(shared.redundancy)
    }

    pub(crate) fn settings_mut(&mut self) -> &mut Settings {
        &mut self.extras_mut().settings
    }

    // --- what it wants ---

    /// When the host should look at this connection again.
    pub(crate) fn deadline(&self, shared: &Shared) -> Option<Millis> {
        if self.is_held() || self.is_finished() {
            return None;
        }
        let deadline = earlier(self.in_flight_deadline(shared), self.next_ping(shared.now));
        if self.mishaps.is_none() && self.extras.is_none() {
            return deadline;
        }
        earlier(earlier(deadline, self.doubt_deadline()), self.stall_deadline(shared))
    }

    /// Whether its deadline is anything but that of the next ping.
    #[inline]
    pub(crate) fn waits_for_something(&self) -> bool {
        self.outgoing.is_waiting() || self.doubt().is_some() || self.extras.is_some()
    }

    /// Whether something can be sent now.
    #[inline]
    pub(crate) fn wants_transmit(&self, shared: &Shared) -> bool {
        if self.is_held() || self.is_finished() {
            return false;
        }
        (!self.acks.is_empty() && !mutants::is(Mutant::AcksWait))
            || self.outgoing.has_control()
            || self.choose(shared).is_some()
            || self.ping_due(shared.now)
    }

    /// Whether an event can be fetched now: a packet, or the connection's end.
    #[inline]
    pub(crate) fn wants_dispatch(&self) -> bool {
        match self.stage {
            Stage::Connected => !self.inbox.is_empty(),
            Stage::Zombie { .. } => true,
            _ => false,
        }
    }

    /// Whether a packet that needs no fragments goes next, and nothing can hold it back: what `wants_transmit` finds out
    /// where most packets are.
    #[inline]
    pub(crate) fn is_packet_next(&self, shared: &Shared) -> bool {
        !self.is_held()
            && (self.outgoing.next_sequenced(&shared.commands).is_some()
                || self.outgoing.next_packet(&shared.commands, self.limits(shared)).is_some())
    }

    /// What goes next, if anything may.
    pub(crate) fn choose(&self, shared: &Shared) -> Option<Choice> {
        let chosen = self.outgoing.choose(&shared.commands, &self.channels, self.limits(shared));
        chosen.map(|(choice, _)| choice)
    }

    /// What reliable data must respect now.
    #[inline]
    pub(crate) fn limits(&self, shared: &Shared) -> Limits {
        let Shared { profile, now, .. } = *shared;
        Limits {
            profile,
            byte_window: profile.byte_window(self.throttle.value, self.window_size, self.mtu.into()),
            now,
        }
    }

    /// Whether nothing was acknowledged for a ping interval while nothing is in flight (PROTOCOL.md §13.4).
    pub(crate) fn is_quiet(&self, now: Millis) -> bool {
        self.outgoing.is_idle() && now.diff(self.last_receive_time) >= self.settings().ping_interval
    }

    /// When the oldest of what is in flight is to be looked at.
    pub(crate) fn in_flight_deadline(&self, shared: &Shared) -> Option<Millis> {
        if !self.goes_by_evidence(shared) {
            return self.outgoing.deadline(&shared.commands);
        }
        self.evident_deadline(shared)
    }

    fn ping_due(&self, now: Millis) -> bool {
        self.stage == Stage::Connected && self.is_quiet(now)
    }

    /// When a ping will be due that is not yet.
    fn next_ping(&self, now: Millis) -> Option<Millis> {
        if self.stage != Stage::Connected || !self.outgoing.is_idle() {
            return None;
        }
        // Where nothing was heard, the clock itself is the silence (PROTOCOL.md §6.7), which ends where it comes round.
        let (heard, interval) = (self.last_receive_time, self.settings().ping_interval);
        (heard.until(now) < interval).then(|| heard.plus(interval))
    }

    // --- time ---

    /// Moves expired commands to retransmission, or gives the peer up (PROTOCOL.md §9.5).
    pub(crate) fn check_timeouts(&mut self, shared: &mut Shared) {
        if self.is_finished() {
            return;
        }
        self.check_doubt(shared);
        self.check_stall(shared);
        if self.goes_by_evidence(shared) {
            return self.recover(shared);
        }
        let give_up = self.settings().give_up;
        let Connection { outgoing, mishaps, loss, .. } = self;
        let Shared { now, profile, commands, .. } = shared;
        let (now, profile) = (*now, *profile);
        let gone = outgoing.expire(now, commands, |sent| {
            let Mishaps { earliest_timeout, .. } = &mut **mishaps.get_or_insert_default();
            if earliest_timeout.is_unset() || sent.sent_time.less(*earliest_timeout) {
                *earliest_timeout = sent.sent_time;
            }
            let mut silence = Silence { attempts: sent.attempts.into(), age: now.diff(*earliest_timeout) };
            if mutants::is(Mutant::ClockWrap) {
                silence.age = now.0.abs_diff(earliest_timeout.0);
            }
            let gone = profile.gives_up(silence, give_up) || mutants::is(Mutant::HastyTimeout);
            if !earliest_timeout.is_unset() && gone && !mutants::is(Mutant::NoTimeout) {
                return Expiry::GiveUp;
            }
            loss.lost = loss.lost.wrapping_add(1);
            if mutants::is(Mutant::NoBackoff) {
                return Expiry::Resend(sent.timeout);
            }
            Expiry::Resend(profile.next_timeout(sent.timeout))
        });
        if gone {
            self.on_timed_out();
        }
    }

    fn on_timed_out(&mut self) {
        let (event, was_established) = match self.stage {
            Stage::AcknowledgingConnect { .. } => (None, false),
            Stage::Connecting => (Some(DisconnectReason::ConnectTimedOut), false),
            Stage::DisconnectOnceKnown { .. } | Stage::Disconnecting => (Some(DisconnectReason::Local), true),
            _ => (Some(DisconnectReason::TimedOut), true),
        };
        self.stage = Stage::Over { event, was_established };
    }

    // --- leaving ---

    /// Starts an orderly disconnect. Everything queued, in flight and unfetched is lost (PROTOCOL.md §8). Whether a
    /// farewell was queued instead, after which the connection is to be taken out of its slot.
    pub(crate) fn disconnect(&mut self, data: u32, shared: &mut Shared) -> bool {
        match self.stage {
            Stage::Connected | Stage::DisconnectLater { .. } if self.may_be_unknown(shared) => {
                self.leave_once_known(data, shared);
                false
            }
            Stage::Connected | Stage::DisconnectLater { .. } => {
                self.send_disconnect(data, shared);
                false
            }
            Stage::Connecting | Stage::AcknowledgingConnect { .. } => self.bid_farewell(data, shared),
            Stage::DisconnectOnceKnown { .. }
            | Stage::Disconnecting
            | Stage::AcknowledgingDisconnect { .. }
            | Stage::Zombie { .. }
            | Stage::Over { .. } => false,
        }
    }

    /// Whether the remote has acknowledged nothing yet: its VERIFY_CONNECT may be unanswered, and then it takes a DISCONNECT
    /// for the end of an attempt and answers nothing (docs/QUIRKS.md Q92).
    fn may_be_unknown(&self, shared: &Shared) -> bool {
        shared.profile == Profile::Modern && self.last_receive_time.is_unset()
    }

    /// What was to arrive or to leave is lost, but for acknowledgements; DISCONNECT follows the answer to a ping.
    fn leave_once_known(&mut self, data: u32, shared: &mut Shared) {
        let owed = core::mem::take(&mut self.acks);
        self.clear_queues(shared);
        self.acks = owed;
        self.queue_control(enet_wire::Body::Ping, shared);
        self.stage = Stage::DisconnectOnceKnown { data };
    }

    fn send_disconnect(&mut self, data: u32, shared: &mut Shared) {
        self.clear_queues(shared);
        self.queue_control(enet_wire::Body::Disconnect { data }, shared);
        self.stage = Stage::Disconnecting;
    }

    /// Disconnects once everything queued has been delivered. As `disconnect` in every other respect.
    pub(crate) fn disconnect_later(&mut self, data: u32, shared: &mut Shared) -> bool {
        if self.stage == Stage::Connecting && self.leave_after_early(data) {
            return false;
        }
        if self.is_active() && !self.is_drained() && !mutants::is(Mutant::LaterDropsData) {
            self.stage = Stage::DisconnectLater { data };
            return false;
        }
        self.disconnect(data, shared)
    }

    /// Clears everything and queues the one disconnect that nobody acknowledges, unless the remote knows already.
    pub(crate) fn disconnect_now(&mut self, data: u32, shared: &mut Shared) -> bool {
        if self.stage == Stage::Disconnecting || self.is_finished() {
            return false;
        }
        self.bid_farewell(data, shared)
    }

    fn bid_farewell(&mut self, data: u32, shared: &mut Shared) -> bool {
        self.clear_queues(shared);
        self.queue_farewell(data, shared);
        true
    }

    /// Ends a drained connection that was waiting for just that.
    pub(crate) fn disconnect_if_drained(&mut self, shared: &mut Shared) {
        if let Stage::DisconnectLater { data } = self.stage
            && self.is_drained()
        {
            self.disconnect(data, shared);
        }
    }

    /// Drops what is queued in either direction. Estimators and counters stay (PROTOCOL.md §7).
    pub(crate) fn clear_queues(&mut self, shared: &mut Shared) {
        self.forget_mishaps(shared);
        self.forget_awaited();
        self.acks.clear(&mut shared.acks);
        self.outgoing.clear(&mut shared.commands);
        self.inbox.clear(&mut shared.memory);
        (self.channels, self.channel_count) = (Channels::default(), 0);
        self.lost_turn = true;
    }

    /// Gives back what a connection does not need that has been idle since the last bandwidth pass.
    pub(crate) fn trim_if_idle(&mut self) {
        if self.outgoing_data_total.saturating_add(self.incoming_data_total) >= IDLE {
            return;
        }
        self.queueing.take_if(|queueing| queueing.is_at_rest());
        self.unsequenced_in.trim();
        self.channels.trim();
    }

    // --- views ---

    /// Whether it is established, and there is nothing to tell of it as a whole.
    #[inline]
    pub(crate) fn is_steady(&self) -> bool {
        self.stage == Stage::Connected && self.announce.is_none() && !self.lost_turn && self.extras.is_none()
    }

    /// Whether data may flow.
    pub(crate) const fn is_active(&self) -> bool {
        matches!(self.stage, Stage::Connected | Stage::DisconnectLater { .. })
    }

    /// Whether the connection is past every exchange.
    pub(crate) const fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::Zombie { .. } | Stage::Over { .. })
    }

    /// Whether its slot will be free before long.
    pub(crate) fn is_leaving(&self) -> bool {
        !matches!(self.stage, Stage::Connecting | Stage::AcknowledgingConnect { .. } | Stage::Connected)
            || self.doubt().is_some()
    }

    /// Whether nothing is queued, in flight or to be retransmitted. Acknowledgements do not count.
    pub(crate) fn is_drained(&self) -> bool {
        self.outgoing.is_empty() && self.outgoing.is_idle()
    }

    pub(crate) const fn state(&self) -> PeerState {
        match self.stage {
            Stage::Connecting => PeerState::Connecting,
            Stage::AcknowledgingConnect { .. } => PeerState::AcknowledgingConnect,
            Stage::Connected => PeerState::Connected,
            Stage::DisconnectLater { .. } => PeerState::DisconnectLater,
            Stage::DisconnectOnceKnown { .. } | Stage::Disconnecting => PeerState::Disconnecting,
            Stage::AcknowledgingDisconnect { .. } => PeerState::AcknowledgingDisconnect,
            Stage::Zombie { .. } => PeerState::Zombie,
            Stage::Over { .. } => PeerState::Disconnected,
        }
    }
}

fn earlier(one: Option<Millis>, other: Option<Millis>) -> Option<Millis> {
    match (one, other) {
        (Some(this), Some(that)) if that.less(this) => other,
        (None, _) => other,
        _ => one,
    }
}

/// Bytes in both directions from one bandwidth pass to the next below which only pings and their acknowledgements went.
const IDLE: u32 = 256;

pub(crate) const DEFAULT_PING_INTERVAL: u32 = 500;
