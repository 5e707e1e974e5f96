//! [`Buffers`]: memory for received payloads that stay longer than a moment, used again once nobody holds it.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// What is left of a buffer when its contents went to the application: it waits until they were dropped.
#[derive(Debug)]
struct Husk {
    buffer: BytesMut,
    room: usize,
}

/// Buffers by size: each holds one payload at a time, so that it pins at most twice what it holds.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    classes: [Class; CLASSES],
    kept: usize,
}

/// Buffers of 2ⁿ up to 2ⁿ⁺¹ bytes, the one given back first in front.
#[derive(Debug, Default)]
struct Class {
    husks: VecDeque<Husk>,
    /// Whether one was wanted since the last trim.
    used: bool,
    /// How often not to look, because all that were looked at were held.
    skip: u8,
}

/// The smallest buffer is of 2⁶ bytes, the largest that is kept of 2²⁵, which is C's largest packet.
const SMALLEST: u32 = 6;
const CLASSES: usize = 20;

/// Bytes kept; the last buffer may overshoot it.
const KEPT: usize = 2 << 20;

/// What a husk costs beside its room.
const OVERHEAD: usize = 96;

/// Husks looked at before new memory is taken: the first are those given back first, if they are held so are the others.
const TRIES: usize = 2;

/// If there are many and those looked at are held, it is not worth while to look again so many times.
const MANY: usize = 16;
const SKIPS: u8 = 7;

impl Buffers {
    /// A shared copy of `slice` in memory of its own.
    pub(crate) fn copy(&mut self, slice: &[u8]) -> Bytes {
        let mut buffer = self.take(slice.len());
        if buffer.capacity() == 0 {
            if self.kept >= KEPT {
                return Bytes::copy_from_slice(slice);
            }
            buffer.reserve(rounded(slice.len()));
        }
        buffer.extend_from_slice(slice);
        self.split(buffer)
    }

    /// An empty buffer: one with room for this many bytes that was used before, else one without any.
    pub(crate) fn take(&mut self, room: usize) -> BytesMut {
        let Some(class) = class_of(rounded(room)).and_then(|class| self.classes.get_mut(class)) else {
            return BytesMut::new();
        };
        class.used = true;
        if class.skip > 0 {
            class.skip -= 1;
            return BytesMut::new();
        }
        for _ in 0..TRIES.min(class.husks.len()) {
            let Some(mut husk) = class.husks.pop_front() else { break };
            if husk.buffer.try_reclaim(husk.room) {
                self.kept -= husk.room + OVERHEAD;
                return husk.buffer;
            }
            class.husks.push_back(husk);
        }
        class.skip = if class.husks.len() < MANY { 0 } else { SKIPS };
        BytesMut::new()
    }

    /// The contents of a buffer, without a copy; the buffer is used again when they are gone.
    pub(crate) fn split(&mut self, mut buffer: BytesMut) -> Bytes {
        let room = buffer.capacity();
        let class = class_of(room).and_then(|class| self.classes.get_mut(class));
        let Some(class) = class.filter(|_| self.kept < KEPT) else {
            // Nobody would know of what it leaves unused.
            let wasteful = room - buffer.len() > buffer.len() / 8;
            return if wasteful { Bytes::copy_from_slice(&buffer) } else { buffer.freeze() };
        };
        let contents = buffer.split().freeze();
        self.kept += room + OVERHEAD;
        class.husks.push_back(Husk { buffer, room });
        contents
    }

    /// Takes back a buffer whose contents nobody wants.
    pub(crate) fn give_back(&mut self, mut buffer: BytesMut) {
        buffer.clear();
        if buffer.capacity() > 0 {
            drop(self.split(buffer));
        }
    }

    /// Gives the memory of sizes back of which none was wanted since the last call. If all that may be kept is, those that
    /// the application holds on to make room for others.
    pub(crate) fn trim(&mut self) {
        let full = self.kept >= KEPT;
        for class in &mut self.classes {
            if !core::mem::take(&mut class.used) {
                class.husks = VecDeque::new();
            } else if full {
                class.husks.retain_mut(|husk| husk.buffer.try_reclaim(husk.room));
            }
        }
        let husks = self.classes.iter().flat_map(|class| &class.husks);
        self.kept = husks.map(|husk| husk.room + OVERHEAD).sum();
    }
}

/// The room to reserve for so many bytes: a power of two, so that packets of similar length share buffers.
pub(crate) fn rounded(length: usize) -> usize {
    length.max(1 << SMALLEST).checked_next_power_of_two().unwrap_or(length)
}

/// Number of the class of buffers with this room, if such are kept.
fn class_of(room: usize) -> Option<usize> {
    let class = room.checked_ilog2()?.checked_sub(SMALLEST)? as usize;
    (class < CLASSES).then_some(class)
}

#[cfg(test)]
mod tests {
    use super::super::steps;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn copies_stay_intact_while_buffers_come_and_go() {
        let mut buffers = Buffers::default();
        let mut held = VecDeque::new();
        for i in 0..steps(1_000) {
            let fill = i.to_le_bytes()[0];
            held.push_back((buffers.copy(&std::vec![fill; 40 + i % 100]), fill));
            if i % 3 > 0 {
                let (copy, fill) = held.pop_front().unwrap();
                assert!(copy.iter().all(|byte| *byte == fill));
            }
        }
        assert!(held.iter().all(|(copy, fill)| copy.iter().all(|byte| byte == fill)));
    }

    #[test]
    fn a_buffer_is_used_again_once_its_contents_are_gone() {
        let mut buffers = Buffers::default();
        let first = buffers.copy(&[1; 100]);
        let start = first.as_ptr();
        assert_ne!(buffers.copy(&[2; 100]).as_ptr(), start);
        drop(first);
        assert!((0..3).any(|_| buffers.copy(&[3; 70]).as_ptr() == start));
    }

    #[test]
    fn a_payload_pins_at_most_twice_its_length() {
        let mut buffers = Buffers::default();
        drop(buffers.copy(&[0; 1 << 20]));
        drop(buffers.copy(&[0; 5000]));
        for length in [64, 65, 100, 2500, 4096, 4097] {
            let taken = buffers.take(length);
            assert!(taken.capacity() <= 2 * length, "{length}: {}", taken.capacity());
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut buffers = Buffers::default();
        let copies: Vec<Bytes> = (0..1_000).map(|_| buffers.copy(&[0; 10_000])).collect();
        drop(copies);
        assert!(buffers.kept < KEPT + (16 << 10) + OVERHEAD, "{}", buffers.kept);
    }

    #[test]
    fn an_application_that_keeps_what_it_got_does_not_keep_others_from_using_buffers_again() {
        let mut buffers = Buffers::default();
        let _kept: Vec<Bytes> = (0..1_000).map(|_| buffers.copy(&[0; 10_000])).collect();
        assert!(buffers.kept >= KEPT);
        buffers.trim();
        let first = buffers.copy(&[0; 10_000]).as_ptr();
        assert_eq!(buffers.copy(&[0; 10_000]).as_ptr(), first);
    }

    #[test]
    fn what_was_not_wanted_for_a_while_is_given_back() {
        let mut buffers = Buffers::default();
        drop((buffers.copy(&[0; 100]), buffers.copy(&[0; 5_000])));
        buffers.trim();
        assert_eq!(buffers.kept, 128 + (8 << 10) + 2 * OVERHEAD);
        drop(buffers.copy(&[0; 100]));
        buffers.trim();
        assert_eq!(buffers.kept, 128 + OVERHEAD);
        buffers.trim();
        assert_eq!(buffers.kept, 0);
    }
}
