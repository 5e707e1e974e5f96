//! The weight below each group of eight neighbouring values, for contexts that know many.

use super::lanes;

/// How many groups the 256 values make.
pub(super) const GROUPS: usize = 32;
/// How many groups make a quarter.
const QUARTER: usize = GROUPS / 4;

/// What to add to the words of [`Eight`] and of a [`Cumulative`] to add some weight.
pub(super) struct Steps {
    /// For each quarter.
    quarters: [u64; 4],
    /// For each of eight.
    eight: [[u64; 2]; 8],
}

impl Steps {
    /// Of a weight.
    #[allow(clippy::indexing_slicing, reason = "at compile time")]
    pub(super) const fn new(weight: u8) -> Self {
        let mut steps = Self { quarters: [0; 4], eight: [[0; 2]; 8] };
        let mut at = 0;
        while at < 8 {
            let mut behind = at + 1;
            while behind < 8 {
                steps.eight[at][behind % 2] |= (weight as u64) << (behind / 2 * 16);
                if behind < 4 && at < 4 {
                    steps.quarters[at] |= (weight as u64) << (behind * 16);
                }
                behind += 1;
            }
            at += 1;
        }
        steps
    }
}

/// Of eight neighbours, the weight of those before each; all of them weigh less than 2¹⁵.
///
/// In 16 bits each, those of even ones in one word, those of odd ones in another.
#[derive(Clone, Copy)]
pub(super) struct Eight([u64; 2]);

impl Eight {
    pub(super) const ZERO: Self = Self([0; 2]);
    /// Each weighs 1.
    pub(super) const ONES: Self = Self([0x0006_0004_0002_0000, 0x0007_0005_0003_0001]);
    /// Each weighs 8.
    const EIGHTS: Self = Self([0x0030_0020_0010_0000, 0x0038_0028_0018_0008]);

    /// With these weights.
    pub(super) fn of(weights: impl Iterator<Item = u32>) -> Self {
        let mut eight = Self::ZERO;
        for (at, weight) in weights.enumerate() {
            eight.add_any(at, weight);
        }
        eight
    }

    /// Adds weight to one of them.
    #[inline(always)]
    pub(super) fn add_any(&mut self, at: usize, weight: u32) {
        self.add_times(at, &ONE, weight.into());
    }

    /// Adds the weight of `steps` to one of them.
    #[inline(always)]
    pub(super) fn add(&mut self, at: usize, steps: &Steps) {
        self.add_times(at, steps, 1);
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn add_times(&mut self, at: usize, steps: &Steps, times: u64) {
        let [even, odd] = &mut self.0;
        let [even_step, odd_step] = steps.eight[at % 8];
        *even += even_step * times;
        *odd += odd_step * times;
    }

    /// The weight before one of them.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    pub(super) fn below(&self, at: usize) -> u32 {
        (self.0[at % 2] >> (16 * (at / 2 % 4)) & 0xFFFF) as u32
    }

    /// The one in which a position lies, and the weight before it.
    #[inline(always)]
    pub(super) fn find(&self, position: u32) -> (usize, u32) {
        let [even, odd] = self.0;
        // The first one begins at 0, so the first beyond is the second or later; if there is none, it is the last one.
        let at = lanes::first_beyond(odd, even >> 16 | 0x7FFF << 48, position);
        let below = if at & 8 == 0 { even } else { odd } >> (at & 48) & 0xFFFF;
        ((at / 8) as usize, below as u32)
    }
}

static ONE: Steps = Steps::new(1);

/// For each group of eight neighbouring values the weight of all values in the groups before it: before its quarter, and
/// from there on.
#[derive(Clone, Copy)]
pub(super) struct Cumulative {
    /// For each quarter the weight before it, in 16 bits.
    quarters: u64,
    /// The groups of each quarter.
    groups: [Eight; 4],
}

impl Cumulative {
    pub(super) const ZERO: Self = Self { quarters: 0, groups: [Eight::ZERO; 4] };

    /// A weight of 1 for every value.
    pub(super) const MINIMUM: Self = Self { quarters: 0x00C0_0080_0040_0000, groups: [Eight::EIGHTS; 4] };

    /// Of groups with these weights.
    pub(super) fn of(weights: impl Iterator<Item = u32>) -> Self {
        let mut cumulative = Self::ZERO;
        for (group, weight) in weights.enumerate() {
            cumulative.add_any(group, weight);
        }
        cumulative
    }

    /// Adds weight to a group.
    #[inline(always)]
    pub(super) fn add_any(&mut self, group: usize, weight: u32) {
        self.add_times(group, &ONE, weight.into());
    }

    /// Adds the weight of `steps` to a group.
    #[inline(always)]
    pub(super) fn add(&mut self, group: usize, steps: &Steps) {
        self.add_times(group, steps, 1);
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the arrays")]
    fn add_times(&mut self, group: usize, steps: &Steps, times: u64) {
        let quarter = group / QUARTER % 4;
        self.quarters += steps.quarters[quarter] * times;
        self.groups[quarter].add_times(group, steps, times);
    }

    /// The weight before a group.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    pub(super) fn below(&self, group: usize) -> u32 {
        let quarter = group / QUARTER % 4;
        self.before(quarter) + self.groups[quarter].below(group)
    }

    /// The weight before a quarter.
    #[inline(always)]
    fn before(&self, quarter: usize) -> u32 {
        (self.quarters >> (16 * quarter) & 0xFFFF) as u32
    }

    /// The group in which a position lies, and the weight before it. `is_at_or_behind` compares the position with some
    /// weight: it may know the answer sooner than the position is computed.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    pub(super) fn find(&self, position: u32, is_at_or_behind: impl Fn(u32) -> bool) -> (usize, u32) {
        let quarter = usize::from(is_at_or_behind(self.before(1)))
            + usize::from(is_at_or_behind(self.before(2)))
            + usize::from(is_at_or_behind(self.before(3)));
        let before = self.before(quarter);
        let (group, within) = self.groups[quarter % 4].find(position.wrapping_sub(before));
        (quarter * QUARTER + group, before + within)
    }
}

/// Where a value is: its group, and which of the eight there.
#[inline(always)]
pub(super) fn place(value: u8) -> (usize, usize) {
    (usize::from(value >> 3), usize::from(value & 7))
}

/// The value at a place.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "of 32 groups and 8 values")]
pub(super) fn value_at(group: usize, at: usize) -> u8 {
    (group << 3) as u8 | at as u8
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_and_positions_are_those_of_the_groups_one_by_one(
            added in vec((0..GROUPS, 0..2_u32), 0..400),
            position in 0..0x1_0000_u32,
        ) {
            static THREE: Steps = Steps::new(3);
            let mut weights = [8_u32; GROUPS];
            let mut cumulative = Cumulative::MINIMUM;
            for (group, kind) in added {
                // No group weighs more than 8 · 255.
                match kind {
                    0 if weights[group] < 2000 => {
                        cumulative.add(group, &THREE);
                        weights[group] += 3;
                    }
                    _ if weights[group] < 1800 => {
                        cumulative.add_any(group, 200);
                        weights[group] += 200;
                    }
                    _ => {}
                }
            }
            let mut below = 0;
            for (group, weight) in weights.into_iter().enumerate() {
                prop_assert_eq!(cumulative.below(group), below);
                if (below..below + weight).contains(&position) {
                    let found = cumulative.find(position, |weight| position >= weight);
                    prop_assert_eq!(found, (group, below));
                }
                below += weight;
            }
        }
    }

    #[test]
    fn the_heaviest_groups_stay_apart() {
        let cumulative = Cumulative::of([8 * 255; GROUPS].into_iter());
        for group in 0..GROUPS {
            let below = 8 * 255 * u32::try_from(group).unwrap();
            assert_eq!(cumulative.below(group), below);
            for position in [below, below + 8 * 255 - 1] {
                let found = cumulative.find(position, |weight| position >= weight);
                assert_eq!(found, (group, below));
            }
        }
    }

    #[test]
    fn every_value_has_a_place_of_its_own() {
        for value in 0..=255 {
            let (group, at) = place(value);
            assert_eq!(value_at(group, at), value);
        }
    }
}
