//! [`Direction`]: the way from one host to another; judges each datagram.

use std::sync::Arc;

use super::delay::Flight;
use super::draws::Draws;
use super::loss::{Script, is_lost, is_within};
use super::queue::Tail;
use super::{Copy, DirectionStats, DropReason, corrupt};
use crate::random::{Chance, Purpose, scale};
use crate::scenario::link::{DropFrom, LinkSpec, Loss};
use crate::time::{Span, Time};

/// The most copies of a datagram, the first among them.
pub(crate) const MOST_COPIES: usize = 6;

/// What is decided about a datagram before it enters a line.
pub(crate) struct Verdict {
    pub(crate) number: u64,
    pub(crate) dropped: Option<DropReason>,
    pub(crate) corrupted: bool,
    pub(crate) flight: Flight,
    /// For each further copy, how much later it comes than the first.
    pub(crate) later: [Option<Span>; MOST_COPIES - 1],
    /// No queue, cut or hold concerns it.
    pub(crate) forced: bool,
}

/// Where a copy that has passed everything ends.
pub(crate) enum Landed {
    /// It arrives then.
    Arrives(Time),
    /// It arrives when the hold ends.
    Held,
    /// The way is cut.
    Cut(Vec<u8>),
}

/// The way from one host to another.
pub(crate) struct Direction {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) link: Arc<LinkSpec>,
    pub(crate) clean: bool,
    /// Datagrams are lost or late, and nothing else happens to them.
    pub(crate) plain: bool,
    pub(crate) stats: DirectionStats,
    pub(crate) tail: Tail,
    /// The own line if it drops at its head.
    pub(crate) line: Option<usize>,
    pub(crate) cut: bool,
    hold: bool,
    held: Vec<Copy>,
    number: u64,
    draws: Draws,
    bad: bool,
    script: Script,
    last_jitter: u32,
    previous: Vec<u8>,
    /// When the last datagram arrives that others must not overtake.
    clamp: Time,
    /// When the latest of all arrives.
    newest: Time,
}

/// Whether datagrams are lost or late on a link, and nothing else happens to them.
fn is_plain(link: &LinkSpec) -> bool {
    let untouched = link.corrupt.chance == Chance::NEVER && link.duplicate.chance == Chance::NEVER;
    untouched && link.rate.is_none() && link.bottleneck.is_none()
}

impl Direction {
    pub(crate) fn new(seed: u64, from: usize, to: usize, link: Arc<LinkSpec>) -> Self {
        let half = |host: usize| u32::from(u16::try_from(host).unwrap_or(u16::MAX));
        let owner = half(from) << 16 | half(to);
        Direction {
            from,
            to,
            clean: link.is_clean(),
            plain: is_plain(&link),
            link,
            stats: DirectionStats::default(),
            tail: Tail::default(),
            line: None,
            cut: false,
            hold: false,
            held: Vec::new(),
            number: 0,
            draws: Draws::new(seed, owner),
            bad: false,
            script: Script::default(),
            last_jitter: 0,
            previous: Vec::new(),
            clamp: Time::ZERO,
            newest: Time::ZERO,
        }
    }

    /// Another link from now on; queues and draws stay as they are.
    pub(crate) fn set_link(&mut self, link: Arc<LinkSpec>) {
        if link.drop != self.link.drop {
            self.script.restart();
        }
        self.clean = link.is_clean();
        self.plain = is_plain(&link);
        self.link = link;
    }

    /// The number of a datagram about which nothing else is to be decided.
    pub(crate) fn count(&mut self) -> u64 {
        self.stats.sent += 1;
        let number = self.number;
        self.number += 1;
        number
    }

    /// What becomes of a datagram. Every stage that is switched on decides, whatever the others decided.
    pub(crate) fn judge(&mut self, now: Time, bytes: &[u8]) -> Verdict {
        let number = self.count();
        let link = &*self.link;
        let mut verdict = Verdict {
            number,
            dropped: None,
            corrupted: false,
            flight: Flight::plain(&link.delay),
            later: [None; MOST_COPIES - 1],
            forced: false,
        };
        if self.clean {
            return verdict;
        }
        let too_long = link
            .mtu
            .is_some_and(|mtu| bytes.len() > usize::from(mtu.bytes) && is_within(now, mtu.from, mtu.until));
        let lost = link.loss != Loss::None && is_lost(&link.loss, &mut self.draws, number, &mut self.bad);
        let picked = self.script.picks(&link.drop, now, bytes, &mut self.draws, number);
        verdict.dropped = match (too_long, lost, picked) {
            (true, _, _) => Some(DropReason::Mtu),
            (_, true, _) => Some(DropReason::Loss),
            (_, _, true) => Some(DropReason::Scripted),
            _ => None,
        };
        let happens = |draws: &mut Draws, chance: Chance, purpose| {
            chance.ppm() > 0 && chance.hit(draws.word(purpose, number))
        };
        verdict.corrupted = happens(&mut self.draws, link.corrupt.chance, Purpose::Corrupt);
        if happens(&mut self.draws, link.duplicate.chance, Purpose::Duplicate) {
            let count = usize::from(link.duplicate.copies);
            for later in verdict.later.iter_mut().take(count) {
                *later = Some(Span::ZERO);
            }
        }
        verdict.flight = Flight::choose(&link.delay, &mut self.draws, number, &mut self.last_jitter);
        verdict
    }

    /// Whether something went wrong with the datagram.
    pub(crate) fn is_fault(&self, verdict: &Verdict) -> bool {
        verdict.dropped.is_some()
            || verdict.corrupted
            || verdict.later.iter().any(Option::is_some)
            || verdict.flight.takes != self.link.delay.base
    }

    /// Nothing goes wrong with the datagram after all.
    pub(crate) fn pardon(&self, verdict: &mut Verdict) {
        verdict.dropped = None;
        verdict.corrupted = false;
        verdict.flight = Flight::plain(&self.link.delay);
        verdict.later = [None; MOST_COPIES - 1];
        verdict.forced = true;
    }

    /// Fills in how much later the further copies come.
    pub(crate) fn spread(&mut self, verdict: &mut Verdict) {
        let within = self.link.duplicate.within;
        if within == Span::ZERO || verdict.later.iter().all(Option::is_none) {
            return;
        }
        let Some(rng) = self.draws.many(Purpose::DuplicateDelay, verdict.number) else { return };
        for later in verdict.later.iter_mut().flatten() {
            let draw = crate::random::RngCore::next_u32(rng);
            *later = Span(scale(draw, within.0.saturating_add(1)));
        }
    }

    /// Changes the bytes of a datagram that is corrupted.
    pub(crate) fn corrupt(&mut self, number: u64, bytes: &mut Vec<u8>) {
        if let Some(rng) = self.draws.many(Purpose::CorruptBytes, number) {
            corrupt::damage(&self.link.corrupt.damage, bytes, &self.previous, rng);
        }
    }

    /// Keeps what was sent for the next datagram, which may be spliced with it.
    pub(crate) fn remember(&mut self, bytes: &[u8]) {
        if self.link.corrupt.chance.ppm() > 0 {
            self.previous.clear();
            self.previous.extend_from_slice(bytes);
        }
    }

    /// Whether datagrams that a full queue drops at its head have a line of their own.
    pub(crate) fn drops_at_head(&self) -> bool {
        self.link.rate.is_some_and(|rate| rate.drop == DropFrom::Head)
    }

    /// A copy has left the last line: it takes its flight. It is given to `out` unless it is held.
    pub(crate) fn land(
        &mut self,
        left: Time,
        flight: Flight,
        later: Option<Span>,
        forced: bool,
        mut copy: Copy,
        out: &mut Vec<Copy>,
    ) -> Landed {
        if self.cut && !forced {
            return Landed::Cut(copy.bytes);
        }
        let mut at = left + flight.takes + later.unwrap_or_default();
        if later.unwrap_or_default() == Span::ZERO {
            if !flight.overtakes {
                at = at.max(self.clamp);
                self.clamp = at;
            }
            if later.is_none() && at < self.newest {
                self.stats.reordered += 1;
            }
            self.newest = self.newest.max(at);
        }
        copy.at = at;
        if self.hold && !forced {
            self.held.push(copy);
            return Landed::Held;
        }
        out.push(copy);
        Landed::Arrives(at)
    }

    /// Whether it holds everything back.
    pub(crate) fn holds(&self) -> bool {
        self.hold
    }

    /// Holds everything back from now on, or releases what was held: in the order in which it would have arrived.
    pub(crate) fn hold(&mut self, on: bool, now: Time, out: &mut Vec<Copy>) {
        self.hold = on;
        if on {
            return;
        }
        self.held.sort_by_key(|copy| copy.at);
        for mut copy in self.held.drain(..) {
            copy.at = copy.at.max(now);
            self.newest = self.newest.max(copy.at);
            out.push(copy);
        }
        if !self.link.delay.reorder {
            self.clamp = self.clamp.max(now);
        }
    }
}
