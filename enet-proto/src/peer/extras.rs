//! [`Extras`]: what only some connections have: settings of their own, and what else the application asked for.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use enet_wire::{Body, ChannelId};

use super::command::COMMAND;
use super::stall::Stall;
use super::{Connection, DEFAULT_PING_INTERVAL, Stage};
use crate::config::{PeerDefaults, Redundancy, Stalls, Timeouts};
use crate::error::{SendError, SendErrorReason};
use crate::mutants::{self, Mutant};
use crate::packet::{Delivery, Packet};
use crate::profile::GiveUp;
use crate::shared::Shared;
use crate::stats::PeerTotals;
use crate::time::{HALF_A_DAY, millis, wait_millis};
use crate::undelivered::Undelivered;

/// What an application may choose for a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) give_up: GiveUp,
    /// How long nothing may be acknowledged before a ping is sent, in ms.
    pub(crate) ping_interval: u32,
    /// `None` for the host's.
    pub(crate) redundancy: Option<Redundancy>,
    pub(crate) user_value: u64,
}

impl Settings {
    pub(crate) fn usual() -> Self {
        let (limit, minimum, maximum) = Timeouts::default().resolve();
        Settings {
            give_up: GiveUp { limit, minimum, maximum },
            ping_interval: if mutants::is(Mutant::NoPing) { HALF_A_DAY } else { DEFAULT_PING_INTERVAL },
            redundancy: None,
            user_value: 0,
        }
    }
}

/// Kept apart, so that a connection of which nothing special is asked takes no room for it.
#[derive(Debug)]
pub(crate) struct Extras {
    pub(crate) settings: Settings,
    pub(crate) totals: Option<PeerTotals>,
    pub(super) stall: Option<Stall>,
    /// Whether the application hears of pings.
    hears_pings: bool,
    /// Packets whose acknowledgement the application wants to hear of, in the order in which they were queued.
    awaited: VecDeque<Awaited>,
    /// What was queued before the connection was established, if it may be.
    early: Option<Vec<Early>>,
    /// What of that counts against the limit of the queue.
    early_cost: u64,
    /// It is to be disconnected once that is delivered, with this data.
    leaves_with: Option<u32>,
    /// Whether the connect waits for the application's `release`.
    held: bool,
    /// What goes before each CONNECT.
    pub(crate) token: Option<Token>,
    /// Reliable packets of a connection that was lost.
    undelivered: Undelivered,
    /// What the application is to be told.
    pub(super) notices: VecDeque<Notice>,
}

/// A packet with a token: the stamps of its commands, and how many of them are still to be acknowledged.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    first: u32,
    commands: u32,
    left: u32,
    token: u64,
}

/// A packet that was queued too early.
#[derive(Debug)]
struct Early {
    channel: ChannelId,
    packet: Packet,
    token: Option<u64>,
}

/// The datagram that goes before each CONNECT.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) datagram: Box<[u8]>,
    /// Whether it has left, and the CONNECT behind it has not.
    pub(crate) is_out: bool,
}

/// Something the application is told about a connection that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The packet with this token arrived.
    Acknowledged(u64),
    Stalled,
    Resumed,
    Ping,
    /// After so many ms.
    Pong(u32),
}

impl Connection {
    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_with(|| {
            Box::new(Extras {
                settings: Settings::usual(),
                totals: None,
                stall: None,
                hears_pings: false,
                awaited: VecDeque::new(),
                early: None,
                early_cost: 0,
                leaves_with: None,
                held: false,
                token: None,
                undelivered: Undelivered::default(),
                notices: VecDeque::new(),
            })
        })
    }

    /// Sends nothing and takes nothing in until it is released.
    pub(crate) fn hold(&mut self) {
        self.extras_mut().held = true;
    }

    /// Whether it does that.
    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.held)
    }

    pub(crate) fn release(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.held = false;
        }
    }

    /// Takes over what a host's application chose for all its peers, as if it had been chosen for this one.
    pub(crate) fn adopt_defaults(&mut self, defaults: &PeerDefaults) {
        let PeerDefaults { timeouts, ping_interval, stalls, totals, pings, .. } = *defaults;
        if *defaults == (PeerDefaults { throttle: defaults.throttle, ..PeerDefaults::default() })
            && self.extras.is_none()
        {
            return;
        }
        self.set_timeouts(timeouts);
        self.set_ping_interval(wait_millis(ping_interval));
        let extras = self.extras_mut();
        extras.hears_pings = pings;
        extras.totals = if totals { Some(extras.totals.unwrap_or_default()) } else { None };
        match &mut extras.stall {
            Some(stall) if stalls != Stalls::Unnoticed => stall.policy = stalls,
            stall => *stall = (stalls != Stalls::Unnoticed).then(|| Stall::new(stalls)),
        }
    }

    /// The host's throttle settings, where the remote has others or does not know them yet.
    pub(crate) fn adopt_default_throttle(&mut self, shared: &mut Shared) {
        let Some(settings) = shared.peer_defaults.throttle.map(crate::config::ThrottleSettings::on_wire)
        else {
            return;
        };
        if self.is_active() && self.throttle_settings() != settings {
            self.adopt_throttle(settings);
            self.queue_control(Body::ThrottleConfigure(settings), shared);
        }
    }

    /// Zero stands for the default.
    pub(crate) fn set_ping_interval(&mut self, ms: u32) {
        let ms = if ms == 0 { DEFAULT_PING_INTERVAL } else { ms };
        self.settings_mut().ping_interval = ms;
    }

    pub(crate) fn set_timeouts(&mut self, timeouts: Timeouts) {
        let (limit, minimum, maximum) = timeouts.resolve();
        self.settings_mut().give_up = GiveUp { limit, minimum, maximum };
    }

    // --- totals ---

    #[inline]
    pub(crate) fn totals_mut(&mut self) -> Option<&mut PeerTotals> {
        self.extras.as_mut()?.totals.as_mut()
    }

    pub(crate) fn totals(&self) -> Option<PeerTotals> {
        self.extras.as_ref()?.totals
    }

    /// Whether what leaves or arrives is to be looked at.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.totals.is_some() || extras.stall.is_some())
    }

    // --- what the application is to be told ---

    #[inline]
    pub(crate) fn has_notices(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| !extras.notices.is_empty())
    }

    pub(crate) fn take_notice(&mut self) -> Option<Notice> {
        self.extras.as_mut()?.notices.pop_front()
    }

    /// The peer's ping arrived. Several in a datagram are one.
    pub(super) fn note_ping(&mut self) {
        if let Some(extras) = self.extras.as_mut().filter(|extras| extras.hears_pings)
            && extras.notices.back() != Some(&Notice::Ping)
        {
            extras.notices.push_back(Notice::Ping);
        }
    }

    /// A ping of ours was answered after so many ms.
    pub(super) fn note_pong(&mut self, sample: u32) {
        if let Some(extras) = self.extras.as_mut().filter(|extras| extras.hears_pings) {
            extras.notices.push_back(Notice::Pong(sample));
        }
    }

    /// While the connection is not established, the token that goes before it.
    #[inline]
    pub(crate) fn token_mut(&mut self) -> Option<&mut Token> {
        if self.stage != Stage::Connecting {
            return None;
        }
        self.extras.as_mut()?.token.as_mut()
    }

    // --- acknowledged ---

    /// As `send`, but if the packet travels reliably the application hears of its acknowledgement.
    pub(crate) fn send_awaited(
        &mut self,
        channel: ChannelId,
        packet: Packet,
        token: u64,
        shared: &mut Shared,
    ) -> Result<(), SendError> {
        let first = shared.next_stamp();
        let waiting = self.early_count();
        self.send(channel, packet, shared)?;
        if self.early_count() > waiting {
            let early = self.extras.as_mut().and_then(|extras| extras.early.as_mut()?.last_mut());
            if let Some(early) = early {
                early.token = Some(token);
            }
        } else if self.outgoing.ends_with_data(first, &shared.commands) {
            let commands = shared.next_stamp().wrapping_sub(first);
            self.extras_mut().awaited.push_back(Awaited { first, commands, left: commands, token });
        }
        Ok(())
    }

    /// A command with this stamp was acknowledged.
    #[inline]
    pub(super) fn on_stamp(&mut self, stamp: u32) {
        if let Some(extras) = self.extras.as_mut().filter(|extras| !extras.awaited.is_empty()) {
            extras.on_stamp(stamp);
        }
    }

    // --- too early ---

    /// From now on packets may be queued, be it before the connection is established.
    pub(crate) fn keep_early(&mut self) {
        self.extras_mut().early = Some(Vec::new());
    }

    fn early_count(&self) -> usize {
        let early = self.extras.as_ref().and_then(|extras| extras.early.as_ref());
        early.map_or(0, Vec::len)
    }

    /// Whether a packet of this delivery is not to be queued now, but to be kept or dropped.
    #[inline]
    pub(super) fn is_detaining(&self, delivery: Delivery) -> bool {
        self.extras.as_ref().is_some_and(|extras| {
            let stalled = extras.stall.as_ref().is_some_and(|stall| stall.detains(delivery));
            stalled && self.stage == Stage::Connected
                || self.stage == Stage::Connecting && extras.early.is_some()
        })
    }

    /// Whether one more packet may be queued.
    pub(crate) fn has_room(&self, shared: &Shared) -> bool {
        let early_cost = self.extras.as_ref().map_or(0, |extras| extras.early_cost);
        early_cost < shared.max_queued_data && !self.outgoing.is_full(shared.max_queued_data)
    }

    /// Keeps or drops such a packet, unless it could never be sent.
    #[cold]
    pub(super) fn detain(
        &mut self,
        channel: ChannelId,
        packet: Packet,
        shared: &mut Shared,
    ) -> Result<(), SendError> {
        let (channels, max) = (self.channel_count, shared.max_packet_size);
        let early_cost = self.extras.as_ref().map_or(0, |extras| extras.early_cost);
        let reason = if channel.get() >= channels {
            Some(SendErrorReason::NoSuchChannel { channels })
        } else if packet.len() > max as usize {
            Some(SendErrorReason::TooLarge { max })
        } else {
            (early_cost >= shared.max_queued_data).then(|| shared.queue_full())
        };
        shared.stats.queue_full += u64::from(matches!(reason, Some(SendErrorReason::QueueFull { .. })));
        if let Some(reason) = reason {
            return Err(SendError { reason, channel, packet });
        }
        let extras = self.extras_mut();
        match (&mut extras.early, &mut extras.stall) {
            (Some(early), _) => {
                extras.early_cost += COMMAND + packet.len() as u64;
                early.push(Early { channel, packet, token: None });
            }
            (None, Some(stall)) => stall.detain(channel, packet),
            (None, None) => {}
        }
        Ok(())
    }

    /// Queues what was queued too early. What cannot be sent, for the remote granted fewer channels, counts as
    /// undelivered.
    pub(crate) fn send_early(&mut self, shared: &mut Shared) {
        let Some(extras) = &mut self.extras else { return };
        let (early, leaves_with) = (extras.early.take(), extras.leaves_with.take());
        extras.early_cost = 0;
        // It was accepted when it was counted.
        let limit = core::mem::replace(&mut shared.max_queued_data, u64::MAX);
        for Early { channel, packet, token } in early.into_iter().flatten() {
            let sent = match token {
                Some(token) => self.send_awaited(channel, packet, token, shared),
                None => self.send(channel, packet, shared),
            };
            if let Err(SendError { packet, .. }) = sent
                && shared.returns_undelivered
                && packet.delivery() == Delivery::Reliable
            {
                self.extras_mut().undelivered.push(channel, packet);
            }
        }
        shared.max_queued_data = limit;
        if let Some(data) = leaves_with {
            self.disconnect_later(data, shared);
        }
    }

    /// Has what was queued too early delivered before the connection ends; whether there is anything.
    pub(super) fn leave_after_early(&mut self, data: u32) -> bool {
        let has_early = self.early_count() > 0;
        if has_early {
            self.extras_mut().leaves_with = Some(data);
        }
        has_early
    }

    // --- undelivered ---

    /// Puts aside what is not acknowledged, before the queues are cleared.
    pub(crate) fn put_undelivered_aside(&mut self, shared: &Shared) {
        if !shared.returns_undelivered {
            return;
        }
        let waiting = self.outgoing.undelivered(shared.next_stamp(), &shared.commands);
        let early = self.extras.as_mut().and_then(|extras| extras.early.take());
        let early = early.into_iter().flatten().map(|early| (early.channel, early.packet));
        let early = early.filter(|(_, packet)| packet.delivery() == Delivery::Reliable);
        for (channel, packet) in waiting.into_iter().chain(early) {
            self.extras_mut().undelivered.push(channel, packet);
        }
    }

    /// What was put aside.
    pub(crate) fn take_undelivered(&mut self) -> Undelivered {
        self.extras.as_mut().map(|extras| core::mem::take(&mut extras.undelivered)).unwrap_or_default()
    }

    /// Nothing that was queued will be acknowledged any more.
    pub(super) fn forget_awaited(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.awaited.clear();
            extras.early = None;
        }
    }
}

impl Extras {
    fn on_stamp(&mut self, stamp: u32) {
        let Some(origin) = self.awaited.front().map(|front| front.first) else { return };
        let offset = stamp.wrapping_sub(origin);
        let behind = self.awaited.partition_point(|it| it.first.wrapping_sub(origin) <= offset);
        if let Some(found) = behind.checked_sub(1).and_then(|at| self.awaited.get_mut(at))
            && stamp.wrapping_sub(found.first) < found.commands
        {
            found.left = found.left.saturating_sub(1);
            if found.left == 0 {
                self.notices.push_back(Notice::Acknowledged(found.token));
            }
        }
        while self.awaited.pop_front_if(|front| front.left == 0).is_some() {}
    }
}

impl crate::config::ThrottleSettings {
    pub(crate) fn on_wire(self) -> enet_wire::ThrottleConfigure {
        let crate::config::ThrottleSettings { interval, acceleration, deceleration } = self;
        enet_wire::ThrottleConfigure { interval: millis(interval), acceleration, deceleration }
    }
}
