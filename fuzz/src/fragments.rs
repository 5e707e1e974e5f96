//! Reassembly: packets in pieces that come in any order, twice, never, or contradict each other, against a model.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Result, Unstructured};
use enet_proto::{Delivery, Profile};
use enet_testkit::commands;
use enet_wire::{Command, Fragment, Header};

use crate::remote::{Remote, encode, seal};
use crate::speech::Script;
use crate::subject::{Setup, Subject};

/// Up to forty packets on one channel, reliable and not, cut into fragments that the input sends in its own order, some altered. A
/// reliable packet arrives once, whole and in order, as soon as all of it and of those before it is there, and not earlier; an unreliable
/// one whole or not at all. What contradicts a set does it no harm.
pub fn fragments(data: &[u8]) {
    let _ = play(&mut Unstructured::new(data)); // an input that ends early is a short one
}

fn play(input: &mut Unstructured<'_>) -> Result<()> {
    let profile = if input.arbitrary()? { Profile::Compat } else { Profile::Modern };
    let mut table = Table::new(profile, input.arbitrary::<u16>()?);
    table.plan(input)?;
    while !input.is_empty() {
        let (packet, number, how) =
            (input.arbitrary::<u8>()?, input.arbitrary::<u8>()?, input.arbitrary::<u8>()?);
        table.step(packet, number, how);
    }
    // What is missing comes at last: then nothing reliable is.
    table.complete();
    Ok(())
}

/// A packet to be sent.
struct Plan {
    reliable: bool,
    /// Its first number; an unreliable one has the number of the reliable packet before it, and one of its own.
    start: u16,
    own: u16,
    total: u32,
    size: u32,
    arrived: BTreeSet<u32>,
}

impl Plan {
    fn count(&self) -> u32 {
        self.total.div_ceil(self.size)
    }

    fn numbers(&self) -> u16 {
        if self.reliable { self.count() as u16 } else { 0 }
    }

    /// A piece of it.
    fn fragment(&self, number: u32) -> Fragment<'static> {
        let offset = number * self.size;
        let len = self.size.min(self.total - offset) as usize;
        let start = if self.reliable { self.start } else { self.own };
        let payload = &self.whole()[offset as usize..][..len];
        Fragment { start, count: self.count(), number, total_length: self.total, offset, payload }
    }

    fn command(&self, fragment: Fragment<'static>) -> Command<'static> {
        match self.reliable {
            true => commands::fragment(0, self.start.wrapping_add(fragment.number as u16), fragment),
            false => commands::unreliable_fragment(0, self.start.wrapping_sub(1), fragment),
        }
    }

    /// Every packet has other bytes.
    fn whole(&self) -> &'static [u8] {
        let from = usize::from(self.start.wrapping_mul(7).wrapping_add(self.own) % 5_000);
        &Script::default().filler()[from..][..self.total as usize]
    }

    fn is_complete(&self) -> bool {
        self.arrived.len() == self.count() as usize
    }
}

struct Table {
    subject: Subject,
    remote: Remote,
    plans: Vec<Plan>,
    /// Reliable packets before this one were delivered.
    delivered: usize,
    /// Unreliable packets that were delivered.
    seen: BTreeMap<usize, ()>,
}

impl Table {
    /// A client that is connected to a host.
    fn new(profile: Profile, connect_id: u16) -> Table {
        let setup = Setup {
            start: 5_000_000,
            profile,
            checksum: false,
            range_coder: false,
            peers: 1,
            channels: 1,
            mtu: 1392,
            max_packet_size: 1 << 20,
            max_waiting_data: 32 << 20,
            max_peers_per_ip: None,
            bandwidth: None,
        };
        let mut subject = Subject::new(&setup);
        let mut remote = Remote::new(0);
        let [high, low] = connect_id.to_be_bytes();
        remote.joins(&mut subject, [high, low, 1, 1]);
        Table { subject, remote, plans: Vec::new(), delivered: 0, seen: BTreeMap::new() }
    }

    fn plan(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let (mut next, mut own) = (1_u16, 1_u16);
        for _ in 0..input.int_in_range(1..=40_u8)? {
            let (total, size) = (input.arbitrary::<u16>()?, input.arbitrary::<u8>()?);
            let reliable = total & 3 != 3;
            let (total, size) = (u32::from(total % 30_000).max(1), 1 + 5 * u32::from(size));
            // No more than the pieces of the longest packet, so that one input does not take seconds.
            let size = size.max(total / 200 + 1);
            let plan = Plan { reliable, start: next, own, total, size, arrived: BTreeSet::new() };
            next = next.wrapping_add(plan.numbers());
            own = if reliable { 1 } else { own.wrapping_add(1) };
            self.plans.push(plan);
        }
        Ok(())
    }

    fn step(&mut self, packet: u8, number: u8, how: u8) {
        let index = usize::from(packet) % self.plans.len();
        let plan = &mut self.plans[index];
        let number = u32::from(number) % plan.count();
        let fragment = plan.fragment(number);
        // One that contradicts a set can be told from a good one only after the first.
        let known = !plan.arrived.is_empty();
        let command = match how % 16 {
            11 if known => plan.command(Fragment { count: fragment.count + 1, ..fragment }),
            12 if known => plan.command(Fragment { total_length: fragment.total_length + 1, ..fragment }),
            13 => plan.command(Fragment { number: fragment.count, ..fragment }),
            14 => plan.command(Fragment { offset: fragment.total_length, ..fragment }),
            15 => plan.command(Fragment { count: 0, ..fragment }),
            _ => {
                if plan.reliable {
                    plan.arrived.insert(number);
                }
                plan.command(fragment)
            }
        };
        self.says(command);
    }

    fn complete(&mut self) {
        for index in 0..self.plans.len() {
            let plan = &self.plans[index];
            let missing = (0..plan.count()).filter(|number| plan.reliable && !plan.arrived.contains(number));
            for number in missing.collect::<Vec<_>>() {
                let plan = &mut self.plans[index];
                plan.arrived.insert(number);
                let command = plan.command(plan.fragment(number));
                self.says(command);
            }
        }
        assert!(
            self.plans[self.delivered..].iter().all(|plan| !plan.reliable),
            "something reliable is missing"
        );
        // Unreliable sets that are superseded were given back.
        let waiting: u32 = self.subject.host.peers().map(|peer| peer.stats().waiting_data).sum();
        let unfinished: u32 = self.plans.iter().filter(|plan| !plan.reliable).map(|plan| plan.total).sum();
        assert!(waiting <= unfinished, "{waiting} bytes wait, and at most {unfinished} can");
    }

    fn says(&mut self, command: Command<'static>) {
        let header = self.remote.header_at(self.subject.clock());
        let datagram = seal(Header { compressed: false, ..header }, [0; 4], &encode(&[command]), None);
        self.subject.hears(self.remote.address, &datagram);
        self.subject.poll();
        self.subject.sent.clear();
        for (_, _, packet) in std::mem::take(&mut self.subject.received) {
            self.judge(packet.delivery(), &packet);
        }
        // Everything that is complete and next has come.
        let next = self.plans[self.delivered..].iter().find(|plan| plan.reliable);
        assert!(next.is_none_or(|plan| !plan.is_complete()), "complete, next, and not delivered");
    }

    fn judge(&mut self, delivery: Delivery, packet: &[u8]) {
        if delivery == Delivery::Reliable {
            let next = self.plans[self.delivered..].iter().position(|plan| plan.reliable);
            let index = self.delivered + next.expect("nothing reliable is left");
            let plan = &self.plans[index];
            assert!(plan.is_complete(), "delivered before it was there");
            assert_eq!(packet, plan.whole());
            self.delivered = index + 1;
        } else {
            let is_it = |plan: &Plan| !plan.reliable && plan.whole() == packet;
            let found = (0..self.plans.len())
                .find(|index| is_it(&self.plans[*index]) && !self.seen.contains_key(index));
            let index = found.expect("a packet that nobody sent, or twice");
            self.seen.insert(index, ());
        }
    }
}
