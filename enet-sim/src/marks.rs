//! [`Mark`]: a state that worlds are meant to reach; [`Marks`]: those that were reached.
//!
//! A batch of worlds that never wraps a number proves nothing about wraps. Every mark is something the judge saw from
//! outside: on the wire, in an event, in a connection's numbers.

use core::fmt;

macro_rules! marks {
    ($($name:ident = $text:literal, $meaning:literal;)*) => {
        /// A state worth reaching.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Mark {
            $(#[doc = $meaning] $name,)*
        }

        impl Mark {
            /// Every mark.
            pub const ALL: &'static [Mark] = &[$(Mark::$name,)*];

            /// A short name for tables and JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Mark::$name => $text,)*
                }
            }

            /// What was seen, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Mark::$name => $meaning,)*
                }
            }
        }
    };
}

marks! {
    // Wire: what was seen leaving a host
    SentAcknowledge = "sent-acknowledge", "An ACKNOWLEDGE was sent.";
    SentConnect = "sent-connect", "A CONNECT was sent.";
    SentVerifyConnect = "sent-verify-connect", "A VERIFY_CONNECT was sent.";
    SentDisconnect = "sent-disconnect", "A DISCONNECT that wants an acknowledgement was sent.";
    SentFarewell = "sent-farewell", "A DISCONNECT that wants none was sent.";
    SentPing = "sent-ping", "A PING was sent.";
    SentReliable = "sent-reliable", "A SEND_RELIABLE was sent.";
    SentUnreliable = "sent-unreliable", "A SEND_UNRELIABLE was sent.";
    SentFragment = "sent-fragment", "A SEND_FRAGMENT was sent.";
    SentUnsequenced = "sent-unsequenced", "A SEND_UNSEQUENCED was sent.";
    SentBandwidthLimit = "sent-bandwidth-limit", "A BANDWIDTH_LIMIT was sent.";
    SentThrottleConfigure = "sent-throttle-configure", "A THROTTLE_CONFIGURE was sent.";
    SentUnreliableFragment = "sent-unreliable-fragment", "A SEND_UNRELIABLE_FRAGMENT was sent.";
    FullDatagram = "full-datagram", "A datagram was as long as the MTU allows.";
    ManyCommands = "many-commands", "A datagram held 32 commands.";
    CrowdedDatagram = "crowded-datagram", "A datagram held more than 32 commands.";
    Train = "train", "Datagrams of one size left as a train.";
    Padded = "padded", "A datagram was filled up with zeros to go in a train.";
    ManyAcknowledgements = "many-acknowledgements", "A datagram held 32 acknowledgements.";
    Compressed = "compressed", "A datagram was compressed.";
    Checksummed = "checksummed", "A datagram had a checksum.";
    // Retransmission: a reliable command left again
    Retransmitted = "retransmitted", "A reliable command was sent a second time.";
    BackedOffTwice = "backed-off-twice", "A reliable command was sent a third time.";
    BackedOffThrice = "backed-off-thrice", "A reliable command was sent a fourth time.";
    BackedOffFourTimes = "backed-off-four-times", "A reliable command was sent a fifth time.";
    BackedOffFiveTimes = "backed-off-five-times", "A reliable command was sent a sixth time.";
    ConnectRetransmitted = "connect-retransmitted", "A CONNECT was sent again.";
    VerifyRetransmitted = "verify-retransmitted", "A VERIFY_CONNECT was sent again.";
    DisconnectRetransmitted = "disconnect-retransmitted", "A DISCONNECT was sent again.";
    PingRetransmitted = "ping-retransmitted", "A PING was sent again.";
    FragmentRetransmitted = "fragment-retransmitted", "A SEND_FRAGMENT was sent again.";
    NeedlesslyRetransmitted = "needlessly-retransmitted", "A command was sent again after it had arrived.";
    // Numbers that come round
    ReliableNumberWrapped = "reliable-number-wrapped", "A channel's reliable number went from 65535 to 0.";
    UnsequencedGroupWrapped = "unsequenced-group-wrapped", "The unsequenced group went from 65535 to 0.";
    UnreliableNumbersExhausted = "unreliable-numbers-exhausted", "An unreliable message went out reliably, as its channel had no number left.";
    SentTimeWrapped = "sent-time-wrapped", "The sent time went from 65535 to 0 during a connection.";
    ClockWrapped = "clock-wrapped", "The 32-bit millisecond clock wrapped during a connection.";
    // Flow
    ByteWindowFull = "byte-window-full", "Reliable data waited for the byte window.";
    WindowShrunk = "window-shrunk", "A byte window was below 65536.";
    ThrottleLowered = "throttle-lowered", "The throttle went down.";
    ThrottleZero = "throttle-zero", "The throttle stood at 0.";
    ThrottleRecovered = "throttle-recovered", "The throttle was below 32 and came back.";
    ThrottleLimited = "throttle-limited", "A bandwidth limit held the throttle below 32.";
    ThrottleDropped = "throttle-dropped", "The throttle dropped an unreliable message: its number never left.";
    RttRose = "rtt-rose", "The smoothed round trip time was above the 500 ms of the beginning.";
    // Delivery
    EmptyDelivered = "empty-delivered", "A message of no bytes arrived.";
    SetOutOfOrder = "set-out-of-order", "The fragments of a message arrived out of order, and it was put together.";
    SetCompleted = "set-completed", "A fragmented reliable message was put together.";
    UnreliableSetCompleted = "unreliable-set-completed", "A message of unreliable fragments was put together.";
    UnreliableSetLost = "unreliable-set-lost", "A message of unreliable fragments was passed over, though some of it had left.";
    OversizeSentReliably = "oversize-sent-reliably", "An unreliable message too long for a datagram arrived reliably.";
    ReliableReordered = "reliable-reordered", "A reliable command arrived ahead of a predecessor.";
    ReliableDuplicated = "reliable-duplicated", "A reliable command arrived again, and was acknowledged again.";
    UnreliableOvertaken = "unreliable-overtaken", "A message of the sequenced kinds was passed over by a newer one.";
    UnsequencedReordered = "unsequenced-reordered", "An unsequenced message arrived behind a newer one.";
    AlteredDelivered = "altered-delivered", "A message arrived altered: corruption without a checksum.";
    RodeAlong = "rode-along", "A command that had left again rode along in a later datagram.";
    RepeatedUnasked = "repeated-unasked", "A command rode along before anybody could miss it.";
    RepeatSuspended = "repeat-suspended", "A connection that repeats its packets stood below its full throttle share, with some in flight.";
    // Connections
    Connected = "connected", "A connection was established.";
    ClosedDisconnect = "closed-disconnect", "A connection was closed by disconnect.";
    ClosedLater = "closed-later", "A connection was closed by disconnect later.";
    ClosedLaterWithData = "closed-later-with-data", "A connection was closed by disconnect later while data was under way.";
    ClosedNow = "closed-now", "A connection was closed by disconnect now.";
    ClosedReset = "closed-reset", "A connection was reset.";
    ClosedConnecting = "closed-connecting", "An attempt was given up by its own side.";
    EndedLocal = "ended-local", "A closing side got its acknowledgement.";
    EndedRemote = "ended-remote", "A side heard that the other one closed.";
    ClosedBothWays = "closed-both-ways", "Both sides closed a connection at once.";
    TimedOutByLimit = "timed-out-by-limit", "A connection timed out before the maximum, by the limit of retransmissions.";
    TimedOutByMaximum = "timed-out-by-maximum", "A connection timed out by the maximum.";
    ConnectTimedOut = "connect-timed-out", "An attempt timed out.";
    NoFreeSlot = "no-free-slot", "A connect was refused, as the own host had no slot.";
    Reconnected = "reconnected", "A connection followed another one between the same hosts.";
    ReconnectedWhileOldLives = "reconnected-while-old-lives", "A restarted host connected while the other side still held its old connection.";
    ConnectLost = "connect-lost", "A CONNECT was lost.";
    VerifyLost = "verify-lost", "A VERIFY_CONNECT was lost.";
    AcknowledgementLost = "acknowledgement-lost", "An acknowledgement was lost.";
    DisconnectLost = "disconnect-lost", "A DISCONNECT was lost.";
    // Network and hosts
    Lost = "lost", "The network lost a datagram.";
    Corrupted = "corrupted", "The network altered a datagram.";
    Duplicated = "duplicated", "The network duplicated a datagram.";
    Overtaken = "overtaken", "A datagram overtook another of its direction.";
    TooLongForPath = "too-long-for-path", "A datagram was too long for its path.";
    QueueOverflowed = "queue-overflowed", "A queue of the network was full.";
    WayCut = "way-cut", "A datagram met a cut.";
    NoRoute = "no-route", "A datagram met no mapping of a NAT, or nobody.";
    SocketOverflowed = "socket-overflowed", "A datagram met a full socket, or a host that was down.";
    Rebound = "rebound", "A datagram of a connection came from another address than before.";
    Crashed = "crashed", "A host crashed.";
    CaughtUp = "caught-up", "A connection outlived a pause of its host.";
    ClockStepped = "clock-stepped", "A host's clock was set.";
    // Who connects and means harm
    InsiderConnected = "insider-connected", "A peer that means harm was let in.";
    InsiderHeard = "insider-heard", "A message of such a peer was delivered.";
    InsiderHeld = "insider-held", "Received data of such a peer waited.";
    InsiderGivenUp = "insider-given-up", "Such a peer timed out.";
    BesideInsider = "beside-insider", "A message of an honest peer was delivered by a host that had such a peer, too.";
    // Discards, as the implementation counts them
    DiscardedBadChecksum = "discarded-bad-checksum", "The checksum did not match.";
    DiscardedUnknownPeer = "discarded-unknown-peer", "A slot without a connection was addressed.";
    DiscardedWrongAddress = "discarded-wrong-address", "A datagram came from another address than its connection's.";
    DiscardedWrongSession = "discarded-wrong-session", "A datagram was of an older session.";
    DiscardedDuplicateConnect = "discarded-duplicate-connect", "A CONNECT repeated one that is being answered.";
    DiscardedHostFull = "discarded-host-full", "A CONNECT found every slot taken.";
    DiscardedUnexpected = "discarded-unexpected", "A command was not allowed in the connection's state.";
    DiscardedMalformed = "discarded-malformed", "A command was malformed: corruption without a checksum.";
    DiscardedNoSuchChannel = "discarded-no-such-channel", "A channel did not exist: corruption without a checksum.";
    DiscardedBadFragment = "discarded-bad-fragment", "A fragment contradicted itself: corruption without a checksum.";
    DiscardedBadCompression = "discarded-bad-compression", "A compressed block made no sense.";
    DiscardedWaitingData = "discarded-waiting-data", "More data came than the application is willing to hold.";
}

const _: () = assert!(Mark::ALL.len() <= 128, "the set has 128 places");

impl Mark {
    const fn bit(self) -> u128 {
        1 << self as u8
    }

    /// The mark of this [name](Mark::as_str).
    pub fn from_name(name: &str) -> Option<Mark> {
        Mark::ALL.iter().copied().find(|mark| mark.as_str() == name)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of marks.
///
/// ```
/// use enet_sim::marks::{Mark, Marks};
/// let mut marks = Marks::default();
/// marks.set(Mark::Connected);
/// assert!(marks.has(Mark::Connected));
/// assert_eq!(marks.count(), 1);
/// assert_eq!(marks.missing().count(), Mark::ALL.len() - 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Marks(u128);

impl Marks {
    /// Adds one.
    pub const fn set(&mut self, mark: Mark) {
        self.0 |= mark.bit();
    }

    /// Whether it was reached.
    pub const fn has(self, mark: Mark) -> bool {
        self.0 & mark.bit() != 0
    }

    /// Those of either.
    #[must_use]
    pub const fn union(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    /// How many were reached.
    pub const fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Those that were reached, in the order of [`Mark::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.iter().copied().filter(move |mark| self.has(*mark))
    }

    /// Those that were not.
    pub fn missing(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.iter().copied().filter(move |mark| !self.has(*mark))
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Mark::as_str)).finish()
    }
}

impl FromIterator<Mark> for Marks {
    fn from_iter<I: IntoIterator<Item = Mark>>(marks: I) -> Self {
        let mut set = Marks::default();
        marks.into_iter().for_each(|mark| set.set(mark));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_unique_and_read_back() {
        for mark in Mark::ALL {
            assert_eq!(Mark::from_name(mark.as_str()), Some(*mark));
            assert!(mark.meaning().ends_with('.'), "{mark}");
        }
    }

    #[test]
    fn sets_unite_and_know_what_is_missing() {
        let first: Marks = [Mark::Lost, Mark::Connected].into_iter().collect();
        let last: Marks = [*Mark::ALL.last().unwrap()].into_iter().collect();
        let both = first.union(last);
        assert_eq!(both.count(), 3);
        assert_eq!(both.count() + both.missing().count(), Mark::ALL.len());
        assert!(both.iter().any(|mark| mark == Mark::Lost));
        assert_eq!(format!("{first:?}"), r#"{"connected", "lost"}"#);
    }
}
