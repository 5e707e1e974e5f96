//! What becomes of what is in flight when its time is over, as stock ENet judges it (PROTOCOL.md §9.5); and the way back to
//! the retry queues.

use super::{Commands, Expiry, Key, Outgoing, Place, Queued};
use crate::mutants::{self, Mutant};
use crate::time::Millis;

impl Outgoing {
    /// Looks at the commands in flight, oldest transmission first, once the oldest is due. Those whose own timeout has
    /// passed go to the front of their retry queue, in order. Whether the peer must be given up.
    pub(crate) fn expire(
        &mut self,
        now: Millis,
        commands: &mut Commands,
        mut judge: impl FnMut(&Queued) -> Expiry,
    ) -> bool {
        if self.deadline(commands).is_none_or(|deadline| now.less(deadline)) {
            return false;
        }
        let before = (self.retry_control.first(), self.retry_data.first());
        let mut at = self.in_flight.first();
        while let Some(key) = at {
            at = commands.lists.next(key);
            let Some(sent) = commands.get(key) else { break };
            if now.diff(sent.sent_time) < sent.timeout {
                continue;
            }
            match judge(sent) {
                Expiry::GiveUp => return true,
                Expiry::Resend(timeout) => self.postpone(key, timeout, before, commands),
            }
        }
        false
    }

    /// Moves an expired command to the front of its retry queue, but behind those that go there now; what is
    /// swallowed to the end of it, where it holds up nothing else.
    pub(super) fn postpone(
        &mut self,
        key: Key,
        timeout: u32,
        (before_control, before_data): (Option<Key>, Option<Key>),
        commands: &mut Commands,
    ) {
        if self.unnamed == Some(key) {
            self.unnamed = commands.lists.next(key);
        }
        commands.enter(key);
        let Some(sent) = commands.lists.get_mut(key) else { return };
        sent.timeout = timeout;
        self.bytes = self.bytes.saturating_sub(sent.len);
        let from = if sent.place == Place::Riding {
            self.riders = self.riders.saturating_sub(1);
            &mut self.riding
        } else {
            &mut self.in_flight
        };
        let (is_data, is_swallowed) = (sent.body.is_data(), sent.is_swallowed());
        sent.place = if is_data { Place::RetryData } else { Place::RetryControl };
        let (to, before) = match (is_data, is_swallowed) {
            (false, _) => (&mut self.retry_control, before_control),
            (true, false) => (&mut self.retry_data, before_data.or(self.swallowed)),
            (true, true) => {
                self.swallowed.get_or_insert(key);
                (&mut self.retry_data, None)
            }
        };
        commands.lists.move_before(from, key, to, before);
    }

    /// When the oldest transmission is due, while there is one.
    #[inline]
    pub(crate) fn deadline(&self, commands: &Commands) -> Option<Millis> {
        let oldest = commands.lists.front(&self.in_flight)?;
        if mutants::is(Mutant::ForgottenTimer) && oldest.attempts > 1 {
            return None;
        }
        Some(oldest.sent_time.plus(oldest.timeout))
    }
}
