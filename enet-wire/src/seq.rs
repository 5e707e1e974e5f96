//! Sequence numbers: the one module with wrapping arithmetic on them.

/// Windows the 65,536 reliable sequence numbers are divided into (`PROTOCOL.md §3`).
#[doc(alias = "ENET_PEER_RELIABLE_WINDOWS")]
pub const RELIABLE_WINDOWS: usize = 16;

/// Reliable sequence numbers in one window (`PROTOCOL.md §3`).
#[doc(alias = "ENET_PEER_RELIABLE_WINDOW_SIZE")]
pub const RELIABLE_WINDOW_SIZE: u16 = 0x1000;

/// How far ahead, in windows, a receiver tells new numbers from old ones: fewer than 7 ahead are accepted, 7 and 8
/// are too far, anything else is old (`PROTOCOL.md §3`, `§4.2`).
#[doc(alias = "ENET_PEER_FREE_RELIABLE_WINDOWS")]
pub const FREE_RELIABLE_WINDOWS: usize = 8;

/// Groups whose arrival a receiver of unsequenced packets remembers (`PROTOCOL.md §12.7`).
#[doc(alias = "ENET_PEER_UNSEQUENCED_WINDOW_SIZE")]
pub const UNSEQUENCED_WINDOW_SIZE: u16 = 1024;

/// Windows of unsequenced groups, counted from the receiver's, that are accepted (`PROTOCOL.md §12.7`).
#[doc(alias = "ENET_PEER_FREE_UNSEQUENCED_WINDOWS")]
pub const FREE_UNSEQUENCED_WINDOWS: u16 = 32;

/// A reliable sequence number: 16 bits that wrap, 0 being an ordinary number after a wrap (`PROTOCOL.md §2.4`).
///
/// There is deliberately no `Ord`: which of two numbers comes first depends on where the channel is, and
/// [`distance_from`](Self::distance_from) that place orders them (`PROTOCOL.md §4.3`).
///
/// ```
/// use enet_wire::ReliableSeq;
///
/// assert_eq!(ReliableSeq(0xFFFF).next(), ReliableSeq(0));
///
/// // Seen from 0xFFF0, the number 2 has wrapped and comes after 0xFFFE.
/// let here = ReliableSeq(0xFFF0);
/// assert!(ReliableSeq(0xFFFE).distance_from(here) < ReliableSeq(2).distance_from(here));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ReliableSeq(pub u16);

impl ReliableSeq {
    /// The number after this one; 0 after 0xFFFF.
    #[must_use]
    #[inline]
    pub const fn next(self) -> Self {
        self.add(1)
    }

    /// The number `n` after this one, wrapping.
    #[must_use]
    #[inline]
    pub const fn add(self, n: u16) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// How many steps of [`next`](Self::next) lead from `base` to this number.
    #[must_use]
    #[inline]
    pub const fn distance_from(self, base: Self) -> u16 {
        self.0.wrapping_sub(base.0)
    }

    /// The window this number lies in, `0 … 15`: its upper 4 bits.
    #[must_use]
    #[inline]
    pub const fn window(self) -> usize {
        (self.0 / RELIABLE_WINDOW_SIZE) as usize
    }

    /// Whether this is the first number of a window, where a sender asks whether it may enter
    /// (`PROTOCOL.md §9.7`).
    #[must_use]
    #[inline]
    pub const fn starts_window(self) -> bool {
        self.0.is_multiple_of(RELIABLE_WINDOW_SIZE)
    }

    /// Where this received number lies, for a channel whose last number delivered in order is `in_rel`
    /// (`PROTOCOL.md §4.2`).
    ///
    /// ```
    /// use enet_wire::{ReliableSeq, WindowOffset};
    ///
    /// let at_start = |s| ReliableSeq(s).offset_from(ReliableSeq(0));
    /// assert_eq!(at_start(0x6FFF), WindowOffset::Acceptable);
    /// assert_eq!(at_start(0x7000), WindowOffset::TooFarAhead);
    /// assert_eq!(at_start(0x8FFF), WindowOffset::TooFarAhead);
    /// assert_eq!(at_start(0x9000), WindowOffset::Old);
    /// assert_eq!(at_start(0xFFFF), WindowOffset::Old);
    ///
    /// let near_the_wrap = |s| ReliableSeq(s).offset_from(ReliableSeq(0xE123));
    /// assert_eq!(near_the_wrap(0x4FFF), WindowOffset::Acceptable);
    /// assert_eq!(near_the_wrap(0x5000), WindowOffset::TooFarAhead);
    /// assert_eq!(near_the_wrap(0x6FFF), WindowOffset::TooFarAhead);
    /// assert_eq!(near_the_wrap(0x7000), WindowOffset::Old);
    /// assert_eq!(near_the_wrap(0xE122), WindowOffset::Old);
    /// ```
    #[must_use]
    #[inline]
    pub const fn offset_from(self, in_rel: Self) -> WindowOffset {
        const TOO_FAR: usize = FREE_RELIABLE_WINDOWS - 1;
        let wrapped = if self.0 < in_rel.0 { RELIABLE_WINDOWS } else { 0 };
        // Never below zero: a number not less than `in_rel` is not in an earlier window, and 16 exceeds any window.
        match self.window() + wrapped - in_rel.window() {
            ..TOO_FAR => WindowOffset::Acceptable,
            TOO_FAR..=FREE_RELIABLE_WINDOWS => WindowOffset::TooFarAhead,
            _ => WindowOffset::Old,
        }
    }
}

/// Where a received reliable number lies relative to the channel, by windows (`PROTOCOL.md §4.2`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowOffset {
    /// Offset 0 … 6: the current window or a later one. The only number here that is not ahead is the last one
    /// delivered itself, a duplicate.
    Acceptable,
    /// Offset 7 or 8: drop it, and do **not** acknowledge it.
    TooFarAhead,
    /// Offset 9 and more: drop it, but acknowledge it; the earlier acknowledgement may have been lost.
    Old,
}

/// An unreliable sequence number. It restarts at 1 after each reliable command of its channel, so its order is the
/// plain numeric one (`PROTOCOL.md §4.3`).
///
/// ```
/// use enet_wire::UnreliableSeq;
///
/// assert_eq!(UnreliableSeq(1).next(), UnreliableSeq(2));
/// assert!(UnreliableSeq(1) < UnreliableSeq(0xFFFF));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnreliableSeq(pub u16);

impl UnreliableSeq {
    /// The number after this one; 0 after 0xFFFF.
    #[must_use]
    #[inline]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// The group of an unsequenced packet: a counter per peer, starting at 1, by which a receiver knows duplicates
/// (`PROTOCOL.md §12.7`).
///
/// ```
/// use enet_wire::UnsequencedGroup;
///
/// assert_eq!(UnsequencedGroup::default().next(), UnsequencedGroup(1));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct UnsequencedGroup(pub u16);

impl UnsequencedGroup {
    /// The group after this one; 0 after 0xFFFF.
    #[must_use]
    #[inline]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use WindowOffset::{Acceptable, Old, TooFarAhead};

    /// Every number; under Miri, which is a thousand times slower, one or two of each window.
    fn all_numbers() -> impl Iterator<Item = u16> {
        (0..=u16::MAX).step_by(if cfg!(miri) { 0xAAA } else { 1 })
    }

    /// The rule of `PROTOCOL.md §4.2` as written there, in signed arithmetic.
    fn offset_as_specified(s: u16, in_rel: u16) -> WindowOffset {
        let wrapped = if s < in_rel { 16 } else { 0 };
        match i32::from(s >> 12) + wrapped - i32::from(in_rel >> 12) {
            0..=6 => Acceptable,
            7 | 8 => TooFarAhead,
            9..=16 => Old,
            offset => panic!("{s:#06x} from {in_rel:#06x}: {offset} is not in 0 … 16"),
        }
    }

    #[test]
    fn received_numbers_are_classified_as_the_c_library_was_observed_to() {
        // (last delivered in order, received, where it lies), PROTOCOL.md §4.2 [E]
        let observed = [
            (0x0000, 0x6FFF, Acceptable),
            (0x0000, 0x7000, TooFarAhead),
            (0x0000, 0x8FFF, TooFarAhead),
            (0x0000, 0x9000, Old),
            (0x0000, 0xFFFF, Old),
            (0xE123, 0x4FFF, Acceptable),
            (0xE123, 0x5000, TooFarAhead),
            (0xE123, 0x6FFF, TooFarAhead),
            (0xE123, 0x7000, Old),
            (0xE123, 0xE122, Old),
        ];
        for (in_rel, received, offset) in observed {
            assert_eq!(
                ReliableSeq(received).offset_from(ReliableSeq(in_rel)),
                offset,
                "{received:#06x} from {in_rel:#06x}"
            );
        }
    }

    #[test]
    fn every_number_is_classified_as_specified_from_both_ends_of_every_window() {
        for window in 0..16 {
            for in_rel in [window << 12, (window << 12) | 0x123, (window << 12) | 0xFFF] {
                for s in all_numbers() {
                    assert_eq!(
                        ReliableSeq(s).offset_from(ReliableSeq(in_rel)),
                        offset_as_specified(s, in_rel),
                        "{s:#06x} from {in_rel:#06x}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_number_last_delivered_is_acceptable_and_the_one_before_it_is_old() {
        for in_rel in all_numbers().map(ReliableSeq) {
            assert_eq!(in_rel.offset_from(in_rel), Acceptable);
            assert_eq!(in_rel.add(u16::MAX).offset_from(in_rel), Old);
        }
    }

    #[test]
    fn numbers_wrap_from_0xffff_to_0() {
        assert_eq!(ReliableSeq(0xFFFF).next(), ReliableSeq(0));
        assert_eq!(ReliableSeq(0xFFFE).add(4), ReliableSeq(2));
        assert_eq!(UnreliableSeq(0xFFFF).next(), UnreliableSeq(0));
        assert_eq!(UnsequencedGroup(0xFFFF).next(), UnsequencedGroup(0));
    }

    #[test]
    fn distance_counts_the_steps_across_the_wrap() {
        assert_eq!(ReliableSeq(2).distance_from(ReliableSeq(0xFFFE)), 4);
        assert_eq!(ReliableSeq(0xFFFE).distance_from(ReliableSeq(2)), 0xFFFC);
        assert_eq!(ReliableSeq(9).distance_from(ReliableSeq(9)), 0);
    }

    #[test]
    fn numbers_that_have_wrapped_come_after_those_that_have_not() {
        // PROTOCOL.md §4.3, seen from 0xE123: numbers not below it in numeric order, then the others.
        let here = ReliableSeq(0xE123);
        let in_order = [0xE123, 0xE124, 0xFFFF, 0x0000, 0x0001, 0x4FFF].map(ReliableSeq);
        assert!(in_order.is_sorted_by_key(|seq| seq.distance_from(here)));
    }

    #[test]
    fn a_window_is_4096_numbers_and_starts_at_its_first() {
        assert_eq!(ReliableSeq(0x0FFF).window(), 0);
        assert_eq!(ReliableSeq(0x1000).window(), 1);
        assert_eq!(ReliableSeq(0xFFFF).window(), RELIABLE_WINDOWS - 1);
        assert!(ReliableSeq(0).starts_window());
        assert!(ReliableSeq(0xF000).starts_window());
        assert!(!ReliableSeq(0xF001).starts_window());
        assert!(!ReliableSeq(0x0FFF).starts_window());
    }
}
