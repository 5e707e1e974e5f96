//! [`DirectionStats`]: what happened in one direction.

use super::DropReason;

/// Counts of one direction's datagrams. What was sent and duplicated has arrived, was dropped, or is held or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DirectionStats {
    /// Given to the network.
    pub sent: u64,
    /// Damaged under way, and not dropped.
    pub corrupted: u64,
    /// Further copies that were made, whether they arrive or not.
    pub duplicated: u64,
    /// First copies that arrive before an earlier datagram.
    pub reordered: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl DirectionStats {
    /// Dropped for this reason; copies that a full queue or a cut takes count one by one.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped.get(reason as usize).copied().unwrap_or(0)
    }

    /// Dropped for whatever reason.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Both together.
    pub(crate) fn and(mut self, other: &DirectionStats) -> DirectionStats {
        self.sent += other.sent;
        self.corrupted += other.corrupted;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        for (mine, theirs) in self.dropped.iter_mut().zip(other.dropped) {
            *mine += theirs;
        }
        self
    }

    pub(crate) fn drop_for(&mut self, reason: DropReason) {
        if let Some(count) = self.dropped.get_mut(reason as usize) {
            *count += 1;
        }
    }
}
