//! [`Course`]: the network of a scenario with its faults, and what is under way; time is an argument.

use std::collections::{BTreeMap, VecDeque};

use super::CLIENTS;
use crate::net::{Copy, DirectionStats, Network, Plan};
use crate::scenario::{Fault, Scenario, Trouble};
use crate::time::Time;
use crate::world::address;

/// The way between the target, host 0, and the clients.
pub(super) struct Course {
    network: Network,
    /// What changes in the network, in order: when, which fault, whether it begins.
    changes: VecDeque<(Time, Fault, bool)>,
    /// By arrival; those of the same time in the order in which they were sent.
    under_way: BTreeMap<(Time, u64), Copy>,
    taken: u64,
    copies: Vec<Copy>,
}

impl Course {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let addresses: Vec<_> = (0..=CLIENTS).map(address).collect();
        let plan = Plan::new(scenario.up().clone(), scenario.down().clone());
        let mut changes = Vec::new();
        for fault in &scenario.fault {
            changes.push((Time::ZERO + fault.at, fault.clone(), true));
            changes.extend(fault.until.map(|until| (Time::ZERO + until, fault.clone(), false)));
        }
        changes.sort_by_key(|change| change.0);
        Course {
            network: Network::new(scenario.seed, &addresses, plan, &scenario.bottleneck),
            changes: changes.into(),
            under_way: BTreeMap::new(),
            taken: 0,
            copies: Vec::new(),
        }
    }

    /// A datagram sets out.
    pub(super) fn send(&mut self, now: Time, from: usize, to: usize, bytes: &[u8]) {
        self.advance(now);
        self.network.send(now, from, address(to), bytes, &mut self.copies);
        self.expect_copies();
    }

    /// The next datagram that has arrived: to whom, from whom, its bytes.
    pub(super) fn due(&mut self, now: Time) -> Option<(usize, usize, Vec<u8>)> {
        self.advance(now);
        let first = self.under_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        let Copy { to, source, bytes, .. } = first.remove();
        Some((to, self.network.host_at(source)?, bytes))
    }

    /// When there may be something to do.
    pub(super) fn next(&self) -> Option<Time> {
        let arrival = self.under_way.keys().next().map(|key| key.0);
        let change = self.changes.front().map(|change| change.0);
        [arrival, change, self.network.next_event()].into_iter().flatten().min()
    }

    /// What became of the datagrams to the target (`up`), or of those from it.
    pub(super) fn stats(&self, up: bool) -> DirectionStats {
        let all = self.network.all_stats().filter(|(_, to, _)| (*to == 0) == up);
        all.fold(DirectionStats::default(), |sum, (_, _, stats)| sum.and(stats))
    }

    fn advance(&mut self, now: Time) {
        while let Some((at, fault, begins)) = self.changes.pop_front_if(|change| change.0 <= now) {
            self.change(at, &fault, begins);
        }
        self.network.advance(now, &mut self.copies);
        self.expect_copies();
    }

    fn change(&mut self, at: Time, fault: &Fault, begins: bool) {
        let (from, to) = match &fault.trouble {
            Trouble::Cut { from, to } | Trouble::Hold { from, to } | Trouble::Link { from, to, .. } => {
                (*from, *to)
            }
            _ => return,
        };
        let pairs = (1..=CLIENTS).flat_map(|client| [(client, 0), (0, client)]);
        for (sender, receiver) in pairs.filter(|pair| from.covers(pair.0) && to.covers(pair.1)) {
            match &fault.trouble {
                Trouble::Hold { .. } => self.network.hold(sender, receiver, begins, at, &mut self.copies),
                Trouble::Link { link, .. } if begins => {
                    self.network.set_link(sender, receiver, (**link).clone());
                }
                Trouble::Cut { .. } => self.network.cut(sender, receiver, begins),
                _ => {}
            }
        }
    }

    fn expect_copies(&mut self) {
        for copy in self.copies.drain(..) {
            self.taken += 1;
            self.under_way.insert((copy.at, self.taken), copy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Time {
        Time(millis * 1_000_000)
    }

    fn course(text: &str) -> Course {
        Course::new(&Scenario::from_toml(text).unwrap())
    }

    #[test]
    fn a_datagram_arrives_after_the_links_delay_and_not_before() {
        let mut course = course("[up]\ndelay = { base = \"40ms\" }\n[down]\ndelay = { base = \"10ms\" }");
        course.send(millis(5), 3, 0, b"up");
        course.send(millis(6), 0, 3, b"down");
        assert_eq!((course.next(), course.due(millis(15))), (Some(millis(16)), None));
        assert_eq!(course.due(millis(16)), Some((3, 0, b"down".to_vec())));
        assert_eq!(course.due(millis(44)), None);
        assert_eq!(course.due(millis(45)), Some((0, 3, b"up".to_vec())));
        assert_eq!(course.next(), None);
    }

    #[test]
    fn a_cut_takes_what_is_sent_between_its_ends() {
        let mut course = course(
            "[[fault]]\nat = \"1s\"\nuntil = \"2s\"\ntrouble = \"cut\"\nfrom = \"clients\"\nto = \"server\"",
        );
        for (at, arrives) in [(999, true), (1_000, false), (1_999, false), (2_000, true)] {
            course.send(millis(at), 1, 0, b"x");
            course.send(millis(at), 0, 1, b"y");
            assert_eq!(course.due(millis(at)).is_some_and(|it| it.0 == 0), arrives, "{at}");
            while course.due(millis(at)).is_some() {}
        }
        let (up, down) = (course.stats(true), course.stats(false));
        assert_eq!((up.sent, up.dropped(), down.sent, down.dropped()), (4, 2, 4, 0));
    }

    #[test]
    fn a_relay_loses_what_the_laboratory_loses() {
        let text = "seed = 7\n[link]\nloss = { kind = \"random\", chance = \"10%\" }";
        let (mut one, mut two) = (course(text), course(text));
        let fates = |course: &mut Course| -> Vec<bool> {
            (0..500)
                .map(|at| {
                    course.send(millis(at), 1, 0, b"x");
                    course.due(millis(at)).is_some()
                })
                .collect()
        };
        let first = fates(&mut one);
        assert_eq!(first, fates(&mut two));
        assert!((30..70).contains(&first.iter().filter(|arrived| !**arrived).count()));
    }
}
