//! [`Slab`]: values that stay where they are, named by a [`Key`] until they are removed.

use alloc::vec::Vec;
use core::num::NonZeroU32;

/// Names a value in its slab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(NonZeroU32);

impl Key {
    fn of(index: usize) -> Option<Key> {
        u32::try_from(index + 1).ok().and_then(NonZeroU32::new).map(Key)
    }

    /// Whether both name the same value.
    pub(crate) const fn is(self, other: Key) -> bool {
        self.0.get() == other.0.get()
    }

    const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[derive(Debug)]
enum Place<T> {
    Taken(T),
    /// Free, and before the free place used next.
    Vacant(Option<Key>),
}

/// Places are used again, the one freed last first, so that a steady number of values needs no memory.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    vacant: Option<Key>,
    len: usize,
    /// The most there were at once since the last trim.
    peak: usize,
}

/// Places that are kept although nothing is in them.
const KEPT: usize = 64;

impl<T> Slab<T> {
    /// Bytes of a place.
    pub(crate) const PLACE: usize = size_of::<Place<T>>();

    pub(crate) const fn new() -> Self {
        Slab { places: Vec::new(), vacant: None, len: 0, peak: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Places that exist, taken or not.
    pub(crate) const fn places(&self) -> usize {
        self.places.len()
    }

    /// Bytes they take.
    pub(crate) const fn footprint(&self) -> usize {
        self.places.capacity() * Self::PLACE
    }

    /// All values.
    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.places.into_iter().filter_map(|place| match place {
            Place::Taken(value) => Some(value),
            Place::Vacant(_) => None,
        })
    }

    /// Takes a value in, made where it will stay. `None` only at 2³² of them.
    #[inline(always)]
    pub(crate) fn insert_with(&mut self, value: impl FnOnce() -> T) -> Option<Key> {
        let key = match self.vacant {
            Some(key) => key,
            None => self.grow()?,
        };
        let place = self.places.get_mut(key.index())?;
        let Place::Vacant(next) = *place else { return None };
        self.vacant = next;
        *place = Place::Taken(value());
        self.len += 1;
        self.peak = self.peak.max(self.len);
        Some(key)
    }

    /// Takes a value in.
    pub(crate) fn insert(&mut self, value: T) -> Option<Key> {
        self.insert_with(|| value)
    }

    /// Adds a free place.
    #[cold]
    fn grow(&mut self) -> Option<Key> {
        let key = Key::of(self.places.len())?;
        self.places.push(Place::Vacant(None));
        self.vacant = Some(key);
        Some(key)
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.places.get(key.index())? {
            Place::Taken(value) => Some(value),
            Place::Vacant(_) => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.places.get_mut(key.index())? {
            Place::Taken(value) => Some(value),
            Place::Vacant(_) => None,
        }
    }

    #[inline(always)]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.index())?;
        if let Place::Vacant(_) = place {
            return None;
        }
        let Place::Taken(value) = core::mem::replace(place, Place::Vacant(self.vacant)) else { return None };
        self.vacant = Some(key);
        self.len -= 1;
        Some(value)
    }

    /// Drops a value where it is.
    #[inline]
    pub(crate) fn discard(&mut self, key: Key) {
        self.discard_if(key, |_| Some(()));
    }

    /// Drops a value where it is if `judge` has something to say of it, and says that.
    #[inline(always)]
    pub(crate) fn discard_if<R>(&mut self, key: Key, judge: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        let place = self.places.get_mut(key.index())?;
        let Place::Taken(value) = place else { return None };
        let said = judge(value)?;
        *place = Place::Vacant(self.vacant.replace(key));
        self.len -= 1;
        Some(said)
    }

    /// Gives memory back that a burst left behind: when nothing is in use, or less than half of the places was since the
    /// last call.
    pub(crate) fn trim(&mut self) {
        let peak = core::mem::replace(&mut self.peak, self.len);
        let peak = if self.len == 0 { 0 } else { peak };
        let kept = KEPT.max(peak + peak / 4);
        if self.places.len() <= KEPT.max(peak * 2) {
            return;
        }
        while self.places.len() > kept
            && let Some(Place::Vacant(_)) = self.places.last()
        {
            self.places.pop();
        }
        self.vacant = None;
        for (index, place) in self.places.iter_mut().enumerate().rev() {
            if let Place::Vacant(next) = place {
                *next = self.vacant;
                self.vacant = Key::of(index);
            }
        }
        self.places.shrink_to(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn a_removed_value_s_place_is_used_again() {
        let mut slab = Slab::new();
        let [a, b] = ['a', 'b'].map(|value| slab.insert(value).unwrap());
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.remove(a), None);
        assert_eq!(slab.insert('c'), Some(a));
        assert_eq!((slab.get(a), slab.get(b), slab.len()), (Some(&'c'), Some(&'b'), 2));
    }

    #[test]
    fn an_absent_key_costs_nothing() {
        assert_eq!(size_of::<Option<Key>>(), 4);
    }

    #[test]
    fn what_a_burst_left_behind_is_given_back() {
        let mut slab = Slab::new();
        let keys: Vec<Key> = (0..).take(steps(10_000)).map(|value| slab.insert(value).unwrap()).collect();
        for key in &keys[1..] {
            slab.remove(*key);
        }
        slab.trim();
        assert_eq!(slab.places.len(), steps(10_000), "they were in use a moment ago");
        slab.trim();
        assert!(slab.places.capacity() <= KEPT, "{}", slab.places.capacity());
        assert_eq!(slab.get(keys[0]), Some(&0));
    }

    proptest! {
        #[test]
        fn values_stay_until_they_are_removed(
            ops in prop::collection::vec((0u8..8, any::<prop::sample::Index>()), 1..steps(600)),
        ) {
            let mut slab = Slab::new();
            let mut known: Vec<(Key, u32)> = Vec::new();
            for (number, (op, pick)) in (0u32..).zip(ops) {
                match op {
                    0..=3 => known.push((slab.insert(number).unwrap(), number)),
                    4 if !known.is_empty() => {
                        let (key, _) = known.swap_remove(pick.index(known.len()));
                        slab.discard(key);
                        slab.discard(key);
                        prop_assert_eq!(slab.get(key), None);
                    }
                    5..=6 if !known.is_empty() => {
                        let (key, value) = known.swap_remove(pick.index(known.len()));
                        prop_assert_eq!(slab.remove(key), Some(value));
                        prop_assert_eq!(slab.get(key), None);
                    }
                    _ => slab.trim(),
                }
                prop_assert_eq!(slab.len(), known.len());
                for (key, value) in &known {
                    prop_assert_eq!(slab.get(*key), Some(value));
                }
            }
        }
    }
}
