//! [`SideId`], [`HalfId`]: who is who in a world; [`Arena`]: where sides and halves live.

use std::ops::{Index, IndexMut};

/// Which side, over the whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SideId(pub(super) u32);

/// Which half of a connection, over the whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HalfId(pub(super) u32);

/// Things that are made one after the other and never go away.
#[derive(Debug)]
pub(super) struct Arena<T>(Vec<T>);

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena(Vec::new())
    }
}

impl<T> Arena<T> {
    /// Adds one; returns its number.
    pub(super) fn push(&mut self, it: T) -> u32 {
        self.0.push(it);
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;
    #[allow(clippy::indexing_slicing)] // numbers come from `push`
    fn index(&self, number: u32) -> &T {
        &self.0[number as usize]
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    #[allow(clippy::indexing_slicing)] // numbers come from `push`
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.0[number as usize]
    }
}
