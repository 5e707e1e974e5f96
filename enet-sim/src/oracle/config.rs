//! [`JudgeConfig`]: what a judge has to know about a world beforehand.

use std::net::SocketAddr;

use crate::time::{Span, Time};

/// What a judge has to know about a world. The defaults are ENet's, and those of a world in which little is possible.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgeConfig {
    /// Server and clients, in the order of their numbers. Hosts beyond them are attackers, and not judged.
    pub hosts: Vec<HostRules>,
    /// Whether datagrams carry the CRC.
    pub checksum: bool,
    /// Whether some host has a compressor: then little can be read on the wire.
    pub compression: bool,
    /// Whether the network may alter datagrams.
    pub corruption: bool,
    /// Whether somebody sends what could be a client's: then only what concerns one host by itself is judged.
    pub attacked: bool,
    /// Where those are who connect and mean harm: what is spent on them is judged, and everybody else as if they were not
    /// there.
    pub insiders: Vec<SocketAddr>,
    /// Whether a NAT may give clients new addresses.
    pub rebinding: bool,
    /// Whether sockets refuse datagrams: then what leaves a host is not all that it believes to have sent.
    pub send_faults: bool,
    /// The longest that a datagram can be under way, its late duplicates included, without queueing.
    pub delay_bound: Span,
}

/// What a judge has to know about a host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRules {
    /// Its own MTU.
    pub mtu: u32,
    /// How many connections it can have.
    pub peers: usize,
    /// ENet's timeout limit.
    pub timeout_limit: u32,
    /// ENet's timeout minimum.
    pub timeout_minimum: Span,
    /// ENet's timeout maximum.
    pub timeout_maximum: Span,
    /// What the application may set instead of these three while the world runs.
    pub timeout_changes: Vec<(u32, Span, Span)>,
    /// Received bytes that the application is willing to hold per connection.
    pub max_waiting: u32,
    /// The longest time between a deadline or a datagram, and the service call that looks after it.
    pub service_interval: Span,
    /// When its 32-bit millisecond clock passes 2³², if it does.
    pub clock_wraps: Option<Time>,
    /// How much its clock may run too fast or too slow, millionths.
    pub clock_drift_ppm: u32,
    /// Whether it is not ours: then the C library's known deviations are no violations.
    pub foreign: bool,
    /// Whether it sends no more than it received, until the address is proven.
    pub strict: bool,
    /// Whether its datagrams may hold more than 32 commands, and be filled up with zeros to go in trains.
    pub modern: bool,
    /// In how many datagrams its small reliable commands ride along after they left.
    pub redundancy: u8,
}

impl JudgeConfig {
    /// A world of `hosts` hosts with ENet's defaults.
    pub fn new(hosts: usize) -> Self {
        JudgeConfig {
            hosts: vec![HostRules::default(); hosts],
            checksum: false,
            compression: false,
            corruption: false,
            attacked: false,
            insiders: Vec::new(),
            rebinding: false,
            send_faults: false,
            delay_bound: Span::from_secs(1),
        }
    }

    /// Whether payloads arrive as they were sent, from those who seem to have sent them.
    pub(super) fn trusted(&self) -> bool {
        !self.attacked && (self.checksum || !self.corruption)
    }

    /// Whether the commands of every datagram can be read, and all that a host sends is seen.
    pub(super) fn transparent(&self) -> bool {
        self.trusted() && !self.compression && !self.send_faults
    }
}

impl Default for HostRules {
    fn default() -> Self {
        HostRules {
            mtu: enet_wire::DEFAULT_MTU,
            peers: 64,
            timeout_limit: 32,
            timeout_minimum: Span::from_secs(5),
            timeout_maximum: Span::from_secs(30),
            timeout_changes: Vec::new(),
            max_waiting: 32 << 20,
            service_interval: Span::ZERO,
            clock_wraps: None,
            clock_drift_ppm: 0,
            foreign: false,
            strict: false,
            modern: false,
            redundancy: 0,
        }
    }
}

impl HostRules {
    /// The least true time in which its clock can advance by `span`.
    pub(super) fn shortest(&self, span: Span) -> Span {
        let whole = u128::from(span.0) * 1_000_000 / (1_000_000 + u128::from(self.clock_drift_ppm));
        Span(u64::try_from(whole).unwrap_or(u64::MAX))
    }

    /// The most true time in which its clock advances by `span`.
    pub(super) fn longest(&self, span: Span) -> Span {
        let drift = u128::from(self.clock_drift_ppm.min(500_000));
        let whole = u128::from(span.0) * 1_000_000 / (1_000_000 - drift);
        Span(u64::try_from(whole).unwrap_or(u64::MAX))
    }

    /// All timeout settings that may be in force: limit, minimum, maximum.
    fn timeouts(&self) -> impl Iterator<Item = (u32, Span, Span)> {
        let own = (self.timeout_limit, self.timeout_minimum, self.timeout_maximum);
        core::iter::once(own).chain(self.timeout_changes.iter().copied())
    }

    /// The least silence after which it may give up.
    pub(super) fn least_silence(&self) -> Span {
        self.timeouts().map(|(_, minimum, maximum)| minimum.min(maximum)).min().unwrap_or_default()
    }

    /// The largest maximum.
    pub(super) fn longest_maximum(&self) -> Span {
        self.timeouts().map(|(.., maximum)| maximum).max().unwrap_or_default()
    }

    /// By when a side must have noticed that the other one is gone, whatever its timers stood at: each expiry doubles
    /// the time to the next, so the one past the maximum comes before twice the maximum and `rto` (PROTOCOL.md §9.5).
    pub(super) fn death_bound(&self, rto: Span) -> Span {
        let twice = Span(self.longest_maximum().0.saturating_mul(2));
        // Each of the expiries on the way may be seen one service late; beyond 40 doublings nobody counts.
        twice
            + Span(rto.0.saturating_mul(2))
            + Span(self.service_interval.0.saturating_mul(40))
            + Span::from_secs(5)
    }

    /// When an attempt that nobody answers ends at the earliest, counted from its first CONNECT.
    pub(super) fn connect_patience(&self) -> Span {
        // The settings may change on the way, and the quickest way out takes the least of each.
        let limit = self.timeouts().map(|(limit, ..)| limit).min().unwrap_or_default();
        let minimum = self.timeouts().map(|(_, minimum, _)| minimum).min().unwrap_or_default();
        let maximum = self.timeouts().map(|(.., maximum)| maximum).min().unwrap_or_default();
        let (mut age, mut rto, mut power) = (Span::from_millis(500).0, Span::from_millis(500).0, 1_u64);
        // An expiry that is seen late can be the one that crosses a line.
        let late = Span::from_millis(20).0.saturating_add(self.service_interval.0.saturating_mul(8));
        loop {
            let seen = age.saturating_add(late);
            if seen >= maximum.0 || (power >= u64::from(limit) && seen >= minimum.0) {
                return Span(age);
            }
            rto = rto.saturating_mul(2);
            age = age.saturating_add(rto);
            power = power.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_attempt_ends_when_the_c_library_ends_it() {
        // PROTOCOL.md §6.1: CONNECT leaves at 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s, and the event comes at 31.5 s.
        assert_eq!(HostRules::default().connect_patience(), Span::from_millis(31_500));
        let hasty = HostRules {
            timeout_limit: 4,
            timeout_minimum: Span::from_secs(1),
            timeout_maximum: Span::from_secs(9),
            ..HostRules::default()
        };
        assert_eq!(hasty.connect_patience(), Span::from_millis(3_500));
    }

    #[test]
    fn what_is_corrupted_without_a_checksum_cannot_be_trusted() {
        let config = JudgeConfig { corruption: true, ..JudgeConfig::new(2) };
        assert!(!config.trusted());
        assert!(JudgeConfig { checksum: true, ..config }.trusted());
    }
}
