//! [`Lists`]: any number of lists over one slab, so that an empty list costs two words and a value moves from one to
//! another without being copied.

use super::slab::{Key, Slab};

/// A list's ends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct List {
    first: Option<Key>,
    last: Option<Key>,
}

impl List {
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Whether there is one value.
    #[inline]
    pub(crate) const fn is_single(&self) -> bool {
        matches!((self.first, self.last), (Some(first), Some(last)) if first.is(last))
    }

    /// The key of the value in front.
    #[inline]
    pub(crate) const fn first(&self) -> Option<Key> {
        self.first
    }
}

#[derive(Debug)]
struct Node<T> {
    previous: Option<Key>,
    next: Option<Key>,
    value: T,
}

/// The values of all lists. A key must be used with the list its value is in.
#[derive(Debug)]
pub(crate) struct Lists<T> {
    nodes: Slab<Node<T>>,
}

impl<T> Lists<T> {
    /// Bytes that a value takes here.
    pub(crate) const PLACE: usize = Slab::<Node<T>>::PLACE;

    pub(crate) const fn new() -> Self {
        Lists { nodes: Slab::new() }
    }

    /// Values in all lists together.
    pub(crate) const fn len(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        Some(&self.nodes.get(key)?.value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        Some(&mut self.nodes.get_mut(key)?.value)
    }

    /// The value in front.
    #[inline]
    pub(crate) fn front(&self, list: &List) -> Option<&T> {
        self.get(list.first?)
    }

    #[inline]
    pub(crate) fn front_mut(&mut self, list: &List) -> Option<&mut T> {
        self.get_mut(list.first?)
    }

    #[inline]
    pub(crate) fn back(&self, list: &List) -> Option<&T> {
        self.get(list.last?)
    }

    #[inline]
    pub(crate) fn back_mut(&mut self, list: &List) -> Option<&mut T> {
        self.get_mut(list.last?)
    }

    /// The value behind one.
    pub(crate) fn next(&self, key: Key) -> Option<Key> {
        self.nodes.get(key)?.next
    }

    #[inline(always)]
    pub(crate) fn push_back(&mut self, list: &mut List, value: T) -> Option<Key> {
        self.push_back_with(list, || value)
    }

    /// The same for a value that is made where it will stay.
    #[inline(always)]
    pub(crate) fn push_back_with(&mut self, list: &mut List, value: impl FnOnce() -> T) -> Option<Key> {
        let previous = list.last;
        let key = self.nodes.insert_with(|| Node { previous, next: None, value: value() })?;
        self.tie_last(list, key);
        Some(key)
    }

    #[inline(always)]
    pub(crate) fn pop_front(&mut self, list: &mut List) -> Option<T> {
        let node = self.nodes.remove(list.first?)?;
        list.first = node.next;
        match node.next.and_then(|key| self.nodes.get_mut(key)) {
            Some(next) => next.previous = None,
            None => list.last = None,
        }
        Some(node.value)
    }

    /// Drops a value, wherever it stands.
    #[inline]
    pub(crate) fn discard(&mut self, list: &mut List, key: Key) {
        self.unlink(list, key);
        self.nodes.discard(key);
    }

    /// Moves the value in front to the end of another list.
    #[inline(always)]
    pub(crate) fn move_front(&mut self, from: &mut List, to: &mut List) -> Option<&mut T> {
        let key = from.first?;
        let node = self.nodes.get_mut(key)?;
        let next = node.next.take();
        node.previous = to.last;
        from.first = next;
        match next.and_then(|next| self.nodes.get_mut(next)) {
            Some(node) => node.previous = None,
            None => from.last = None,
        }
        self.tie_last(to, key);
        self.get_mut(key)
    }

    /// Moves values from the front on to the end of another list, as long as they are to go; each is changed before.
    #[inline(always)]
    pub(crate) fn move_front_while(
        &mut self,
        from: &mut List,
        to: &mut List,
        mut goes: impl FnMut(Key, &mut T) -> bool,
    ) {
        let (first, mut last, mut at) = (from.first, None, from.first);
        while let Some(key) = at
            && let Some(node) = self.nodes.get_mut(key)
            && goes(key, &mut node.value)
        {
            (last, at) = (at, node.next);
        }
        let (Some(first), Some(last)) = (first, last) else { return };
        from.first = at;
        match at.and_then(|key| self.nodes.get_mut(key)) {
            Some(node) => node.previous = None,
            None => from.last = None,
        }
        if let Some(node) = self.nodes.get_mut(first) {
            node.previous = to.last;
        }
        if let Some(node) = self.nodes.get_mut(last) {
            node.next = None;
        }
        self.tie_last(to, first);
        to.last = Some(last);
    }

    /// Drops the value in front.
    #[inline(always)]
    pub(crate) fn discard_front(&mut self, list: &mut List) {
        let Some(key) = list.first else { return };
        let Some(next) = self.nodes.get(key).map(|node| node.next) else { return };
        list.first = next;
        match next.and_then(|next| self.nodes.get_mut(next)) {
            Some(node) => node.previous = None,
            None => list.last = None,
        }
        self.nodes.discard(key);
    }

    /// Drops values from the front on, as long as they are to be.
    #[inline(always)]
    pub(crate) fn discard_front_while(&mut self, list: &mut List, mut is_it: impl FnMut(&T) -> bool) {
        let mut at = list.first;
        while let Some(key) = at
            && let Some(next) = self.nodes.discard_if(key, |node| is_it(&node.value).then_some(node.next))
        {
            at = next;
        }
        list.first = at;
        match at.and_then(|key| self.nodes.get_mut(key)) {
            Some(node) => node.previous = None,
            None => list.last = None,
        }
    }

    /// Moves a value to the end of another list, or of its own.
    #[inline]
    pub(crate) fn move_back(&mut self, from: &mut List, key: Key, to: &mut List) {
        self.unlink(from, key);
        if let Some(node) = self.nodes.get_mut(key) {
            (node.previous, node.next) = (to.last, None);
            self.tie_last(to, key);
        }
    }

    /// Moves a value to the end of its list.
    pub(crate) fn rotate(&mut self, list: &mut List, key: Key) {
        self.unlink(list, key);
        if let Some(node) = self.nodes.get_mut(key) {
            (node.previous, node.next) = (list.last, None);
            self.tie_last(list, key);
        }
    }

    /// Moves a value into another list, in front of `before`, or to its end.
    pub(crate) fn move_before(&mut self, from: &mut List, key: Key, to: &mut List, before: Option<Key>) {
        let Some(before) = before else { return self.move_back(from, key, to) };
        self.unlink(from, key);
        let Some(next) = self.nodes.get_mut(before) else { return };
        let previous = next.previous.replace(key);
        if let Some(node) = self.nodes.get_mut(key) {
            (node.previous, node.next) = (previous, Some(before));
        }
        match previous.and_then(|key| self.nodes.get_mut(key)) {
            Some(node) => node.next = Some(key),
            None => to.first = Some(key),
        }
    }

    /// Drops everything in a list.
    pub(crate) fn clear(&mut self, list: &mut List) {
        while self.pop_front(list).is_some() {}
    }

    pub(crate) fn iter(&self, list: &List) -> impl Iterator<Item = &T> {
        let mut at = list.first;
        core::iter::from_fn(move || {
            let node = self.nodes.get(at?)?;
            at = node.next;
            Some(&node.value)
        })
    }

    /// Gives memory back that a burst left behind.
    pub(crate) fn trim(&mut self) {
        self.nodes.trim();
    }

    /// Makes a node, which points to the last one already, the last.
    #[inline]
    fn tie_last(&mut self, list: &mut List, key: Key) {
        match list.last.and_then(|last| self.nodes.get_mut(last)) {
            Some(last) => last.next = Some(key),
            None => list.first = Some(key),
        }
        list.last = Some(key);
    }

    #[inline]
    fn unlink(&mut self, list: &mut List, key: Key) {
        let Some(node) = self.nodes.get(key) else { return };
        let (previous, next) = (node.previous, node.next);
        match previous.and_then(|key| self.nodes.get_mut(key)) {
            Some(node) => node.next = next,
            None => list.first = next,
        }
        match next.and_then(|key| self.nodes.get_mut(key)) {
            Some(node) => node.previous = previous,
            None => list.last = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn lists_behave_like_vectors(
            ops in prop::collection::vec(
                (0u8..9, any::<bool>(), any::<prop::sample::Index>(), any::<prop::sample::Index>()),
                1..steps(300),
            ),
        ) {
            let mut lists = Lists::new();
            let mut ends = [List::default(); 2];
            let mut model: [Vec<(Key, u32)>; 2] = [Vec::new(), Vec::new()];
            for (number, (op, second, pick, place)) in (0u32..).zip(ops) {
                let (here, there) = (usize::from(second), usize::from(!second));
                let [a, b] = &mut ends;
                let (from, to) = if second { (b, a) } else { (a, b) };
                let len = model[here].len();
                match op {
                    0 | 1 => model[here].push((lists.push_back(from, number).unwrap(), number)),
                    2 => {
                        let front = (len > 0).then(|| model[here].remove(0).1);
                        prop_assert_eq!(lists.pop_front(from), front);
                    }
                    3 if len > 0 => {
                        let (key, _) = model[here].remove(pick.index(len));
                        lists.discard(from, key);
                        prop_assert_eq!(lists.get(key), None);
                    }
                    4 if len > 0 => {
                        let entry = model[here].remove(pick.index(len));
                        lists.move_back(from, entry.0, to);
                        model[there].push(entry);
                    }
                    6 if len > 0 => {
                        let entry = model[here].remove(0);
                        if place.index(2) == 0 {
                            prop_assert_eq!(lists.move_front(from, to), Some(&mut { entry.1 }));
                            model[there].push(entry);
                        } else {
                            lists.discard_front(from);
                        }
                    }
                    5 if len > 0 && !model[there].is_empty() => {
                        let entry = model[here].remove(pick.index(len));
                        let at = place.index(model[there].len());
                        lists.move_before(from, entry.0, to, Some(model[there][at].0));
                        model[there].insert(at, entry);
                    }
                    7 => {
                        let limit = u32::try_from(place.index(300)).unwrap();
                        lists.discard_front_while(from, |value| *value < limit);
                        let stay = model[here].iter().position(|(_, value)| *value >= limit);
                        model[here].drain(..stay.unwrap_or(len));
                    }
                    8 => {
                        let limit = u32::try_from(place.index(300)).unwrap();
                        lists.move_front_while(from, to, |_, value| *value < limit);
                        let stay = model[here].iter().position(|(_, value)| *value >= limit);
                        let gone: Vec<_> = model[here].drain(..stay.unwrap_or(len)).collect();
                        model[there].extend(gone);
                    }
                    _ => lists.trim(),
                }
                for (list, model) in ends.iter().zip(&model) {
                    prop_assert!(lists.iter(list).eq(model.iter().map(|(_, value)| value)));
                    prop_assert_eq!(lists.front(list), model.first().map(|(_, value)| value));
                    prop_assert_eq!(list.is_empty(), model.is_empty());
                }
                prop_assert_eq!(lists.len(), model[0].len() + model[1].len());
            }
        }
    }
}
