//! [`Measure`]: what a run shows of loss recovery; [`Spread`]: of many runs.

use serde::Serialize;

use crate::measure::{Latency, RunRecord};

/// A number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Latency of the reliable messages, from the send call to the event, ms: half of them. Infinite where a connection
    /// was lost, as are the next two.
    P50,
    /// 99 of 100.
    P99,
    /// 999 of 1,000.
    P999,
    /// Bytes of all datagrams of both sides, as UDP payload, for each message sent.
    WireBytes,
    /// The same of the datagrams themselves.
    Datagrams,
    /// Transmissions of a reliable command, on the average.
    Transmissions,
    /// Needless ones, for each hundred commands.
    NeedlessPercent,
    /// Connections lost.
    Lost,
    /// From the end of an outage to the next message, ms, after the longest wait.
    FirstAfterCut,
    /// Of the unreliable messages of the worst whole second, so many percent arrived.
    WorstSecondPercent,
}

impl Measure {
    /// Each.
    pub const ALL: [Measure; 10] = [
        Measure::P50,
        Measure::P99,
        Measure::P999,
        Measure::WireBytes,
        Measure::Datagrams,
        Measure::Transmissions,
        Measure::NeedlessPercent,
        Measure::Lost,
        Measure::FirstAfterCut,
        Measure::WorstSecondPercent,
    ];

    /// As a key of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Measure::P50 => "p50_ms",
            Measure::P99 => "p99_ms",
            Measure::P999 => "p999_ms",
            Measure::WireBytes => "wire_bytes_per_message",
            Measure::Datagrams => "datagrams_per_message",
            Measure::Transmissions => "transmissions_per_command",
            Measure::NeedlessPercent => "needless_percent",
            Measure::Lost => "lost_connections",
            Measure::FirstAfterCut => "first_after_cut_ms",
            Measure::WorstSecondPercent => "worst_second_percent",
        }
    }

    /// A run's; `None` where it has no such number.
    pub fn of(self, run: &RunRecord) -> Option<f64> {
        let latency = |pick: fn(&Latency) -> f64| match run.disconnects {
            0 => run.latency_ms.as_ref().map(pick),
            _ => Some(f64::INFINITY),
        };
        let per_message = |count: u64| (run.sent > 0).then(|| count as f64 / run.sent as f64);
        match self {
            Measure::P50 => latency(|it| it.p50),
            Measure::P99 => latency(|it| it.p99),
            Measure::P999 => latency(|it| it.p999),
            Measure::WireBytes => per_message(run.wire_bytes),
            Measure::Datagrams => per_message(run.datagrams),
            Measure::Transmissions => run.sending.transmissions_per_command(),
            Measure::NeedlessPercent => run.sending.needless_per_command().map(|share| share * 100.0),
            Measure::Lost => Some(run.disconnects as f64),
            Measure::FirstAfterCut => run.first_after_cut_ms,
            Measure::WorstSecondPercent => run.worst_second.map(|share| share * 100.0),
        }
    }
}

/// A measure over all seeds. JSON has `null` for infinity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Half of the runs are not above it: the lower one of the two in the middle of an even number.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let median = *values.get(values.len().checked_sub(1)? / 2)?;
        Some(Spread { median, min: *values.first()?, max: *values.last()? })
    }
}
