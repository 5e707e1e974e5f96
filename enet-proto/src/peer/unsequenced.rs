//! Duplicate suppression for unsequenced packets: a window of 1024 groups that jumps forward (PROTOCOL.md §12.7).

use alloc::boxed::Box;

use enet_wire::UnsequencedGroup;

const WINDOW: u16 = 1024;
const ACCEPTED_SPAN: u32 = 32 * WINDOW as u32;

/// Which groups of the current block of 1024 have arrived.
#[derive(Debug, Clone)]
pub(crate) struct UnsequencedWindow {
    base: u16,
    seen: Seen,
}

/// Members of a block. A few are listed; for more there is a bit each, which stays for the blocks that follow.
#[derive(Debug, Clone)]
enum Seen {
    Few { len: u8, members: [u16; FEW] },
    Many(Box<[u32; WORDS]>),
}

const FEW: usize = 6;
const WORDS: usize = WINDOW as usize / 32;

impl Seen {
    const NONE: Seen = Seen::Few { len: 0, members: [0; FEW] };

    fn contains(&self, index: u16) -> bool {
        match self {
            Seen::Few { len, members } => members.iter().take(usize::from(*len)).any(|it| *it == index),
            Seen::Many(words) => {
                words.get(usize::from(index / 32)).is_some_and(|word| word & bit(index) != 0)
            }
        }
    }

    fn insert(&mut self, index: u16) {
        match self {
            Seen::Few { len, members } => match members.get_mut(usize::from(*len)) {
                Some(place) => {
                    *place = index;
                    *len += 1;
                }
                None => self.insert_many(index),
            },
            Seen::Many(words) => {
                if let Some(word) = words.get_mut(usize::from(index / 32)) {
                    *word |= bit(index);
                }
            }
        }
    }

    #[cold]
    fn insert_many(&mut self, index: u16) {
        let few = core::mem::replace(self, Seen::Many(Box::default()));
        if let Seen::Few { members, .. } = few {
            members.into_iter().chain([index]).for_each(|member| self.insert(member));
        }
    }

    fn clear(&mut self) {
        match self {
            Seen::Few { len, .. } => *len = 0,
            Seen::Many(words) => **words = [0; WORDS],
        }
    }

    /// Gives the bits back where a list will do.
    fn trim(&mut self) {
        if let Seen::Many(_) = self {
            let mut members = (0..WINDOW).filter(|index| self.contains(*index));
            let mut few = Seen::NONE;
            members.by_ref().take(FEW).for_each(|index| few.insert(index));
            if members.next().is_none() {
                *self = few;
            }
        }
    }
}

/// A group that is new: to be marked once its packet has been taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fresh(u16);

impl UnsequencedWindow {
    pub(crate) const fn new() -> Self {
        UnsequencedWindow { base: 0, seen: Seen::NONE }
    }

    /// First group of the current block.
    pub(crate) const fn base(&self) -> u16 {
        self.base
    }

    /// Moves the window to the group's block if that is ahead; `None` for duplicates and groups of the past.
    pub(crate) fn check(&mut self, group: UnsequencedGroup) -> Option<Fresh> {
        let index = group.0 % WINDOW;
        let unwrapped = u32::from(group.0) + if group.0 < self.base { 0x1_0000 } else { 0 };
        if unwrapped >= u32::from(self.base) + ACCEPTED_SPAN {
            return None;
        }
        if group.0 - index != self.base {
            self.base = group.0 - index;
            self.seen.clear();
        } else if self.seen.contains(index) {
            return None;
        }
        Some(Fresh(index))
    }

    /// Marks a group that `check` found new.
    pub(crate) fn mark(&mut self, Fresh(index): Fresh) {
        self.seen.insert(index);
    }

    /// Gives back what is not needed now.
    pub(crate) fn trim(&mut self) {
        self.seen.trim();
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
        window.check(UnsequencedGroup(group)).map(|fresh| window.mark(fresh)).is_some()
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
