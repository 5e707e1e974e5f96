//! Slow lines and the queues before them: [`Tail`] knows at once when a datagram leaves, [`Line`] only when its turn comes.

use std::collections::VecDeque;

use crate::scenario::link::{DropFrom, RateSpec};
use crate::time::{Span, Time};

/// A line of one direction whose full queue drops the newest. Nothing that comes later changes when a datagram leaves it,
/// so it is known when the datagram enters.
#[derive(Default)]
pub(crate) struct Tail {
    busy_until: Time,
    /// When each waiting datagram begins to leave, and its length.
    waiting: VecDeque<(Time, usize)>,
    waiting_bytes: usize,
}

impl Tail {
    /// When a datagram of this length has left; `None` if the queue is full. What is `forced` is never dropped.
    pub(crate) fn enter(&mut self, spec: &RateSpec, now: Time, len: usize, forced: bool) -> Option<Time> {
        while let Some((begins, len)) = self.waiting.front().copied()
            && begins <= now
        {
            self.waiting.pop_front();
            self.waiting_bytes -= len;
        }
        let begins = self.busy_until.max(now);
        if begins > now {
            if !forced && self.waiting_bytes + len > spec.queue as usize {
                return None;
            }
            self.waiting.push_back((begins, len));
            self.waiting_bytes += len;
        }
        self.busy_until = begins + spec.rate.time_for(len);
        Some(self.busy_until)
    }
}

/// A datagram under way through the lines.
pub(crate) struct Parcel {
    /// The direction it belongs to.
    pub(crate) direction: usize,
    /// Its number there.
    pub(crate) number: u64,
    /// What it takes beyond the lines.
    pub(crate) flight: super::delay::Flight,
    /// How much later it comes than the copy it duplicates, if it is a duplicate.
    pub(crate) later: Option<Span>,
    /// No full queue drops it.
    pub(crate) forced: bool,
    /// The shared line it has to pass yet.
    pub(crate) then: Option<usize>,
    /// Where it goes, and its bytes.
    pub(crate) copy: super::Copy,
}

/// A line that several directions share, or whose full queue drops the oldest.
pub(crate) struct Line {
    pub(crate) spec: RateSpec,
    busy_until: Time,
    waiting: VecDeque<Parcel>,
    waiting_bytes: usize,
}

/// What a line does with a parcel that enters.
pub(crate) enum Entered {
    /// It begins to leave, and has left then.
    Leaves(Parcel, Time),
    /// It waits; these had to go, it may be among them.
    Waits(Vec<Parcel>),
}

impl Line {
    /// An idle line.
    pub(crate) fn new(spec: RateSpec) -> Self {
        Line { spec, busy_until: Time::ZERO, waiting: VecDeque::new(), waiting_bytes: 0 }
    }

    /// A parcel enters.
    pub(crate) fn enter(&mut self, now: Time, parcel: Parcel) -> Entered {
        if self.waiting.is_empty() && self.busy_until <= now {
            let left = self.begin(now, parcel.copy.bytes.len());
            return Entered::Leaves(parcel, left);
        }
        let (len, queue) = (parcel.copy.bytes.len(), self.spec.queue as usize);
        let mut gone = Vec::new();
        // A datagram that no queue of this size can hold pushes nobody out.
        if !parcel.forced
            && (self.spec.drop == DropFrom::Tail || len > queue)
            && self.waiting_bytes + len > queue
        {
            return Entered::Waits(vec![parcel]);
        }
        self.waiting_bytes += len;
        self.waiting.push_back(parcel);
        while self.spec.drop == DropFrom::Head && self.waiting_bytes > queue {
            let Some(oldest) = self.waiting.iter().position(|parcel| !parcel.forced) else { break };
            let Some(parcel) = self.waiting.remove(oldest) else { break };
            self.waiting_bytes -= parcel.copy.bytes.len();
            gone.push(parcel);
        }
        Entered::Waits(gone)
    }

    /// The next parcel begins to leave if the line is free by now; and when it has left.
    pub(crate) fn next(&mut self, now: Time) -> Option<(Parcel, Time)> {
        if self.busy_until > now {
            return None;
        }
        let parcel = self.waiting.pop_front()?;
        let len = parcel.copy.bytes.len();
        self.waiting_bytes -= len;
        let left = self.begin(now, len);
        Some((parcel, left))
    }

    fn begin(&mut self, now: Time, len: usize) -> Time {
        self.busy_until = now + self.spec.rate.time_for(len);
        self.busy_until
    }
}
