//! Where everything random comes from: one ChaCha8 stream for each owner and purpose, and [`Chance`].
//!
//! Streams never share draws and a constant number is drawn for each datagram, so switching one fault off leaves all
//! other decisions as they were. Verdicts compare integers; the same seed gives the same run on every platform.

use core::fmt;

use rand_chacha::ChaCha8Rng;
pub use rand_chacha::rand_core::RngCore;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// What draws are for. Each owner (a direction, a host) has a stream of its own for each purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Purpose {
    HostSeed,
    Loss,
    LossState,
    Corrupt,
    CorruptBytes,
    Duplicate,
    Delay,
    Spike,
    SendError,
    Nat,
    Traffic,
    Swarm,
    Attack,
    Payload,
    Pick,
    DuplicateDelay,
}

/// The stream of `owner` for `purpose` in the world of `seed`.
pub fn stream(seed: u64, owner: u32, purpose: Purpose) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(seed.to_le_bytes()) {
        *to = from;
    }
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(u64::from(owner) << 8 | purpose as u64);
    rng
}

/// The part of `whole` that `draw` is of 2³²: below `whole`.
#[allow(clippy::cast_possible_truncation)] // the product is below 2³² times whole
pub fn scale(draw: u32, whole: u64) -> u64 {
    ((u128::from(draw) * u128::from(whole)) >> 32) as u64
}

/// A probability in millionths. Its text form is in percent.
///
/// ```
/// use enet_sim::Chance;
/// assert_eq!("12.5%".parse(), Ok(Chance::from_ppm(125_000).unwrap()));
/// assert_eq!(Chance::from_ppm(125_000).unwrap().to_string(), "12.5%");
/// assert!("101%".parse::<Chance>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Chance(u32);

impl Chance {
    /// Never.
    pub const NEVER: Chance = Chance(0);
    /// Every time.
    pub const ALWAYS: Chance = Chance(1_000_000);

    /// From millionths; `None` above a million.
    pub const fn from_ppm(ppm: u32) -> Option<Self> {
        if ppm <= Self::ALWAYS.0 { Some(Chance(ppm)) } else { None }
    }

    /// From whole percent; more than 100 is 100.
    pub const fn percent(percent: u32) -> Self {
        if percent < 100 { Chance(percent * 10_000) } else { Chance::ALWAYS }
    }

    /// In millionths.
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// Whether it happens, by an evenly distributed draw.
    pub const fn hit(self, draw: u32) -> bool {
        ((draw as u64 * Self::ALWAYS.0 as u64) >> 32) < self.0 as u64
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:04}", self.0 / 10_000, self.0 % 10_000);
        f.pad(&format!("{}%", text.trim_end_matches('0').trim_end_matches('.')))
    }
}

impl core::str::FromStr for Chance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let complain =
            || format!("{text:?} is not a chance: write percent with up to four decimals, as in 5% or 0.25%");
        let number = text.strip_suffix('%').ok_or_else(complain)?.trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if part.len() > 4 {
            return Err(complain());
        }
        let whole: u32 = whole.parse().map_err(|_| complain())?;
        let part: u32 = format!("{part:0<4}").parse().map_err(|_| complain())?;
        whole
            .checked_mul(10_000)
            .and_then(|ppm| Chance::from_ppm(ppm.checked_add(part)?))
            .ok_or_else(complain)
    }
}

impl TryFrom<String> for Chance {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Chance> for String {
    fn from(chance: Chance) -> String {
        chance.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_read_back_exactly() {
        for ppm in [0, 1, 10, 12_345, 125_000, 999_999, 1_000_000] {
            let chance = Chance::from_ppm(ppm).unwrap();
            assert_eq!(chance.to_string().parse(), Ok(chance), "{chance}");
        }
        for wrong in ["5", "x%", "100.0001%", "0.00001%", "-1%"] {
            assert!(wrong.parse::<Chance>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn never_and_always_mean_it() {
        for draw in [0, 1, u32::MAX / 2, u32::MAX] {
            assert!(!Chance::NEVER.hit(draw));
            assert!(Chance::ALWAYS.hit(draw));
        }
        assert!(Chance::percent(50).hit(u32::MAX / 2) && !Chance::percent(50).hit(u32::MAX / 2 + 1));
    }

    #[test]
    fn streams_differ_by_seed_owner_and_purpose() {
        let first = |seed, owner, purpose| stream(seed, owner, purpose).next_u64();
        let all = [
            first(1, 0, Purpose::Loss),
            first(2, 0, Purpose::Loss),
            first(1, 1, Purpose::Loss),
            first(1, 0, Purpose::Delay),
        ];
        for (index, draw) in all.iter().enumerate() {
            assert!(!all[..index].contains(draw));
        }
    }
}
