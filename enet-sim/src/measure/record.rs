//! [`RunRecord`]: the numbers of one run, under names that stay.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// What one run measured: one element of the JSON that `cargo xtask sim run --json` writes. The names and their order
/// are stable; new ones come at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The scenario's name.
    pub scenario: String,
    /// What its chance was drawn from.
    pub seed: u64,
    /// Who implements the measured side: `ours`, `c`, `rusty`.
    pub sender: String,
    /// Who implements the other side.
    pub receiver: String,
    /// From the application's send call to the application at the other end, reliable messages; `None` if none arrived.
    pub latency_ms: Option<Latency>,
    /// The same for the three other ways of delivery together.
    pub unreliable_latency_ms: Option<Latency>,
    /// Messages of the measured side that arrived.
    pub delivered: u64,
    /// Messages that its endpoint accepted.
    pub sent: u64,
    /// Payload bytes of the measured side that arrived, per second between the first send call and the last send call
    /// or arrival.
    pub goodput_bytes_per_s: f64,
    /// Bytes of all datagrams of both sides, as UDP payload: IPv4 and UDP headers add 28 to each of `datagrams`.
    pub wire_bytes: u64,
    /// Payload bytes that arrived, of both sides.
    pub payload_bytes: u64,
    /// Datagrams of both sides.
    pub datagrams: u64,
    /// Reliable commands of both sides that went out again.
    pub retransmissions: u64,
    /// Those of them of which the network had not dropped an earlier transmission: what was lost or late was the
    /// acknowledgement.
    pub needless_retransmissions: u64,
    /// Connections and attempts that ended though no application closed them.
    pub disconnects: u64,
    /// A hash over all that happened, 16 hexadecimal digits: equal runs have equal hashes.
    pub trace_hash: String,
    /// How often a judge found a property broken.
    pub violations: u64,
    /// Virtual time from the first to the last event.
    pub simulated_s: f64,
    /// Real time it took.
    pub wall_s: f64,
    /// In what the run missed the result its scenario calls good; `None` if it did not.
    pub expectation: Option<String>,
    /// What the measured side sent.
    pub sending: Sending,
    /// Of the messages of the measured side that need not arrive: the share that did, 0 to 1, of those sent in the
    /// worst whole second; `None` if there is no such second.
    pub worst_second: Option<f64>,
    /// From the end of a cut to the next reliable message that arrived, the longest of all cuts; `None` without a cut,
    /// and where nothing came after one.
    pub first_after_cut_ms: Option<f64>,
}

/// What one side sent. The reliable commands are those of its messages: a message of several datagrams has several, and
/// the connection's own (connects, pings) do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sending {
    /// Bytes of all its datagrams, as UDP payload.
    pub wire_bytes: u64,
    /// Its datagrams.
    pub datagrams: u64,
    /// Its reliable commands, each counted once.
    pub commands: u64,
    /// How often they went out, altogether.
    pub transmissions: u64,
    /// How often one went out of which the network had not dropped an earlier transmission: it had arrived, or was
    /// under way.
    pub needless: u64,
}

impl Sending {
    /// Transmissions of a command, on the average; `None` without commands.
    pub fn transmissions_per_command(&self) -> Option<f64> {
        (self.commands > 0).then(|| self.transmissions as f64 / self.commands as f64)
    }

    /// Needless transmissions of a command, on the average; `None` without commands.
    pub fn needless_per_command(&self) -> Option<f64> {
        (self.commands > 0).then(|| self.needless as f64 / self.commands as f64)
    }
}

impl RunRecord {
    /// Bytes on the wire per payload byte that arrived; `None` if none did.
    pub fn overhead(&self) -> Option<f64> {
        (self.payload_bytes > 0).then(|| self.wire_bytes as f64 / self.payload_bytes as f64)
    }

    /// Share of the accepted messages that arrived, 0 to 1; `None` if none were accepted.
    pub fn delivered_share(&self) -> Option<f64> {
        (self.sent > 0).then(|| self.delivered as f64 / self.sent as f64)
    }

    /// Share of the retransmissions that were needless, 0 to 1; `None` without retransmissions.
    pub fn needless_share(&self) -> Option<f64> {
        (self.retransmissions > 0).then(|| self.needless_retransmissions as f64 / self.retransmissions as f64)
    }

    /// `sender→receiver`.
    pub fn pairing(&self) -> String {
        format!("{}→{}", self.sender, self.receiver)
    }

    /// In one or two words: `ok`, `missed` (its scenario's good result), `2 broken` (properties).
    pub fn verdict(&self) -> String {
        match (self.violations, &self.expectation) {
            (0, None) => "ok".to_owned(),
            (0, Some(_)) => "missed".to_owned(),
            (broken, _) => format!("{broken} broken"),
        }
    }
}

/// Statistics of a set of latencies, in milliseconds. Percentiles are exact, by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 95 % were at most so long.
    pub p95: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    /// Of latencies in ascending order; `None` if there are none.
    pub fn of_sorted(sorted: &[Span]) -> Option<Self> {
        let max = sorted.last()?.as_millis_f64();
        let sum: u128 = sorted.iter().map(|span| u128::from(span.0)).sum();
        let rank = |thousandths| nearest_rank(sorted, thousandths).unwrap_or_default().as_millis_f64();
        Some(Self {
            // To the nanosecond, as the others.
            mean: (sum as f64 / sorted.len() as f64).round() / 1e6,
            p50: rank(500),
            p95: rank(950),
            p99: rank(990),
            p999: rank(999),
            max,
        })
    }
}

/// The smallest value such that at least `thousandths` / 1000 of all are not greater.
fn nearest_rank(sorted: &[Span], thousandths: usize) -> Option<Span> {
    let rank = (sorted.len() * thousandths).div_ceil(1_000).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred_by_nearest_rank() {
        let thousand: Vec<Span> = (1..=1_000).map(Span::from_millis).collect();
        let latency = Latency::of_sorted(&thousand).unwrap();
        assert_eq!(
            latency,
            Latency { mean: 500.5, p50: 500.0, p95: 950.0, p99: 990.0, p999: 999.0, max: 1_000.0 }
        );
        let three: Vec<Span> = [10, 20, 90].map(Span::from_millis).to_vec();
        let latency = Latency::of_sorted(&three).unwrap();
        assert_eq!(latency, Latency { mean: 40.0, p50: 20.0, p95: 90.0, p99: 90.0, p999: 90.0, max: 90.0 });
    }

    #[test]
    fn one_latency_is_all_percentiles_and_none_is_none() {
        let one = Latency::of_sorted(&[Span::from_millis(7)]).unwrap();
        assert_eq!((one.p50, one.p999, one.max), (7.0, 7.0, 7.0));
        assert_eq!(Latency::of_sorted(&[]), None);
    }
}
