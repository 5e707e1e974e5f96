//! How much waits in all, and whether that is too much.

use super::{COMMAND, Commands, List, Outgoing, Place, Queued};

impl Outgoing {
    /// Counts a command that is queued.
    #[inline(always)]
    pub(crate) const fn charge(&mut self, cost: u64) {
        self.queued = self.queued.wrapping_add(cost);
    }

    /// A command with so many bytes of payload leaves the lists.
    #[inline(always)]
    pub(in crate::peer) fn forget(&mut self, bytes: u32) {
        self.forget_all(1, bytes);
    }

    /// The same of so many commands with so many bytes of payload together.
    #[inline(always)]
    pub(super) fn forget_all(&mut self, commands: u64, bytes: u32) {
        self.queued = self.queued.wrapping_sub(commands * COMMAND + u64::from(bytes));
    }

    /// Whether no packet may be added.
    #[inline]
    pub(crate) const fn is_full(&self, max: u64) -> bool {
        self.queued >= max
    }

    /// A packet was given back for that; whether it is the first.
    pub(crate) const fn note_full(&mut self) -> bool {
        !core::mem::replace(&mut self.was_full, true)
    }

    /// Whether it was full, and is not half full any more: said once.
    pub(crate) const fn is_relieved(&mut self, max: u64) -> bool {
        if !self.was_full || self.queued >= max.div_ceil(2) {
            return false;
        }
        self.was_full = false;
        true
    }

    /// Whether the application is to be told when it is not full any more.
    pub(crate) const fn was_full(&self) -> bool {
        self.was_full
    }

    /// Bytes of everything in the lists, as commands are counted.
    pub(crate) const fn queued(&self) -> u64 {
        self.queued
    }

    /// The same, added up anew.
    pub(crate) fn requeued(&self, commands: &Commands) -> u64 {
        let flying = [&self.in_flight, &self.riding];
        let waiting = [&self.control, &self.data, &self.retry_control, &self.retry_data];
        let lists = flying.into_iter().chain(waiting);
        let listed: u64 = lists.flat_map(|list| commands.lists.iter(list)).map(Queued::cost).sum();
        listed + if self.has_lone_ping() { COMMAND } else { 0 }
    }

    /// Listed commands in flight, and commands that wait; counted one by one.
    pub(crate) fn count(&self, commands: &Commands) -> (usize, usize) {
        let count = |list: &List| commands.lists.iter(list).count();
        let waiting = [&self.control, &self.data, &self.retry_control, &self.retry_data];
        (count(&self.in_flight) + count(&self.riding), waiting.map(count).iter().sum())
    }

    /// Panics if what is swallowed does not stand behind everything else that was lost.
    #[allow(clippy::panic)] // its purpose
    fn check_swallowed(&self, commands: &Commands) {
        let mut is_swallowed = false;
        let mut at = self.retry_data.first();
        while let Some((key, lost)) = at.and_then(|key| Some((key, commands.get(key)?))) {
            is_swallowed |= self.swallowed == Some(key);
            assert_eq!(lost.is_swallowed(), is_swallowed, "lost {} times", lost.losses);
            at = commands.lists.next(key);
        }
        assert_eq!(self.swallowed.is_some(), is_swallowed, "the first swallowed one is not in the queue");
    }

    /// How many of the commands have names. Panics if one has none that must, is not found by it, or
    /// stands where it must not.
    #[allow(clippy::panic)] // its purpose
    pub(crate) fn check_names(&self, commands: &Commands) -> usize {
        self.check_swallowed(commands);
        let mut must_have = true;
        let mut at = self.in_flight.first();
        while let Some((key, sent)) = at.and_then(|key| Some((key, commands.get(key)?))) {
            must_have &= self.unnamed != Some(key);
            assert!(sent.indexed || !must_have, "a command in flight without a name");
            at = commands.lists.next(key);
        }
        assert!(self.unnamed.is_none() || !must_have, "the first without a name is not in flight");
        let lists = [&self.in_flight, &self.riding, &self.retry_control, &self.retry_data];
        let riding = commands.lists.iter(&self.riding);
        let riders = riding.inspect(|it| assert!(it.indexed && it.place == Place::Riding && it.rides > 0));
        assert_eq!(riders.count(), usize::from(self.riders), "commands that ride along");
        let named = lists.into_iter().flat_map(|list| commands.lists.iter(list)).filter(|sent| sent.indexed);
        named.inspect(|sent| assert!(commands.knows(sent), "a name that leads nowhere")).count()
    }

    /// Payload bytes in flight, added up anew.
    pub(crate) fn recount(&self, commands: &Commands) -> u64 {
        let flying = [&self.in_flight, &self.riding].into_iter().flat_map(|list| commands.lists.iter(list));
        flying.map(|sent| u64::from(sent.len)).sum()
    }
}
