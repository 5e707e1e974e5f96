//! [`Message`]: what is in the first bytes of a message, so that its echo can be told from everything else.
#![allow(unreachable_pub)]

use std::time::Duration;

/// Bytes that a message needs.
pub const SMALLEST: u32 = 16;

/// Numbers wrap here; below are two bits.
const NUMBERS: u32 = 1 << 30;
const RELIABLE: u32 = 1 << 31;
const MEASURED: u32 = 1 << 30;

/// Says which one it is, whose, and when it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Of this run: others may send to the same server.
    pub tag: u16,
    pub bot: u16,
    /// Counted for each bot.
    pub number: u32,
    pub reliable: bool,
    /// Whether it was sent while it counts.
    pub measured: bool,
    /// Since the run began.
    pub sent: Duration,
}

impl Message {
    pub fn encode(self) -> [u8; 16] {
        let flag = |is: bool, flag: u32| if is { flag } else { 0 };
        let number = (self.number % NUMBERS) | flag(self.reliable, RELIABLE) | flag(self.measured, MEASURED);
        let nanos = u64::try_from(self.sent.as_nanos()).unwrap_or(u64::MAX);
        let ([a, b], [c, d]) = (self.tag.to_be_bytes(), self.bot.to_be_bytes());
        let [e, f, g, h] = number.to_be_bytes();
        let [i, j, k, l, m, n, o, p] = nanos.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }

    /// What the bytes say, if they are those of a message, and what follows it.
    pub fn decode(bytes: &[u8]) -> Option<(Message, &[u8])> {
        let (head, rest) = bytes.split_first_chunk::<16>()?;
        let [a, b, c, d, e, f, g, h, nanos @ ..] = *head;
        let number = u32::from_be_bytes([e, f, g, h]);
        let message = Message {
            tag: u16::from_be_bytes([a, b]),
            bot: u16::from_be_bytes([c, d]),
            number: number % NUMBERS,
            reliable: number & RELIABLE != 0,
            measured: number & MEASURED != 0,
            sent: Duration::from_nanos(u64::from_be_bytes(nanos)),
        };
        Some((message, rest))
    }
}

/// Messages of a hundred that are reliable.
#[derive(Debug, Clone, Copy)]
pub struct Share(pub u8);

impl Share {
    /// Whether the message with this number is, if they are spread evenly.
    pub fn includes(self, number: u32) -> bool {
        let reliable = |count: u64| count * u64::from(self.0) / 100;
        reliable(u64::from(number) + 1) > reliable(u64::from(number))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // it is a test
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for (reliable, measured, number) in [(false, true, 0), (true, false, NUMBERS - 1), (true, true, 7)] {
            let sent = Duration::from_nanos(1_234_567_890_123);
            let message = Message { tag: 0xBEEF, bot: u16::MAX, number, reliable, measured, sent };
            let mut bytes = message.encode().to_vec();
            bytes.extend([1, 2]);
            assert_eq!(Message::decode(&bytes), Some((message, &[1, 2][..])));
        }
        assert_eq!(Message::decode(&[0; 15]), None);
    }

    #[test]
    fn a_share_is_exact_and_even() {
        for share in [0, 1, 33, 50, 99, 100] {
            let reliable = (0..100).filter(|number| Share(share).includes(*number)).count();
            assert_eq!(reliable, usize::from(share));
        }
        assert!((0..10).all(|number| Share(50).includes(number) == (number % 2 == 1)));
    }
}
