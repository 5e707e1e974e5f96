//! What a connection is made of, in bytes: a server has thousands of them, and most are quiet. None of these may grow
//! unnoticed; who shrinks one lowers its bound.

use super::*;
use crate::channel::Channel;

/// Each part, the bytes it takes, and those it may take.
fn parts() -> [(&'static str, usize, usize); 15] {
    [
        ("connection", size_of::<Connection>(), 440),
        ("stage", size_of::<Stage>(), 8),
        ("address", size_of::<SocketAddr>(), 32),
        ("channels", size_of::<Channels>(), 48),
        ("channel", size_of::<Channel>(), 32),
        ("inbox", size_of::<Inbox>(), 24),
        ("acks", size_of::<Acks>(), 8),
        ("outgoing", size_of::<Outgoing>(), 104),
        ("unsequenced", size_of::<UnsequencedWindow>(), 16),
        ("rtt", size_of::<Rtt>(), 28),
        ("recovery", size_of::<Recovery>(), 44),
        ("queueing", size_of::<Queueing>(), 40),
        ("mishaps", size_of::<Mishaps>(), 152),
        ("throttle", size_of::<Throttle>(), 24),
        ("loss", size_of::<PacketLoss>(), 24),
    ]
}

#[test]
fn no_part_of_a_connection_takes_more_than_it_did() {
    for (part, bytes, most) in parts() {
        assert!(bytes <= most, "{part}: {bytes} bytes, and {most} are enough");
    }
}
