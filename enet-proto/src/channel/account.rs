//! [`Account`]: the memory that received data takes, of a whole host, and who may take more.

use crate::stats::DiscardReason;

/// What a packet that waits for the application takes beside its payload, in bytes: at most, for the list may have as much
/// room again. What packets that wait for others take beside that is counted as it is.
pub(crate) const ENTRY: u32 = 224;

/// What packets in fragments may take for each byte they announced, and to begin with. A sender that means well causes
/// half of it.
const DEAREST: u64 = 4;
const BASE: u64 = 256 * 1024;

/// No connection gets more, whatever is configured: what it holds is counted in 32 bits.
const LARGEST_SHARE: u32 = u32::MAX / 2;

/// More than there can be.
const UNLIMITED: i64 = i64::MAX / 2;

/// One for all connections of a host. Each counts for itself what it holds, and tells what has become of that when it has
/// taken in a datagram or given a packet to the application.
#[derive(Debug)]
pub(crate) struct Account {
    limit: i64,
    /// What is left of it; the last datagram may overshoot.
    free: i64,
    /// The least that was ever left.
    lowest: i64,
    /// Bytes at which a connection gets no more.
    share: u32,
    /// The same as long as a datagram is taken in: it may be less, if little is left.
    threshold: u32,
}

impl Account {
    /// One of at most `limit` bytes, of which no connection may take more than `share` and a packet.
    pub(crate) fn new(limit: u64, share: u32) -> Self {
        let limit = i64::try_from(limit).unwrap_or(UNLIMITED).min(UNLIMITED);
        let share = share.min(LARGEST_SHARE);
        Account { limit, free: limit, lowest: limit, share, threshold: share }
    }

    /// Without limits: it only counts.
    pub(crate) const fn unlimited() -> Self {
        let (limit, share) = (UNLIMITED, u32::MAX);
        Account { limit, free: limit, lowest: limit, share, threshold: share }
    }

    pub(crate) const fn is_limited(&self) -> bool {
        self.limit < UNLIMITED
    }

    /// What a connection may take from now on, if there are limits.
    pub(crate) fn set_share(&mut self, share: u32) {
        if self.is_limited() {
            self.share = share.min(LARGEST_SHARE);
        }
    }

    /// Bytes taken by all connections, and the most there ever were.
    pub(crate) const fn taken(&self) -> (u64, u64) {
        (self.limit.abs_diff(self.free), self.limit.abs_diff(self.lowest))
    }

    // --- who may take more ---

    /// A datagram comes. Nobody may hold more than what is left for all others: so one connection gets half of the memory,
    /// each of two a third, and who holds little is not refused for what others hold.
    #[inline]
    pub(crate) fn open(&mut self) {
        let left = (self.free - i64::from(2 * ENTRY)).max(0);
        self.threshold = u32::try_from(left).unwrap_or(u32::MAX).min(self.share);
    }

    /// Whether a connection that holds `held` may take the place of another packet.
    #[inline]
    pub(crate) fn admit(&self, held: u32) -> Result<(), DiscardReason> {
        if held >= self.threshold { Err(self.reason(held)) } else { Ok(()) }
    }

    #[cold]
    const fn reason(&self, held: u32) -> DiscardReason {
        if held >= self.share { DiscardReason::WaitingDataLimit } else { DiscardReason::MemoryLimit }
    }

    /// Whether a connection may go on with packets that were begun, taking so much more where so much was announced: the
    /// others wait for them. It may exceed its share for that, by what they can cost whose sender means well and more.
    pub(crate) fn admit_begun(&self, held: u32, length: u32, announced: u32) -> Result<(), DiscardReason> {
        let most = u64::from(self.share) + u64::from(announced) * DEAREST + BASE;
        if u64::from(held) >= most {
            return Err(DiscardReason::WaitingDataLimit);
        }
        let cost = i64::from(length) + i64::from(ENTRY);
        if i64::from(held) + 2 * cost > self.free { Err(DiscardReason::MemoryLimit) } else { Ok(()) }
    }

    /// A connection held `before` bytes when it was last asked, and now holds `after`.
    #[inline]
    pub(crate) fn settle(&mut self, before: u32, after: u32) {
        self.free += i64::from(before) - i64::from(after);
        self.lowest = self.lowest.min(self.free);
    }

    /// A packet was fetched that took so many bytes.
    #[inline]
    pub(crate) fn give_back(&mut self, bytes: u32) {
        self.free += i64::from(bytes);
    }
}

/// Bytes as accounts count them.
pub(crate) fn counted(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn take(account: &mut Account, held: &mut u32, length: u32) -> Result<(), DiscardReason> {
        account.open();
        account.admit(*held)?;
        account.settle(0, length + ENTRY);
        *held += length + ENTRY;
        Ok(())
    }

    fn fill(account: &mut Account, held: &mut u32) {
        while take(account, held, 1_000 - ENTRY).is_ok() {}
    }

    #[test]
    fn one_connection_gets_half_of_what_there_is() {
        let mut account = Account::new(1_000_000, u32::MAX);
        let mut held = 0;
        fill(&mut account, &mut held);
        assert_eq!(held, 500_000);
    }

    #[test]
    fn whoever_comes_first_those_who_come_later_get_something() {
        let mut account = Account::new(1_000_000, u32::MAX);
        let mut all = [0; 9];
        for held in &mut all {
            fill(&mut account, held);
        }
        let shares: Vec<u32> = all.iter().map(|held| held / 1_000).collect();
        assert_eq!(shares[..4], [500, 250, 125, 63]);
        assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
        // The first gets nothing more, until it holds no more than is left.
        assert_eq!(take(&mut account, &mut all[0], 0), Err(DiscardReason::MemoryLimit));
        assert_eq!(take(&mut account, &mut 0, 0), Ok(()));
    }

    #[test]
    fn a_connection_s_own_limit_is_overshot_by_a_packet_at_most() {
        let mut account = Account::new(1_000_000, 10_500);
        let mut held = 0;
        fill(&mut account, &mut held);
        assert_eq!(held, 11_000);
        assert_eq!(take(&mut account, &mut held, 0), Err(DiscardReason::WaitingDataLimit));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_the_most_is_remembered() {
        let mut account = Account::new(1_000_000, u32::MAX);
        let mut held = 0;
        for _ in 0..3 {
            fill(&mut account, &mut held);
            assert_eq!(account.taken(), (500_000, 500_000));
            account.give_back(core::mem::take(&mut held));
            assert_eq!((held, account.taken()), (0, (0, 500_000)));
        }
    }
}
