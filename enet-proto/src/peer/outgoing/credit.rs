//! [`Credit`]: how often something is lost, and what there is to spend on copies of it (docs/RECOVERY.md).

/// The budget for copies of what was lost, counted in packets or fragments that leave for the first time; and how many of
/// them lie between losses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credit {
    left: u8,
    /// Those since the last loss.
    since: u8,
    /// Those from loss to loss, smoothed, in 256ths.
    spacing: u16,
}

/// What a copy costs; where losses are [`DENSE`]; and of what was lost more than once.
const PRICE: u8 = 5;
const DEAR: u8 = 10;
const CHEAP: u8 = 3;

/// With fewer between losses copies are dearer: about a fifth is lost.
const DENSE: u32 = 4;

/// What is lost after so many that were not, where there usually are so many, is not worth a copy: that it is lost again is
/// too rare.
pub(super) const RARE: (u8, u32) = (40, 21);

impl Credit {
    #[inline(always)]
    pub(super) fn earn(&mut self) {
        self.earn_all(1);
    }

    /// So many have left.
    #[inline(always)]
    pub(super) fn earn_all(&mut self, packets: u8) {
        self.left = self.left.saturating_add(packets);
        self.since = self.since.saturating_add(packets);
    }

    /// Something was lost, perhaps not for the first time: whether it is worth a copy, and there is enough for one.
    pub(super) fn on_loss(&mut self, again: bool) -> bool {
        let since = core::mem::replace(&mut self.since, 0);
        self.spacing = self.spacing - self.spacing / 16 + u16::from(since) * 16;
        let spacing = self.spacing();
        if since >= RARE.0 && spacing >= RARE.1 {
            return false;
        }
        let price = match again {
            true => CHEAP,
            false if spacing < DENSE => DEAR,
            false => PRICE,
        };
        let left = self.left.checked_sub(price);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// How many leave between losses, of late.
    #[inline]
    pub(super) fn spacing(&self) -> u32 {
        u32::from(self.spacing >> 8).max(u32::from(self.since / 8))
    }
}

impl Default for Credit {
    fn default() -> Self {
        Credit { left: 4 * PRICE, since: 0, spacing: 7 << 8 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a hundred losses are worth a copy, with so many packets from one to the next.
    fn insured(every: u32, again: bool) -> usize {
        let mut credit = Credit::default();
        let mut one = || {
            (0..every).for_each(|_| credit.earn());
            credit.on_loss(again)
        };
        (0..100).for_each(|_| _ = one());
        (0..100).filter(|_| one()).count()
    }

    #[test]
    fn copies_cost_more_where_much_is_lost_and_nothing_is_spent_where_hardly_anything_is() {
        assert_eq!(insured(50, false), 0);
        assert_eq!(insured(30, false), 100);
        assert_eq!(insured(5, false), 100);
        assert!((79..82).contains(&insured(4, false)), "{}", insured(4, false));
        assert_eq!(insured(2, false), 20);
        assert!((66..68).contains(&insured(2, true)), "{}", insured(2, true));
    }

    #[test]
    fn the_spacing_of_losses_grows_when_they_cease() {
        let mut credit = Credit::default();
        (0..100).for_each(|_| _ = credit.on_loss(false));
        assert_eq!(credit.spacing(), 0);
        (0..80).for_each(|_| credit.earn());
        assert_eq!(credit.spacing(), 10);
    }
}
