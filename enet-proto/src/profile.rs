//! [`Profile`]: whose decisions the host takes where the wire leaves a choice. Mechanism asks, the profile answers.

use enet_wire::{FREE_RELIABLE_WINDOWS, MAX_COMMANDS, RELIABLE_WINDOWS};

use crate::channel::window::SequenceWindows;
use crate::time::HALF_A_DAY;

/// The throttle's full share.
pub(crate) const THROTTLE_SCALE: u32 = 32;

/// A policy: when to resend, when to give up, how much may be in flight.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The C library's decisions, one for one: equal inputs give equal datagrams.
    Compat,
    /// The same wire, used better: datagrams as full as the MTU allows, in trains that cross into the kernel together; what
    /// was lost is known by evidence and sent again at once, the throttle judges queues instead of distance
    /// (docs/RECOVERY.md). Clients get a slot once they have proven their address, disconnects that anybody could have sent
    /// are confirmed, and ids are unguessable (docs/SECURITY.md).
    #[default]
    Modern,
}

/// How long something has gone unanswered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Silence {
    /// Transmissions of the command so far.
    pub(crate) attempts: u32,
    /// Age in ms of the oldest transmission found expired since the last acknowledgement.
    pub(crate) age: u32,
}

/// The limits of [`Timeouts`](crate::Timeouts), in ms and without zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GiveUp {
    pub(crate) limit: u32,
    pub(crate) minimum: u32,
    pub(crate) maximum: u32,
}

impl Profile {
    /// Retransmission timeout of a command sent for the first time, from the smoothed round trip time and its deviation;
    /// all in ms.
    pub(crate) const fn first_timeout(self, rtt: u32, variance: u32) -> u32 {
        match self {
            Profile::Compat | Profile::Modern => {
                let timeout = rtt.saturating_add(variance.saturating_mul(4));
                if timeout < HALF_A_DAY { timeout } else { HALF_A_DAY }
            }
        }
    }

    /// Retransmission timeout after one expired, in ms; half a day at most, so that time comparisons stay sound.
    pub(crate) const fn next_timeout(self, timeout: u32) -> u32 {
        match self {
            Profile::Compat | Profile::Modern if timeout > HALF_A_DAY / 2 => HALF_A_DAY,
            Profile::Compat | Profile::Modern => timeout * 2,
        }
    }

    /// Whether the peer counts as gone (PROTOCOL.md §9.5).
    pub(crate) const fn gives_up(self, silence: Silence, limits: GiveUp) -> bool {
        match self {
            Profile::Compat | Profile::Modern => {
                let doublings = silence.attempts.saturating_sub(1);
                let backoff = if doublings < 31 { 1 << doublings } else { u32::MAX };
                silence.age >= limits.maximum || (backoff >= limits.limit && silence.age >= limits.minimum)
            }
        }
    }

    /// Payload bytes of reliable data that may be in flight (PROTOCOL.md §9.6).
    pub(crate) fn byte_window(self, throttle: u32, window_size: u32, mtu: u32) -> u32 {
        match self {
            Profile::Compat | Profile::Modern => {
                let scaled = u64::from(throttle) * u64::from(window_size) / u64::from(THROTTLE_SCALE);
                u32::try_from(scaled).unwrap_or(u32::MAX).max(mtu)
            }
        }
    }

    /// Whether the first number of sequence window `window` must wait (PROTOCOL.md §9.7): the window before it is
    /// full and unacknowledged, or one of those the receiver may still be in is in use.
    pub(crate) fn sequence_window_blocked(self, windows: &SequenceWindows, window: usize) -> bool {
        match self {
            Profile::Compat | Profile::Modern => {
                windows.is_full(window + RELIABLE_WINDOWS - 1)
                    || (window..window + FREE_RELIABLE_WINDOWS + 2).any(|used| windows.is_used(used))
            }
        }
    }

    /// Commands in one datagram, acknowledgements included.
    pub(crate) const fn max_commands(self) -> usize {
        match self {
            Profile::Compat => MAX_COMMANDS,
            // Every receiver, C's included, reads on to the end of the datagram (PROTOCOL.md §17.5).
            Profile::Modern => usize::MAX,
        }
    }

    /// Whether a client must prove its address before it gets a slot, and datagrams name connections by random numbers.
    pub(crate) const fn proves_addresses(self) -> bool {
        match self {
            Profile::Compat => false,
            Profile::Modern => true,
        }
    }

    /// Whether an acknowledgement of nothing that was sent counts as one, for all but the command it names.
    pub(crate) const fn believes_any_acknowledgement(self) -> bool {
        match self {
            Profile::Compat => true,
            Profile::Modern => false,
        }
    }

    /// Whether a jump of unsequenced groups is believed with the second datagram that says so.
    pub(crate) const fn confirms_jumps(self) -> bool {
        match self {
            Profile::Compat => false,
            Profile::Modern => true,
        }
    }

    /// Whether datagrams of one destination may leave as a train of equal sizes.
    pub(crate) const fn forms_trains(self) -> bool {
        match self {
            Profile::Compat => false,
            Profile::Modern => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: GiveUp = GiveUp { limit: 32, minimum: 5_000, maximum: 30_000 };

    #[test]
    fn six_transmissions_and_five_seconds_end_a_connection() {
        let gives_up = |attempts, age| Profile::Compat.gives_up(Silence { attempts, age }, LIMITS);
        assert!(!gives_up(5, 29_999));
        assert!(!gives_up(6, 4_999));
        assert!(gives_up(6, 5_000));
        assert!(gives_up(1, 30_000));
        assert!(gives_up(u32::MAX, 5_000));
    }

    #[test]
    fn the_byte_window_shrinks_with_the_throttle_down_to_one_datagram() {
        let window = |throttle| Profile::Compat.byte_window(throttle, 65_536, 1_392);
        assert_eq!((window(32), window(8), window(0)), (65_536, 16_384, 1_392));
    }

    #[test]
    fn backoff_never_outgrows_the_clock() {
        let mut timeout = 500;
        for _ in 0..100 {
            timeout = Profile::Compat.next_timeout(timeout);
        }
        assert_eq!(timeout, 43_200_000);
    }
}
