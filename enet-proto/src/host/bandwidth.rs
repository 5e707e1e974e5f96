//! The once-a-second pass: bandwidth is shared out among the peers (PROTOCOL.md §11).

use alloc::vec::Vec;

use enet_wire::Body;

use super::Host;
use crate::peer::Connection;
use crate::profile::THROTTLE_SCALE;

/// How often, in ms.
pub(crate) const INTERVAL: u32 = 1_000;

/// Events there is room for, although none are waiting.
const EVENTS_KEPT: usize = 64;

const FULL_SHARE: u64 = THROTTLE_SCALE as u64;

/// What the distribution sees and changes of one active peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerShare {
    /// The remote's downstream limit, bytes/s, 0 = unlimited.
    pub incoming_bandwidth: u32,
    /// The remote's upstream limit, bytes/s, 0 = unlimited.
    pub outgoing_bandwidth: u32,
    /// Bytes queued for the peer since the last pass.
    pub outgoing_data_total: u32,
    /// Bytes received from the peer since the last pass.
    pub incoming_data_total: u32,
    /// Share of unreliable packets sent, of 32.
    pub throttle: u32,
    /// What it may be at most, of 32.
    pub throttle_limit: u32,
}

impl PeerShare {
    fn settle(&mut self, limit: u64) {
        self.throttle_limit = u32::try_from(limit.min(FULL_SHARE)).unwrap_or(0);
        self.throttle = self.throttle.min(self.throttle_limit);
        self.outgoing_data_total = 0;
        self.incoming_data_total = 0;
    }
}

/// Limits each peer's throttle to its share of our upstream and to its own downstream (PROTOCOL.md §11.2).
/// `outgoing_bandwidth` is ours in bytes/s, 0 = unlimited; `elapsed` the ms since the last pass.
pub fn distribute_outgoing(outgoing_bandwidth: u32, elapsed: u32, peers: &mut [PeerShare]) {
    distribute(outgoing_bandwidth, elapsed, peers, &mut Vec::new());
}

/// As `distribute_outgoing`, with room for a mark for each peer.
fn distribute(outgoing_bandwidth: u32, elapsed: u32, peers: &mut [PeerShare], settled: &mut Vec<bool>) {
    let per_pass = |bandwidth| per_pass(bandwidth, elapsed);
    let (mut bandwidth, mut total) = if outgoing_bandwidth == 0 {
        (u64::from(u32::MAX), u64::from(u32::MAX))
    } else {
        let queued = peers.iter().map(|peer| u64::from(peer.outgoing_data_total)).sum();
        (per_pass(outgoing_bandwidth), queued)
    };
    let share = |bandwidth: u64, total: u64| {
        if total <= bandwidth { FULL_SHARE } else { bandwidth * FULL_SHARE / total }
    };
    settled.clear();
    settled.resize(peers.len(), false);
    let mut changed = true;
    while changed {
        changed = false;
        let throttle = share(bandwidth, total);
        for (peer, settled) in peers.iter_mut().zip(settled.iter_mut()).filter(|(_, settled)| !**settled) {
            let wanted = throttle * u64::from(peer.outgoing_data_total) / FULL_SHARE;
            let allowed = per_pass(peer.incoming_bandwidth);
            if peer.incoming_bandwidth == 0 || wanted <= allowed {
                continue;
            }
            let limit = allowed * FULL_SHARE / u64::from(peer.outgoing_data_total);
            peer.settle(limit.max(1));
            *settled = true;
            changed = true;
            bandwidth = bandwidth.saturating_sub(allowed);
            total = total.saturating_sub(allowed);
        }
    }
    let throttle = share(bandwidth, total);
    for (peer, _) in peers.iter_mut().zip(settled).filter(|(_, settled)| !**settled) {
        peer.settle(throttle);
    }
}

/// The bytes that a limit in bytes/s allows in so many ms.
fn per_pass(bandwidth: u32, elapsed: u32) -> u64 {
    u64::from(bandwidth) * u64::from(elapsed) / 1000
}

/// What each peer is told to send at most, in bytes/s, 0 = unlimited (PROTOCOL.md §11.3). `incoming_bandwidth` is our
/// downstream, 0 = unlimited. One value a peer is pushed to `announced`, in order.
pub fn announce_incoming(incoming_bandwidth: u32, peers: &[PeerShare], announced: &mut Vec<u32>) {
    let mut settled: Vec<bool> = peers.iter().map(|_| false).collect();
    let mut remaining = u32::try_from(peers.len()).unwrap_or(u32::MAX);
    let mut bandwidth = incoming_bandwidth;
    let mut limit = 0;
    let mut changed = incoming_bandwidth != 0;
    while changed && remaining > 0 {
        changed = false;
        limit = bandwidth / remaining;
        for (peer, settled) in peers.iter().zip(&mut settled).filter(|(_, settled)| !**settled) {
            if peer.outgoing_bandwidth > 0 && peer.outgoing_bandwidth >= limit {
                continue;
            }
            *settled = true;
            changed = true;
            remaining -= 1;
            bandwidth = bandwidth.saturating_sub(peer.outgoing_bandwidth);
        }
    }
    let told = |(peer, settled): (&PeerShare, &bool)| if *settled { peer.outgoing_bandwidth } else { limit };
    announced.extend(peers.iter().zip(&settled).map(told));
}

impl Host {
    /// Runs the pass if a second has gone by. It touches connected peers only.
    pub(super) fn tick_if_due(&mut self) {
        let elapsed = self.shared.now.diff(self.bandwidth_epoch);
        if elapsed < INTERVAL {
            return;
        }
        self.bandwidth_epoch = self.shared.now;
        if self.table.active_count() == 0 {
            self.trim();
            return;
        }
        if !self.recalculate_bandwidth && self.shared.outgoing_bandwidth == 0 && self.share_freely() {
            self.shares = Vec::new();
            self.trim();
            return;
        }
        let mut shares = core::mem::take(&mut self.shares);
        shares.clear();
        shares.extend(self.table.active().filter_map(|slot| self.table.get(slot)).map(|peer| PeerShare {
            incoming_bandwidth: peer.incoming_bandwidth,
            outgoing_bandwidth: peer.outgoing_bandwidth,
            outgoing_data_total: peer.outgoing_data_total,
            incoming_data_total: peer.incoming_data_total,
            throttle: peer.throttle.value,
            throttle_limit: peer.throttle.limit,
        }));
        distribute(self.shared.outgoing_bandwidth, elapsed, &mut shares, &mut self.settled);
        let mut announced = Vec::new();
        if core::mem::take(&mut self.recalculate_bandwidth) {
            announce_incoming(self.shared.incoming_bandwidth, &shares, &mut announced);
        }
        self.make_room(elapsed);
        self.apply_shares(&shares, &announced);
        self.shares = shares;
        self.trim();
    }

    /// Gives memory back that a burst left behind.
    fn trim(&mut self) {
        self.shared.trim();
        self.events.shrink_to(EVENTS_KEPT);
        self.schedule.trim();
    }

    /// What `distribute` comes to where nobody has a limit; `false` at the first peer that has one.
    fn share_freely(&mut self) -> bool {
        let limited = |peer: &Connection| peer.incoming_bandwidth != 0;
        if self.table.active().filter_map(|slot| self.table.get(slot)).any(limited) {
            return false;
        }
        let mut from = 0;
        while let Some(slot) = self.table.next_active(from) {
            from = slot + 1;
            let Some(peer) = self.table.get_mut(slot) else { continue };
            peer.trim_if_idle();
            peer.throttle.limit = THROTTLE_SCALE;
            (peer.outgoing_data_total, peer.incoming_data_total, peer.repeatable) = (0, 0, 0);
            peer.has_room = false;
            self.touch(slot);
        }
        true
    }

    /// Lets copies ride along unasked as long as they keep to our limit and to the peer's, with everything else that
    /// was queued since the last pass.
    fn make_room(&mut self, elapsed: u32) {
        let Host { table, shared, .. } = self;
        let fits = |bytes, bandwidth| bandwidth == 0 || bytes <= per_pass(bandwidth, elapsed);
        let all =
            table.active().filter_map(|slot| table.get(slot)).map(|peer| peer.queued_with_copies(shared));
        let has_room = fits(all.sum(), shared.outgoing_bandwidth);
        let mut from = 0;
        while let Some(slot) = table.next_active(from) {
            from = slot + 1;
            let Some(peer) = table.get_mut(slot) else { continue };
            peer.has_room = has_room && fits(peer.queued_with_copies(shared), peer.incoming_bandwidth);
            peer.repeatable = 0;
        }
    }

    fn apply_shares(&mut self, shares: &[PeerShare], announced: &[u32]) {
        let mut from = 0;
        for (index, share) in shares.iter().enumerate() {
            let Some(slot) = self.table.next_active(from) else { return };
            from = slot + 1;
            let Some(peer) = self.table.get_mut(slot) else { continue };
            peer.trim_if_idle();
            peer.throttle.value = share.throttle;
            peer.throttle.limit = share.throttle_limit;
            peer.outgoing_data_total = share.outgoing_data_total;
            peer.incoming_data_total = share.incoming_data_total;
            if let Some(incoming) = announced.get(index) {
                let outgoing = self.shared.outgoing_bandwidth;
                peer.queue_control(Body::BandwidthLimit { incoming: *incoming, outgoing }, &mut self.shared);
            }
            self.settle(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn an_unlimited_host_gives_every_peer_the_full_share() {
        let mut peers = [PeerShare { outgoing_data_total: 1 << 30, throttle: 7, ..PeerShare::default() }; 2];
        distribute_outgoing(0, 1_000, &mut peers);
        assert!(peers.iter().all(|peer| (peer.throttle, peer.throttle_limit) == (7, 32)));
        assert!(peers.iter().all(|peer| peer.outgoing_data_total == 0));
    }

    #[test]
    fn five_megabytes_a_second_do_not_overflow() {
        let mut peers =
            [PeerShare { outgoing_data_total: 2_500_000, throttle: 32, ..PeerShare::default() }; 2];
        distribute_outgoing(5_000_000, 1_000, &mut peers);
        assert_eq!(peers[0].throttle_limit, 32);
    }

    #[test]
    fn a_peer_without_a_limit_of_its_own_is_told_none() {
        let mut announced = vec![];
        announce_incoming(10_000, &[PeerShare::default()], &mut announced);
        assert_eq!(announced, [0]);
    }
}
