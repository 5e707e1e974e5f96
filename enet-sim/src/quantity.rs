//! Numbers with units, as scenario files have them: `40ms`, `2.5mbit`.

/// A unit's name, and how many of the smallest it is. From the largest.
pub(crate) type Units<'a> = &'a [(&'a str, u64)];

/// What a text means in the smallest unit; `None` if it is not a number and one of the units, or too large.
pub(crate) fn read(text: &str, units: Units<'_>) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let (_, size) = units.iter().find(|(name, _)| *name == unit.trim())?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let mut place = u128::from(*size);
    let mut amount = whole.parse::<u128>().ok()?.checked_mul(place)?;
    for digit in part.chars() {
        place /= 10;
        amount = amount.checked_add(u128::from(digit.to_digit(10)?) * place)?;
    }
    u64::try_from(amount).ok()
}

/// The text of an amount, in the largest unit in which it has at most three decimals: exact, and short. `None` of zero.
pub(crate) fn write(amount: u64, units: Units<'_>) -> Option<String> {
    units.iter().find_map(|(unit, size)| {
        let (thousandths, size) = (u128::from(amount) * 1_000, u128::from(*size));
        (u128::from(amount) >= size && amount > 0 && thousandths.is_multiple_of(size)).then(|| {
            let thousandths = thousandths / size;
            let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
            format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
        })
    })
}
