//! Memory: what is held is limited, and nothing is held when nothing is missing (M1); what was acknowledged arrives (R3).

use super::Judge;
use super::ids::SideId;
use super::side::Phase;
use crate::endpoint::Snapshot;
use crate::time::Time;

impl Judge {
    /// M1: received data that waits.
    pub(super) fn judge_waiting(&mut self, at: Time, id: SideId, now: &Snapshot) {
        if now.waiting == 0 {
            return;
        }
        let host = self.side(id).host;
        if self.side(id).insider {
            self.judge_held(at, id, now);
        }
        let Some(rules) = self.config.hosts.get(host) else { return };
        // A message is taken while there is room for less of it (PROTOCOL.md §9.2). Whatever attackers and altered
        // lengths claim, it is no longer than the longest packet.
        let largest = self.sides.iter().map(|side| side.largest).max().unwrap_or(0);
        let honest = self.trusted && !self.side(id).insider;
        let overshoot = if honest && largest > 0 { largest } else { 32 << 20 };
        // A modern host takes the packet that is next on its channel, too, when there is nothing to fetch.
        let packets = if rules.modern { 2 } else { 1 };
        let limit = u64::from(rules.max_waiting) + packets * u64::from(overshoot);
        if u64::from(now.waiting) > limit && !rules.foreign {
            let complaint = || format!("{} received bytes wait, and {limit} are allowed", now.waiting);
            return self.verdict.complain(at, "M1", host, complaint);
        }
        if rules.foreign {
            return;
        }
        if let Some(held) = self.held_for_nothing(id, now) {
            let complaint = || {
                format!(
                    "{} received bytes wait, though all reliable messages were delivered; {held} can be explained",
                    now.waiting
                )
            };
            self.verdict.complain(at, "M1", host, complaint);
        }
    }

    /// How much may wait although nothing reliable is missing, if more does: two incomplete sets of unreliable fragments
    /// on each channel, and one that has just begun (PROTOCOL.md §12.6).
    fn held_for_nothing(&self, id: SideId, now: &Snapshot) -> Option<u64> {
        let side = self.side(id);
        if !self.trusted || side.tainted || !side.is_open() {
            return None;
        }
        let partner = self.side(side.partner?);
        if partner.has_pending() || partner.partner != Some(id) {
            return None;
        }
        let channels = u64::try_from(partner.sent.len()).unwrap_or(u64::MAX);
        let explained = u64::from(partner.largest_set) * 3 * channels;
        (u64::from(now.waiting) > explained).then_some(explained)
    }

    /// R3: when nothing is queued and nothing is in flight, everything was acknowledged, and therefore delivered.
    pub(super) fn judge_quiescence(&mut self, at: Time, id: SideId, now: &Snapshot) {
        let side = self.side(id);
        if now.state != 5 || now.queued != 0 || now.in_flight != 0 || !side.has_pending() {
            return;
        }
        let Some(partner) = side.partner.map(|partner| self.side(partner)) else { return };
        let foreign = self.is_foreign(side.host) || self.is_foreign(partner.host);
        let sound =
            self.trusted && !side.tainted && partner.is_open() && partner.partner == Some(id) && !foreign;
        if !sound || side.phase != Phase::Open {
            return;
        }
        let pending =
            side.sent.iter().enumerate().find_map(|(channel, outbox)| Some((channel, outbox.pending()?)));
        let Some((channel, pending)) = pending else { return };
        let host = side.host;
        let complaint = || {
            let (count, kind, id) = (pending.count, pending.kind.as_str(), pending.id);
            format!(
                "all was acknowledged, and {count} messages of channel {channel}, from {kind} {id}, did not arrive"
            )
        };
        self.verdict.complain(at, "R3", host, complaint);
    }

    /// What is still held when the world ends.
    pub(super) fn judge_leftovers(&mut self, at: Time) {
        let open: Vec<SideId> = self.hosts.iter().flat_map(|book| book.living.iter().copied()).collect();
        for id in open {
            if let Some((_, snapshot)) = self.side(id).snapshot {
                self.judge_waiting(at, id, &snapshot);
            }
        }
    }
}
