//! What Godot 3's `NetworkedMultiplayerENet` puts around a packet: who sent it, and for whom.
#![allow(unreachable_pub)] // a module of an example

use enet_mio::{ChannelId, Delivery, Packet};

/// The unique id of every server.
pub const SERVER: u32 = 1;

/// The channel for [`add_peer`] and [`remove_peer`].
pub const CONFIG: ChannelId = ChannelId::new(0);

/// Somebody has come: a client then knows that id.
pub fn add_peer(id: u32) -> Packet {
    Packet::reliable([0, id].map(u32::to_le_bytes).concat())
}

/// Somebody has gone.
pub fn remove_peer(id: u32) -> Packet {
    Packet::reliable([1, id].map(u32::to_le_bytes).concat())
}

/// A packet with its header: source and target as four bytes each, little-endian.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub source: u32,
    /// One player, 0 for all, or minus the one that is left out.
    target: i32,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// `None` if it is too short.
    pub fn parse(packet: &'a [u8]) -> Option<Frame<'a>> {
        let (source, rest) = packet.split_first_chunk()?;
        let (target, body) = rest.split_first_chunk()?;
        Some(Frame { source: u32::from_le_bytes(*source), target: i32::from_le_bytes(*target), body })
    }

    /// Whether a player, other than who sent it, is meant.
    pub fn is_for(&self, id: u32) -> bool {
        match self.target {
            0 => true,
            target if target < 0 => target.unsigned_abs() != id,
            target => target.unsigned_abs() == id,
        }
    }

    /// The same from the server to who sent it.
    pub fn answer(&self, delivery: Delivery) -> Packet {
        let header = [SERVER, self.source].map(u32::to_le_bytes).concat();
        Packet::new(delivery, [&header, self.body].concat())
    }
}
