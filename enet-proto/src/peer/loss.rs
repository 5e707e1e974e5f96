//! The packet loss statistic: retransmission timeouts per command sent, smoothed (PROTOCOL.md §10.4).

use crate::time::Millis;

const SCALE: u64 = 1 << 16;
const INTERVAL: u32 = 10_000;

/// Commands sent and timed out in the running interval, and what came of the intervals before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacketLoss {
    /// Commands sent in the running interval; acknowledgements do not count.
    pub sent: u32,
    /// Retransmission timeouts in the running interval.
    pub lost: u32,
    /// Smoothed share, of 65 536. A rate of retransmission rather than of loss.
    pub loss: u32,
    /// Its mean deviation, of 65 536.
    pub variance: u32,
    /// One more than the share of the last full interval, of 65 536; 0 before the first.
    pub last: u32,
    /// When the running interval began; unset before the first datagram.
    pub epoch: Millis,
}

impl PacketLoss {
    /// A datagram is about to be sent at `now`: a full interval is folded in.
    #[inline(always)]
    pub fn on_datagram(&mut self, now: Millis) {
        if self.epoch.is_unset() {
            self.epoch = now;
        } else if now.diff(self.epoch) >= INTERVAL && self.sent > 0 {
            *self = self.folded(now);
        }
    }

    #[cold]
    fn folded(self, now: Millis) -> PacketLoss {
        let measured = u64::from(self.lost) * SCALE / u64::from(self.sent);
        let distance = measured.abs_diff(u64::from(self.loss));
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        PacketLoss {
            sent: 0,
            lost: 0,
            loss: narrow((u64::from(self.loss) * 7 + measured) / 8),
            variance: narrow((u64::from(self.variance) * 3 + distance) / 4),
            last: narrow(measured).saturating_add(1),
            epoch: now,
        }
    }
}

impl PacketLoss {
    /// The share of commands that counted as lost and did not turn up, from 0 to 1; `None` before any was sent.
    #[allow(clippy::cast_precision_loss)] // it is an estimate
    pub fn share(&self) -> Option<f32> {
        if let Some(last) = self.last.checked_sub(1) {
            return Some(last.min(1 << 16) as f32 / SCALE as f32);
        }
        (self.sent > 0).then(|| (self.lost as f32 / self.sent as f32).min(1.0))
    }
}

/// What left more than once, over the connection's life.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Resent {
    pub(crate) retransmissions: u64,
    pub(crate) needless: u64,
    pub(crate) copies: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_folded_in_when_ten_seconds_have_passed() {
        let loss = PacketLoss { sent: 100, lost: 25, epoch: Millis(1), ..PacketLoss::default() };
        let mut folded = loss;
        folded.on_datagram(Millis(10_000));
        assert_eq!(folded, loss);
        folded.on_datagram(Millis(10_001));
        assert_eq!((folded.loss, folded.variance), (16_384 / 8, 16_384 / 4));
        assert_eq!((folded.sent, folded.lost, folded.epoch), (0, 0, Millis(10_001)));
    }
}
