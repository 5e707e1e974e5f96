//! [`Mishaps`]: what a connection notes to which something has happened. As long as nothing is lost it has none.

use super::Connection;
use super::acks::Repeats;
use super::doubt::Doubt;
use super::gaps::Gaps;
use super::loss::Resent;
use super::pulse::Pulse;
use crate::shared::Shared;
use crate::time::Millis;

/// Made when something happens for the first time, and kept.
#[derive(Debug, Default)]
pub(crate) struct Mishaps {
    pub(crate) resent: Resent,
    pub(crate) gaps: Gaps,
    pub(crate) repeats: Repeats,
    pub(crate) pulse: Pulse,
    /// A disconnect that is not believed yet.
    pub(super) doubt: Option<Doubt>,
    /// Oldest transmission found expired since the last acknowledgement; unset if none.
    pub(super) earliest_timeout: Millis,
}

impl Connection {
    #[inline]
    pub(crate) fn mishaps_mut(&mut self) -> &mut Mishaps {
        self.mishaps.get_or_insert_default()
    }

    /// What left more than once.
    pub(crate) fn resent(&self) -> Resent {
        self.mishaps.as_ref().map(|mishaps| mishaps.resent).unwrap_or_default()
    }

    /// Whether acknowledgements leave more than once: some that left before are in the next datagram, or those that are
    /// owed will be in the one after it.
    #[inline]
    pub(crate) fn repeats_acks(&self, shared: &Shared) -> bool {
        self.mishaps.as_ref().is_some_and(|mishaps| self.repeats_acks_since(mishaps, shared))
    }

    #[inline(never)]
    fn repeats_acks_since(&self, mishaps: &Mishaps, shared: &Shared) -> bool {
        !mishaps.repeats.is_empty()
            || mishaps.gaps.are_close(shared.now)
            || self.beat_interval(shared).is_some()
    }

    /// A disconnect that is not believed yet.
    #[inline]
    pub(super) fn doubt(&self) -> Option<&Doubt> {
        self.mishaps.as_ref()?.doubt.as_ref()
    }

    pub(super) fn doubt_mut(&mut self) -> Option<&mut Doubt> {
        self.mishaps.as_mut()?.doubt.as_mut()
    }

    pub(super) fn take_doubt(&mut self) -> Option<Doubt> {
        self.mishaps.as_mut()?.doubt.take()
    }

    /// What happened stays known, but nothing is to be done about it.
    pub(super) fn forget_mishaps(&mut self, shared: &mut Shared) {
        if let Some(mishaps) = &mut self.mishaps {
            mishaps.doubt = None;
            mishaps.repeats.clear(&mut shared.acks);
        }
    }
}
