//! [`LinkSpec`]: one direction between two hosts, as plain data.

use core::fmt;
use core::str::FromStr;

use enet_wire::CommandKind;
use serde::{Deserialize, Serialize};

use crate::net::jitter_bound;
use crate::quantity;
use crate::random::Chance;
use crate::scenario::is_default;
use crate::time::Span;

/// What one direction does to datagrams, in the order of its fields. The default is a perfect, instant link.
///
/// ```
/// use enet_sim::scenario::link::{LinkSpec, Loss};
/// let text = r#"
///     loss = { kind = "random", chance = "5%" }
///     rate = { rate = "2mbit", queue = 64000 }
///     delay = { base = "40ms", jitter = "10ms", shape = "pareto" }
/// "#;
/// let link: LinkSpec = toml::from_str(text).unwrap();
/// assert_eq!(link.faults(), 3);
/// assert_eq!(link.validate(), Ok(()));
/// assert_eq!(toml::from_str(&toml::to_string(&link).unwrap()), Ok(link));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LinkSpec {
    /// The path takes only short datagrams.
    #[serde(skip_serializing_if = "is_default")]
    pub mtu: Option<MtuSpec>,
    /// Datagrams are lost.
    #[serde(skip_serializing_if = "is_default")]
    pub loss: Loss,
    /// Certain datagrams are lost.
    #[serde(skip_serializing_if = "is_default")]
    pub drop: Vec<Pick>,
    /// Datagrams arrive damaged.
    #[serde(skip_serializing_if = "is_default")]
    pub corrupt: Corrupt,
    /// Datagrams arrive more than once.
    #[serde(skip_serializing_if = "is_default")]
    pub duplicate: Duplicate,
    /// The direction's own slow line with its queue.
    #[serde(skip_serializing_if = "is_default")]
    pub rate: Option<RateSpec>,
    /// Which of the scenario's shared lines comes after the own one.
    #[serde(skip_serializing_if = "is_default")]
    pub bottleneck: Option<usize>,
    /// The way takes time.
    #[serde(skip_serializing_if = "is_default")]
    pub delay: Delay,
}

/// Longer datagrams vanish without a word: from the start, or as a black hole that opens later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MtuSpec {
    /// The longest UDP payload that passes.
    pub bytes: u16,
    /// From when on, counted from the beginning of the world.
    #[serde(default, skip_serializing_if = "is_default")]
    pub from: Span,
    /// Until when; for good if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub until: Option<Span>,
}

/// How datagrams are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "kind")]
pub enum Loss {
    /// Not at all.
    #[default]
    None,
    /// Each on its own (Bernoulli).
    Random {
        /// How likely.
        chance: Chance,
    },
    /// In bursts (Gilbert–Elliott): the line is good or bad, and changes before a datagram.
    Burst {
        /// From good to bad.
        enter: Chance,
        /// From bad to good; 1/this is the mean length of a burst.
        leave: Chance,
        /// Lost while good.
        #[serde(default, skip_serializing_if = "is_default")]
        lost_good: Chance,
        /// Lost while bad.
        #[serde(default = "always", skip_serializing_if = "is_always")]
        lost_bad: Chance,
    },
    /// One in so many, exactly.
    Periodic {
        /// In how many.
        every: u32,
        /// How many go before the first that is lost, fewer than `every`.
        #[serde(default, skip_serializing_if = "is_default")]
        offset: u32,
    },
}

fn always() -> Chance {
    Chance::ALWAYS
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_always(chance: &Chance) -> bool {
    *chance == Chance::ALWAYS
}

/// Which datagrams a script loses. Those that were hidden by compression carry no command here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pick {
    /// Those that hold this command, among others; all if absent.
    #[serde(skip_serializing_if = "is_default")]
    pub command: Option<CommandName>,
    /// Of these the first, second, …, counted from 1 and from the beginning of the world; each if empty.
    #[serde(skip_serializing_if = "is_default")]
    pub nth: Vec<u32>,
    /// How likely.
    #[serde(skip_serializing_if = "is_always")]
    pub chance: Chance,
    /// From when on.
    #[serde(skip_serializing_if = "is_default")]
    pub from: Span,
    /// Until when; for good if absent.
    #[serde(skip_serializing_if = "is_default")]
    pub until: Option<Span>,
}

impl Default for Pick {
    fn default() -> Self {
        Pick { command: None, nth: Vec::new(), chance: Chance::ALWAYS, from: Span::ZERO, until: None }
    }
}

/// A command by name (PROTOCOL.md §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // ENet's names
pub enum CommandName {
    Acknowledge,
    Connect,
    VerifyConnect,
    Disconnect,
    Ping,
    SendReliable,
    SendUnreliable,
    SendFragment,
    SendUnsequenced,
    BandwidthLimit,
    ThrottleConfigure,
    SendUnreliableFragment,
}

impl CommandName {
    /// As the codec has it.
    pub const fn kind(self) -> CommandKind {
        match self {
            CommandName::Acknowledge => CommandKind::Acknowledge,
            CommandName::Connect => CommandKind::Connect,
            CommandName::VerifyConnect => CommandKind::VerifyConnect,
            CommandName::Disconnect => CommandKind::Disconnect,
            CommandName::Ping => CommandKind::Ping,
            CommandName::SendReliable => CommandKind::SendReliable,
            CommandName::SendUnreliable => CommandKind::SendUnreliable,
            CommandName::SendFragment => CommandKind::SendFragment,
            CommandName::SendUnsequenced => CommandKind::SendUnsequenced,
            CommandName::BandwidthLimit => CommandKind::BandwidthLimit,
            CommandName::ThrottleConfigure => CommandKind::ThrottleConfigure,
            CommandName::SendUnreliableFragment => CommandKind::SendUnreliableFragment,
        }
    }
}

/// How often datagrams are damaged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Corrupt {
    /// How likely.
    pub chance: Chance,
    /// One of these, evenly; of all if empty.
    #[serde(skip_serializing_if = "is_default")]
    pub damage: Vec<Damage>,
}

/// What happens to a damaged datagram. Its bytes are never what they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// One to four bits are inverted.
    Flip,
    /// The end is missing.
    Truncate,
    /// Up to 64 bytes follow the end.
    Extend,
    /// Two bytes change places.
    Swap,
    /// It goes on as the direction's previous datagram.
    Splice,
}

impl Damage {
    /// Every kind.
    pub const ALL: [Damage; 5] =
        [Damage::Flip, Damage::Truncate, Damage::Extend, Damage::Swap, Damage::Splice];
}

/// How often datagrams arrive more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Duplicate {
    /// How likely.
    pub chance: Chance,
    /// How many further copies, 1 to 5.
    pub copies: u8,
    /// Each of them comes this much later at most, evenly distributed; at most a minute.
    pub within: Span,
}

impl Default for Duplicate {
    fn default() -> Self {
        Duplicate { chance: Chance::NEVER, copies: 1, within: Span::ZERO }
    }
}

/// A line that carries so many bits a second, with a queue before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RateSpec {
    /// Bits of UDP payload per second.
    pub rate: Rate,
    /// How many bytes may wait, besides the datagram that is being sent.
    pub queue: u32,
    /// Which datagram goes when the queue is full.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drop: DropFrom,
}

/// Where a full queue drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropFrom {
    /// The newest goes.
    #[default]
    Tail,
    /// The oldest that waits goes.
    Head,
}

/// How long the way takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Delay {
    /// At least this.
    #[serde(skip_serializing_if = "is_default")]
    pub base: Span,
    /// And more, half of this on the average.
    #[serde(skip_serializing_if = "is_default")]
    pub jitter: Span,
    /// How the jitter is distributed.
    #[serde(skip_serializing_if = "is_default")]
    pub shape: Shape,
    /// How likely a datagram has the same jitter as the one before.
    #[serde(skip_serializing_if = "is_default")]
    pub correlation: Chance,
    /// Whether datagrams overtake each other; otherwise a late one holds up all behind it.
    #[serde(skip_serializing_if = "is_default")]
    pub reorder: bool,
    /// Some datagrams overtake, whatever `reorder` says.
    #[serde(skip_serializing_if = "is_default")]
    pub gap: Option<Gap>,
    /// Some datagrams take much longer.
    #[serde(skip_serializing_if = "is_default")]
    pub spike: Option<Spike>,
}

/// How jitter is distributed. All shapes have the mean jitter/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Evenly over 0..jitter.
    #[default]
    Uniform,
    /// A bell over 0..jitter, of standard deviation jitter/8.
    Normal,
    /// Many little, few large (Lomax, α = 3): up to 25 times the jitter.
    Pareto,
    /// Many little, few large (σ = 1): up to 15 times the jitter.
    LogNormal,
}

/// One in so many datagrams comes early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gap {
    /// In how many.
    pub every: u32,
    /// How much sooner than [`Delay::base`], at most all of it; such a datagram has no jitter.
    pub early: Span,
}

/// Some datagrams take much longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Spike {
    /// How likely.
    pub chance: Chance,
    /// How much longer.
    pub by: Span,
}

impl LinkSpec {
    /// A perfect link that takes `base`.
    pub fn delayed(base: Span) -> Self {
        LinkSpec { delay: Delay { base, ..Delay::default() }, ..LinkSpec::default() }
    }

    /// Whether nothing but [`Delay::base`] happens to a datagram.
    pub fn is_clean(&self) -> bool {
        self.faults() == 0
    }

    /// How many kinds of fault are switched on.
    pub fn faults(&self) -> usize {
        let jitters = self.delay.jitter > Span::ZERO;
        [
            self.mtu.is_some(),
            self.loss != Loss::None,
            !self.drop.is_empty(),
            self.corrupt.chance > Chance::NEVER,
            self.duplicate.chance > Chance::NEVER,
            self.rate.is_some(),
            self.bottleneck.is_some(),
            jitters,
            (self.delay.reorder && jitters) || self.delay.gap.is_some(),
            self.delay.spike.is_some(),
        ]
        .into_iter()
        .filter(|on| *on)
        .count()
    }

    /// The longest a datagram's first copy takes, apart from queues and from waiting behind others.
    pub fn delay_bound(&self) -> Span {
        let delay = &self.delay;
        delay.base
            + jitter_bound(delay.shape, delay.jitter)
            + delay.spike.map_or(Span::ZERO, |spike| spike.by)
    }

    /// The shortest a datagram takes.
    pub fn delay_floor(&self) -> Span {
        let early = self.delay.gap.map_or(Span::ZERO, |gap| gap.early);
        Span(self.delay.base.0.saturating_sub(early.0))
    }

    /// What is left of it when the network is healed: the base delay and the rates.
    #[must_use]
    pub fn healed(&self) -> Self {
        LinkSpec { rate: self.rate, bottleneck: self.bottleneck, ..LinkSpec::delayed(self.delay.base) }
    }

    /// # Errors
    /// What makes no sense, in a sentence.
    pub fn validate(&self) -> Result<(), String> {
        match self.loss {
            Loss::Periodic { every: 0, .. } => return Err("loss.periodic: every must be at least 1".into()),
            Loss::Periodic { every, offset } if offset >= every => {
                return Err("loss.periodic: offset must be less than every".into());
            }
            Loss::Burst { enter, leave, .. } if enter > Chance::NEVER && leave == Chance::NEVER => {
                return Err("loss.burst: leave must not be 0%, or the first burst never ends".into());
            }
            _ => {}
        }
        if self.drop.iter().any(|pick| pick.nth.contains(&0)) {
            return Err("drop: nth counts from 1".into());
        }
        if !(1..=5).contains(&self.duplicate.copies) {
            return Err("duplicate: copies must be 1 to 5".into());
        }
        if self.duplicate.within > Span::from_secs(60) {
            return Err("duplicate: within must be at most 1min".into());
        }
        if let Some(rate) = &self.rate {
            rate.validate()?;
        }
        match self.delay.gap {
            Some(Gap { every, .. }) if every < 2 => Err("delay.gap: every must be at least 2".into()),
            Some(Gap { early, .. }) if early > self.delay.base => {
                Err("delay.gap: early must be at most delay.base".into())
            }
            _ => Ok(()),
        }
    }
}

impl RateSpec {
    /// # Errors
    /// What makes no sense, in a sentence.
    pub fn validate(&self) -> Result<(), String> {
        if self.rate.0 == 0 {
            return Err("rate: a line of 0bit carries nothing; use a cut".into());
        }
        Ok(())
    }
}

/// Bits per second. Its text form is a number and a unit.
///
/// ```
/// use enet_sim::scenario::link::Rate;
/// assert_eq!("2.5mbit".parse(), Ok(Rate(2_500_000)));
/// assert_eq!(Rate(2_500_000).to_string(), "2.5mbit");
/// assert!("2".parse::<Rate>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(pub u64);

/// Units from the largest, with their bits per second.
const UNITS: [(&str, u64); 4] = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

impl Rate {
    /// How long so many bytes take.
    pub fn time_for(self, bytes: usize) -> Span {
        let bits = (bytes as u64).saturating_mul(8);
        let nanos =
            bits.checked_mul(1_000_000_000).map_or(u64::MAX, |product| product.div_ceil(self.0.max(1)));
        Span(nanos)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(quantity::write(self.0, &UNITS).as_deref().unwrap_or("0bit"))
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        quantity::read(text, &UNITS).map(Rate).ok_or_else(|| {
            format!("{text:?} is not a rate: write a number and a unit, as in 64kbit, 2.5mbit, 1gbit")
        })
    }
}

impl TryFrom<String> for Rate {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> String {
        rate.to_string()
    }
}

#[cfg(test)]
mod tests;
