//! `rtt_throttle.json`, `packet_loss.json`, `bandwidth.json`, `ack_time.json`: the estimators as functions on values.

use std::borrow::Cow;

use enet_proto::estimators::{
    Millis, PacketLoss, PeerShare, Rtt, Throttle, announce_incoming, distribute_outgoing, round_trip_sample,
};
use serde::Deserialize;

use super::{Form, Mismatch, Report, Verdict, parse, same};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RttSequence<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    packet_throttle_interval: u32,
    packet_throttle_acceleration: u32,
    packet_throttle_deceleration: u32,
    steps: Vec<RttStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RttStep {
    time: u32,
    #[serde(rename = "sample_ms")]
    sample: u32,
    round_trip_time: u32,
    round_trip_time_variance: u32,
    lowest_round_trip_time: u32,
    highest_round_trip_time_variance: u32,
    last_round_trip_time: u32,
    last_round_trip_time_variance: u32,
    packet_throttle: u32,
    packet_throttle_epoch: u32,
    last_receive_time: u32,
}

pub(super) fn check_rtt_throttle(text: &str) -> Verdict {
    let mut report = Report::new(Form::RttThrottle);
    for sequence in parse::<RttSequence<'_>>(text)? {
        let mut rtt = Rtt::default();
        let mut throttle = Throttle {
            acceleration: sequence.packet_throttle_acceleration,
            deceleration: sequence.packet_throttle_deceleration,
            interval: sequence.packet_throttle_interval,
            ..Throttle::default()
        };
        for (index, step) in sequence.steps.iter().enumerate() {
            check_sample(&mut rtt, &mut throttle, step, index == 0)
                .map_err(|what| Mismatch::new(format!("{}, step {index}", sequence.name), what))?;
            report.values += 9;
        }
        report.cases += 1;
    }
    Ok(report)
}

/// One acknowledgement: the throttle looks at the round trip times as they were before it (PROTOCOL.md §10.1).
fn check_sample(rtt: &mut Rtt, throttle: &mut Throttle, step: &RttStep, first: bool) -> Result<(), String> {
    let sample = step.sample.max(1);
    if !first {
        throttle.on_sample(sample, rtt.last, rtt.last_variance);
    }
    rtt.on_sample(sample, Millis(step.time), first, throttle.interval);
    same("the round trip time", &step.round_trip_time, &rtt.mean)?;
    same("its variance", &step.round_trip_time_variance, &rtt.variance)?;
    same("the lowest round trip time", &step.lowest_round_trip_time, &rtt.lowest)?;
    same("the highest variance", &step.highest_round_trip_time_variance, &rtt.highest_variance)?;
    same("the last interval's round trip time", &step.last_round_trip_time, &rtt.last)?;
    same("the last interval's variance", &step.last_round_trip_time_variance, &rtt.last_variance)?;
    same("the throttle", &step.packet_throttle, &throttle.value)?;
    same("the throttle epoch", &step.packet_throttle_epoch, &rtt.epoch.0)?;
    same("the recording's time of the last acknowledgement", &step.last_receive_time, &step.time.max(1))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LossCase {
    #[serde(rename = "since_epoch")]
    since_epoch: u32,
    packets_sent: u32,
    packets_lost: u32,
    packet_loss: u32,
    packet_loss_variance: u32,
    #[serde(rename = "after_one_ping_datagram")]
    after: LossAfter,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LossAfter {
    packets_sent: u32,
    packets_lost: u32,
    packet_loss: u32,
    packet_loss_variance: u32,
    #[serde(rename = "epoch_reset")]
    epoch_reset: bool,
}

pub(super) fn check_packet_loss(text: &str) -> Verdict {
    let mut report = Report::new(Form::PacketLoss);
    for (index, case) in parse::<LossCase>(text)?.iter().enumerate() {
        check_loss(case).map_err(|what| Mismatch::new(format!("case {index}"), what))?;
        report.cases += 1;
        report.values += 5;
    }
    Ok(report)
}

fn check_loss(case: &LossCase) -> Result<(), String> {
    let epoch = Millis(1_000_000);
    let now = Millis(epoch.0.wrapping_add(case.since_epoch));
    let mut after = PacketLoss {
        sent: case.packets_sent + 1, // the PING that triggers the evaluation is already counted
        lost: case.packets_lost,
        loss: case.packet_loss,
        variance: case.packet_loss_variance,
        epoch,
        ..PacketLoss::default()
    };
    after.on_datagram(now);
    same("packets sent", &case.after.packets_sent, &after.sent)?;
    same("packets lost", &case.after.packets_lost, &after.lost)?;
    same("the packet loss", &case.after.packet_loss, &after.loss)?;
    same("its variance", &case.after.packet_loss_variance, &after.variance)?;
    same("the epoch", &if case.after.epoch_reset { now } else { epoch }, &after.epoch)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tick<'a> {
    case: u32,
    elapsed_ms: u32,
    #[serde(rename = "host_incomingBandwidth")]
    host_incoming: u32,
    #[serde(rename = "host_outgoingBandwidth")]
    host_outgoing: u32,
    recalculate: u32,
    #[serde(borrow)]
    peers: Vec<PeerBefore<'a>>,
    after: Vec<PeerAfter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PeerBefore<'a> {
    state: &'a str,
    incoming_bandwidth: u32,
    outgoing_bandwidth: u32,
    outgoing_data_total: u32,
    incoming_data_total: u32,
    packet_throttle: u32,
    packet_throttle_limit: u32,
}

impl PeerBefore<'_> {
    fn is_active(&self) -> bool {
        matches!(self.state, "CONNECTED" | "DISCONNECT_LATER")
    }

    fn share(&self) -> PeerShare {
        PeerShare {
            incoming_bandwidth: self.incoming_bandwidth,
            outgoing_bandwidth: self.outgoing_bandwidth,
            outgoing_data_total: self.outgoing_data_total,
            incoming_data_total: self.incoming_data_total,
            throttle: self.packet_throttle,
            throttle_limit: self.packet_throttle_limit,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PeerAfter {
    packet_throttle: u32,
    packet_throttle_limit: u32,
    outgoing_data_total: u32,
    incoming_data_total: u32,
    #[serde(rename = "bandwidth_limit_command")]
    announced: Option<Announcement>,
}

#[derive(Deserialize, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Announcement {
    incoming_bandwidth: u32,
    outgoing_bandwidth: u32,
}

pub(super) fn check_bandwidth(text: &str) -> Verdict {
    let mut report = Report::new(Form::Bandwidth);
    for tick in parse::<Tick<'_>>(text)? {
        check_tick(&tick)
            .map_err(|(peer, what)| Mismatch::new(format!("case {}, peer {peer}", tick.case), what))?;
        report.cases += 1;
        report.values += 5 * tick.peers.len();
    }
    Ok(report)
}

/// One tick over the active peers; the others must come out of the recording as they went in.
fn check_tick(tick: &Tick<'_>) -> Result<(), (usize, String)> {
    const BANDWIDTH_LIMIT_LEN: u32 = 12;
    let mut active: Vec<PeerShare> =
        tick.peers.iter().filter(|p| p.is_active()).map(PeerBefore::share).collect();
    distribute_outgoing(tick.host_outgoing, tick.elapsed_ms, &mut active);
    let mut announced = Vec::new();
    if tick.recalculate != 0 {
        announce_incoming(tick.host_incoming, &active, &mut announced);
    }
    same("how many peers are listed", &tick.peers.len(), &tick.after.len()).map_err(|what| (0, what))?;
    let mut shares = active.into_iter();
    let mut announced = announced.into_iter();
    for (index, (before, after)) in tick.peers.iter().zip(&tick.after).enumerate() {
        let (mut share, mut announcement) = (before.share(), None);
        if before.is_active() {
            share = shares.next().unwrap_or(share);
            announcement = announced.next().map(|incoming| Announcement {
                incoming_bandwidth: incoming,
                outgoing_bandwidth: tick.host_outgoing,
            });
        }
        if announcement.is_some() {
            share.outgoing_data_total += BANDWIDTH_LIMIT_LEN;
        }
        same_share(after, &share, announcement.as_ref()).map_err(|what| (index, what))?;
    }
    Ok(())
}

fn same_share(after: &PeerAfter, share: &PeerShare, announced: Option<&Announcement>) -> Result<(), String> {
    same("the throttle", &after.packet_throttle, &share.throttle)?;
    same("the throttle limit", &after.packet_throttle_limit, &share.throttle_limit)?;
    same("the outgoing data total", &after.outgoing_data_total, &share.outgoing_data_total)?;
    same("the incoming data total", &after.incoming_data_total, &share.incoming_data_total)?;
    same("the announced limits", &after.announced.as_ref(), &announced)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Echo {
    service_time: u32,
    #[serde(rename = "receivedSentTime")]
    received_sent_time: u16,
    /// `None`: the acknowledgement is ignored.
    round_trip_time: Option<u32>,
}

pub(super) fn check_ack_time(text: &str) -> Verdict {
    let mut report = Report::new(Form::AckTime);
    for (index, echo) in parse::<Echo>(text)?.iter().enumerate() {
        let sample = round_trip_sample(Millis(echo.service_time), echo.received_sent_time);
        same("the round trip time", &echo.round_trip_time, &sample).map_err(|what| {
            let case = format!(
                "case {index}, service time {:#x}, echo {:#x}",
                echo.service_time, echo.received_sent_time
            );
            Mismatch::new(case, what)
        })?;
        report.cases += 1;
        report.values += 1;
    }
    Ok(report)
}
