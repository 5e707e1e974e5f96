//! The weight up to each of 256 values, for contexts that know many: eight values make a group, eight groups a quarter.

use super::coder::Interval;
use super::lanes::Shift;

/// How many quarters there are.
pub(super) const QUARTERS: usize = 4;

/// Where a value is. As its bits are: 2 for the quarter, 3 for the group, 3 for the value there.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) quarter: usize,
    /// 8 times its number.
    pub(super) group: Shift,
    /// 8 times its number.
    pub(super) lane: Shift,
}

impl Place {
    #[inline(always)]
    pub(super) fn of(value: u8) -> Self {
        let value = u32::from(value);
        Self { quarter: (value >> 6) as usize, group: value & 0o70, lane: value << 3 & 0o70 }
    }

    /// The value that is there.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "2 bits and 3 and 3")]
    pub(super) fn value(self) -> u8 {
        (self.quarter << 6) as u8 | self.group as u8 | (self.lane >> 3) as u8
    }
}

/// What to add to the words of [`Eight`] and of a [`Cumulative`] to add some weight.
pub(super) struct Steps {
    /// For each quarter.
    quarters: [u64; QUARTERS],
    /// For each of eight.
    eight: [[u64; 2]; 8],
    weight: u32,
}

impl Steps {
    /// Of a weight.
    #[allow(clippy::indexing_slicing, reason = "at compile time")]
    pub(super) const fn new(weight: u8) -> Self {
        let mut steps = Self { quarters: [0; QUARTERS], eight: [[0; 2]; 8], weight: weight as u32 };
        let mut at = 0;
        while at < 8 {
            let mut behind = at;
            while behind < 8 {
                steps.eight[at][behind % 2] |= (weight as u64) << (behind / 2 * 16);
                if at < behind && behind < QUARTERS {
                    steps.quarters[at] |= (weight as u64) << (behind * 16);
                }
                behind += 1;
            }
            at += 1;
        }
        steps
    }

    #[inline(always)]
    pub(super) fn weight(&self) -> u32 {
        self.weight
    }
}

/// 1 in each of four lanes of 16 bits.
const ONES: u64 = 0x0001_0001_0001_0001;

/// Of eight neighbours, the weight up to and including each; all of them weigh less than 2¹⁵.
///
/// In 15 bits each, those of even ones in one word, those of odd ones in another. The 16th bit is set: it stops the borrow
/// when a position is subtracted from all of them at once, and is left where the position is not beyond.
#[derive(Clone, Copy)]
pub(super) struct Eight([u64; 2]);

impl Eight {
    /// Each has the same weight.
    pub(super) const fn new(each: u8) -> Self {
        let weight = each as u64;
        Self([0x0007_0005_0003_0001 * weight + (ONES << 15), 0x0008_0006_0004_0002 * weight + (ONES << 15)])
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    fn add_times(&mut self, lane: Shift, steps: &Steps, times: u64) {
        let [even, odd] = &mut self.0;
        let [even_step, odd_step] = steps.eight[lane as usize / 8 % 8];
        *even += even_step * times;
        *odd += odd_step * times;
    }

    /// Adds the weight of `steps` to one of them.
    #[inline(always)]
    pub(super) fn add(&mut self, lane: Shift, steps: &Steps) {
        self.add_times(lane, steps, 1);
    }

    /// Adds weight to one of them.
    #[inline(always)]
    pub(super) fn add_any(&mut self, lane: Shift, weight: u32) {
        self.add_times(lane, &ONE, weight.into());
    }

    /// The share of one of them.
    #[inline(always)]
    pub(super) fn interval(&self, lane: Shift) -> Interval {
        let [even, odd] = self.0;
        // Rotated so that the same distance brings even and odd ones to the bottom.
        let (until, with) =
            if lane & 8 == 0 { (odd << 16, even) } else { (even.rotate_left(8), odd.rotate_left(8)) };
        let [until, with] = [until, with].map(|word| (word.rotate_right(lane) & 0x7FFF) as u32);
        Interval { under: until, count: with - until }
    }

    /// The one in which a position lies, given the number behind it; they must weigh as much.
    #[inline(always)]
    pub(super) fn find(&self, behind: u32) -> Shift {
        let [even, odd] = self.0;
        let behind = u64::from(behind) * ONES;
        // A bit for each that the position is not beyond.
        let left = (even - behind) >> 15 & ONES | (odd - behind) >> 7 & ONES << 8;
        left.trailing_zeros()
    }
}

static ONE: Steps = Steps::new(1);

/// The weight before each group: before its quarter, and from there on.
#[derive(Clone, Copy)]
pub(super) struct Cumulative {
    /// For each quarter the weight before it, in 16 bits. The escape comes before the first one.
    quarters: u64,
    /// The groups of each quarter.
    groups: [Eight; QUARTERS],
}

impl Cumulative {
    /// Every group has the same weight.
    pub(super) const fn new(escapes: u32, each: u8) -> Self {
        let quarters = escapes as u64 * ONES + 8 * each as u64 * 0x0003_0002_0001_0000;
        Self { quarters, groups: [Eight::new(each); QUARTERS] }
    }

    /// Adds weight to the escape.
    #[inline(always)]
    pub(super) fn add_escapes(&mut self, weight: u32) {
        self.quarters += u64::from(weight) * ONES;
    }

    /// The weight of the escape.
    #[inline(always)]
    pub(super) fn escapes(&self) -> u32 {
        self.before(0)
    }

    /// Adds weight to a group.
    #[inline(always)]
    pub(super) fn add_any(&mut self, place: Place, weight: u32) {
        self.add_times(place, &ONE, weight.into());
    }

    /// Adds the weight of `steps` to a group.
    #[inline(always)]
    pub(super) fn add(&mut self, place: Place, steps: &Steps) {
        self.add_times(place, steps, 1);
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the arrays")]
    fn add_times(&mut self, place: Place, steps: &Steps, times: u64) {
        let quarter = place.quarter % QUARTERS;
        self.quarters += steps.quarters[quarter] * times;
        self.groups[quarter].add_times(place.group, steps, times);
    }

    /// The weight before a group.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    pub(super) fn below(&self, place: Place) -> u32 {
        let quarter = place.quarter % QUARTERS;
        self.before(quarter) + self.groups[quarter].interval(place.group).under
    }

    /// The weight before a quarter.
    #[inline(always)]
    fn before(&self, quarter: usize) -> u32 {
        (self.quarters >> (16 * quarter) & 0xFFFF) as u32
    }

    /// The group in which a position lies, and the number behind the position, from the group's beginning. Not in the
    /// escape. `is_at_or_behind` compares the position with some weight: it may know the answer sooner than the position
    /// is computed.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "masked: cannot leave the array")]
    pub(super) fn find(&self, position: u32, is_at_or_behind: impl Fn(u32) -> bool) -> (Place, u32) {
        let (mut quarter, mut before) = (0, self.before(0));
        for next in 1..QUARTERS {
            let start = self.before(next);
            if is_at_or_behind(start) {
                (quarter, before) = (next, start);
            }
        }
        let behind = position.wrapping_sub(before).wrapping_add(1);
        let groups = &self.groups[quarter % QUARTERS];
        let group = groups.find(behind);
        (Place { quarter, group, lane: 0 }, behind.wrapping_sub(groups.interval(group).under))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The first value of each group.
    fn places() -> impl Iterator<Item = Place> {
        (0..=255).step_by(8).map(Place::of)
    }

    proptest! {
        #[test]
        fn sums_and_positions_are_those_of_the_groups_one_by_one(
            added in vec((0..32_usize, 0..2_u32), 0..400),
            position in 0..0x1_0000_u32,
        ) {
            static THREE: Steps = Steps::new(3);
            let mut weights = [8_u32; 32];
            let mut cumulative = Cumulative::new(1, 8);
            for (group, kind) in added {
                // No group weighs more than 8 · 255.
                let place = places().nth(group).unwrap();
                match kind {
                    0 if weights[group] < 2000 => {
                        cumulative.add(place, &THREE);
                        weights[group] += 3;
                    }
                    _ if weights[group] < 1800 => {
                        cumulative.add_any(place, 200);
                        weights[group] += 200;
                    }
                    _ => {}
                }
            }
            let mut below = 1;
            for (place, weight) in places().zip(weights) {
                prop_assert_eq!(cumulative.below(place), below);
                if (below..below + weight).contains(&position) {
                    let (found, within) = cumulative.find(position, |weight| position >= weight);
                    prop_assert_eq!((found.value(), within), (place.value(), position + 1 - below));
                }
                below += weight;
            }
        }

        #[test]
        fn shares_are_those_of_eight_one_by_one(weights in vec(1..256_u32, 8)) {
            let mut eight = Eight::new(0);
            for (lane, &weight) in (0..64).step_by(8).zip(&weights) {
                eight.add_any(lane, weight);
            }
            let mut under = 0;
            for (lane, count) in (0..64).step_by(8).zip(weights) {
                let interval = eight.interval(lane);
                prop_assert_eq!((interval.under, interval.count), (under, count));
                prop_assert!((under..under + count).all(|position| eight.find(position + 1) == lane));
                under += count;
            }
        }
    }

    #[test]
    fn the_heaviest_groups_stay_apart() {
        let mut cumulative = Cumulative::new(0, 0);
        for place in places() {
            cumulative.add_any(place, 8 * 255);
        }
        for (place, below) in places().zip((0..).step_by(8 * 255)) {
            assert_eq!(cumulative.below(place), below);
            for position in [below, below + 8 * 255 - 1] {
                let (found, within) = cumulative.find(position, |weight| position >= weight);
                assert_eq!((found.value(), within), (place.value(), position + 1 - below));
            }
        }
    }

    #[test]
    fn every_value_has_a_place_of_its_own() {
        for value in 0..=255 {
            assert_eq!(Place::of(value).value(), value);
        }
    }
}
