//! [`Watch`]: whether the poll is told of what arrives.

/// Calls in a row in which nothing happened after which asking the poll is cheaper than trying to receive: it takes half as
/// long if there is nothing, but makes two calls of one if there is something.
const IDLE_CALLS: u32 = 2;

/// Calls in a row of one kind after which the next ones are expected to be so, too: to register a socket, or to take it back, costs
/// what a few calls save.
const MANY_CALLS: u32 = 64;

/// The kernel tells a poll of every datagram that arrives, which costs a quarter of a microsecond each, and asks itself whether to
/// do so of every one that leaves, which costs half as much. Whoever mostly receives or sends something, as a game's server
/// once a frame, never asks the poll and does without.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Whether the socket is registered.
    pub(crate) is_on: bool,
    /// Calls in a row in which nothing came or went, and in which something did without a wait.
    idle_calls: u32,
    busy_calls: u32,
}

impl Watch {
    /// Whether a call that may not wait is to ask the poll for what there is to receive.
    pub(crate) const fn is_worth_asking(&self) -> bool {
        self.idle_calls >= if self.is_on { IDLE_CALLS } else { MANY_CALLS }
    }

    /// Whether the poll is to forget the socket.
    pub(crate) const fn is_dispensable(&self) -> bool {
        self.is_on && self.busy_calls >= MANY_CALLS
    }

    /// Notes whether datagrams came or went in a call.
    pub(crate) const fn on_call(&mut self, was_busy: bool) {
        (self.idle_calls, self.busy_calls) = match was_busy {
            true => (0, self.busy_calls.saturating_add(1)),
            false => (self.idle_calls.saturating_add(1), 0),
        };
    }

    /// Notes that somebody waits.
    pub(crate) const fn on_wait(&mut self) {
        self.busy_calls = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(calls: &[(bool, u32)], is_on: bool) -> Watch {
        let mut watch = Watch { is_on, ..Watch::default() };
        for (found, times) in calls {
            (0..*times).for_each(|_| watch.on_call(*found));
        }
        watch
    }

    #[test]
    fn the_poll_is_asked_after_two_idle_calls_and_registered_with_after_many() {
        assert!(after(&[(true, 9), (false, 2)], true).is_worth_asking());
        assert!(!after(&[(false, 9), (true, 1), (false, 1)], true).is_worth_asking());
        assert!(!after(&[(false, 63)], false).is_worth_asking());
        assert!(after(&[(false, 64)], false).is_worth_asking());
    }

    #[test]
    fn whoever_is_busy_for_long_and_never_waits_does_without() {
        assert!(after(&[(true, 64)], true).is_dispensable());
        assert!(!after(&[(true, 63)], true).is_dispensable());
        assert!(!after(&[(true, 60), (false, 1), (true, 60)], true).is_dispensable());
        assert!(!after(&[(true, 64)], false).is_dispensable());
        let mut waits = after(&[(true, 63)], true);
        waits.on_wait();
        waits.on_call(true);
        assert!(!waits.is_dispensable());
    }
}
