//! A datagram's way through the [`Network`]: judged, copied, through the lines, landed.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::direction::{Landed, Verdict};
use super::event::Event;
use super::network::Network;
use super::queue::{Entered, Line, Parcel};
use super::{Copy, DropReason, Fate};
use crate::time::Time;

impl Network {
    /// The fate of a datagram to or from nobody.
    pub(super) fn lose(&mut self, now: Time) -> Fate {
        let number = self.astray;
        self.astray += 1;
        Fate { number, dropped: Some(DropReason::NoRoute), corrupted: false, copies: 0, arrives: now }
    }

    pub(super) fn carry(
        &mut self,
        now: Time,
        from: usize,
        source: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
        out: &mut Vec<Copy>,
    ) -> Fate {
        self.now = now;
        if !self.events.is_empty() {
            self.advance(now, out);
        }
        let Some(destination) = self.addresses.resolve(now, from, to) else { return self.lose(now) };
        let Some(index) = self.locate(from, destination.host) else { return self.lose(now) };
        let Some(direction) = self.directions.get_mut(index) else { return self.lose(now) };
        let mut verdict = direction.judge(now, bytes);
        if direction.clean && destination.reachable {
            return self.pass(now, index, &verdict, source, bytes, out);
        }
        let watched = self.allowed.is_some() || self.seen.is_some();
        if direction.plain && destination.reachable && !watched {
            let Some(reason) = verdict.dropped else {
                return self.pass(now, index, &verdict, source, bytes, out);
            };
            direction.stats.drop_for(reason);
            let (number, dropped) = (verdict.number, Some(reason));
            return Fate { number, dropped, corrupted: false, copies: 0, arrives: now };
        }
        if let Some(allowed) = &self.allowed
            && !allowed.contains(&(from, destination.host, verdict.number))
        {
            direction.pardon(&mut verdict);
        }
        if !destination.reachable && verdict.dropped.is_none() {
            verdict.dropped = Some(DropReason::NoRoute);
        }
        let mut fate =
            Fate { number: verdict.number, dropped: None, corrupted: false, copies: 0, arrives: now };
        if verdict.dropped.is_none() {
            self.dispatch(now, index, &mut verdict, &mut fate, source, bytes, out);
        }
        self.settle(index, &verdict, &mut fate, bytes);
        fate
    }

    /// The short way of a datagram in a direction without lines, to which nothing has happened but a delay.
    fn pass(
        &mut self,
        now: Time,
        index: usize,
        verdict: &Verdict,
        source: SocketAddr,
        bytes: &[u8],
        out: &mut Vec<Copy>,
    ) -> Fate {
        let bytes = self.copy_of(bytes);
        let Some(direction) = self.directions.get_mut(index) else { return self.lose(now) };
        let copy = Copy { at: now, to: direction.to, source, bytes };
        let number = verdict.number;
        // Whether it may be cut or held is asked only where that matters: nothing is in the way of a pardoned one.
        let pardoned = |allowed: &BTreeSet<_>| !allowed.contains(&(direction.from, direction.to, number));
        let forced = (direction.cut || direction.holds()) && self.allowed.as_ref().is_some_and(pardoned);
        let (dropped, copies, arrives) = match direction.land(now, verdict.flight, None, forced, copy, out) {
            Landed::Arrives(at) => (None, 1, at),
            Landed::Held => {
                let fault = (direction.from, direction.to, number);
                self.note(fault);
                (None, 1, Fate::UNKNOWN)
            }
            Landed::Cut(bytes) => {
                direction.stats.drop_for(DropReason::Cut);
                let fault = (direction.from, direction.to, number);
                self.note(fault);
                self.recycle(bytes);
                (Some(DropReason::Cut), 0, now)
            }
        };
        Fate { number, dropped, corrupted: false, copies, arrives }
    }

    /// The bytes in a buffer of the pool.
    fn copy_of(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.pool.pop().unwrap_or_else(|| Vec::with_capacity(bytes.len().max(128)));
        buffer.clear();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Counts and notes what was decided at once.
    fn settle(&mut self, index: usize, verdict: &Verdict, fate: &mut Fate, bytes: &[u8]) {
        let Some(direction) = self.directions.get_mut(index) else { return };
        // The queue and the cut have counted theirs, copy by copy.
        if let Some(reason) = verdict.dropped {
            direction.stats.drop_for(reason);
            fate.dropped = Some(reason);
        }
        if fate.copies > 0 && verdict.corrupted {
            direction.stats.corrupted += 1;
            fate.corrupted = true;
        }
        direction.remember(bytes);
        if fate.dropped.is_some() || direction.is_fault(verdict) {
            let fault = (direction.from, direction.to, verdict.number);
            self.note(fault);
        }
    }

    /// Notes that something went wrong with a datagram, if that is recorded.
    fn note(&mut self, fault: (usize, usize, u64)) {
        if let Some(seen) = &mut self.seen
            && seen.last() != Some(&fault)
        {
            seen.push(fault);
        }
    }

    /// Sends the first copy and the further ones on their ways.
    #[allow(clippy::too_many_arguments)] // one call, split for its length
    fn dispatch(
        &mut self,
        now: Time,
        index: usize,
        verdict: &mut Verdict,
        fate: &mut Fate,
        source: SocketAddr,
        bytes: &[u8],
        out: &mut Vec<Copy>,
    ) {
        let mut first = self.copy_of(bytes);
        let Some(direction) = self.directions.get_mut(index) else { return };
        direction.spread(verdict);
        if verdict.corrupted {
            direction.corrupt(verdict.number, &mut first);
        }
        let to = direction.to;
        let parcel = |bytes, later| Parcel {
            direction: index,
            number: verdict.number,
            flight: verdict.flight,
            later,
            forced: verdict.forced,
            then: None,
            copy: Copy { at: now, to, source, bytes },
        };
        let further: Vec<Parcel> =
            verdict.later.iter().flatten().map(|later| parcel(self.copy_of(&first), Some(*later))).collect();
        match self.depart(now, parcel(first, None), out) {
            Ok(arrives) => {
                fate.arrives = arrives;
                fate.copies = 1;
            }
            Err(reason) => fate.dropped = Some(reason),
        }
        for parcel in further {
            if let Some(direction) = self.directions.get_mut(index) {
                direction.stats.duplicated += 1;
            }
            fate.copies += u8::from(self.depart(now, parcel, out).is_ok());
        }
    }

    /// Puts a copy into the first line on its way, if there is one. When it arrives, or why it does not.
    fn depart(&mut self, now: Time, mut parcel: Parcel, out: &mut Vec<Copy>) -> Result<Time, DropReason> {
        let Some(direction) = self.directions.get_mut(parcel.direction) else {
            return Err(DropReason::NoRoute);
        };
        let shared = direction.link.bottleneck.filter(|line| *line < self.lines.len());
        let Some(rate) = direction.link.rate else {
            return match shared {
                Some(line) => self.enter(line, now, parcel, out),
                None => self.land(now, parcel, out),
            };
        };
        if direction.drops_at_head() {
            let next = self.lines.len();
            let line = *direction.line.get_or_insert(next);
            if line == next {
                self.lines.push(Line::new(rate));
            }
            parcel.then = shared;
            return self.enter(line, now, parcel, out);
        }
        let Some(left) = direction.tail.enter(&rate, now, parcel.copy.bytes.len(), parcel.forced) else {
            direction.stats.drop_for(DropReason::Queue);
            self.recycle(parcel.copy.bytes);
            return Err(DropReason::Queue);
        };
        match shared {
            Some(line) => {
                self.schedule(left, line, Some(parcel));
                Ok(Fate::UNKNOWN)
            }
            None => self.land(left, parcel, out),
        }
    }

    fn schedule(&mut self, at: Time, line: usize, enters: Option<Parcel>) {
        self.scheduled += 1;
        self.events.push(Reverse(Event { at, order: self.scheduled, line, enters }));
    }

    /// A copy comes to a line.
    pub(super) fn enter(
        &mut self,
        index: usize,
        now: Time,
        parcel: Parcel,
        out: &mut Vec<Copy>,
    ) -> Result<Time, DropReason> {
        let Some(line) = self.lines.get_mut(index) else { return self.land(now, parcel, out) };
        let entering = (parcel.direction, parcel.number, parcel.later);
        match line.enter(now, parcel) {
            Entered::Leaves(parcel, left) => self.leave(index, parcel, left, out),
            Entered::Waits(gone) => {
                let mut result = Ok(Fate::UNKNOWN);
                for parcel in gone {
                    if (parcel.direction, parcel.number, parcel.later) == entering {
                        result = Err(DropReason::Queue);
                    }
                    self.overflow(parcel);
                }
                result
            }
        }
    }

    /// A copy leaves a line, which is free for the next one then.
    pub(super) fn leave(
        &mut self,
        line: usize,
        mut parcel: Parcel,
        left: Time,
        out: &mut Vec<Copy>,
    ) -> Result<Time, DropReason> {
        self.schedule(left, line, None);
        match parcel.then.take() {
            Some(next) => {
                self.schedule(left, next, Some(parcel));
                Ok(Fate::UNKNOWN)
            }
            None => self.land(left, parcel, out),
        }
    }

    /// A full line has dropped a copy.
    fn overflow(&mut self, parcel: Parcel) {
        if let Some(direction) = self.directions.get_mut(parcel.direction) {
            direction.stats.drop_for(DropReason::Queue);
            let fault = (direction.from, direction.to, parcel.number);
            self.note(fault);
        }
        self.recycle(parcel.copy.bytes);
    }

    /// A copy has passed all lines.
    fn land(&mut self, left: Time, parcel: Parcel, out: &mut Vec<Copy>) -> Result<Time, DropReason> {
        let Some(direction) = self.directions.get_mut(parcel.direction) else {
            return Err(DropReason::NoRoute);
        };
        match direction.land(left, parcel.flight, parcel.later, parcel.forced, parcel.copy, out) {
            Landed::Arrives(at) => Ok(at),
            Landed::Held => {
                let fault = (direction.from, direction.to, parcel.number);
                self.note(fault);
                Ok(Fate::UNKNOWN)
            }
            Landed::Cut(bytes) => {
                direction.stats.drop_for(DropReason::Cut);
                self.recycle(bytes);
                Err(DropReason::Cut)
            }
        }
    }
}
