//! [`Doubt`]: a disconnect that anybody could have sent, until the peer has answered or stayed silent
//! (docs/SECURITY.md).

use enet_wire::{Body, ChannelId, Command, ReliableSeq};

use super::acks::Ack;
use super::{Connection, Stage};
use crate::event::DisconnectReason;
use crate::profile::Profile;
use crate::shared::Shared;
use crate::time::Millis;

/// A disconnect that is not believed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// What it said.
    data: u32,
    /// Its acknowledgement, if it wants one.
    pub(super) owed: Option<Ack>,
    /// When the peer was asked.
    pub(super) since: Millis,
    /// When it should have answered.
    until: Millis,
}

/// How long a peer has for its answer at least, in ms.
const PATIENCE: u32 = 500;

/// Control commands that may be under way ahead of a disconnect.
const AHEAD: u16 = 16;

impl Connection {
    /// Asks the peer whether it is still there. If it is, what said otherwise was forged, or of another time.
    pub(crate) fn doubt_disconnect(&mut self, data: u32, shared: &mut Shared) {
        if self.doubt().is_some() {
            return;
        }
        let patience = self.first_timeout(shared).saturating_mul(2).clamp(PATIENCE, crate::time::HALF_A_DAY);
        let (since, until) = (shared.now, shared.now.plus(patience));
        self.mishaps_mut().doubt = Some(Doubt { data, owed: None, since, until });
        self.queue_control(Body::Ping, shared);
    }

    /// When a doubt ends.
    pub(crate) fn doubt_deadline(&self) -> Option<Millis> {
        self.doubt().map(|doubt| doubt.until)
    }

    /// Believes a disconnect whose peer has not answered in time.
    pub(crate) fn check_doubt(&mut self, shared: &mut Shared) {
        if self.doubt_deadline().is_none_or(|until| shared.now.less(until)) {
            return;
        }
        let Some(doubt) = self.take_doubt() else { return };
        if !self.is_active() {
            return;
        }
        let data = doubt.data;
        self.put_undelivered_aside(shared);
        self.clear_queues(shared);
        self.stage = match doubt.owed {
            Some(ack) => {
                self.acks.push_back(ack, &mut shared.acks);
                Stage::AcknowledgingDisconnect { data }
            }
            None => Stage::Zombie { reason: DisconnectReason::Remote, data },
        };
    }

    /// Notes the latest number of the peer's control commands.
    #[inline]
    pub(super) fn note_control(&mut self, command: &Command<'_>) {
        // In small steps: a forged command must not make the next one plausible.
        if command.channel == ChannelId::CONTROL && self.follows(command.seq) {
            self.control_in = command.seq;
        }
    }

    /// Whether this is one of the peer's latest control commands, once more.
    pub(super) fn was_said(&self, command: &Command<'_>) -> bool {
        command.channel == ChannelId::CONTROL && self.control_in.0.wrapping_sub(command.seq.0) < AHEAD
    }

    /// Whether the peer has set this to nothing else since, in the one of that number.
    pub(super) fn is_current(&self, command: &Command<'_>, latest: ReliableSeq, shared: &Shared) -> bool {
        let is_superseded = (1..AHEAD).contains(&latest.0.wrapping_sub(command.seq.0));
        shared.profile == Profile::Compat || !is_superseded || !self.was_said(command)
    }

    /// Whether a control number can be the peer's next.
    pub(super) fn follows(&self, seq: ReliableSeq) -> bool {
        (1..=AHEAD).contains(&seq.0.wrapping_sub(self.control_in.0))
    }
}
