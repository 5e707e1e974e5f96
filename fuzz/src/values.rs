//! Values as scripts have them: most are those at which something changes.

use arbitrary::{Arbitrary, Result, Unstructured};
use enet_wire::{Header, Session, WirePeerId};

/// Sixteen bits, often at an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge16(pub(crate) u16);

impl<'a> Arbitrary<'a> for Edge16 {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        const EDGES: [u16; 15] = [
            0, 1, 2, 0x0FFE, 0x0FFF, 0x1000, 0x6FFF, 0x7000, 0x7FFF, 0x8000, 0x8FFF, 0x9000, 0xEFFF, 0xFFFE,
            0xFFFF,
        ];
        let pick = input.arbitrary::<u8>()?;
        match EDGES.get(usize::from(pick % 32)) {
            Some(edge) => Ok(Edge16(edge.wrapping_add(u16::from(pick / 128)))),
            None => input.arbitrary().map(Edge16),
        }
    }
}

/// Thirty-two bits, often at an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge32(pub(crate) u32);

impl<'a> Arbitrary<'a> for Edge32 {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        const EDGES: [u32; 20] = [
            0,
            1,
            2,
            32,
            255,
            256,
            575,
            576,
            1392,
            4096,
            65_535,
            65_536,
            1 << 20,
            (1 << 20) + 1,
            32 << 20,
            86_400_000,
            1 << 31,
            (1 << 31) - 1,
            u32::MAX - 1,
            u32::MAX,
        ];
        let pick = input.arbitrary::<u8>()?;
        match EDGES.get(usize::from(pick % 32)) {
            Some(edge) => Ok(Edge32(*edge)),
            None => input.arbitrary().map(Edge32),
        }
    }
}

/// How long to wait, in ms: from nothing at all to more than half the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause(pub(crate) u64);

impl<'a> Arbitrary<'a> for Pause {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        const PAUSES: [u64; 16] = [
            0,
            1,
            5,
            10,
            30,
            100,
            500,
            501,
            1_000,
            1_500,
            5_000,
            31_500,
            65_536,
            86_400_000,
            1 << 31,
            1 << 32,
        ];
        let pick = input.arbitrary::<u8>()?;
        // Long ones are rare, for they end everything.
        let place = if pick < 224 { pick % 11 } else { pick % 16 };
        Ok(Pause(PAUSES[usize::from(place)]))
    }
}

/// Where the clock stands at first, in ms: zero is "never" in some records, and 2³² the end of the wire's clock.
pub(crate) fn start(input: &mut Unstructured<'_>) -> Result<u64> {
    input.choose(&[5_000_000, 0, 1, 999, 0xFFF0, (1 << 32) - 700, (1 << 32) - 1, (1 << 32) + 1]).copied()
}

/// How long a message is: what fits inline, a datagram, a few, many.
pub(crate) fn length(pick: u8) -> usize {
    const LENGTHS: [usize; 16] =
        [0, 1, 20, 32, 33, 100, 500, 560, 1_000, 1_360, 1_364, 1_392, 2_000, 4_096, 9_000, 40_000];
    LENGTHS[usize::from(pick % 16)]
}

/// Any header but compressed ones, which the caller makes.
pub(crate) fn header(input: &mut Unstructured<'_>) -> Result<Header> {
    let word = input.arbitrary::<u16>()?;
    Ok(Header {
        peer: WirePeerId::from_bits(word),
        session: Session::from_bits(word),
        compressed: false,
        sent_time: (word & 0x8000 != 0).then(|| input.arbitrary()).transpose()?,
    })
}
