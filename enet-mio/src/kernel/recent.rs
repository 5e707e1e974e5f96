//! [`Recent`]: what is known of the addresses that were used last.

use std::collections::HashMap;
use std::net::IpAddr;

/// Addresses in a generation: as many as a host has peers, roughly.
pub(super) const GENERATION: usize = 4_096;

/// Remembers something of at least so many addresses that were used last, and of twice as many at most. When the young
/// generation is full it becomes the old one, and that is forgotten, but for those who were used since.
#[derive(Debug)]
pub(super) struct Recent<T> {
    young: HashMap<IpAddr, T>,
    old: HashMap<IpAddr, T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Recent { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<T> Recent<T> {
    pub(super) fn get(&mut self, address: IpAddr) -> Option<&mut T> {
        if !self.old.is_empty()
            && !self.young.contains_key(&address)
            && let Some(known) = self.old.remove(&address)
        {
            self.insert(address, known);
        }
        self.young.get_mut(&address)
    }

    pub(super) fn insert(&mut self, address: IpAddr, known: T) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(address, known);
    }

    pub(super) fn remove(&mut self, address: IpAddr) -> Option<T> {
        self.young.remove(&address).or_else(|| self.old.remove(&address))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::from(u32::try_from(number).unwrap().to_be_bytes())
    }

    #[test]
    fn a_generation_that_is_used_in_turn_is_remembered_whole() {
        let mut recent = Recent::default();
        for number in 0..GENERATION {
            recent.insert(address(number), number);
        }
        for number in (0..GENERATION).cycle().take(3 * GENERATION) {
            assert_eq!(recent.get(address(number)), Some(&mut number.clone()));
        }
    }

    #[test]
    fn a_flood_of_others_forgets_whoever_is_not_used_and_nobody_who_is() {
        let mut recent = Recent::default();
        let (used, unused) = (address(1), address(2));
        recent.insert(used, 1);
        recent.insert(unused, 2);
        for number in 3..10 * GENERATION {
            recent.insert(address(number), number);
            if number % (GENERATION / 2) == 0 {
                assert_eq!(recent.get(used), Some(&mut 1));
            }
            assert!(recent.len() <= 2 * GENERATION);
        }
        assert_eq!(recent.get(unused), None);
    }

    #[test]
    fn what_was_removed_is_gone_from_both_generations() {
        let mut recent = Recent::default();
        for number in 0..=GENERATION {
            recent.insert(address(number), number);
        }
        for number in [0, GENERATION] {
            assert_eq!(recent.remove(address(number)), Some(number));
            assert_eq!(recent.get(address(number)), None);
        }
    }
}
