//! Inputs as games send them, made by fixed rules: the same bytes on every machine, for benchmarks and tests alike.
//!
//! [`Kind::make`] gives the datagram of a tick. Ticks of one kind are alike but not equal, so that a benchmark which
//! goes through many of them does not teach the processor's branch predictor one input by heart.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "shared by several programs"
)]

/// What a datagram holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Records of 18 bytes, little-endian: entity id `u16`; x, y, z `f32`, moving smoothly; heading `u16`; flags `u8`;
    /// health `u8`.
    GameState,
    /// Messages of four kinds in changing order, as a text protocol sends them: where players are, what they say, what
    /// they carry, what happened.
    Json,
    /// Bytes without any pattern, as of encrypted or already compressed data.
    Random,
    /// Nothing but zeros.
    Zeros,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 4] = [Kind::GameState, Kind::Json, Kind::Random, Kind::Zeros];

    /// The name in a benchmark's table.
    pub fn name(self) -> &'static str {
        match self {
            Kind::GameState => "game state",
            Kind::Json => "JSON",
            Kind::Random => "random",
            Kind::Zeros => "zeros",
        }
    }

    /// The datagram of a tick, `len` bytes long.
    pub fn make(self, tick: u32, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 128);
        let mut draw = Draw::new(tick);
        let first = tick % 7 * 5;
        for entity in first.. {
            if bytes.len() >= len {
                break;
            }
            match self {
                Kind::GameState => push_entity(&mut bytes, entity, tick, &mut draw),
                Kind::Json => push_object(&mut bytes, entity, tick, &mut draw),
                Kind::Random => bytes.extend(draw.next().to_le_bytes()),
                Kind::Zeros => bytes.resize(len, 0),
            }
        }
        bytes.truncate(len);
        bytes
    }
}

fn push_entity(bytes: &mut Vec<u8>, entity: u32, tick: u32, draw: &mut Draw) {
    // Thousandths, turned into a float by one exact division: no rounding that differs between machines.
    let coordinate =
        |start: u32, speed: u32| ((start % 1_000_000 + speed % 90 * tick) as f32 / 1000.0).to_le_bytes();
    bytes.extend((1000 + entity as u16).to_le_bytes());
    bytes.extend(coordinate(entity * 73_417, entity * 17));
    bytes.extend(coordinate(2_000, 0));
    bytes.extend(coordinate(entity * 41_143, entity * 29));
    bytes
        .extend((entity as u16).wrapping_mul(4711).wrapping_add((tick as u16).wrapping_mul(8)).to_le_bytes());
    bytes.push(if draw.below(4) == 0 { 0b0000_0101 } else { 0b0000_0001 });
    bytes.push(if entity.is_multiple_of(5) { 100 - draw.below(60) as u8 } else { 100 });
}

fn push_object(bytes: &mut Vec<u8>, entity: u32, tick: u32, draw: &mut Draw) {
    const WORDS: [&str; 16] = [
        "ready", "go", "left", "behind", "the", "gate", "need", "ammo", "wait", "for", "me", "nice", "shot",
        "push", "mid", "now",
    ];
    let id = 1000 + entity;
    let text = match draw.below(4) {
        0 => format!(
            r#"{{"id":{id},"x":{}.{:02},"y":{}.{:02},"hp":{},"tick":{}}},"#,
            draw.below(2000),
            draw.below(100),
            draw.below(2000),
            draw.below(100),
            100 - draw.below(30),
            50_000 + tick,
        ),
        1 => {
            let words = [(); 4].map(|()| WORDS[draw.below(16) as usize]).join(" ");
            format!(r#"{{"type":"chat","from":"player_{entity}","text":"{words}"}},"#)
        }
        2 => format!(
            r#"{{"inventory":[{},{},{}],"owner":{id},"gold":{}}},"#,
            draw.below(64),
            draw.below(64),
            draw.below(64),
            draw.below(5000),
        ),
        _ => format!(
            r#"{{"event":"{}","source":{id},"target":{},"damage":{}}},"#,
            ["hit", "miss", "pickup", "respawn"][draw.below(4) as usize],
            1000 + draw.below(40),
            draw.below(120),
        ),
    };
    bytes.extend(text.as_bytes());
}

/// Numbers without pattern (xorshift64*).
pub struct Draw(u64);

impl Draw {
    /// Different seeds give different numbers.
    pub fn new(seed: u32) -> Draw {
        Draw(u64::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x0123_4567_89AB_CDEF)
    }

    /// The next number, all 32 bits of it.
    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }

    /// The next number, from 0 up to `end`, which it does not reach.
    pub fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }

    /// The same, as a place in a list of `len`.
    pub fn index(&mut self, len: usize) -> usize {
        self.next() as usize % len
    }

    /// The next number, 8 bits of it.
    pub fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}
