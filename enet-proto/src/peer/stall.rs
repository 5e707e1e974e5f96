//! [`Stall`]: whether a peer that should have acknowledged something stays silent, and what waits meanwhile.

use alloc::collections::BTreeMap;

use enet_wire::ChannelId;

use super::Connection;
use super::extras::Notice;
use crate::config::Stalls;
use crate::packet::{Delivery, Packet};
use crate::shared::Shared;
use crate::time::Millis;

/// How long nothing must be acknowledged at least, in ms, and how many retransmission timeouts.
const LEAST: u32 = 1_000;
const TIMEOUTS: u32 = 4;

/// A connection's silence, where the application wants to hear of it.
#[derive(Debug)]
pub(crate) struct Stall {
    pub(super) policy: Stalls,
    /// Since when something waits for an acknowledgement, and none came; unset while nothing does.
    since: Millis,
    stalled: bool,
    /// The newest unreliable packet of each channel.
    latest: BTreeMap<ChannelId, Packet>,
}

impl Stall {
    pub(super) const fn new(policy: Stalls) -> Self {
        Stall { policy, since: Millis::UNSET, stalled: false, latest: BTreeMap::new() }
    }

    /// Whether a packet of this delivery must not be queued now.
    pub(super) fn detains(&self, delivery: Delivery) -> bool {
        self.stalled
            && delivery != Delivery::Reliable
            && matches!(self.policy, Stalls::DropUnreliable | Stalls::KeepLatest)
    }

    pub(super) fn detain(&mut self, channel: ChannelId, packet: Packet) {
        if self.policy == Stalls::KeepLatest {
            self.latest.insert(channel, packet);
        }
    }
}

impl Connection {
    /// Notes whether something waits for an acknowledgement, after anything left.
    #[inline]
    pub(crate) fn note_waiting(&mut self, now: Millis) {
        let is_waiting = self.outgoing.is_waiting();
        let Some(stall) = self.extras.as_mut().and_then(|extras| extras.stall.as_mut()) else { return };
        if !is_waiting {
            stall.since = Millis::UNSET;
        } else if stall.since.is_unset() {
            stall.since = Millis(now.0.max(1));
        }
    }

    /// Something was acknowledged.
    #[inline]
    pub(crate) fn end_stall(&mut self, shared: &mut Shared) {
        let Some(extras) = self.extras.as_mut() else { return };
        let Some(stall) = &mut extras.stall else { return };
        stall.since = Millis::UNSET;
        let was_stalled = core::mem::replace(&mut stall.stalled, false);
        let latest = core::mem::take(&mut stall.latest);
        if was_stalled {
            extras.notices.push_back(Notice::Resumed);
        }
        for (channel, packet) in latest {
            // What was refused meanwhile, for the connection is being closed, is lost as unreliable packets are.
            let _ = self.send(channel, packet, shared);
        }
        self.note_waiting(shared.now);
    }

    /// When the peer's silence is a stall, if nothing is acknowledged until then.
    #[inline]
    pub(crate) fn stall_deadline(&self, shared: &Shared) -> Option<Millis> {
        let stall = self.extras.as_ref()?.stall.as_ref()?;
        if stall.stalled || stall.since.is_unset() || !self.is_active() {
            return None;
        }
        let timeouts = self.first_timeout(shared).saturating_mul(TIMEOUTS);
        Some(stall.since.plus(timeouts.clamp(LEAST, crate::time::HALF_A_DAY)))
    }

    /// Notices a stall.
    pub(super) fn check_stall(&mut self, shared: &Shared) {
        if self.stall_deadline(shared).is_none_or(|deadline| shared.now.less(deadline)) {
            return;
        }
        if let Some(extras) = &mut self.extras
            && let Some(stall) = &mut extras.stall
        {
            stall.stalled = true;
            extras.notices.push_back(Notice::Stalled);
        }
    }

    pub(crate) fn is_stalled(&self) -> bool {
        let stall = self.extras.as_ref().and_then(|extras| extras.stall.as_ref());
        stall.is_some_and(|stall| stall.stalled)
    }
}
