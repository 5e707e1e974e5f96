//! [`Early`]: what clients say whose proof was lost, until the next one comes.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use enet_wire::{Body, Command, ConnectId, Header};

use super::{HalfOpen, Number};
use crate::host::admission::Held;

/// Datagrams of all clients that are kept, and of each. Who is displaced says it again.
const MOST: usize = 256;
const MOST_OF_EACH: usize = 8;

/// Bytes of each: there is room for all that a stock client says by itself.
const LARGEST: usize = 64;

/// A stock client believes itself connected when it has our answer. It waits twice as long each time before it says again
/// what is not acknowledged, and gives up after the sixth time: what came before the proof should not have come in vain.
#[derive(Debug, Default)]
pub(super) struct Early(VecDeque<(Number, ConnectId, Held)>);

impl HalfOpen {
    /// Keeps a datagram of nothing but pings and settings. Whether it is one.
    pub(crate) fn keep_early(&mut self, number: Number, header: &Header, commands: &[u8], now: u64) -> bool {
        let Some(id) = self.get(number).map(|it| it.connect_id) else { return false };
        if commands.len() > LARGEST || !are_harmless(commands) {
            return false;
        }
        let Early(kept) = &mut self.early;
        let theirs = |it: &(Number, ConnectId, Held)| (it.0, it.1) == (number, id);
        if kept.iter().filter(|it| theirs(it)).count() >= MOST_OF_EACH {
            let oldest = kept.iter().position(theirs).unwrap_or(0);
            kept.remove(oldest);
        } else if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back((number, id, Held::new(header, commands, now)));
        true
    }

    /// What one has said that has proven its address, in the order in which it came, and as if it came now.
    pub(crate) fn take_early(&mut self, number: Number, now: u64) -> Vec<Held> {
        let Some((id, proof)) = self.get(number).map(|it| (it.connect_id, it.proof)) else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        let Early(kept) = &mut self.early;
        for (owner, of, held) in core::mem::take(kept) {
            if (owner, of) != (number, id) {
                kept.push_back((owner, of, held));
            } else if held.header.peer == proof.id() && held.header.session.get() == proof.incoming() {
                taken.push(held.put_forward(now));
            } // or else it is what an earlier attempt by the same name has left
        }
        taken
    }
}

/// Whether these are pings and settings, and nothing else.
fn are_harmless(mut commands: &[u8]) -> bool {
    while !commands.is_empty() {
        let Ok((command, rest)) = Command::decode(commands) else { return false };
        let (Body::Ping | Body::BandwidthLimit { .. } | Body::ThrottleConfigure(_)) = command.body else {
            return false;
        };
        commands = rest;
    }
    true
}
