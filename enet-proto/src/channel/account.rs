//! [`Account`]: the memory that received data takes, of a whole host, and who may take more.

use crate::stats::DiscardReason;

/// What a packet that waits for the application takes beside its payload, in bytes: at most, with a margin for what the
/// allocator adds. What packets that wait for others take beside that is counted as it is.
pub(crate) const ENTRY: u32 = 128;

/// What packets in fragments may take for each byte they announced, and to begin with. A sender that means well causes
/// half of it.
const DEAREST: u64 = 4;
const BASE: u64 = 256 * 1024;

/// More than there can be.
const UNLIMITED: i64 = i64::MAX / 2;

/// One for all connections of a host. Each keeps its own share in a number that it lends.
#[derive(Debug)]
pub(crate) struct Account {
    limit: i64,
    /// What is left of it; the last step may overshoot.
    free: i64,
    /// The least that was ever left, as far as anybody looked.
    lowest: i64,
    /// Bytes at which a connection gets no more.
    share: u32,
}

impl Account {
    /// One of at most `limit` bytes, of which no connection may take more than `share` and a packet.
    pub(crate) fn new(limit: u64, share: u32) -> Self {
        let limit = i64::try_from(limit).unwrap_or(UNLIMITED).min(UNLIMITED);
        Account { limit, free: limit, lowest: limit, share }
    }

    /// Without limits: it only counts.
    pub(crate) const fn unlimited() -> Self {
        Account { limit: UNLIMITED, free: UNLIMITED, lowest: UNLIMITED, share: u32::MAX }
    }

    /// What a connection may take from now on, if there are limits.
    pub(crate) const fn set_share(&mut self, share: u32) {
        if self.limit < UNLIMITED {
            self.share = share;
        }
    }

    /// Bytes taken by all connections, and the most there ever were.
    pub(crate) const fn taken(&self) -> (u64, u64) {
        (self.limit.abs_diff(self.free), self.limit.abs_diff(self.lowest))
    }

    /// Whether a connection that holds `held` may take the place of another packet of so many bytes.
    #[inline]
    pub(crate) fn admit(&self, held: u32, length: u32) -> Result<(), DiscardReason> {
        if held >= self.share {
            return Err(DiscardReason::WaitingDataLimit);
        }
        self.admit_fairly(held, length)
    }

    /// Whether a connection may go on with packets that were begun, and announce so many bytes: the others wait for them.
    /// It may take more than its share for that, as much as they can cost whose sender means well and more.
    pub(crate) fn admit_begun(&self, held: u32, length: u32, announced: u32) -> Result<(), DiscardReason> {
        let most = u64::from(self.share) + u64::from(announced) * DEAREST + BASE;
        if u64::from(held) >= most {
            return Err(DiscardReason::WaitingDataLimit);
        }
        self.admit_fairly(held, length)
    }

    /// Nobody may then hold more than what is left for all others, so one
    /// connection gets half of the memory, each of two a third, and somebody who holds little is never refused for what
    /// others hold.
    #[inline]
    fn admit_fairly(&self, held: u32, length: u32) -> Result<(), DiscardReason> {
        let cost = i64::from(length) + i64::from(ENTRY);
        if i64::from(held) + 2 * cost > self.free { Err(DiscardReason::MemoryLimit) } else { Ok(()) }
    }

    /// Something that took `before` bytes of what a connection holds takes `after`.
    #[inline]
    pub(crate) fn resize(&mut self, held: &mut u32, before: u32, after: u32) {
        *held = held.wrapping_sub(before).wrapping_add(after);
        self.free += i64::from(before) - i64::from(after);
    }

    /// Remembers how much is taken, if it never was more. To be called where it has grown.
    #[inline]
    pub(crate) fn note_highest(&mut self) {
        self.lowest = self.lowest.min(self.free);
    }

    /// Takes back all that a connection holds.
    pub(crate) fn release_all(&mut self, held: &mut u32) {
        let all = *held;
        self.resize(held, all, 0);
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
        account.admit(*held, length).map(|()| account.resize(held, 0, length + ENTRY))?;
        account.note_highest();
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
        assert_eq!(shares[..4], [500, 250, 125, 62]);
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
            account.release_all(&mut held);
            assert_eq!((held, account.taken()), (0, (0, 500_000)));
        }
    }
}
