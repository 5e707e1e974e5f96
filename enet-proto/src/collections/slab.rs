//! [`Slab`]: values that stay where they are, named by a [`Key`] until they are removed.

use alloc::vec::Vec;

/// Names a value in its slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u32);

/// Places are used again, so that a steady number of values needs no memory.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Option<T>>,
    vacant: Vec<Key>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Slab { places: Vec::new(), vacant: Vec::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        if let Some(key) = self.vacant.pop() {
            if let Some(place) = self.places.get_mut(key.0 as usize) {
                *place = Some(value);
            }
            return key;
        }
        #[allow(clippy::cast_possible_truncation)] // what is in flight is limited far below 2³²
        let key = Key(self.places.len() as u32);
        self.places.push(Some(value));
        key
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        self.places.get(key.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.places.get_mut(key.0 as usize)?.as_mut()
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let value = self.places.get_mut(key.0 as usize)?.take()?;
        self.vacant.push(key);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_value_s_place_is_used_again() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.insert('c'), a);
        assert_eq!((slab.get(a), slab.get(b), slab.len()), (Some(&'c'), Some(&'b'), 2));
    }
}
