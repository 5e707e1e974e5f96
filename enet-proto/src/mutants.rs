//! Mutants: one rule of the protocol at a time, broken on purpose, so that a simulator can show that it would notice.
//! They exist only where everything is compiled with `--cfg enet_mutants`; elsewhere `is` is `false`, and folds away.
#![cfg_attr(not(enet_mutants), allow(unreachable_pub, reason = "the module is public with the cfg only"))]

#[cfg(enet_mutants)]
use core::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU8, Ordering},
};

macro_rules! mutants {
    ($(#[doc = $breaks:literal] $name:ident = $text:literal,)+) => {
        /// A rule that can be broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            $(#[doc = $breaks] $name,)+
        }

        #[cfg(enet_mutants)]
        impl Mutant {
            /// Every one of them.
            pub const ALL: &[Mutant] = &[$(Mutant::$name),+];

            /// Its name, for command lines and tables.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Mutant::$name => $text,)+
                }
            }

            /// What it does wrong, as a sentence.
            pub const fn breaks(self) -> &'static str {
                match self {
                    $(Mutant::$name => $breaks.trim_ascii(),)+
                }
            }
        }
    };
}

mutants! {
    // Delivery
    /// A copy of a reliable packet that was delivered is delivered again.
    NoDedup = "no-dedup",
    /// Unreliable packets are delivered behind newer ones of their channel.
    UnreliableGoesBack = "unreliable-goes-back",
    /// Unreliable packets are delivered before the reliable packet they follow.
    UnreliableOvertakes = "unreliable-overtakes",
    /// Copies of an unsequenced packet are delivered.
    UnsequencedTwice = "unsequenced-twice",
    /// Reliable numbers are compared without the wrap: none is new behind 65,535.
    ReliableWrap = "reliable-wrap",
    /// A reliable packet that finds the inbox full is dropped, and yet acknowledged.
    FullInboxAcknowledged = "full-inbox-acknowledged",
    /// A packet counts as complete when one fragment is still missing.
    EarlyReassembly = "early-reassembly",
    /// A fragment that does not come in order is put one byte too early.
    FragmentMisplaced = "fragment-misplaced",

    // Acknowledgement and time
    /// Copies of a reliable command that was taken already are not acknowledged.
    RepeatUnacknowledged = "repeat-unacknowledged",
    /// Acknowledgements do not make a host want to send: they wait until something else goes out.
    AcksWait = "acks-wait",
    /// A command that went out twice has no deadline any more.
    ForgottenTimer = "forgotten-timer",
    /// The retransmission timeout does not double.
    NoBackoff = "no-backoff",
    /// The first retransmission comes after half its timeout.
    EarlyResend = "early-resend",
    /// Acknowledgements of what was sent before the 16-bit sent time wrapped are ignored.
    SentTimeWrap = "sent-time-wrap",
    /// The age of a blackout is taken without regard to the 32-bit clock's wrap.
    ClockWrap = "clock-wrap",
    /// Nothing is sent again unless something later is acknowledged.
    NoProbe = "no-probe",
    /// A silent peer is never given up.
    NoTimeout = "no-timeout",
    /// A peer is given up with the first command that expires.
    HastyTimeout = "hasty-timeout",
    /// An acknowledgement does not reset the age of a blackout.
    BlackoutRunsOn = "blackout-runs-on",
    /// Connections do not ping by themselves.
    NoPing = "no-ping",

    // Windows, throttle, sizes
    /// More reliable bytes may be in flight than the window has.
    ByteWindowIgnored = "byte-window-ignored",
    /// Any span of reliable numbers may be in flight.
    SequenceWindowIgnored = "sequence-window-ignored",
    /// Acknowledged fragments still count as in flight.
    InTransitLeak = "in-transit-leak",
    /// Fetched packets still count as waiting.
    WaitingDataLeak = "waiting-data-leak",
    /// The throttle rises with every sample, above its scale.
    ThrottleOutOfRange = "throttle-out-of-range",
    /// The throttle falls and does not rise again.
    ThrottleStaysLow = "throttle-stays-low",
    /// Full fragments make a datagram one byte larger than the MTU.
    MtuExceeded = "mtu-exceeded",
    /// A datagram may hold one command more than receivers take.
    TooManyCommands = "too-many-commands",

    // Lifecycle
    /// A handle keeps its generation: that of an old connection reaches the slot's next one.
    StaleGeneration = "stale-generation",
    /// Datagrams of a slot's former sessions are accepted.
    StaleSession = "stale-session",
    /// A copy of a CONNECT takes a second slot.
    DuplicateConnect = "duplicate-connect",
    /// An acknowledgement of any number and time proves an address.
    AnyProof = "any-proof",
    /// Strangers are sent as much as they ask for.
    FreeAmplifier = "free-amplifier",
    /// The slot of a connection that ended is not free again.
    SlotLeak = "slot-leak",
    /// A disconnect by the remote raises its event twice.
    EventAfterDisconnect = "event-after-disconnect",
    /// The data of a DISCONNECT does not reach the event.
    DisconnectDataLost = "disconnect-data-lost",
    /// Disconnecting later does not wait for what is queued.
    LaterDropsData = "later-drops-data",
}

/// Whether this rule is broken.
#[cfg(not(enet_mutants))]
pub(crate) const fn is(_: Mutant) -> bool {
    false
}

/// Whether this rule is broken.
#[cfg(enet_mutants)]
pub(crate) fn is(mutant: Mutant) -> bool {
    SELECTED.load(Ordering::Relaxed) == mutant as u8 + 1
}

/// The selected mutant's number plus one.
#[cfg(enet_mutants)]
static SELECTED: AtomicU8 = AtomicU8::new(0);

/// Breaks one rule, or none. This holds for all hosts of the process, in every thread: choose before hosts are made, and
/// run worlds of different mutants one after the other.
#[cfg(enet_mutants)]
pub fn select(mutant: Option<Mutant>) {
    SELECTED.store(mutant.map_or(0, |mutant| mutant as u8 + 1), Ordering::Relaxed);
}

#[cfg(enet_mutants)]
impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(enet_mutants)]
impl FromStr for Mutant {
    type Err = UnknownMutant;

    fn from_str(text: &str) -> Result<Self, UnknownMutant> {
        Mutant::ALL.iter().copied().find(|mutant| mutant.as_str() == text).ok_or(UnknownMutant)
    }
}

/// There is no mutant of that name.
#[cfg(enet_mutants)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownMutant;

#[cfg(enet_mutants)]
impl fmt::Display for UnknownMutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no mutant has this name")
    }
}

#[cfg(enet_mutants)]
impl core::error::Error for UnknownMutant {}
