//! [`Report`]: the figures of a run, for people and for programs.
#![allow(unreachable_pub)]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Options;
use crate::histogram::Histogram;
use crate::run::Outcome;
use crate::tally::Tally;

/// What was asked for and what came of it.
pub struct Report<'a> {
    options: &'a Options,
    outcome: Outcome,
}

impl<'a> Report<'a> {
    pub fn new(options: &'a Options, outcome: Outcome) -> Report<'a> {
        Report { options, outcome }
    }

    fn echoes(&self) -> bool {
        !self.options.no_echo
    }

    /// Whether echoes were expected and there was none.
    pub fn is_unanswered(&self) -> bool {
        let classes = &self.outcome.classes;
        self.echoes()
            && classes.iter().any(|class| class.sent > 0)
            && classes.iter().all(|class| class.echoed == 0)
    }

    /// Of one class, in a second.
    #[allow(clippy::cast_precision_loss)] // a rate
    fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.outcome.measured.as_secs_f64().max(1e-9)
    }

    /// One object whose keys stay.
    pub fn json(&self) -> Value {
        let Outcome { classes: [unreliable, reliable], traffic, .. } = &self.outcome;
        let (options, outcome) = (self.options, &self.outcome);
        json!({
            "event": "totals",
            "address": options.server,
            "peers": options.peers,
            "hz": options.hz,
            "size": options.size,
            "reliable_percent": options.reliable,
            "echo": self.echoes(),
            "seconds": outcome.measured.as_secs_f64(),
            "connected": outcome.connected,
            "connecting_ms": u64::try_from(outcome.connecting_ms).unwrap_or(u64::MAX),
            "connects_failed": outcome.failures.values().sum::<u64>(),
            "connect_failures": outcome.failures,
            "disconnects": outcome.ends.values().sum::<u64>(),
            "disconnect_reasons": outcome.ends,
            "reliable": reliable.json(self.echoes()),
            "unreliable": unreliable.json(self.echoes()),
            "foreign": outcome.foreign,
            "wrong": outcome.wrong,
            "held_back": outcome.held_back,
            "lag_ms": outcome.lag.json(),
            "enet_rtt_ms": outcome.round_trips.json(),
            "enet_loss_percent": outcome.enet_loss,
            "unsettled": outcome.unsettled,
            "bytes_sent": traffic.bytes_sent,
            "bytes_received": traffic.bytes_received,
            "datagrams_sent": traffic.datagrams_sent,
            "datagrams_received": traffic.datagrams_received,
            "datagrams_refused": traffic.refused,
        })
    }

    /// Lines for a terminal.
    pub fn table(&self) -> String {
        let Outcome { classes: [unreliable, reliable], .. } = &self.outcome;
        let mut text = format!(
            "\n{:<12}{:>10}{:>10}{:>10}{:>8}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
            "", "sent", "per s", "echoed", "lost", "loss %", "p50 ms", "p95", "p99", "p99.9", "max"
        );
        for (name, class) in [("reliable", reliable), ("unreliable", unreliable)] {
            text += &self.line(name, class);
        }
        for (name, histogram) in [("enet's rtt", &self.outcome.round_trips), ("lag", &self.outcome.lag)] {
            text += &format!("{name:<60}{}\n", figures(histogram));
        }
        text + "\n" + &self.rest()
    }

    fn line(&self, name: &str, class: &Tally) -> String {
        let begin = format!("{name:<12}{:>10}{:>10.0}", class.sent, self.per_second(class.sent));
        if !self.echoes() {
            return begin + "\n";
        }
        format!(
            "{begin}{:>10}{:>8}{:>10.3}{}\n",
            class.echoed,
            class.lost(),
            class.loss(),
            figures(&class.latency)
        )
    }

    fn rest(&self) -> String {
        let outcome = &self.outcome;
        let traffic = outcome.traffic;
        let mut text = format!(
            "{} of {} connected in {} ms{}; {} disconnects{}\n",
            outcome.connected,
            self.options.peers,
            outcome.connecting_ms,
            reasons(&outcome.failures),
            outcome.ends.values().sum::<u64>(),
            reasons(&outcome.ends),
        );
        text += &format!(
            "{:.0} datagrams and {:.0} kB a second sent, {:.0} and {:.0} kB received\n",
            self.per_second(traffic.datagrams_sent),
            self.per_second(traffic.bytes_sent) / 1000.0,
            self.per_second(traffic.datagrams_received),
            self.per_second(traffic.bytes_received) / 1000.0,
        );
        text +=
            &format!("{:.3} % of commands timed out, as ENet counts every ten seconds\n", outcome.enet_loss);
        let repeated: u64 = outcome.classes.iter().map(|class| class.repeated).sum();
        for (count, what) in [
            (outcome.held_back, "messages were held back: their bots had 1000 waiting already"),
            (outcome.unsettled as u64, "commands were still waiting or unacknowledged in the end"),
            (traffic.refused, "datagrams were not taken by the system"),
            (outcome.wrong, "messages came back changed"),
            (repeated, "messages came back twice or out of order"),
            (outcome.foreign, "messages came that are not ours"),
        ] {
            if count > 0 {
                text += &format!("{count} {what}\n");
            }
        }
        text
    }
}

fn figures(histogram: &Histogram) -> String {
    let quantiles = [500, 950, 990, 999].map(|permille| histogram.quantile(permille));
    let figures = quantiles.into_iter().chain([histogram.max()]);
    figures.map(|figure| figure.map_or("        –".to_owned(), |ms| format!("{ms:>9.3}"))).collect()
}

fn reasons(reasons: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}
