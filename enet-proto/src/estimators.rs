//! The protocol's estimators as plain values, for tools and recorded vectors: no peer, no clock, no side effects.

pub use crate::host::bandwidth::{PeerShare, announce_incoming, distribute_outgoing};
pub use crate::peer::loss::PacketLoss;
pub use crate::peer::queueing::{Queueing, Reading};
pub use crate::peer::recovery::{Arrival, Fate, Recovery};
pub use crate::peer::rtt::{Rtt, round_trip_sample};
pub use crate::peer::throttle::Throttle;
pub use crate::time::Millis;
