//! [`Clusters`]: whether losses come one by one or in bursts (docs/RECOVERY.md).

/// Of how many losses the datagram that left just before was lost, too.
///
/// Where losses have nothing to do with each other that share is the rate of loss. In bursts of four it is three quarters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Clusters {
    /// Number of the last datagram that was lost.
    last: u16,
    /// Of the losses of late, in 65,536ths.
    share: u16,
}

/// From this share on bursts are usual. With 10 % of independent loss each way a fifth have a neighbour, counting those whose
/// acknowledgement was lost; in bursts of which copies hide the greater part, half of them.
const MANY: u16 = 3 << 13;

impl Clusters {
    /// A datagram was lost.
    pub(super) const fn note(&mut self, datagram: u16) {
        let distance = datagram.wrapping_sub(self.last);
        if distance == 0 {
            return; // more of the same one
        }
        self.last = datagram;
        self.share -= self.share / 16;
        if distance == 1 {
            self.share += u16::MAX / 16;
        }
    }

    /// Whether losses come in bursts.
    #[inline]
    pub(super) const fn are_usual(&self) -> bool {
        self.share >= MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many bursts, each of so many datagrams, in a thousand.
    fn after(bursts: u16, length: u16) -> Clusters {
        let mut clusters = Clusters::default();
        for burst in 0..bursts {
            (0..length).for_each(|lost| clusters.note(burst * 1_000 + lost));
        }
        clusters
    }

    #[test]
    fn bursts_are_usual_where_most_losses_have_a_neighbour() {
        assert!(!after(60, 1).are_usual());
        assert!(after(20, 4).are_usual());
        assert!(!after(2, 4).are_usual(), "two are no habit");
    }

    #[test]
    fn commands_that_are_lost_together_are_one_loss() {
        let mut clusters = Clusters::default();
        for datagram in 0..60 {
            (0..5).for_each(|_| clusters.note(datagram * 10));
        }
        assert!(!clusters.are_usual());
    }
}
