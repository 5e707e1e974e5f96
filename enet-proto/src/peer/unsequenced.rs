//! Duplicate suppression for unsequenced packets: a window of 1024 groups that jumps forward (PROTOCOL.md §12.7).

use alloc::boxed::Box;

use enet_wire::UnsequencedGroup;

const WINDOW: u16 = 1024;
const ACCEPTED_SPAN: u32 = 32 * WINDOW as u32;

/// Which groups of the current block of 1024 have arrived. A few are listed; what more there is stands elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct UnsequencedWindow {
    base: u16,
    few: [u16; FEW],
    many: Option<Box<Many>>,
}

/// A bit for each member of a block, which stays for the blocks that follow.
#[derive(Debug, Clone)]
struct Many {
    /// A block far ahead, and which datagram spoke of it.
    doubted: Option<(u16, u32)>,
    /// Which datagram led to the current block.
    leader: Option<u32>,
    words: [u32; WORDS],
}

const FEW: usize = 3;
const WORDS: usize = WINDOW as usize / 32;

/// In the list, no member.
const NONE: u16 = u16::MAX;

impl Many {
    const EMPTY: Many = Many { doubted: None, leader: None, words: [0; WORDS] };

    fn contains(&self, index: u16) -> bool {
        self.words.get(usize::from(index / 32)).is_some_and(|word| word & bit(index) != 0)
    }

    fn insert(&mut self, index: u16) {
        if let Some(word) = self.words.get_mut(usize::from(index / 32)) {
            *word |= bit(index);
        }
    }
}

/// What a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    Fresh(Fresh),
    /// A duplicate, or of the past.
    Known,
    /// Far ahead, or farther than one datagram leads, says a single one.
    Doubted,
}

/// A group that is new: to be marked once its packet has been taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fresh(u16);

impl UnsequencedWindow {
    pub(crate) const fn new() -> Self {
        UnsequencedWindow { base: 0, few: [NONE; FEW], many: None }
    }

    /// First group of the current block.
    pub(crate) const fn base(&self) -> u16 {
        self.base
    }

    /// Moves the window to the group's block if that is ahead. Where the number of the datagram is given it does so once for
    /// each, and past the next block only if another one spoke of the same region: so one that is forged costs a block at
    /// most, and the groups it contains.
    #[allow(clippy::cast_possible_truncation)] // enough to tell two datagrams apart
    pub(crate) fn check(&mut self, group: UnsequencedGroup, datagram: Option<u64>) -> Judgement {
        let index = group.0 % WINDOW;
        let unwrapped = u32::from(group.0) + if group.0 < self.base { 0x1_0000 } else { 0 };
        if unwrapped >= u32::from(self.base) + ACCEPTED_SPAN {
            return Judgement::Known;
        }
        let block = group.0 - index;
        if block != self.base {
            let datagram = datagram.map(|datagram| datagram as u32);
            if let Some(datagram) = datagram {
                let is_far = unwrapped >= u32::from(self.base) + u32::from(2 * WINDOW);
                if self.is_led_by(datagram) || is_far && !self.is_confirmed(block, datagram) {
                    self.many().doubted = Some((block, datagram));
                    return Judgement::Doubted;
                }
            }
            self.base = block;
            self.clear();
            if datagram.is_some() {
                self.many().leader = datagram;
            }
        } else if self.contains(index) {
            return Judgement::Known;
        }
        Judgement::Fresh(Fresh(index))
    }

    /// Whether another datagram spoke of this block or one beside it.
    fn is_confirmed(&self, block: u16, datagram: u32) -> bool {
        let doubted = self.many.as_ref().and_then(|many| many.doubted);
        doubted.is_some_and(|(other, by)| {
            by != datagram && block.wrapping_sub(other).wrapping_add(WINDOW) <= 2 * WINDOW
        })
    }

    /// Whether this datagram has moved the window already.
    fn is_led_by(&self, datagram: u32) -> bool {
        self.many.as_ref().is_some_and(|many| many.leader == Some(datagram))
    }

    /// Marks a group that `check` found new.
    pub(crate) fn mark(&mut self, Fresh(index): Fresh) {
        let free = self.few.iter_mut().find(|member| **member == NONE);
        match (&mut self.many, free) {
            (None, Some(free)) => *free = index,
            _ => self.many().insert(index),
        }
    }

    /// Gives the bits back where a list will do.
    pub(crate) fn trim(&mut self) {
        let Some(many) = self.many.as_ref().filter(|many| many.doubted.is_none()) else { return };
        let count: u32 = many.words.iter().map(|word| word.count_ones()).sum();
        if count as usize <= FEW {
            let mut members = (0..WINDOW).filter(|index| many.contains(*index));
            self.few = [(); FEW].map(|()| members.next().unwrap_or(NONE));
            self.many = None;
        }
    }

    fn contains(&self, index: u16) -> bool {
        self.few.contains(&index) || self.many.as_ref().is_some_and(|many| many.contains(index))
    }

    fn clear(&mut self) {
        self.few = [NONE; FEW];
        if let Some(many) = &mut self.many {
            **many = Many::EMPTY;
        }
    }

    fn many(&mut self) -> &mut Many {
        self.many.get_or_insert_with(|| {
            let mut many = Box::new(Many::EMPTY);
            let few = core::mem::replace(&mut self.few, [NONE; FEW]);
            few.into_iter().filter(|member| *member != NONE).for_each(|member| many.insert(member));
            many
        })
    }
}

const fn bit(index: u16) -> u32 {
    1 << (index % 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accept(window: &mut UnsequencedWindow, group: u16) -> bool {
        accept_in(window, group, None)
    }

    fn accept_in(window: &mut UnsequencedWindow, group: u16, datagram: Option<u64>) -> bool {
        match window.check(UnsequencedGroup(group), datagram) {
            Judgement::Fresh(fresh) => {
                window.mark(fresh);
                true
            }
            Judgement::Known | Judgement::Doubted => false,
        }
    }

    #[test]
    fn a_jump_is_believed_with_the_second_datagram() {
        let mut window = UnsequencedWindow::new();
        let script = [
            (1, 1, true),
            (31_000, 2, false),
            (31_001, 2, false), // the same one
            (2, 3, true),
            (50, 4, true),
            (31_900, 5, true),
            (31_901, 6, true),
            (33_000, 7, true),  // the next block
            (33_800, 7, false), // and the one behind it
            (34_000, 8, true),
            (3, 9, false),
        ];
        for (step, (group, datagram, taken)) in script.into_iter().enumerate() {
            assert_eq!(accept_in(&mut window, group, Some(datagram)), taken, "step {step}, group {group}");
        }
    }

    proptest! {
        #[test]
        fn one_forged_datagram_costs_a_block_at_most_and_the_groups_it_bears(
            at in 0u16..60_000,
            forged in prop_oneof![
                prop::collection::vec(any::<u16>(), 1..9),
                (1u16..1_500).prop_map(|step| (1..40).map(|number| number * step).collect()),
            ],
        ) {
            let mut window = UnsequencedWindow::new();
            window.base = at - at % WINDOW;
            let named = forged.len();
            for ahead in forged {
                accept_in(&mut window, at.wrapping_add(ahead), Some(0));
            }
            let taken = (1..=2_000u16).filter(|step| accept_in(&mut window, at.wrapping_add(*step), Some(u64::from(*step))));
            prop_assert!(2_000 - taken.count() <= usize::from(WINDOW) + named);
        }
    }

    #[test]
    fn groups_are_taken_as_by_the_recorded_library() {
        let mut window = UnsequencedWindow::new();
        let script = [
            (1, true),
            (1, false),
            (0, true),
            (1023, true),
            (1024, true),
            (1023, false),
            (5, false),
            (32767, true),
            (33791, true),
            (33792, true),
            (40000, true),
            (1, true),
            (65535, false),
            (0, true),
        ];
        for (step, (group, taken)) in script.into_iter().enumerate() {
            assert_eq!(accept(&mut window, group), taken, "step {step}, group {group}");
        }
        assert_eq!(window.base(), 0);
    }

    proptest! {
        #[test]
        fn nothing_is_taken_twice_within_a_block(groups in prop::collection::vec(0u16..1024, 1..300)) {
            let mut window = UnsequencedWindow::new();
            let mut seen = std::collections::BTreeSet::new();
            for group in groups {
                prop_assert_eq!(accept(&mut window, group), seen.insert(group));
                if group % 16 == 0 {
                    window.trim();
                }
            }
        }
    }
}
