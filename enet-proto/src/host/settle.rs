//! What a connection wants after anything happened to it, turned into entries of the host's queues: when to visit it,
//! which events it has, and whether it keeps its slot.

use alloc::boxed::Box;
use core::time::Duration;

use super::Host;
use super::admission::REPORTS;
use crate::event::{DisconnectReason, Event, PeerId};
use crate::peer::extras::Notice;
use crate::peer::{Connection, Stage};
use crate::undelivered::Undelivered;

impl Host {
    /// Turns what a connection wants, after anything happened to it, into entries of the queues: the only place that
    /// does, so nothing can forget to schedule itself.
    pub(super) fn settle(&mut self, slot: u16) {
        self.settle_events(slot);
        self.settle_schedule(slot);
    }

    /// The half that says whether and when to visit the connection.
    pub(super) fn settle_schedule(&mut self, slot: u16) {
        let Some(connection) = self.table.get(slot) else { return };
        let transmit = connection.wants_transmit(&self.shared);
        let deadline = self.deadline_of(slot);
        self.schedule.update(slot, transmit, deadline);
    }

    /// The half that events depend on, and their order: at once. The other half can wait until somebody asks what is to
    /// be sent, or when.
    pub(super) fn settle_events(&mut self, slot: u16) {
        if let Some((connection, queued)) = self.table.steady(slot) {
            let wanted = connection.wants_dispatch();
            if wanted != queued {
                self.queue_for_dispatch(slot, wanted, false);
            }
            return;
        }
        let was_active = self.table.has_active();
        self.table.recount(slot);
        if !was_active && self.table.has_active() && self.is_tick_overdue() {
            self.bandwidth_epoch = self.shared.now;
        }
        let Some(connection) = self.table.get_mut(slot) else { return };
        let announced = connection.announce.take();
        let lost_turn = core::mem::take(&mut connection.lost_turn);
        let wanted = connection.wants_dispatch();
        if announced.is_some() || matches!(connection.stage, Stage::Over { .. }) || connection.has_notices() {
            self.raise(slot, announced);
        }
        self.queue_for_dispatch(slot, wanted, lost_turn);
    }

    /// Says which queues that were full take packets again: the first event that comes of it.
    pub(super) fn raise_writable(&mut self) -> Option<Event> {
        if !self.shared.full.is_empty() {
            self.note_writable();
        }
        self.events.pop_front()
    }

    #[cold]
    pub(super) fn note_writable(&mut self) {
        let Host { table, shared, events, .. } = self;
        let max = shared.max_queued_data;
        shared.full.retain(|slot| {
            let Some(connection) = table.get_mut(*slot) else { return false };
            if connection.outgoing.is_relieved(max) && connection.stage == Stage::Connected {
                events.push_back(Event::Writable { peer: table.id_of(*slot) });
            }
            table.get(*slot).is_some_and(|connection| connection.outgoing.was_full())
        });
    }

    /// Raises what happened to a connection as a whole; one that is over leaves its slot.
    #[cold]
    pub(super) fn raise(&mut self, slot: u16, announced: Option<u32>) {
        let peer = self.table.id_of(slot);
        if let Some(data) = announced {
            self.recalculate_bandwidth = true;
            self.events.push_back(Event::Connected { peer, data });
            if let Some(connection) = self.table.get_mut(slot) {
                connection.adopt_default_throttle(&mut self.shared);
                connection.send_early(&mut self.shared);
            }
        }
        self.raise_notices(slot, peer);
        let Some(connection) = self.table.get(slot) else { return };
        let Stage::Over { event, was_established } = connection.stage else { return };
        self.recalculate_bandwidth |= was_established;
        let event = event.and_then(|(reason, data)| self.end_of(slot, peer, reason, data));
        self.bury(slot);
        self.events.extend(event);
    }

    /// Raises what a connection of which more was asked has to say.
    pub(super) fn raise_notices(&mut self, slot: u16, peer: PeerId) {
        let Some(connection) = self.table.get_mut(slot) else { return };
        while let Some(notice) = connection.take_notice() {
            self.events.push_back(match notice {
                // Whoever fetches nothing is not to be filled up with pings.
                Notice::Ping | Notice::Pong(_) if self.events.len() >= REPORTS => continue,
                Notice::Ping => Event::Ping { peer },
                Notice::Pong(ms) => Event::Pong { peer, rtt: Duration::from_millis(ms.into()) },
                Notice::Acknowledged(token) => Event::Acknowledged { peer, token },
                Notice::Stalled => Event::Stalled { peer },
                Notice::Resumed => Event::Resumed { peer },
            });
        }
    }

    /// The event of a connection's end, which frees its slot.
    pub(super) fn end_of(
        &mut self,
        slot: u16,
        peer: PeerId,
        reason: DisconnectReason,
        data: u32,
    ) -> Option<Event> {
        let connection = self.table.get_mut(slot)?;
        if reason != DisconnectReason::Local {
            connection.put_undelivered_aside(&self.shared);
        }
        let undelivered = match reason {
            DisconnectReason::Local => Undelivered::default(),
            _ => connection.take_undelivered(),
        };
        let (address, user_value) = (connection.address, connection.settings().user_value);
        self.bury(slot);
        Some(Event::Disconnected { peer, reason, data, address, user_value, undelivered })
    }

    /// Keeps a slot's place in the queue of those with events; one that lost its turn starts over at the back.
    pub(super) fn queue_for_dispatch(&mut self, slot: u16, wanted: bool, lost_turn: bool) {
        let queued = self.table.set_queued(slot, wanted);
        if queued && (!wanted || lost_turn) {
            self.dispatch.retain(|queued| *queued != slot);
        }
        if wanted && (!queued || lost_turn) {
            self.dispatch.push_back(slot);
        }
    }

    /// Notes that a slot must be settled before anybody asks what is to be done.
    pub(super) fn touch(&mut self, slot: u16) {
        if !self.table.set_touched(slot, true) {
            self.touched.push(slot);
        }
    }

    /// As `settle_touched` where everything that is ready is about to be visited, which settles it.
    pub(super) fn ready_touched(&mut self) {
        while let Some(slot) = self.touched.pop() {
            self.table.set_touched(slot, false);
            self.ready(slot);
        }
    }

    /// Has a slot visited if there is something to send, or else settles it.
    pub(super) fn ready(&mut self, slot: u16) {
        let Some(connection) = self.table.get(slot) else { return };
        if self.schedule.is_ready(slot) || connection.wants_transmit(&self.shared) {
            self.schedule.mark_ready_unsettled(slot);
        } else {
            self.settle_schedule(slot);
        }
    }

    /// Settles what the application had its hands on, and what received something.
    pub(super) fn settle_touched(&mut self) {
        while let Some(slot) = self.touched.pop() {
            self.table.set_touched(slot, false);
            self.settle(slot);
        }
    }

    /// Empties a slot and forgets what was scheduled for it.
    pub(super) fn vacate(&mut self, slot: u16) -> Option<Box<Connection>> {
        self.schedule.update(slot, false, None);
        self.queue_for_dispatch(slot, false, false);
        let connection = self.table.remove(slot)?;
        if self.table.has_ids() {
            let name = self.table.name_of(connection.address, connection.wire_id);
            self.lobby.resting.add(self.elapsed, name);
        }
        Some(connection)
    }

    /// Empties a slot for good: what its connection still held goes back.
    pub(super) fn bury(&mut self, slot: u16) {
        if let Some(mut connection) = self.vacate(slot) {
            connection.clear_queues(&mut self.shared);
        }
    }
}
