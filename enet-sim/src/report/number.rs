//! Numbers as people read them: as many digits as say something.

/// At most three digits that count, no exponent: `0.04`, `4.1`, `41.2`, `412`, `4 120`.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    match () {
        () if size == 0.0 => "0".to_owned(),
        () if size < 9.995 => format!("{value:.2}"),
        () if size < 99.95 => format!("{value:.1}"),
        () => grouped(value.round()),
    }
}

/// A value that may be missing.
pub(super) fn or_dash(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), text)
}

/// A share, 0 to 1, in per cent; never rounded to 0 or 100 unless it is.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    match () {
        () if value == 0.0 || value == 100.0 => format!("{value:.0}"),
        () if value > 99.9 => "> 99.9".to_owned(),
        () if value < 0.1 => "< 0.1".to_owned(),
        () => format!("{value:.1}"),
    }
}

/// Whole, its thousands apart.
pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let texts = [0.0, 0.04, 4.1, 9.996, 41.25, 99.96, 412.4, 1_234_567.0].map(short);
        assert_eq!(texts, ["0", "0.04", "4.10", "10.0", "41.2", "100", "412", "1\u{202f}234\u{202f}567"]);
    }

    #[test]
    fn nearly_all_is_not_all() {
        assert_eq!([0.0, 0.000_1, 0.5, 0.999_9, 1.0].map(percent), ["0", "< 0.1", "50.0", "> 99.9", "100"]);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(-1_000.0), "-1\u{202f}000");
        assert_eq!(grouped(999.0), "999");
    }
}
