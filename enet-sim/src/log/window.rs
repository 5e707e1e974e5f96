//! [`Window`]: some of the datagrams between two hosts, for a sequence chart.

use std::collections::BTreeMap;

use super::line::{labels, lost_words};
use super::{Log, What};
use crate::time::Time;
use crate::world::observer::HostIndex;

/// So many arrows can still be told apart in one chart.
const MOST_ARROWS: usize = 30;

/// Some of the datagrams between two hosts, in order of departure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The host to the left.
    pub left: String,
    /// The host to the right.
    pub right: String,
    /// The datagrams.
    pub arrows: Vec<Arrow>,
}

/// A datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    /// Whether the host to the left sent it.
    pub from_left: bool,
    /// When it left.
    pub departed: Time,
    /// When it arrived, if it did.
    pub arrived: Option<Time>,
    /// Why it did not, in words; what else happened to it, if it did.
    pub remark: Option<&'static str>,
    /// Its commands, in a few letters each.
    pub labels: Vec<String>,
    /// Whether it carries a command that had gone out before.
    pub again: bool,
    /// Its length, as UDP payload.
    pub len: usize,
}

/// An arrow, and where the command it repeats first went out.
struct Traced {
    arrow: Arrow,
    repeats: Option<usize>,
}

/// What can be seen where a command goes out again, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Repair {
    LostMessage,
    NeedlessMessage,
    Other,
}

impl Log {
    /// The datagrams between two hosts that left from `from` on and before `until`.
    pub fn window(&self, left: HostIndex, right: HostIndex, from: Time, until: Time) -> Window {
        let arrows = self.traced(left, right).into_iter().map(|traced| traced.arrow);
        let arrows =
            arrows.filter(|arrow| (from..until).contains(&arrow.departed)).take(MOST_ARROWS).collect();
        Window { left: self.name(left).to_owned(), right: self.name(right).to_owned(), arrows }
    }

    /// The window in which one sees best how a lost command is sent again; where nothing was lost, the beginning.
    pub fn telling_window(&self, left: HostIndex, right: HostIndex) -> Option<Window> {
        let traced = self.traced(left, right);
        let arrow = |place: usize| traced.get(place).map(|it| &it.arrow);
        let repair = |first: usize, again: usize| {
            let lost = arrow(first)?.arrived.is_none();
            let message =
                arrow(first)?.labels.iter().any(|it| it.starts_with("REL") || it.starts_with("FRAG"));
            let arrives = arrow(again)?.arrived.is_some();
            (arrives && again - first < MOST_ARROWS).then_some(match (message, lost) {
                (true, true) => Repair::LostMessage,
                (true, false) => Repair::NeedlessMessage,
                (false, _) => Repair::Other,
            })
        };
        let repeats = traced.iter().enumerate().filter_map(|(again, it)| Some((it.repeats?, again)));
        let repairs =
            repeats.filter_map(|(first, again)| Some((repair(first, again)?, again - first, first)));
        let (first, last) = match repairs.min() {
            Some((_, distance, first)) => {
                let again = first + distance;
                let acknowledged = traced.get(again).and_then(|it| it.arrow.arrived);
                let rest = traced.iter().skip(again + 1);
                let until_then =
                    rest.take_while(|it| acknowledged.is_none_or(|at| it.arrow.departed <= at)).count();
                (first.saturating_sub(2), again + until_then + 1)
            }
            None => (0, MOST_ARROWS / 2),
        };
        let shown = (last - first + 1).min(MOST_ARROWS);
        let arrows: Vec<Arrow> = traced.into_iter().skip(first).take(shown).map(|it| it.arrow).collect();
        (!arrows.is_empty()).then(|| Window {
            left: self.name(left).to_owned(),
            right: self.name(right).to_owned(),
            arrows,
        })
    }

    fn traced(&self, left: HostIndex, right: HostIndex) -> Vec<Traced> {
        let mut traced: Vec<Traced> = Vec::new();
        let mut first_seen: BTreeMap<(bool, String), usize> = BTreeMap::new();
        for entry in self.entries() {
            let What::Departed { to, bytes, fate } = &entry.what else { continue };
            let from_left = entry.host == Some(left);
            let other = if from_left { right } else { left };
            if !(from_left || entry.host == Some(right)) || self.host_at(*to) != Some(other) {
                continue;
            }
            let mut repeats = None;
            let mut texts = Vec::new();
            for label in labels(bytes, self.config.checksum) {
                if label.reliable {
                    let place = *first_seen.entry((from_left, label.text.clone())).or_insert(traced.len());
                    repeats = repeats.or((place < traced.len()).then_some(place));
                }
                texts.push(label.text);
            }
            let arrived = (fate.dropped.is_none() && fate.arrives != Time(u64::MAX)).then_some(fate.arrives);
            let remark = match (fate.dropped, arrived) {
                (Some(reason), _) => Some(lost_words(reason)),
                (None, None) => Some("held"),
                (None, Some(_)) if fate.corrupted => Some("damaged"),
                (None, Some(_)) if fate.copies > 1 => Some("several times"),
                (None, Some(_)) => None,
            };
            let (departed, again, len) = (entry.at, repeats.is_some(), bytes.len());
            let arrow = Arrow { from_left, departed, arrived, remark, labels: texts, again, len };
            traced.push(Traced { arrow, repeats });
        }
        traced
    }
}
