//! [`Index`]: finds the keys of named values. The values keep the names; the index keeps nothing but keys.

use alloc::vec;
use alloc::vec::Vec;

/// What a value is found by, at most one value for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) u64);

/// An open-addressed hash table, at most half full. Names are numbers that this host chooses, or hashes with a key of
/// its own, so nobody can make them collide.
#[derive(Debug)]
pub(crate) struct Index<K> {
    places: Vec<Option<K>>,
    len: usize,
    /// The most there were at once since the last trim.
    peak: usize,
}

const SMALLEST: usize = 16;

impl<K: Copy + PartialEq> Index<K> {
    pub(crate) const fn new() -> Self {
        Index { places: Vec::new(), len: 0, peak: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Enters a key; `name_of` gives the names of all keys in here.
    #[inline]
    pub(crate) fn insert(&mut self, name: Name, key: K, name_of: impl Fn(K) -> Option<Name>) {
        if (self.len + 1) * 2 > self.places.len() {
            self.resize((self.places.len() * 2).max(SMALLEST), &name_of);
        }
        self.len += 1;
        self.peak = self.peak.max(self.len);
        self.put(name, key);
    }

    /// The first key under a name that is the right one.
    pub(crate) fn find(&self, name: Name, is_right: impl Fn(K) -> bool) -> Option<K> {
        self.places.get(self.position(name, is_right)?).copied().flatten()
    }

    /// Takes out the first key under a name that is the right one.
    #[inline]
    pub(crate) fn remove(
        &mut self,
        name: Name,
        is_right: impl Fn(K) -> bool,
        name_of: impl Fn(K) -> Option<Name>,
    ) -> Option<K> {
        let at = self.position(name, is_right)?;
        let key = self.places.get(at).copied().flatten();
        self.len -= 1;
        self.close(at, name_of);
        key
    }

    fn position(&self, name: Name, is_right: impl Fn(K) -> bool) -> Option<usize> {
        let mut at = self.home(name)?;
        loop {
            let key = (*self.places.get(at)?)?;
            if is_right(key) {
                return Some(at);
            }
            at = self.after(at);
        }
    }

    /// Gives memory back that a burst left behind.
    pub(crate) fn trim(&mut self, name_of: impl Fn(K) -> Option<Name>) {
        let peak = core::mem::replace(&mut self.peak, self.len);
        let wanted = (peak * 2 + 2).next_power_of_two().max(SMALLEST);
        if wanted < self.places.len() {
            self.resize(wanted, &name_of);
        }
    }

    /// Empties a place and moves up those behind it that are not where they belong.
    fn close(&mut self, mut hole: usize, name_of: impl Fn(K) -> Option<Name>) {
        let mut at = hole;
        loop {
            at = self.after(at);
            let Some(key) = self.places.get(at).copied().flatten() else { break };
            let Some(home) = name_of(key).and_then(|name| self.home(name)) else { break };
            let mask = self.places.len() - 1;
            let displaced = at.wrapping_sub(home) & mask;
            if displaced >= at.wrapping_sub(hole) & mask {
                self.set(hole, Some(key));
                hole = at;
            }
        }
        self.set(hole, None);
    }

    fn resize(&mut self, places: usize, name_of: &impl Fn(K) -> Option<Name>) {
        let before = core::mem::replace(&mut self.places, vec![None; places]);
        for key in before.into_iter().flatten() {
            if let Some(name) = name_of(key) {
                self.put(name, key);
            }
        }
    }

    fn put(&mut self, name: Name, key: K) {
        let Some(mut at) = self.home(name) else { return };
        while self.places.get(at).is_some_and(Option::is_some) {
            at = self.after(at);
        }
        self.set(at, Some(key));
    }

    fn set(&mut self, at: usize, key: Option<K>) {
        if let Some(place) = self.places.get_mut(at) {
            *place = key;
        }
    }

    /// Where a name is looked for first: the upper bits of its product with 2⁶⁴ / φ, which spreads successive numbers.
    #[allow(clippy::cast_possible_truncation)] // masked
    fn home(&self, name: Name) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        Some((name.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::slab::{Key, Slab};
    use super::super::steps;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    fn remove(index: &mut Index<Key>, slab: &Slab<Name>, name: Name) -> Option<Key> {
        let name_of = |key| slab.get(key).copied();
        assert_eq!(index.find(name, |key| name_of(key) == Some(name)).is_some(), {
            slab_has(slab, index, name)
        });
        index.remove(name, |key| name_of(key) == Some(name), name_of)
    }

    fn slab_has(slab: &Slab<Name>, index: &Index<Key>, name: Name) -> bool {
        index.places.iter().flatten().any(|key| slab.get(*key) == Some(&name))
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_map(
            ops in prop::collection::vec((0u8..6, 0u64..200, any::<prop::sample::Index>()), 1..steps(500)),
        ) {
            let (mut index, mut slab) = (Index::new(), Slab::new());
            let mut model = BTreeMap::new();
            for (op, name, pick) in ops {
                match op {
                    0..=2 if !model.contains_key(&name) => {
                        let key = slab.insert(Name(name)).unwrap();
                        index.insert(Name(name), key, |key| slab.get(key).copied());
                        model.insert(name, key);
                    }
                    3 | 4 if !model.is_empty() => {
                        let name = *pick.get(&model.keys().copied().collect::<Vec<_>>());
                        let found = remove(&mut index, &slab, Name(name));
                        prop_assert_eq!(found, model.remove(&name));
                        slab.remove(found.unwrap());
                    }
                    5 => index.trim(|key| slab.get(key).copied()),
                    _ => {}
                }
                prop_assert_eq!(remove(&mut index, &slab, Name(1_000)), None);
                prop_assert_eq!(index.len, model.len());
                prop_assert_eq!(index.places.iter().flatten().count(), model.len());
            }
            for (name, key) in model {
                prop_assert_eq!(remove(&mut index, &slab, Name(name)), Some(key));
            }
        }
    }
}
