//! Duplicate suppression for unsequenced packets: a window of 1024 groups that jumps forward (PROTOCOL.md §12.7).

use enet_wire::UnsequencedGroup;

const WINDOW: u16 = 1024;
const ACCEPTED_SPAN: u32 = 32 * WINDOW as u32;

/// Which groups of the current block of 1024 have arrived.
#[derive(Debug, Clone)]
pub(crate) struct UnsequencedWindow {
    base: u16,
    seen: [u32; WINDOW as usize / 32],
}

/// A group that is new: to be marked once its packet has been taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fresh(u16);

impl UnsequencedWindow {
    pub(crate) const fn new() -> Self {
        UnsequencedWindow { base: 0, seen: [0; WINDOW as usize / 32] }
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
            self.seen = [0; WINDOW as usize / 32];
        } else if self.word(index).is_some_and(|word| *word & bit(index) != 0) {
            return None;
        }
        Some(Fresh(index))
    }

    /// Marks a group that `check` found new.
    pub(crate) fn mark(&mut self, Fresh(index): Fresh) {
        if let Some(word) = self.word(index) {
            *word |= bit(index);
        }
    }

    fn word(&mut self, index: u16) -> Option<&mut u32> {
        self.seen.get_mut(usize::from(index / 32))
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
            }
        }
    }
}
