//! [`Ends`]: which connections ended though nobody closed them, each counted once for both sides.

use std::collections::BTreeMap;

use crate::endpoint::{Conn, Ended};
use crate::message::Message;
use crate::world::observer::HostIndex;

/// Both ends of every connection. An endpoint names only its own; two ends belong together if one receives what the
/// other sent, or a connect data that only one attempt carries.
#[derive(Debug, Default)]
pub(super) struct Ends {
    ends: Vec<End>,
    live: BTreeMap<(HostIndex, Conn), usize>,
    senders: BTreeMap<(u16, u32), usize>,
}

#[derive(Debug)]
struct End {
    /// The other end, once known.
    other: Option<usize>,
    /// Whether its messages are known by their number.
    numbered: bool,
    /// For an attempt: whom it wants, and the data it carries.
    attempt: Option<(HostIndex, u32)>,
    closed: bool,
    ended: Option<Ended>,
}

impl Ends {
    /// An attempt begins.
    pub(super) fn connects(&mut self, host: HostIndex, conn: Conn, to: HostIndex, data: u32) {
        let index = self.end(host, conn);
        if let Some(end) = self.ends.get_mut(index) {
            end.attempt = Some((to, data));
        }
    }

    /// A host says that a connection is open.
    pub(super) fn connected(&mut self, host: HostIndex, conn: Conn, data: u32) {
        let index = self.end(host, conn);
        if data == 0 || self.ends.get(index).is_some_and(|end| end.attempt.is_some()) {
            return;
        }
        let fits = |end: &End| end.other.is_none() && end.attempt == Some((host, data));
        let mut candidates =
            self.ends.iter().enumerate().filter(|(_, end)| fits(end)).map(|(index, _)| index);
        if let (Some(only), None) = (candidates.next(), candidates.next()) {
            self.join(index, only);
        }
    }

    /// A message goes out.
    pub(super) fn sends(&mut self, host: HostIndex, conn: Conn, message: &Message) {
        let index = self.end(host, conn);
        if let Some(end) = self.ends.get_mut(index).filter(|end| !end.numbered) {
            end.numbered = true;
            self.senders.insert((message.sender, message.conn), index);
        }
    }

    /// A message arrives.
    pub(super) fn receives(&mut self, host: HostIndex, conn: Conn, message: &Message) {
        let index = self.end(host, conn);
        if self.ends.get(index).is_some_and(|end| end.other.is_none())
            && let Some(&sender) = self.senders.get(&(message.sender, message.conn))
        {
            self.join(index, sender);
        }
    }

    /// The application closes its end.
    pub(super) fn closes(&mut self, host: HostIndex, conn: Conn) {
        let index = self.end(host, conn);
        if let Some(end) = self.ends.get_mut(index) {
            end.closed = true;
        }
    }

    /// A host says that a connection is no more.
    pub(super) fn ended(&mut self, host: HostIndex, conn: Conn, ended: Ended) {
        let index = self.end(host, conn);
        if let Some(end) = self.ends.get_mut(index) {
            end.ended = Some(ended);
        }
        self.live.remove(&(host, conn));
    }

    /// A host forgets everything; its names may come again.
    pub(super) fn crashed(&mut self, host: HostIndex) {
        self.live.retain(|(of, _), _| *of != host);
    }

    /// Connections that ended though neither side closed them.
    pub(super) fn unplanned(&self) -> u64 {
        let counts = |(index, end): (usize, &End)| {
            let other = end.other.and_then(|other| Some((other, self.ends.get(other)?)));
            let lost = match end.ended {
                None => false,
                // The other side closed it, even where which one that is never came to light.
                Some(Ended::Remote) => other.is_some(),
                Some(_) => true,
            };
            let other_counts = other.is_some_and(|(other, end)| other < index && end.ended.is_some());
            lost && !end.closed && !other.is_some_and(|(_, end)| end.closed) && !other_counts
        };
        self.ends.iter().enumerate().filter(|&pair| counts(pair)).count() as u64
    }

    fn end(&mut self, host: HostIndex, conn: Conn) -> usize {
        *self.live.entry((host, conn)).or_insert_with(|| {
            self.ends.push(End { other: None, numbered: false, attempt: None, closed: false, ended: None });
            self.ends.len() - 1
        })
    }

    fn join(&mut self, one: usize, two: usize) {
        for (end, other) in [(one, two), (two, one)] {
            if let Some(end) = self.ends.get_mut(end) {
                end.other = Some(other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Kind;

    const CLIENT: (HostIndex, Conn) = (1, Conn(10));
    const SERVER: (HostIndex, Conn) = (0, Conn(20));

    fn connected(data: u32) -> Ends {
        let mut ends = Ends::default();
        ends.connects(CLIENT.0, CLIENT.1, SERVER.0, data);
        ends.connected(SERVER.0, SERVER.1, data);
        ends.connected(CLIENT.0, CLIENT.1, 0);
        ends
    }

    #[test]
    fn a_connection_both_sides_lose_counts_once() {
        let mut ends = connected(77);
        ends.ended(CLIENT.0, CLIENT.1, Ended::TimedOut);
        assert_eq!(ends.unplanned(), 1);
        ends.ended(SERVER.0, SERVER.1, Ended::Unknown);
        assert_eq!(ends.unplanned(), 1);
    }

    #[test]
    fn a_connection_one_side_closed_does_not_count() {
        for ended in [Ended::Remote, Ended::Unknown, Ended::TimedOut] {
            let mut ends = connected(77);
            ends.closes(CLIENT.0, CLIENT.1);
            ends.ended(CLIENT.0, CLIENT.1, Ended::Local);
            ends.ended(SERVER.0, SERVER.1, ended);
            assert_eq!(ends.unplanned(), 0, "{ended:?}");
        }
    }

    #[test]
    fn messages_tell_which_ends_belong_together() {
        let mut ends = connected(0);
        let message = Message { sender: 1, conn: 4, channel: 0, kind: Kind::Reliable, id: 0 };
        ends.sends(CLIENT.0, CLIENT.1, &message);
        ends.receives(SERVER.0, SERVER.1, &message);
        ends.ended(CLIENT.0, CLIENT.1, Ended::TimedOut);
        ends.ended(SERVER.0, SERVER.1, Ended::TimedOut);
        assert_eq!(ends.unplanned(), 1);
    }

    #[test]
    fn attempts_nobody_answers_and_forged_ends_count() {
        let mut ends = Ends::default();
        ends.connects(CLIENT.0, CLIENT.1, SERVER.0, 0);
        ends.ended(CLIENT.0, CLIENT.1, Ended::ConnectTimedOut);
        assert_eq!(ends.unplanned(), 1);
        let mut ends = connected(77);
        ends.ended(SERVER.0, SERVER.1, Ended::Remote);
        assert_eq!(ends.unplanned(), 1, "the client never closed it");
    }

    #[test]
    fn after_a_crash_the_same_name_is_another_connection() {
        let mut ends = connected(77);
        ends.crashed(CLIENT.0);
        ends.connects(CLIENT.0, CLIENT.1, SERVER.0, 78);
        ends.connected(SERVER.0, Conn(21), 78);
        ends.ended(SERVER.0, SERVER.1, Ended::TimedOut);
        ends.closes(CLIENT.0, CLIENT.1);
        ends.ended(SERVER.0, Conn(21), Ended::Remote);
        assert_eq!(ends.unplanned(), 1);
    }
}
