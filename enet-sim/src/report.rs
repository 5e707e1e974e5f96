//! [`Report`]: what a run showed, as a value and as a table.

use core::fmt;
use core::time::Duration;

use enet_proto::DisconnectReason;
use serde::{Serialize, Serializer};

use crate::scenario::Scenario;
use crate::trace::TraceHash;
use crate::traffic::Kind;

/// What a run showed. Its [`Display`](fmt::Display) is a table; serialized, times are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was run.
    pub scenario: Scenario,
    /// Virtual time until the client knew it was connected.
    #[serde(rename = "connected_us", serialize_with = "optional_micros")]
    pub connected: Option<Duration>,
    /// Virtual time of the whole run.
    #[serde(rename = "duration_us", serialize_with = "crate::link::as_micros")]
    pub duration: Duration,
    /// How the connection ended for the client, and for the server.
    pub closing: Closing,
    /// What became of the messages, by kind.
    pub deliveries: Vec<DeliveryReport>,
    /// Datagrams of the client.
    pub client_to_server: WireReport,
    /// Datagrams of the server.
    pub server_to_client: WireReport,
    /// Everything that happened although ENet promises that it does not.
    pub violations: Vec<String>,
    /// Equal for equal scenarios.
    pub trace_hash: TraceHash,
}

/// How a connection ended at its two ends; `None` where it did not within the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Closing {
    /// As the client saw it.
    #[serde(serialize_with = "optional_reason")]
    pub client: Option<DisconnectReason>,
    /// As the server saw it.
    #[serde(serialize_with = "optional_reason")]
    pub server: Option<DisconnectReason>,
}

/// What became of the messages of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryReport {
    /// Which.
    pub kind: Kind,
    /// Messages handed to the client's host.
    pub sent: u64,
    /// Of these, handed out by the server's host.
    pub delivered: u64,
    /// Of these, not.
    pub lost: u64,
    /// How long the delivered ones took, from call to event; `None` if there were none.
    pub latency: Option<Latency>,
}

/// A distribution of durations, in microseconds. Percentiles are values that occurred (nearest rank).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// The mean, rounded down.
    #[serde(rename = "mean_us")]
    pub mean: u64,
    /// Half of them took at most this.
    #[serde(rename = "p50_us")]
    pub p50: u64,
    /// 95 % of them took at most this.
    #[serde(rename = "p95_us")]
    pub p95: u64,
    /// 99 % of them took at most this.
    #[serde(rename = "p99_us")]
    pub p99: u64,
    /// The longest.
    #[serde(rename = "max_us")]
    pub max: u64,
}

/// One direction of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct WireReport {
    /// Datagrams sent.
    pub datagrams: u64,
    /// Of these, lost by the link.
    pub lost: u64,
    /// UDP payload bytes sent.
    pub bytes: u64,
}

impl Report {
    /// Whether nothing forbidden happened, everything was sent, and every reliable message arrived.
    pub fn is_good(&self) -> bool {
        let reliable = self.deliveries.iter().find(|delivery| delivery.kind == Kind::Reliable);
        let complete = |it: &DeliveryReport| it.sent == u64::from(self.scenario.messages) && it.lost == 0;
        self.violations.is_empty() && reliable.is_some_and(complete)
    }
}

impl Latency {
    pub(crate) fn of(mut micros: Vec<u64>) -> Option<Self> {
        micros.sort_unstable();
        let rank =
            |percent: usize| micros.get((micros.len() * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Latency {
            mean: micros.iter().sum::<u64>().checked_div(micros.len() as u64)?,
            p50: rank(50)?,
            p95: rank(95)?,
            p99: rank(99)?,
            max: rank(100)?,
        })
    }
}

fn optional_micros<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(crate::link::micros).serialize(serializer)
}

fn optional_reason<S: Serializer>(
    reason: &Option<DisconnectReason>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    reason.map(|reason| reason.to_string()).serialize(serializer)
}

/// Milliseconds with one decimal.
fn ms(micros: u64) -> String {
    format!("{:.1}", micros as f64 / 1000.0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.scenario)?;
        self.fmt_life(f)?;
        writeln!(
            f,
            "\n{:21}{:>8}{:>11}{:>7}{:>8} |{:>9}{:>9}{:>9}{:>9}{:>9}",
            "delivery", "sent", "delivered", "lost", "lost %", "mean ms", "p50", "p95", "p99", "max"
        )?;
        for delivery in &self.deliveries {
            writeln!(f, "{delivery}")?;
        }
        writeln!(f, "\n{:21}{:>11}{:>11}{:>8}{:>13}", "wire", "datagrams", "lost", "lost %", "bytes")?;
        for (name, wire) in
            [("client to server", self.client_to_server), ("server to client", self.server_to_client)]
        {
            let share = percent(wire.lost, wire.datagrams);
            writeln!(f, "{name:21}{:>11}{:>11}{share:>8}{:>13}", wire.datagrams, wire.lost, wire.bytes)?;
        }
        write!(f, "\ntrace {}", self.trace_hash)?;
        for violation in &self.violations {
            write!(f, "\nVIOLATION {violation}")?;
        }
        Ok(())
    }
}

impl Report {
    fn fmt_life(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.connected {
            Some(after) => write!(f, "Connected after {} ms", ms(crate::link::micros(after)))?,
            None => write!(f, "Never connected")?,
        }
        for (name, reason) in [("client", self.closing.client), ("server", self.closing.server)] {
            match reason {
                Some(reason) => write!(f, "; {name}: {reason}")?,
                None => write!(f, "; {name}: not disconnected")?,
            }
        }
        writeln!(f, "; {:.1} s of virtual time.", self.duration.as_secs_f64())
    }
}

impl fmt::Display for DeliveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeliveryReport { kind, sent, delivered, lost, latency } = self;
        write!(f, "{kind:21}{sent:>8}{delivered:>11}{lost:>7}{:>8} |", percent(*lost, *sent))?;
        let columns = latency.map(|it| [it.mean, it.p50, it.p95, it.p99, it.max].map(ms));
        for column in columns.unwrap_or_else(|| core::array::from_fn(|_| "-".to_owned())) {
            write!(f, "{column:>9}")?;
        }
        Ok(())
    }
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1}", part as f64 * 100.0 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let latency = Latency::of((1..=200).rev().collect()).unwrap();
        assert_eq!(latency, Latency { mean: 100, p50: 100, p95: 190, p99: 198, max: 200 });
        let one = Latency::of(vec![7]).unwrap();
        assert_eq!(one, Latency { mean: 7, p50: 7, p95: 7, p99: 7, max: 7 });
        assert_eq!(Latency::of(vec![]), None);
    }
}
