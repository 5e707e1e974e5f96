//! Acknowledgements owed: one for each copy of a reliable command that arrived, first in first out (PROTOCOL.md §9.3).

use enet_wire::{Body, ChannelId, Command, ReliableSeq};

use crate::collections::lists::{List, Lists};

/// One acknowledgement: which command, and the sent time of the datagram that carried this copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) channel: ChannelId,
    pub(crate) seq: ReliableSeq,
    pub(crate) sent_time: u16,
    /// Whether it answers a DISCONNECT: writing it ends the connection.
    pub(crate) of_disconnect: bool,
}

impl Ack {
    pub(crate) const LEN: u8 = 8;

    pub(crate) const fn command(self) -> Command<'static> {
        Command {
            channel: self.channel,
            seq: self.seq,
            acknowledge: false,
            unsequenced: false,
            body: Body::Acknowledge { received_seq: self.seq, received_sent_time: self.sent_time },
        }
    }
}

/// Acknowledgements whose numbers follow each other, as those of a datagram usually do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    first: Ack,
    count: u16,
}

impl Run {
    /// Whether this is the acknowledgement that follows. Field by field: the count was written a moment ago, and a
    /// processor that reads it together with its neighbours waits for it.
    #[inline]
    fn is_followed_by(&self, ack: Ack) -> bool {
        let Ack { channel, seq, sent_time, of_disconnect } = ack;
        seq == self.first.seq.add(self.count)
            && channel == self.first.channel
            && sent_time == self.first.sent_time
            && of_disconnect == self.first.of_disconnect
            && self.count < u16::MAX
    }
}

/// The runs of all connections of a host.
pub(crate) type Runs = Lists<Run>;

/// One connection's queue of acknowledgements.
#[derive(Debug, Default)]
pub(crate) struct Acks(List);

impl Acks {
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn push_back(&mut self, ack: Ack, runs: &mut Runs) {
        if let Some(run) = runs.back_mut(&self.0)
            && run.is_followed_by(ack)
        {
            run.count += 1;
        } else {
            runs.push_back(&mut self.0, Run { first: ack, count: 1 });
        }
    }

    #[inline]
    pub(crate) fn pop_front(&mut self, runs: &mut Runs) -> Option<Ack> {
        let run = runs.front_mut(&self.0)?;
        let ack = run.first;
        if run.count > 1 {
            run.first.seq = ack.seq.next();
            run.count -= 1;
        } else {
            runs.pop_front(&mut self.0);
        }
        Some(ack)
    }

    /// How many there are, and in how many runs.
    pub(crate) fn count(&self, runs: &Runs) -> (usize, usize) {
        runs.iter(&self.0).fold((0, 0), |(acks, count), run| (acks + usize::from(run.count), count + 1))
    }

    pub(crate) fn clear(&mut self, runs: &mut Runs) {
        runs.clear(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn acknowledgements_leave_as_they_came(
            owed in prop::collection::vec((0u8..2, 0u16..4, 0u16..2, any::<bool>()), 0..100),
            from: u16,
        ) {
            let (mut acks, mut runs) = (Acks::default(), Runs::new());
            let mut seq = ReliableSeq(from);
            let mut expected = Vec::new();
            for (channel, step, sent_time, of_disconnect) in owed {
                seq = seq.add(if step == 3 { u16::MAX } else { step });
                expected.push(Ack { channel: ChannelId::new(channel), seq, sent_time, of_disconnect });
            }
            for ack in &expected {
                acks.push_back(*ack, &mut runs);
            }
            prop_assert_eq!(acks.count(&runs), (expected.len(), runs.len()));
            let left: Vec<Ack> = core::iter::from_fn(|| acks.pop_front(&mut runs)).collect();
            prop_assert_eq!(left, expected);
            prop_assert!(acks.is_empty() && runs.len() == 0);
        }
    }

    #[test]
    fn a_datagram_s_acknowledgements_take_the_room_of_one() {
        let (mut acks, mut runs) = (Acks::default(), Runs::new());
        for number in 0..300 {
            let seq = ReliableSeq(65_400).add(number);
            acks.push_back(
                Ack { channel: ChannelId::new(0), seq, sent_time: 7, of_disconnect: false },
                &mut runs,
            );
        }
        assert_eq!(runs.len(), 1);
    }
}
