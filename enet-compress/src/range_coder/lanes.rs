//! Eight bytes in one word, worked on at once: lane 0 is the lowest byte. Here a lane holds a weight or a value.

/// 1 in every lane.
pub(super) const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of every lane.
const HIGHS: u64 = ONES << 7;
/// The even lanes, each with room for 16 bits.
const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
/// Multiplying by it adds up 16-bit lanes: the lowest one is itself, the highest the sum of all.
const PREFIX: u64 = 0x0001_0001_0001_0001;
/// The highest bit of every 16-bit lane.
const HIGHS16: u64 = PREFIX << 15;

/// The place of a lane in its word: 8 times its number, in bits.
pub(super) type Shift = u32;

/// All lanes below one, as a mask.
#[inline(always)]
pub(super) fn below(shift: Shift) -> u64 {
    (1 << shift) - 1
}

/// The byte in a lane.
#[inline(always)]
pub(super) fn lane(word: u64, shift: Shift) -> u8 {
    let [byte, ..] = (word >> shift).to_le_bytes();
    byte
}

/// The sum of all lanes: at most 8 · 255.
#[inline(always)]
pub(super) fn sum(word: u64) -> u32 {
    (((word & EVEN) + (word >> 8 & EVEN)).wrapping_mul(PREFIX) >> 48) as u32
}

/// Every lane halved, rounded up.
#[inline(always)]
pub(super) fn halved(word: u64) -> u64 {
    word - (word >> 1 & !HIGHS)
}

/// The first of the lanes 1 to 7 that holds `value`.
///
/// Lane 0 of `values` must not be 0.
#[inline(always)]
pub(super) fn find_value(values: u64, value: u8) -> Option<Shift> {
    let differences = values ^ (u64::from(value) * (ONES << 8));
    // Exact up to the first lane that is zero.
    let zeros = differences.wrapping_sub(ONES) & !differences & HIGHS;
    (zeros != 0).then(|| zeros.trailing_zeros() & 56)
}

/// The first of the lanes 1 to 7 whose value is not below `value`; 64 if there is none.
#[inline(always)]
pub(super) fn find_not_below(values: u64, value: u8) -> Shift {
    let other = u64::from(value) * ONES;
    let low_bits = (values | HIGHS) - (other & !HIGHS);
    let not_below = ((values & !other) | (!(values ^ other) & low_bits)) & HIGHS;
    (not_below & !0xFF).trailing_zeros() & !7
}

/// The lane in which a position of the lanes' cumulative sum lies, and the sum of the lanes below it.
///
/// `position` must be below the [`sum`] of all lanes.
#[inline(always)]
pub(super) fn find_position(word: u64, position: u32) -> (Shift, u32) {
    let odd = word >> 8 & EVEN;
    let to_odd = ((word & EVEN) + odd).wrapping_mul(PREFIX);
    let to_even = to_odd - odd;
    let lane = first_beyond(to_even, to_odd, position);
    let below = if lane & 8 == 0 { to_odd << 16 } else { to_even };
    (lane, (below >> (lane & 48) & 0xFFFF) as u32)
}

/// The first of eight ascending numbers, none above 2¹⁵, that exceeds a position below 2¹⁵. In each word there are four
/// of them, every other one. There must be one; returned is 8 times its number.
#[inline(always)]
fn first_beyond(even: u64, odd: u64, position: u32) -> Shift {
    let positions = (u64::from(position) * PREFIX) | HIGHS16;
    // A bit for each number that is not beyond.
    let passed = ((positions - even) & HIGHS16) >> 8 | ((positions - odd) & HIGHS16);
    (passed ^ HIGHS).trailing_zeros() & 56
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ascending(mut lanes: [u8; 8]) -> u64 {
        lanes[1..].sort_unstable();
        lanes[0] = 0xFF;
        u64::from_le_bytes(lanes)
    }

    proptest! {
        #[test]
        fn a_sum_is_that_of_the_lanes_one_by_one(lanes: [u8; 8]) {
            let expected: u32 = lanes.iter().map(|&lane| u32::from(lane)).sum();
            prop_assert_eq!(sum(u64::from_le_bytes(lanes)), expected);
        }

        #[test]
        fn every_lane_is_halved_alone_and_rounded_up(lanes: [u8; 8]) {
            let expected = lanes.map(|lane| lane - lane / 2);
            prop_assert_eq!(halved(u64::from_le_bytes(lanes)), u64::from_le_bytes(expected));
        }

        #[test]
        fn a_value_is_found_in_its_first_lane_but_not_in_lane_0(lanes: [u8; 8], value: u8) {
            let values = ascending(lanes);
            let lane = (1..8_u32).find(|&lane| values.to_le_bytes()[lane as usize] == value);
            prop_assert_eq!(find_value(values, value), lane.map(|lane| 8 * lane));
        }

        #[test]
        fn the_first_value_not_below_is_found_but_not_in_lane_0(lanes: [u8; 8], value: u8) {
            let values = ascending(lanes);
            let lane = (1..8_u32).find(|&lane| values.to_le_bytes()[lane as usize] >= value);
            prop_assert_eq!(find_not_below(values, value), 8 * lane.unwrap_or(8));
        }

        #[test]
        fn a_position_is_found_in_its_lane(lanes: [u8; 8], position in 0..8_u32 * 255) {
            let word = u64::from_le_bytes(lanes);
            if position < sum(word) {
                let (lane, under) = find_position(word, position);
                prop_assert_eq!(under, sum(word & below(lane)));
                prop_assert!((under..under + u32::from(super::lane(word, lane))).contains(&position));
            }
        }
    }

    #[test]
    fn neighbours_of_a_value_are_not_taken_for_it() {
        // Borrows of a word-wide subtraction run from a found lane into one that differs by 1.
        let values = u64::from_le_bytes([0xFF, 6, 7, 8, 9, 10, 0xFF, 0xFF]);
        let found = [5, 6, 7, 8, 9, 10, 11, 0xFF].map(|value| find_value(values, value));
        assert_eq!(found, [None, Some(8), Some(16), Some(24), Some(32), Some(40), None, Some(48)]);
    }
}
