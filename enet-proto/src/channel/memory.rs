//! [`Memory`]: what a host's connections keep received packets in.

use alloc::boxed::Box;
use alloc::vec::Vec;

use enet_wire::Fragment;

use super::account::Account;
use super::assembly::Assembly;
use super::backlog::Backlog;
use super::inbox::{ByChannel, Received};
use crate::collections::arena::Arena;
use crate::collections::buffers::Buffers;
use crate::collections::lists::Lists;
use crate::collections::slab::Slab;
use crate::packet::{Delivery, Packet, Payload};

/// One for all connections of a host, so that an idle one holds nothing.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Payloads that the application fetches at once.
    pub(super) arena: Arena,
    /// Those that wait, and those in fragments.
    buffers: Buffers,
    assemblies: Spare<Assembly>,
    backlogs: Spare<Backlog>,
    /// How much of it received data takes.
    pub(crate) account: Account,
    /// The packets of all inboxes.
    pub(super) inboxes: Lists<Received>,
    /// Of those whose application asks for the packets of a channel.
    pub(super) by_channel: Slab<ByChannel>,
}

/// Husks of which the next one is made.
#[derive(Debug)]
struct Spare<T> {
    husks: Vec<Box<T>>,
    /// The fewest there were since the last trim: nobody missed those.
    unused: usize,
    /// Whether one was wanted since then.
    wanted: bool,
}

/// Husks kept, and places in one of them: what is larger is given back at once.
const SPARE: usize = 64;
const SPARE_PLACES: usize = 1024;

impl Memory {
    pub(crate) fn new(account: Account) -> Self {
        Memory {
            account,
            arena: Arena::default(),
            buffers: Buffers::default(),
            assemblies: Spare::new(),
            backlogs: Spare::new(),
            inboxes: Lists::new(),
            by_channel: Slab::new(),
        }
    }

    /// A payload as a packet. One that waits for others has memory of its own: in the arena it would keep a whole chunk alive for as long as
    /// the remote likes.
    pub(crate) fn waiting_packet(&mut self, delivery: Delivery, payload: &[u8]) -> Packet {
        Packet::new(delivery, Payload::from_slice_or(payload, |slice| self.buffers.copy(slice)))
    }

    /// A place for the fragments of a packet.
    pub(crate) fn assembly(&mut self, fragment: &Fragment<'_>) -> Box<Assembly> {
        let mut assembly = self.assemblies.take(Assembly::new);
        assembly.begin(fragment, self.buffers.take(fragment.total_length as usize));
        assembly
    }

    /// The packet that the fragments make.
    pub(crate) fn finish(&mut self, mut assembly: Box<Assembly>, delivery: Delivery) -> Packet {
        let contents = self.buffers.split(assembly.finish());
        self.keep(assembly);
        Packet::new(delivery, contents)
    }

    /// Takes back a packet that will not be completed.
    pub(crate) fn abandon(&mut self, mut assembly: Box<Assembly>) {
        self.buffers.give_back(assembly.abandon());
        self.keep(assembly);
    }

    fn keep(&mut self, assembly: Box<Assembly>) {
        if assembly.places() <= SPARE_PLACES {
            self.assemblies.put(assembly);
        }
    }

    /// A place for what waits on a channel.
    pub(super) fn backlog(&mut self) -> Box<Backlog> {
        self.backlogs.take(Backlog::new)
    }

    /// Takes back a place in which nothing waits any more.
    pub(super) fn put_backlog(&mut self, mut backlog: Box<Backlog>) {
        if backlog.places() <= SPARE_PLACES {
            backlog.reset();
            self.backlogs.put(backlog);
        }
    }

    /// Packets in all inboxes.
    pub(crate) const fn packets(&self) -> usize {
        self.inboxes.len()
    }

    /// Gives memory back that a burst left behind. To be called now and then, best at even intervals.
    pub(crate) fn trim(&mut self) {
        self.inboxes.trim();
        self.by_channel.trim();
        self.buffers.trim();
        self.assemblies.trim();
        self.backlogs.trim();
    }
}

impl<T> Spare<T> {
    const fn new() -> Self {
        Spare { husks: Vec::new(), unused: 0, wanted: false }
    }

    fn take(&mut self, new: impl FnOnce() -> T) -> Box<T> {
        self.wanted = true;
        let husk = self.husks.pop().unwrap_or_else(|| Box::new(new()));
        self.unused = self.unused.min(self.husks.len());
        husk
    }

    fn put(&mut self, husk: Box<T>) {
        if self.husks.len() < SPARE {
            self.husks.push(husk);
        }
    }

    fn trim(&mut self) {
        self.husks.drain(..self.unused.min(self.husks.len()));
        self.unused = self.husks.len();
        if !core::mem::take(&mut self.wanted) && self.husks.is_empty() {
            self.husks = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_that_may_stay_long_takes_nothing_of_the_arena() {
        let mut memory = Memory::new(Account::unlimited());
        let first = memory.arena.copy(&[1; 100]);
        let kept = memory.waiting_packet(Delivery::Reliable, &[2; 100]);
        let second = memory.arena.copy(&[3; 100]);
        assert_eq!(second.as_ptr(), first.as_ptr().wrapping_add(100));
        assert_eq!(&kept[..], &[2; 100]);
    }

    #[test]
    fn what_was_not_used_between_two_trims_is_given_back() {
        let mut memory = Memory::new(Account::unlimited());
        let three = [(); 3].map(|()| memory.backlog());
        three.into_iter().for_each(|backlog| memory.put_backlog(backlog));
        memory.trim();
        let one = memory.backlog();
        memory.put_backlog(one);
        memory.trim();
        assert_eq!(memory.backlogs.husks.len(), 1);
        memory.trim();
        assert_eq!(memory.backlogs.husks.capacity(), 0);
    }

    #[test]
    fn the_buffer_of_a_fragmented_packet_serves_the_next_once_the_packet_is_gone() {
        let whole = [7; 5000];
        let fragment =
            Fragment { start: 1, count: 1, number: 0, total_length: 5000, offset: 0, payload: &whole };
        let mut memory = Memory::new(Account::unlimited());
        let mut packet = || {
            let mut assembly = memory.assembly(&fragment);
            assembly.insert(&fragment);
            memory.finish(assembly, Delivery::Reliable)
        };
        let first = packet();
        let place = first.as_ptr();
        let second = packet();
        assert_ne!(second.as_ptr(), place);
        drop(first);
        assert_eq!(packet().as_ptr(), place);
        assert_eq!(&second[..], &whole);
    }
}
