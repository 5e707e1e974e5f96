//! The edits of loss recovery: docs/RECOVERY.md.

use super::edits::{Edit, edit};

/// Every edit of them; `cargo xtask mutants recovery` runs these alone.
pub(super) const RECOVERY: &[Edit] = &[
    edit(
        "recovery: what is overtaken is lost at once",
        "peer/recovery.rs",
        "lateness >= patience ||",
        "true ||",
    ),
    edit(
        "recovery: the order of a path is not learned",
        "peer/recovery.rs",
        "self.note_late(self.lateness(arrival.sent, now), now);",
        "",
    ),
    edit(
        "recovery: three datagrams behind is not enough",
        "peer/recovery.rs",
        "(LATER_DATAGRAMS..1 << 15)",
        "(60..1 << 15)",
    ),
    edit("recovery: a round trip's deviation has no floor", "peer/recovery.rs", ".max(LEAST_ALLOWANCE)", ""),
    edit("recovery: probes pause longer and longer", "peer/recovery.rs", ".min(16)).min(most)", ".min(16))"),
    edit(
        "recovery: probes do not pause",
        "peer/recovery.rs",
        "if next.less(overdue) { overdue } else { next }",
        "overdue",
    ),
    edit(
        "recovery: a silent path is not probed",
        "peer/recovery.rs",
        "let overdue = oldest.plus(timeout);",
        "let overdue = oldest.plus(timeout + 60_000);",
    ),
    edit(
        "recovery: nobody looks when a loss becomes certain",
        "peer/outgoing/evidence.rs",
        "Fate::LostAt(at) => at,",
        "Fate::LostAt(at) => at.plus(60_000),",
    ),
    edit(
        "recovery: a probe is all that is in flight",
        "peer/outgoing/evidence.rs",
        "                && sent.datagram == datagram\n",
        "",
    ),
    edit(
        "recovery: what was lost once does not ride along",
        "peer/recover.rs",
        "if in_burst { burst } else { 1 }",
        "if in_burst { burst } else { 0 }",
    ),
    edit(
        "recovery: needless retransmissions are not noticed",
        "peer/recover.rs",
        "shared.stats.needless_retransmissions += 1;",
        "",
    ),
    edit(
        "recovery: what was not lost still counts as lost",
        "peer/recover.rs",
        "self.loss.lost = self.loss.lost.saturating_sub(1);",
        "",
    ),
    edit(
        "recovery: probes count as the doublings of a timeout",
        "peer/recover.rs",
        "(silent / least + 1).ilog2()",
        "silent / least",
    ),
    edit(
        "recovery: probes ride but once in a burst",
        "peer/recover.rs",
        "if in_burst { burst } else { 1 }",
        "if in_burst { 1 } else { 1 }",
    ),
    edit(
        "recovery: bursts are nothing usual anywhere",
        "peer/outgoing/clusters.rs",
        "self.share >= MANY",
        "false",
    ),
    edit(
        "recovery: bursts are usual where losses have no neighbours",
        "peer/outgoing/clusters.rs",
        "if distance == 1 {",
        "if true {",
    ),
    edit(
        "recovery: a usual burst is no longer than another",
        "peer/recover.rs",
        "{ USUAL_BURST } else { BURST }",
        "{ BURST } else { BURST }",
    ),
    edit(
        "recovery: in usual bursts each command is waited for",
        "peer/outgoing/evidence.rs",
        "recovery.probe_deadline(last, HASTE)",
        "recovery.probe_deadline(last, timeout)",
    ),
    edit(
        "recovery: in usual bursts the last copy's answer is waited for",
        "peer/outgoing/evidence.rs",
        "if recovery.is_silent_since(first) { first }",
        "if false { first }",
    ),
    edit(
        "recovery: what was lost goes on riding behind the silence",
        "peer/outgoing/evidence.rs",
        "let ends = rider.attempts > 1 && departure.insured <= 1;",
        "let ends = false;",
    ),
    edit(
        "recovery: rare losses are insured",
        "peer/outgoing/credit.rs",
        "since >= RARE.0 && spacing >= RARE.1",
        "false",
    ),
    edit(
        "recovery: copies cost the same wherever",
        "peer/outgoing/credit.rs",
        "spacing < DENSE => DEAR",
        "spacing < DENSE => PRICE",
    ),
    edit("recovery: what is sent again makes new gaps", "peer/gaps.rs", "since >= 1 << 15", "false"),
    edit(
        "recovery: acknowledgements owed for a copy are repeated, too",
        "peer/acks.rs",
        "!runs.iter(&acks.owed).take(LOOKED_THROUGH).any(|run| run.acknowledges(ack))",
        "true",
    ),
    edit(
        "recovery: a ping's repeated answer contains the time it waited",
        "peer/pulse.rs",
        "sent_time.wrapping_add(Millis(held).sent_time())",
        "sent_time",
    ),
    edit("recovery: a ping is answered once", "peer/recover.rs", "if spacing >= MUCH ||", "if true ||"),
    edit("recovery: large packets are repeated", "peer/outgoing.rs", " && sent.len <= SMALL", ""),
    edit(
        "recovery: a way that became longer is a queue",
        "peer/queueing.rs",
        "was_long && climbs",
        "was_long",
    ),
    edit("recovery: a queue that is full says nothing", "peer/queueing.rs", "self.lossy > 0 || ", ""),
];
