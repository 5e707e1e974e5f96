//! [`Alone`]: whether datagrams come one at a time.

/// Datagrams that came alone before the next is expected to do so, too.
const ENOUGH: u32 = 4;

/// Guesses whether there is more to receive behind what was received. A burst should be emptied before it is answered,
/// so that few datagrams carry the answers; but when a question follows an answer, looking for more is a system call for
/// nothing, and whoever has an event to give can look after it was dealt with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Alone {
    in_a_row: u32,
    /// Whether the last pass did not look for more.
    trusting: bool,
}

impl Alone {
    pub(crate) const fn is_likely(&self) -> bool {
        self.in_a_row >= ENOUGH
    }

    /// Notes how many times a pass received something, and whether it looked until there was nothing more.
    pub(crate) const fn on_pass(&mut self, arrivals: u64, emptied: bool) {
        let more = arrivals > 1 || arrivals == 1 && self.trusting;
        if more {
            self.in_a_row = 0;
        } else if arrivals == 1 && emptied {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        self.trusting = !emptied;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(passes: &[(u64, bool)]) -> bool {
        let mut alone = Alone::default();
        for (arrivals, emptied) in passes {
            alone.on_pass(*arrivals, *emptied);
        }
        alone.is_likely()
    }

    const QUIET: (u64, bool) = (0, true);
    const ONE: (u64, bool) = (1, true);
    const MANY: (u64, bool) = (2, true);
    const TRUSTING: (u64, bool) = (1, false);

    #[test]
    fn four_alone_make_the_fifth_likely() {
        assert!(!after(&[ONE, ONE, ONE]));
        assert!(after(&[ONE, QUIET, ONE, ONE, QUIET, QUIET, ONE]));
        assert!(!after(&[ONE, ONE, ONE, MANY, ONE]));
    }

    #[test]
    fn trust_lasts_until_there_was_more() {
        assert!(after(&[ONE, ONE, ONE, ONE, TRUSTING, QUIET, TRUSTING, QUIET]));
        assert!(!after(&[ONE, ONE, ONE, ONE, TRUSTING, ONE]));
        assert!(!after(&[ONE, ONE, ONE, ONE, TRUSTING, TRUSTING]));
    }
}
