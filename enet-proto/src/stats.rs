//! Counters, for dashboards and tests. All are totals since creation unless they say otherwise.

mod list;

use core::fmt;

/// A host's totals (PROTOCOL.md §18.5).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostStats {
    /// UDP payload bytes sent.
    pub bytes_sent: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// UDP payload bytes received, rubbish included.
    pub bytes_received: u64,
    /// Datagrams received, rubbish included.
    pub datagrams_received: u64,
    /// Disconnects sent to clients that were not let in.
    pub refusals_sent: u64,
    /// Packets of the application's that came back because their peer's queue
    /// [was full](crate::SendErrorReason::QueueFull).
    pub queue_full: u64,
    /// Clients that were answered and have not proven their address, at the moment.
    pub half_open: usize,
    /// Bytes of memory that received and not yet fetched data of all peers takes, at the moment.
    pub held_data: u64,
    /// The most that ever was.
    pub highest_held_data: u64,
    /// Reliable commands sent again because they counted as lost, copies that rode along not included.
    pub retransmissions: u64,
    /// Those of them whose original had arrived after all, as its acknowledgement shows. With
    /// [`Profile::Compat`](crate::Profile::Compat) nobody looks, and this is 0.
    pub needless_retransmissions: u64,
    /// Copies of reliable commands that rode along in datagrams which left anyway.
    pub copies: u64,
    /// Received datagrams and commands that had no effect, by reason.
    pub discarded: Discarded,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a received datagram, or the rest of one from a bad command on, had no effect.
        #[non_exhaustive]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DiscardReason {
            $($(#[$doc])* $name,)*
        }

        impl DiscardReason {
            /// Every reason.
            pub const ALL: &'static [DiscardReason] = &[$(DiscardReason::$name,)*];

            /// A short name for labels and JSON keys.
            pub const fn as_str(self) -> &'static str {
                self.labels().0
            }

            /// That, and the name of its counter among others.
            const fn labels(self) -> (&'static str, &'static str) {
                match self {
                    $(DiscardReason::$name => ($text, concat!("discarded_", $text)),)*
                }
            }
        }
    };
}

reasons! {
    /// Shorter than its own header.
    Truncated = "truncated",
    /// Longer than the 4096 bytes that every ENet host can take.
    Oversize = "oversize",
    /// Addressed to a slot that holds no connection.
    UnknownPeer = "unknown_peer",
    /// From an address that is not the peer's.
    WrongAddress = "wrong_address",
    /// Of another session of the slot.
    WrongSession = "wrong_session",
    /// Compressed, and no compressor is configured.
    NoCompressor = "no_compressor",
    /// Compressed, and the block makes no sense or is too large.
    BadCompression = "bad_compression",
    /// The checksum does not match.
    BadChecksum = "bad_checksum",
    /// A command that does not exist or does not fit into the datagram. Zeros at the end, which compressors leave, do
    /// not count.
    MalformedCommand = "malformed_command",
    /// A command that the connection's state does not allow.
    UnexpectedCommand = "unexpected_command",
    /// A channel that the connection does not have.
    NoSuchChannel = "no_such_channel",
    /// A fragment that contradicts itself or its predecessors.
    BadFragment = "bad_fragment",
    /// A payload longer than the host's `max_packet_size`.
    PacketTooLarge = "packet_too_large",
    /// More data than the application is willing to hold.
    WaitingDataLimit = "waiting_data_limit",
    /// More data than its peer may have of the host's [`memory`](crate::HostConfig::memory).
    MemoryLimit = "memory_limit",
    /// A command whose acknowledgement there is no room for: it will come again. What it brought is not lost.
    AcknowledgementLimit = "acknowledgement_limit",
    /// Somebody who wants to connect, while too many events wait to be fetched.
    EventLimit = "event_limit",
    /// A command that wants an acknowledgement in a datagram without a sent time.
    NoSentTime = "no_sent_time",
    /// A connect that makes no sense.
    BadConnect = "bad_connect",
    /// A connect that repeats one already being answered.
    DuplicateConnect = "duplicate_connect",
    /// A connect while every slot is taken.
    HostFull = "host_full",
    /// A connect from an IP address that holds as many connections as it may.
    TooManyFromAddress = "too_many_from_address",
    /// An answer to our connect that does not match it.
    BadVerify = "bad_verify",
    /// From port 0, where nothing can be sent to.
    PortZero = "port_zero",
    /// A connect that the [admission policy](crate::Admission) refused.
    Refused = "refused",
    /// A connect that the [admission policy](crate::Admission) ignored.
    Ignored = "ignored",
    /// An acknowledgement that does not repeat what we told who connects: a guess.
    BadProof = "bad_proof",
    /// A connect that was answered, and whose sender did not prove its address in time.
    Unproven = "unproven",
    /// A connect that was answered and made room for newer ones.
    Displaced = "displaced",
    /// A disconnect of a peer that was asked, and is still there.
    DoubtedDisconnect = "doubted_disconnect",
    /// An unsequenced packet from so far ahead that its group is believed with the next one only.
    DoubtedGroup = "doubted_group",
    /// From a client that the application has not let in yet, and more than is kept until then.
    Undecided = "undecided",
}

/// Counters by [`DiscardReason`].
///
/// ```
/// use enet_proto::{DiscardReason, HostStats};
/// let stats = HostStats::default();
/// assert_eq!(stats.discarded.get(DiscardReason::BadChecksum), 0);
/// assert!(stats.discarded.iter().any(|(reason, _)| reason.as_str() == "host_full"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Discarded([u64; DiscardReason::ALL.len()]);

impl Discarded {
    /// How often this happened.
    pub fn get(&self, reason: DiscardReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// How often anything was discarded.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (DiscardReason, u64)> + '_ {
        DiscardReason::ALL.iter().copied().zip(self.0.iter().copied())
    }

    pub(crate) fn count(&mut self, reason: DiscardReason) {
        self.count_many(reason, 1);
    }

    pub(crate) fn count_many(&mut self, reason: DiscardReason, times: u64) {
        if let Some(counter) = self.0.get_mut(reason as usize) {
            *counter += times;
        }
    }
}

impl fmt::Debug for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.iter().filter(|(_, count)| *count > 0);
        f.debug_map().entries(seen.map(|(reason, count)| (reason.as_str(), count))).finish()
    }
}

/// A connection's numbers, in the protocol's own units.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerStats {
    /// Smoothed round trip time, ms; 500 before the first sample.
    pub round_trip_time: u32,
    /// Its mean deviation, ms.
    pub round_trip_time_variance: u32,
    /// Lowest smoothed round trip time of the running throttle interval, ms.
    pub lowest_round_trip_time: u32,
    /// Highest deviation of the running throttle interval, ms.
    pub highest_round_trip_time_variance: u32,
    /// Lowest smoothed round trip time of the last throttle interval, ms: the throttle's baseline.
    pub last_round_trip_time: u32,
    /// Highest deviation of the last throttle interval, ms.
    pub last_round_trip_time_variance: u32,
    /// Share of unreliable packets that are sent, of 32.
    pub throttle: u32,
    /// The share that bandwidth limits allow at most, of 32.
    pub throttle_limit: u32,
    /// Payload bytes of reliable data sent and not acknowledged.
    pub reliable_data_in_transit: u32,
    /// Commands sent in the running loss interval, retransmissions included, acknowledgements not.
    pub packets_sent: u32,
    /// Commands that counted as lost in the running loss interval: under `Profile::Compat` each retransmission timeout.
    pub packets_lost: u32,
    /// Smoothed share of commands that timed out, of 65 536.
    pub packet_loss: u32,
    /// Its mean deviation, of 65 536.
    pub packet_loss_variance: u32,
    /// Reliable commands sent again because they counted as lost, copies that rode along not included. This and the next two
    /// count from the beginning of the connection, as [`HostStats`] does for all of them.
    pub retransmissions: u64,
    /// Those of which an earlier transmission turned out to have arrived; counted with [`Profile::Modern`](crate::Profile::Modern).
    pub needless_retransmissions: u64,
    /// Copies of reliable commands that rode along in datagrams that left anyway; with `Profile::Modern`.
    pub copies: u64,
    /// ENet clock, in ms, at which the running loss interval began; 0 before the first datagram.
    pub packet_loss_epoch: u32,
    /// Share of commands that counted as lost in the last full loss interval, of 65 536, not smoothed: see
    /// [`Peer::loss`](crate::Peer::loss).
    pub last_packet_loss: u32,
    /// Where the throttle stands in its round of 32, in steps of 7: a packet passes while this is at most `throttle`.
    pub throttle_counter: u32,
    /// ENet clock, in ms, at which the running throttle interval began; 0 before the first round trip.
    pub throttle_epoch: u32,
    /// What an acknowledgement without delay adds to the throttle, of 32.
    pub throttle_acceleration: u32,
    /// What a late one takes, of 32.
    pub throttle_deceleration: u32,
    /// Length of the throttle interval, ms.
    pub throttle_interval: u32,
    /// ENet clock at which the oldest command in flight is due, while there is one.
    pub next_timeout: Option<u32>,
    /// Bytes of reliable data that may be in flight.
    pub window_size: u32,
    /// Received bytes the application has not fetched, reserved ones included.
    pub waiting_data: u32,
    /// Bytes of memory that received data takes which the application has not fetched.
    pub held_data: u32,
    /// Bytes queued, in flight or to be sent again, with 320 for each command.
    pub queued_data: u64,
    /// The remote's downstream limit, bytes/s, 0 = unlimited.
    pub incoming_bandwidth: u32,
    /// The remote's upstream limit, bytes/s, 0 = unlimited.
    pub outgoing_bandwidth: u32,
    /// Bytes queued since the last bandwidth tick.
    pub outgoing_data_total: u32,
    /// Bytes received since the last bandwidth tick.
    pub incoming_data_total: u32,
    /// First group of the current window of incoming unsequenced packets.
    pub incoming_unsequenced_group: u16,
    /// Last group given to an outgoing unsequenced packet.
    pub outgoing_unsequenced_group: u16,
    /// Reliable commands sent and not acknowledged.
    pub in_flight: usize,
    /// Messages and commands waiting to be sent, those to be retransmitted included.
    pub queued: usize,
    /// Acknowledgements waiting to be sent.
    pub acknowledgements_owed: usize,
}

/// A connection's totals since somebody wanted them: see [`PeerDefaults::totals`](crate::PeerDefaults).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerTotals {
    /// UDP payload bytes sent to it.
    pub bytes_sent: u64,
    /// Datagrams sent to it.
    pub datagrams_sent: u64,
    /// UDP payload bytes received from it.
    pub bytes_received: u64,
    /// Datagrams received from it.
    pub datagrams_received: u64,
}

/// A channel's counters.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelStats {
    /// Number of the last reliable packet (or fragment) delivered in order.
    pub incoming_reliable: u16,
    /// Number of the last unreliable packet delivered since.
    pub incoming_unreliable: u16,
    /// Number of the last reliable packet (or fragment) queued.
    pub outgoing_reliable: u16,
    /// Number of the last unreliable packet queued since.
    pub outgoing_unreliable: u16,
}
