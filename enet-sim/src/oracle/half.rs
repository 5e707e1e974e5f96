//! [`Half`]: one direction of a connection as it shows on the wire, with every reliable command that is not acknowledged.

use std::collections::VecDeque;
use std::net::SocketAddr;

use enet_wire::ConnectId;

use super::ids::{HalfId, SideId};
use crate::time::{Span, Time};
use crate::world::observer::HostIndex;

/// A reliable command that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flight {
    pub(super) first: Time,
    pub(super) last: Time,
    /// The retransmission timeout of its first transmission, ms of its host's clock, at least; 0: not known.
    pub(super) rto: u32,
    pub(super) len: u16,
    /// Transmissions.
    pub(super) attempts: u8,
    /// Transmissions that the network dropped.
    pub(super) lost: u8,
    /// An acknowledgement reached its sender, before the service of this number.
    pub(super) acked: Option<u32>,
    /// A copy reached its receiver.
    pub(super) arrived: bool,
    /// The receiver sent an acknowledgement.
    pub(super) answered: bool,
    /// Its last transmissions were so many copies that rode along.
    pub(super) rode: u8,
}

impl Flight {
    fn new(at: Time, len: u16) -> Self {
        Flight {
            first: at,
            last: at,
            rto: 0,
            len,
            attempts: 1,
            lost: 0,
            acked: None,
            arrived: false,
            answered: false,
            rode: 0,
        }
    }

    /// A number that never left: what bore it was discarded before.
    const fn skipped() -> Self {
        Flight {
            first: Time::ZERO,
            last: Time::ZERO,
            rto: 0,
            len: 0,
            attempts: 0,
            lost: 0,
            acked: Some(0),
            arrived: true,
            answered: true,
            rode: 0,
        }
    }
}

/// What a departing number is to its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// Its first time, behind so many numbers that were skipped.
    First { skipped: u16 },
    /// Again; as it was before.
    Again(Flight),
    /// It was acknowledged long ago.
    Settled,
}

/// The reliable commands of one channel, by number.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    base: u16,
    /// The first number may be any.
    is_open: bool,
    flights: VecDeque<Flight>,
    /// Unacknowledged payload bytes.
    pub(super) in_flight: u64,
    /// The last unreliable number pair that left.
    pub(super) unreliable: (u16, u16),
}

impl Default for Lane {
    fn default() -> Self {
        Lane { base: 1, is_open: false, flights: VecDeque::new(), in_flight: 0, unreliable: (0, 0) }
    }
}

impl Lane {
    /// One whose first number may be any, as that of a VERIFY_CONNECT.
    fn open() -> Self {
        Lane { is_open: true, ..Lane::default() }
    }

    /// A number leaves.
    pub(super) fn depart(&mut self, at: Time, number: u16, len: u16, lost: bool) -> Departure {
        if std::mem::take(&mut self.is_open) {
            self.base = number;
        }
        let index = usize::from(number.wrapping_sub(self.base));
        if let Some(flight) = self.flights.get_mut(index) {
            let before = *flight;
            flight.last = at;
            flight.attempts = flight.attempts.saturating_add(1);
            flight.lost += u8::from(lost && flight.lost < u8::MAX);
            return Departure::Again(before);
        }
        let skipped = index - self.flights.len();
        if skipped >= 0x8000 {
            return Departure::Settled;
        }
        for _ in 0..skipped {
            self.flights.push_back(Flight::skipped());
        }
        self.flights.push_back(Flight { lost: u8::from(lost), ..Flight::new(at, len) });
        self.in_flight += u64::from(len);
        Departure::First { skipped: u16::try_from(skipped).unwrap_or(u16::MAX) }
    }

    pub(super) fn flight(&mut self, number: u16) -> Option<&mut Flight> {
        self.flights.get_mut(usize::from(number.wrapping_sub(self.base)))
    }

    /// An acknowledgement reached the sender.
    pub(super) fn acknowledge(&mut self, number: u16, serve: u32) {
        let Some(flight) = self.flight(number).filter(|flight| flight.acked.is_none()) else { return };
        flight.acked = Some(serve);
        let len = u64::from(flight.len);
        self.in_flight = self.in_flight.saturating_sub(len);
    }

    /// Lets go of what was acknowledged and looked after before service `serve`.
    pub(super) fn prune(&mut self, serve: u32) {
        while self.flights.front().is_some_and(|flight| flight.acked.is_some_and(|acked| acked < serve)) {
            self.flights.pop_front();
            self.base = self.base.wrapping_add(1);
        }
    }

    /// The oldest that is not acknowledged, with its number.
    pub(super) fn oldest(&self) -> Option<(u16, &Flight)> {
        let index = self.flights.iter().position(|flight| flight.acked.is_none())?;
        let number = self.base.wrapping_add(u16::try_from(index).unwrap_or(u16::MAX));
        Some((number, self.flights.get(index)?))
    }

    /// Numbers from the oldest unacknowledged one to the newest.
    pub(super) fn span(&self) -> usize {
        self.flights.len()
    }

    /// All that is not acknowledged.
    pub(super) fn unacknowledged(&self) -> impl Iterator<Item = &Flight> {
        self.flights.iter().filter(|flight| flight.acked.is_none())
    }

    /// How far behind the newest number this one is.
    pub(super) fn age(&self, number: u16) -> u16 {
        let newest =
            self.base.wrapping_add(u16::try_from(self.flights.len()).unwrap_or(u16::MAX)).wrapping_sub(1);
        newest.wrapping_sub(number)
    }

    /// Whether the number before this one has arrived.
    pub(super) fn predecessor_arrived(&self, number: u16) -> bool {
        match number.wrapping_sub(self.base) {
            0 => true,
            index => self.flights.get(usize::from(index - 1)).is_none_or(|flight| flight.arrived),
        }
    }
}

/// An acknowledgement that must be sent by the end of the next service.
pub(super) type Owed = (u8, u16, u16);

/// One direction of a connection: what one side sends.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) host: HostIndex,
    pub(super) connect_id: ConnectId,
    /// Its own slot.
    pub(super) slot: u16,
    /// Slot and session that its datagrams name.
    pub(super) word: u16,
    /// Where it sends to, and where datagrams for it must come from.
    pub(super) to: SocketAddr,
    pub(super) other: Option<HalfId>,
    pub(super) side: Option<SideId>,
    /// What CONNECT said to the application.
    pub(super) data: u32,
    /// It is the connecting side's.
    pub(super) client: bool,
    /// The number of its CONNECT or VERIFY_CONNECT.
    pub(super) opening: u16,
    /// The handshake is over for it.
    pub(super) established: bool,
    pub(super) mtu: u32,
    pub(super) channels: u32,
    control: Lane,
    lanes: Vec<Lane>,
    pub(super) owed: VecDeque<Owed>,
    /// Commands first sent since the last service.
    pub(super) fresh: Vec<(u8, u16)>,
    /// Acknowledgements that arrived since the last service.
    pub(super) acks: u32,
    pub(super) last_ack: Option<Time>,
    /// In which service the first one was looked at, or later.
    pub(super) first_ack: Option<u32>,
    /// When the newest of what was acknowledged left.
    pub(super) newest_acked: Time,
    /// It sent reliable data since the last service.
    pub(super) sent_data: bool,
    /// The greatest values that were ever agreed on; of the acceleration, the least as well.
    pub(super) acceleration: u32,
    pub(super) deceleration: u32,
    pub(super) least_acceleration: u32,
    pub(super) group: u16,
    pub(super) sent_time: Option<u16>,
    /// When the latest of its datagrams arrives.
    pub(super) latest: Time,
    /// It is in its host's list of active halves.
    pub(super) active: bool,
    /// Everything about it was seen.
    pub(super) sure: bool,
    /// When it sent VERIFY_CONNECT or CONNECT first.
    pub(super) since: Time,
}

impl Half {
    pub(super) fn new(at: Time, host: HostIndex, slot: u16, to: SocketAddr, connect_id: ConnectId) -> Self {
        Half {
            host,
            connect_id,
            slot,
            word: 0xFFF,
            to,
            other: None,
            side: None,
            data: 0,
            client: false,
            opening: 1,
            established: false,
            mtu: enet_wire::MAX_MTU,
            channels: enet_wire::MAX_CHANNELS,
            control: Lane::open(),
            lanes: Vec::new(),
            owed: VecDeque::new(),
            fresh: Vec::new(),
            acks: 0,
            last_ack: None,
            first_ack: None,
            newest_acked: Time::ZERO,
            sent_data: false,
            acceleration: 2,
            deceleration: 2,
            least_acceleration: 2,
            group: 0,
            sent_time: None,
            latest: Time::ZERO,
            active: false,
            sure: true,
            since: at,
        }
    }

    pub(super) fn lane(&mut self, channel: u8) -> &mut Lane {
        if channel == 0xFF {
            return &mut self.control;
        }
        let index = usize::from(channel);
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, Lane::default);
        }
        self.lanes.get_mut(index).unwrap_or(&mut self.control)
    }

    /// Its lanes with their channels; 255 is the control channel.
    pub(super) fn lanes(&self) -> impl Iterator<Item = (u8, &Lane)> {
        let data =
            self.lanes.iter().enumerate().map(|(index, lane)| (u8::try_from(index).unwrap_or(u8::MAX), lane));
        data.chain(core::iter::once((0xFF, &self.control)))
    }

    /// Payload bytes of reliable data that were sent and not acknowledged.
    pub(super) fn in_flight(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.in_flight).sum()
    }

    /// When the oldest command that is not acknowledged was sent first. Until an acknowledgement comes, the CONNECT counts
    /// among them: VERIFY_CONNECT does not reset the age of a silence (PROTOCOL.md §6.3).
    ///
    /// What was acknowledged in service `settled` or later may not have been looked at.
    pub(super) fn waiting_since(&self, settled: u32) -> Option<Time> {
        if self.first_ack.is_none_or(|first| first >= settled) {
            return Some(self.since);
        }
        let waits = |flight: &&Flight| flight.acked.is_none_or(|acked| acked >= settled);
        let lanes = self
            .lanes()
            .filter_map(|(_, lane)| lane.flights.iter().filter(waits).map(|flight| flight.first).min());
        lanes.min()
    }

    /// The longest retransmission timeout that some command has come to.
    pub(super) fn longest_timer(&self) -> Span {
        let timer =
            |flight: &Flight| u64::from(flight.rto) << u32::from(flight.attempts.saturating_sub(1)).min(24);
        let timers = self.lanes().flat_map(|(_, lane)| lane.unacknowledged().map(timer));
        Span::from_millis(timers.max().unwrap_or_default())
    }

    /// Whether control commands besides its CONNECT or VERIFY_CONNECT are in flight.
    pub(super) fn has_company(&self) -> bool {
        self.control.flights.len() > 1
    }

    pub(super) fn prune(&mut self, serve: u32) {
        self.control.prune(serve);
        self.lanes.iter_mut().for_each(|lane| lane.prune(serve));
    }

    /// The acknowledgement of this command is on its way.
    pub(super) fn settle(&mut self, owed: Owed) {
        if self.owed.front() == Some(&owed) {
            self.owed.pop_front();
        } else if let Some(index) = self.owed.iter().position(|it| *it == owed) {
            self.owed.remove(index);
        }
    }
}
