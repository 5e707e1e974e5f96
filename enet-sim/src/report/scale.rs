//! [`Scale`]: from values to places on an axis, and the marks that say which is which.

use super::number::grouped;

/// How values spread over an axis. What lies outside is drawn at the edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Evenly.
    Linear { from: f64, to: f64 },
    /// Equal factors, equal lengths. Both ends are above 0.
    Log { from: f64, to: f64 },
    /// Shares, 0 to 1: each 9 more, of 90 %, 99 %, 99.9 %, the same length; `to` so many of them.
    Nines { to: f64 },
}

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Where, 0 to 1.
    pub(super) place: f64,
    pub(super) text: String,
}

impl Scale {
    /// From 0 to a round number not below `max`.
    pub(super) fn from_zero(max: f64) -> Self {
        let step = round_step(max / 4.0);
        let to = if max > 0.0 { (max / step).ceil() * step } else { 1.0 };
        Scale::Linear { from: 0.0, to }
    }

    /// Logarithmic, around all of `values`, with some room at both ends.
    pub(super) fn around(values: impl Iterator<Item = f64>) -> Self {
        let (mut from, mut to) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|value| *value > 0.0) {
            (from, to) = (from.min(value), to.max(value));
        }
        match from <= to {
            true => Scale::Log { from: from / 1.15, to: (to * 1.15).max(from * 1.6) },
            false => Scale::Log { from: 1.0, to: 10.0 },
        }
    }

    /// Where a value stands, 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match *self {
            Scale::Linear { from, to } => (value - from) / (to - from),
            Scale::Log { from, to } => (value.max(f64::MIN_POSITIVE) / from).ln() / (to / from).ln(),
            Scale::Nines { to } => -(1.0 - value).max(f64::MIN_POSITIVE).log10() / to,
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// The value at a place, 0 to 1.
    pub(super) fn value(&self, place: f64) -> f64 {
        match *self {
            Scale::Linear { from, to } => from + place * (to - from),
            Scale::Log { from, to } => from * (to / from).powf(place),
            Scale::Nines { to } => 1.0 - 10_f64.powf(-place * to),
        }
    }

    /// Round values, about `wanted` of them.
    pub(super) fn ticks(&self, wanted: f64) -> Vec<Tick> {
        let ticks = match *self {
            Scale::Linear { from, to } => linear_ticks(from, to, wanted),
            Scale::Log { from, to } => log_ticks(from, to, wanted),
            Scale::Nines { .. } => vec![0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999],
        };
        let text = |value: f64| match self {
            Scale::Nines { .. } => format!("{}%", trimmed(value * 100.0)),
            Scale::Linear { .. } | Scale::Log { .. } => trimmed(value),
        };
        let (from, to) = (self.value(0.0), self.value(1.0));
        let room = (to - from).abs() * 1e-9;
        let inside = ticks.into_iter().filter(|value| (from - room..=to + room).contains(value));
        inside.map(|value| Tick { place: self.place(value), text: text(value) }).collect()
    }
}

/// The smallest of 1, 2, 5, times a power of ten, that is not below `least`.
fn round_step(least: f64) -> f64 {
    if least <= 0.0 || !least.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|step| *step >= least * 0.999)
        .unwrap_or(10.0 * power)
}

fn linear_ticks(from: f64, to: f64, wanted: f64) -> Vec<f64> {
    let step = round_step((to - from) / wanted);
    let first = (from / step).ceil();
    let count = ((to / step).floor() - first).clamp(0.0, 50.0);
    (0..=50).map(f64::from).take_while(|index| *index <= count).map(|index| (first + index) * step).collect()
}

/// 1, 2, 5, 10 …, or only powers of ten, or, for less than a power of ten, as on a linear axis.
fn log_ticks(from: f64, to: f64, wanted: f64) -> Vec<f64> {
    let powers: Vec<f64> = (-6..=9).map(|power| 10_f64.powi(power)).collect();
    let inside = |values: Vec<f64>| -> Vec<f64> {
        values.into_iter().filter(|value| (from..=to).contains(value)).collect()
    };
    let fine = inside(powers.iter().flat_map(|power| [*power, 2.0 * power, 5.0 * power]).collect());
    match fine.len() {
        0..=2 => linear_ticks(from, to, wanted),
        count if (count as f64) <= wanted * 1.6 => fine,
        _ => inside(powers),
    }
}

/// A number without needless decimals.
fn trimmed(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        return grouped(value);
    }
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: Scale, wanted: f64) -> Vec<String> {
        scale.ticks(wanted).into_iter().map(|tick| tick.text).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(texts(Scale::from_zero(83.0), 4.0), ["0", "50", "100"]);
        assert_eq!(texts(Scale::from_zero(32.0), 4.0), ["0", "10", "20", "30", "40"]);
        assert_eq!(texts(Scale::from_zero(0.0), 4.0), ["0", "0.5", "1"]);
        assert_eq!(
            texts(Scale::Log { from: 30.0, to: 1_200.0 }, 5.0),
            ["50", "100", "200", "500", "1\u{202f}000"]
        );
        assert_eq!(
            texts(Scale::Log { from: 0.5, to: 90_000.0 }, 4.0),
            ["1", "10", "100", "1\u{202f}000", "10\u{202f}000"]
        );
        assert_eq!(texts(Scale::Log { from: 41.0, to: 49.0 }, 4.0), ["42", "44", "46", "48"]);
        assert_eq!(texts(Scale::Nines { to: 3.1 }, 4.0), ["0%", "50%", "90%", "99%", "99.9%"]);
    }

    #[test]
    fn places_and_values_are_inverse() {
        for scale in [
            Scale::Linear { from: -3.0, to: 9.0 },
            Scale::Log { from: 2.0, to: 50.0 },
            Scale::Nines { to: 4.0 },
        ] {
            for place in [0.0, 0.25, 0.5, 1.0] {
                assert!((scale.place(scale.value(place)) - place).abs() < 1e-9, "{scale:?} {place}");
            }
        }
    }

    #[test]
    fn what_is_outside_stands_at_the_edge() {
        let scale = Scale::around([40.0, 40.0].into_iter());
        assert!((0.2..0.8).contains(&scale.place(40.0)) || scale.place(40.0) > 0.0);
        assert_eq!((scale.place(0.0), scale.place(1e9)), (0.0, 1.0));
        assert_eq!(Scale::around(std::iter::empty()), Scale::Log { from: 1.0, to: 10.0 });
        assert_eq!(Scale::Nines { to: 3.0 }.place(1.0), 1.0);
    }
}
