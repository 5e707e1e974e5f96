//! [`Tree`]: values in the order of their numbers, in memory that is proportional to what is held.

use super::slab::{Key, Slab};

/// A trie of digits of four bits, in which only those exist that tell numbers apart. No path is longer than a number has
/// digits (four, if it has 16 bits), so a remote that chooses the numbers cannot make it slow, as it could a hash table
/// of a known function; there is nothing to balance, and a value that comes and goes uses memory that is there already.
#[derive(Debug)]
pub(crate) struct Tree<T> {
    root: Option<Branch>,
    forks: Slab<Fork>,
    leaves: Slab<Leaf<T>>,
}

#[derive(Debug, Clone, Copy)]
enum Branch {
    Leaf(Key),
    Fork(Key),
}

const DIGITS: usize = 16;

/// Places that are kept although there is nothing in most of them; of more, one of so many is taken.
const KEPT: usize = 64;
const SPARSE: usize = 4;

/// Where numbers part, two at least: those below agree in all higher digits.
#[derive(Debug)]
struct Fork {
    /// Place of the digit, in bits.
    shift: u8,
    /// Which branches are forks, a bit each; the others are leaves.
    forks: u16,
    branches: [Option<Key>; DIGITS],
}

#[derive(Debug)]
struct Leaf<T> {
    number: u64,
    value: T,
}

/// A place where a branch is attached: a fork and a digit.
type Side = (Key, usize);

impl Fork {
    const fn new(shift: u8) -> Fork {
        Fork { shift, forks: 0, branches: [None; DIGITS] }
    }

    #[inline]
    fn branch(&self, digit: usize) -> Option<Branch> {
        let key = (*self.branches.get(digit)?)?;
        Some(if self.forks >> digit & 1 == 1 { Branch::Fork(key) } else { Branch::Leaf(key) })
    }

    /// The first branch from this digit on.
    fn branch_from(&self, digit: usize) -> Option<Branch> {
        (digit..DIGITS).find_map(|digit| self.branch(digit))
    }

    /// The branch that is left, if it is the only one.
    fn only_branch(&self) -> Option<Branch> {
        let mut taken = (0..DIGITS).filter_map(|digit| self.branch(digit));
        let branch = taken.next();
        branch.filter(|_| taken.next().is_none())
    }

    fn set(&mut self, digit: usize, branch: Option<Branch>) {
        let (key, fork) = match branch {
            Some(Branch::Leaf(key)) => (Some(key), 0),
            Some(Branch::Fork(key)) => (Some(key), 1),
            None => (None, 0),
        };
        if let Some(place) = self.branches.get_mut(digit) {
            *place = key;
            self.forks = self.forks & !(1 << digit) | fork << digit;
        }
    }
}

impl<T> Tree<T> {
    pub(crate) const fn new() -> Self {
        Tree { root: None, forks: Slab::new(), leaves: Slab::new() }
    }

    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.leaves.len()
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.find(number).is_some()
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        while let Some(number) = self.first() {
            self.remove(number);
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        Some(&self.leaves.get(self.find(number)?)?.value)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        Some(&mut self.leaves.get_mut(self.find(number)?)?.value)
    }

    /// Enters a value; one of the same number it replaces.
    pub(crate) fn insert(&mut self, number: u64, value: T) {
        let nearest = self.nearest(number).and_then(|key| self.leaves.get_mut(key));
        let (Some(nearest), Some(root)) = (nearest, self.root) else {
            self.root = self.leaves.insert(Leaf { number, value }).map(Branch::Leaf);
            return;
        };
        let Some(shift) = highest_difference(nearest.number, number) else {
            nearest.value = value;
            return;
        };
        let beside = digit_of(nearest.number, shift);
        let (side, at) = self.descend(root, number, shift);
        let leaf = self.leaves.insert(Leaf { number, value }).map(Branch::Leaf);
        if let Branch::Fork(key) = at
            && let Some(fork) = self.forks.get_mut(key)
            && fork.shift == shift
        {
            return fork.set(digit_of(number, shift), leaf);
        }
        let mut fork = Fork::new(shift);
        fork.set(beside, Some(at));
        fork.set(digit_of(number, shift), leaf);
        if let Some(fork) = self.forks.insert(fork) {
            self.attach(side, Branch::Fork(fork));
        }
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let (mut above, mut here) = (None, None);
        let mut at = self.root?;
        let leaf = loop {
            match at {
                Branch::Leaf(leaf) => break leaf,
                Branch::Fork(key) => {
                    let fork = self.forks.get(key)?;
                    let digit = digit_of(number, fork.shift);
                    (above, here) = (here, Some((key, digit)));
                    at = fork.branch(digit)?;
                }
            }
        };
        if self.leaves.get(leaf)?.number != number {
            return None;
        }
        match here {
            None => self.root = None,
            Some((key, digit)) => {
                let fork = self.forks.get_mut(key)?;
                fork.set(digit, None);
                if let Some(rest) = fork.only_branch() {
                    self.forks.remove(key);
                    self.attach(above, rest);
                }
            }
        }
        let value = self.leaves.remove(leaf)?.value;
        if self.leaves.places() > KEPT.max(self.leaves.len() * SPARSE) {
            self.compact();
        }
        Some(value)
    }

    /// Moves what is held into memory that is no larger than it has to be.
    #[cold]
    fn compact(&mut self) {
        let sparse = core::mem::replace(self, Tree::new());
        for Leaf { number, value } in sparse.leaves.into_values() {
            self.insert(number, value);
        }
    }

    /// The lowest number held.
    pub(crate) fn first(&self) -> Option<u64> {
        self.number_of(self.lowest(self.root?)?)
    }

    /// The lowest number held that is not below this one.
    pub(crate) fn first_from(&self, number: u64) -> Option<u64> {
        let nearest = self.number_of(self.nearest(number)?)?;
        let Some(shift) = highest_difference(nearest, number) else { return Some(number) };
        let (mut at, mut higher) = (self.root?, None);
        while let Branch::Fork(key) = at
            && let Some(fork) = self.forks.get(key)
            && fork.shift > shift
        {
            let digit = digit_of(number, fork.shift);
            higher = fork.branch_from(digit + 1).or(higher);
            at = fork.branch(digit)?;
        }
        let found = match at {
            Branch::Fork(key) if self.forks.get(key)?.shift == shift => {
                self.forks.get(key)?.branch_from(digit_of(number, shift)).or(higher)
            }
            // All below agree with the nearest as far as here.
            _ if nearest > number => Some(at),
            _ => higher,
        };
        self.number_of(self.lowest(found?)?)
    }

    /// The lowest number held above this one.
    pub(crate) fn after(&self, number: u64) -> Option<u64> {
        self.first_from(number.checked_add(1)?)
    }

    /// All values, in the order of their numbers.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        let numbers = core::iter::successors(self.first(), |number| self.after(*number));
        numbers.filter_map(|number| self.get(number))
    }

    /// Bytes of memory it takes, beside what the values have elsewhere.
    pub(crate) const fn footprint(&self) -> usize {
        self.leaves.footprint() + self.forks.footprint()
    }

    /// Places for values, taken or not.
    pub(crate) const fn places(&self) -> usize {
        self.leaves.places()
    }

    /// The leaf of a number.
    #[inline]
    fn find(&self, number: u64) -> Option<Key> {
        let mut at = self.root?;
        loop {
            match at {
                Branch::Leaf(leaf) => return (self.number_of(leaf)? == number).then_some(leaf),
                Branch::Fork(key) => {
                    let fork = self.forks.get(key)?;
                    at = fork.branch(digit_of(number, fork.shift))?;
                }
            }
        }
    }

    /// A leaf than which none agrees with the number in more of its upper digits.
    fn nearest(&self, number: u64) -> Option<Key> {
        let mut at = self.root?;
        loop {
            match at {
                Branch::Leaf(leaf) => return Some(leaf),
                Branch::Fork(key) => {
                    let fork = self.forks.get(key)?;
                    match fork.branch(digit_of(number, fork.shift)) {
                        Some(branch) => at = branch,
                        None => return self.lowest(at),
                    }
                }
            }
        }
    }

    /// What hangs on the number's path below all forks above `shift`, and where.
    fn descend(&self, mut at: Branch, number: u64, shift: u8) -> (Option<Side>, Branch) {
        let mut side = None;
        while let Branch::Fork(key) = at
            && let Some(fork) = self.forks.get(key)
            && fork.shift > shift
        {
            let digit = digit_of(number, fork.shift);
            let Some(branch) = fork.branch(digit) else { break };
            side = Some((key, digit));
            at = branch;
        }
        (side, at)
    }

    fn lowest(&self, mut at: Branch) -> Option<Key> {
        loop {
            match at {
                Branch::Leaf(leaf) => return Some(leaf),
                Branch::Fork(key) => at = self.forks.get(key)?.branch_from(0)?,
            }
        }
    }

    fn number_of(&self, leaf: Key) -> Option<u64> {
        Some(self.leaves.get(leaf)?.number)
    }

    fn attach(&mut self, side: Option<Side>, branch: Branch) {
        let Some((key, digit)) = side else {
            self.root = Some(branch);
            return;
        };
        if let Some(fork) = self.forks.get_mut(key) {
            fork.set(digit, Some(branch));
        }
    }
}

/// The place of the highest digit in which two numbers differ.
fn highest_difference(a: u64, b: u64) -> Option<u8> {
    (a ^ b).checked_ilog2().and_then(|bit| u8::try_from(bit & !3).ok())
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // four bits
const fn digit_of(number: u64, shift: u8) -> usize {
    (number >> shift) as usize % DIGITS
}

#[cfg(test)]
mod tests {
    use super::super::steps;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    /// Forks on the way to the deepest leaf.
    fn depth<T>(tree: &Tree<T>) -> usize {
        fn below<T>(tree: &Tree<T>, at: Branch) -> usize {
            let Branch::Fork(key) = at else { return 0 };
            let fork = tree.forks.get(key).unwrap();
            let branches: Vec<Branch> = (0..DIGITS).filter_map(|digit| fork.branch(digit)).collect();
            assert!(branches.len() > 1);
            1 + branches.into_iter().map(|branch| below(tree, branch)).max().unwrap()
        }
        tree.root.map_or(0, |root| below(tree, root))
    }

    /// Numbers that are near each other, far apart, and at both ends.
    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![0u64..40, 65_500u64..65_540, (0u32..64).prop_map(|bit| 1 << bit), u64::MAX - 3..=u64::MAX]
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_sorted_map(ops in prop::collection::vec((0u8..8, number()), 1..steps(400))) {
            let (mut tree, mut model) = (Tree::new(), BTreeMap::new());
            for (step, (op, number)) in (0u32..).zip(ops) {
                match op {
                    0..=3 => {
                        tree.insert(number, step);
                        model.insert(number, step);
                    }
                    4..=6 => prop_assert_eq!(tree.remove(number), model.remove(&number)),
                    _ => prop_assert_eq!(tree.get_mut(number), model.get_mut(&number)),
                }
                prop_assert_eq!((tree.len(), tree.is_empty()), (model.len(), model.is_empty()));
                prop_assert!(tree.forks.len() <= model.len().saturating_sub(1) && depth(&tree) <= 16);
                prop_assert_eq!(tree.first(), model.keys().next().copied());
                prop_assert_eq!(tree.get(number), model.get(&number));
                prop_assert_eq!(tree.first_from(number), model.range(number..).next().map(|(found, _)| *found));
                prop_assert!(tree.values().eq(model.values()));
            }
        }
    }

    #[test]
    fn no_choice_of_numbers_makes_a_path_longer_than_a_number_has_digits() {
        let runs: Vec<u64> = (0..0x7000).take(steps(0x7000)).collect();
        let strides = (0..0x7000).step_by(64).chain((0..0x7000).step_by(1023));
        let powers = (0..16).map(|bit| 1 << bit).chain((0..16).map(|bit| 0xffff ^ (1 << bit)));
        for numbers in [runs.clone(), runs.into_iter().rev().collect(), strides.collect(), powers.collect()] {
            let mut tree = Tree::new();
            for number in numbers {
                tree.insert(number, number);
                assert!(tree.len() % 1000 > 1 || depth(&tree) <= 4, "{}", depth(&tree));
            }
            assert!(depth(&tree) <= 4, "{}", depth(&tree));
        }
    }

    #[test]
    fn whatever_the_numbers_memory_is_proportional_to_what_is_held() {
        for shift in [0, 4, 9, 40] {
            let mut tree = Tree::new();
            (0..100).for_each(|number| tree.insert(number << shift, number));
            assert_eq!(tree.leaves.places(), 100);
            assert!(tree.forks.places() < 100);
        }
    }

    #[test]
    fn what_comes_and_goes_uses_the_same_places_again() {
        let mut tree = Tree::new();
        for number in (0..100_000u64).take(steps(100_000)) {
            tree.insert(number + 3, number);
            tree.remove(number);
        }
        assert!(tree.places() <= 4, "{}", tree.places());
        tree.clear();
        assert!(tree.is_empty());
    }

    #[test]
    fn a_fork_is_little_more_than_a_cache_line() {
        assert_eq!(size_of::<Fork>(), 68);
    }
}
