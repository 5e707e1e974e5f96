//! Whether a datagram is lost, by chance or by script.

use enet_wire::{Commands, Header, split_checksum};

use super::draws::Draws;
use crate::padding::unpadded;
use crate::random::Purpose;
use crate::scenario::link::{Loss, Pick};
use crate::time::{Span, Time};

/// Whether a direction's datagram with this number is lost. `bad` is the state of a line that loses in bursts.
pub(crate) fn is_lost(loss: &Loss, draws: &mut Draws, number: u64, bad: &mut bool) -> bool {
    match *loss {
        Loss::None => false,
        Loss::Random { chance } => chance.hit(draws.word(Purpose::Loss, number)),
        Loss::Burst { enter, leave, lost_good, lost_bad } => {
            let change = if *bad { leave } else { enter };
            *bad ^= change.hit(draws.word(Purpose::LossState, number));
            let chance = if *bad { lost_bad } else { lost_good };
            chance.hit(draws.word(Purpose::Loss, number))
        }
        Loss::Periodic { every, offset } => number % u64::from(every.max(1)) == u64::from(offset),
    }
}

/// Whether `now`, counted from the beginning of the world, lies between the two.
pub(crate) fn is_within(now: Time, from: Span, until: Option<Span>) -> bool {
    now.0 >= from.0 && until.is_none_or(|until| now.0 < until.0)
}

/// How many datagrams each pick has seen, in the order of the picks.
#[derive(Default)]
pub(crate) struct Script {
    seen: Vec<u32>,
}

impl Script {
    /// Whether a pick takes this datagram. All picks of a datagram are decided by one draw, so that removing one leaves
    /// the others as they were.
    pub(crate) fn picks(
        &mut self,
        picks: &[Pick],
        now: Time,
        bytes: &[u8],
        draws: &mut Draws,
        number: u64,
    ) -> bool {
        if picks.is_empty() {
            return false;
        }
        self.seen.resize(picks.len(), 0);
        let draw = draws.word(Purpose::Pick, number);
        let commands = commands_in(bytes);
        let mut picked = false;
        for (pick, seen) in picks.iter().zip(&mut self.seen) {
            if pick.command.is_some_and(|name| commands & (1 << name.kind().number()) == 0) {
                continue;
            }
            *seen = seen.saturating_add(1);
            let meant = pick.nth.is_empty() || pick.nth.contains(seen);
            picked |= meant && is_within(now, pick.from, pick.until) && pick.chance.hit(draw);
        }
        picked
    }

    /// Counts anew, as for other picks.
    pub(crate) fn restart(&mut self) {
        self.seen.clear();
    }
}

/// A bit for the number of each command in a datagram; none if they are compressed or nonsense. A link does not know
/// whether its hosts use checksums, so it reads the datagram without one first.
fn commands_in(bytes: &[u8]) -> u16 {
    let Ok((header, rest)) = Header::decode(bytes) else { return 0 };
    if header.compressed {
        return 0;
    }
    let checked = || split_checksum(rest).ok().and_then(|(_, rest)| all_of(rest));
    all_of(rest).or_else(checked).unwrap_or(0)
}

fn all_of(bytes: &[u8]) -> Option<u16> {
    unpadded(Commands::new(bytes))
        .try_fold(0, |bits, command| Some(bits | 1 << command.ok()?.kind().number()))
}
