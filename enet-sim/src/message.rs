//! [`Message`]: what worlds send. A payload says itself where it belongs, and any changed byte shows.
//!
//! ```
//! use enet_sim::endpoint::Kind;
//! use enet_sim::message::Message;
//!
//! let message = Message { sender: 1, conn: 3, channel: 0, kind: Kind::Reliable, id: 7 };
//! let mut payload = Vec::new();
//! message.write(100, &mut payload);
//! assert_eq!(payload.len(), 100);
//! assert_eq!(Message::read(&payload), Some(message));
//! payload[99] ^= 1;
//! assert_eq!(Message::read(&payload), None);
//! ```

use crate::endpoint::Kind;

/// Which message a payload is. Its bytes and its length belong to it: the same message of another length has others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The sending host.
    pub sender: u16,
    /// The number that the world gave to the connection at the sending side.
    pub conn: u32,
    /// The channel.
    pub channel: u8,
    /// How it was sent.
    pub kind: Kind,
    /// Which one of its connection, channel and kind, from 0.
    pub id: u32,
}

/// Bytes in front of the filler: sender 2, connection 4, channel 1, kind 1, id 4, length 4, check 4.
pub const HEADER_LEN: usize = 20;

impl Message {
    /// Appends the payload of `len` bytes. Below [`HEADER_LEN`] it is filler only, and cannot be [read](Message::read).
    pub fn write(&self, len: usize, out: &mut Vec<u8>) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let seed = self.seed(len);
        let end = out.len() + len as usize;
        out.reserve(len as usize);
        if len as usize >= HEADER_LEN {
            out.extend_from_slice(&self.header(len));
        }
        let mut filler = Filler(seed);
        while end - out.len() >= 8 {
            out.extend_from_slice(&filler.next());
        }
        let rest = end - out.len();
        out.extend_from_slice(filler.next().get(..rest).unwrap_or_default());
    }

    /// The message of a payload, if every byte is as it was written; `None` for one shorter than [`HEADER_LEN`].
    pub fn read(payload: &[u8]) -> Option<Message> {
        let message = Message::peek(payload)?;
        let seed = message.seed(u32::try_from(payload.len()).ok()?);
        let mut filler = Filler(seed);
        let (words, rest) = payload.get(HEADER_LEN..)?.as_chunks::<8>();
        let same = words.iter().all(|word| *word == filler.next());
        (same && filler.next().starts_with(rest)).then_some(message)
    }

    /// The message of a payload by its header alone: whether the filler is right is not looked at.
    pub fn peek(payload: &[u8]) -> Option<Message> {
        let header = payload.first_chunk::<HEADER_LEN>()?;
        let [s0, s1, c0, c1, c2, c3, channel, kind, i0, i1, i2, i3, ..] = *header;
        let message = Message {
            sender: u16::from_be_bytes([s0, s1]),
            conn: u32::from_be_bytes([c0, c1, c2, c3]),
            channel,
            kind: *Kind::ALL.get(usize::from(kind))?,
            id: u32::from_be_bytes([i0, i1, i2, i3]),
        };
        (message.header(u32::try_from(payload.len()).ok()?) == *header).then_some(message)
    }

    fn header(&self, len: u32) -> [u8; HEADER_LEN] {
        let [s0, s1] = self.sender.to_be_bytes();
        let [c0, c1, c2, c3] = self.conn.to_be_bytes();
        let [i0, i1, i2, i3] = self.id.to_be_bytes();
        let [l0, l1, l2, l3] = len.to_be_bytes();
        let [_, _, _, _, k0, k1, k2, k3] = self.seed(len).to_be_bytes();
        let kind = self.kind as u8;
        [s0, s1, c0, c1, c2, c3, self.channel, kind, i0, i1, i2, i3, l0, l1, l2, l3, k0, k1, k2, k3]
    }

    /// Where the check and the filler come from.
    fn seed(&self, len: u32) -> u64 {
        let place = u64::from(self.sender)
            | u64::from(self.conn) << 16
            | u64::from(self.channel) << 48
            | (self.kind as u64) << 56;
        scatter(place ^ scatter(u64::from(self.id) << 32 | u64::from(len)))
    }
}

/// Each bit of the result depends on each bit of `x`.
fn scatter(x: u64) -> u64 {
    let x = (x ^ x >> 30).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Bytes without a pattern, eight at a time.
struct Filler(u64);

impl Filler {
    fn next(&mut self) -> [u8; 8] {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 ^ self.0 >> 29).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message { sender: 2, conn: 70_000, channel: 5, kind: Kind::UnreliableFragments, id: 0x0102_0304 }
    }

    fn written(len: usize) -> Vec<u8> {
        let mut out = Vec::new();
        message().write(len, &mut out);
        assert_eq!(out.len(), len);
        out
    }

    #[test]
    fn every_length_is_read_back() {
        for len in HEADER_LEN..300 {
            assert_eq!(Message::read(&written(len)), Some(message()), "{len}");
        }
        assert_eq!(Message::read(&written(1_000_000)), Some(message()));
    }

    #[test]
    fn a_tiny_message_is_filler_of_its_length() {
        for len in 0..HEADER_LEN {
            assert_eq!(Message::read(&written(len)), None);
        }
        let mut other = Vec::new();
        Message { id: 9, ..message() }.write(8, &mut other);
        assert_ne!(other, written(8));
    }

    #[test]
    fn any_changed_bit_shows() {
        let good = written(45);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Message::read(&bad), None, "bit {bit}");
        }
    }

    #[test]
    fn a_shorter_or_longer_payload_shows() {
        let good = written(60);
        assert_eq!(Message::read(&good[..59]), None);
        let longer = [good.as_slice(), &[0]].concat();
        assert_eq!(Message::read(&longer), None);
        assert_eq!(Message::peek(&good), Some(message()));
    }

    #[test]
    fn writing_appends() {
        let mut out = vec![1, 2, 3];
        message().write(30, &mut out);
        assert_eq!(out.len(), 33);
        assert_eq!(Message::read(&out[3..]), Some(message()));
    }
}
