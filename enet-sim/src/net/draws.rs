//! [`Draws`]: a direction's randomness. The nth datagram always gets the nth draws of each purpose, whatever else happens.

use rand_chacha::ChaCha8Rng;

use crate::random::{Purpose, RngCore, stream};

/// 32-bit words set aside for each datagram by [`Draws::many`]: enough for every damage, or for every copy.
const WORDS: u64 = 32;

/// Purposes a direction draws for.
const PURPOSES: [Purpose; 9] = [
    Purpose::Loss,
    Purpose::LossState,
    Purpose::Pick,
    Purpose::Corrupt,
    Purpose::CorruptBytes,
    Purpose::Duplicate,
    Purpose::DuplicateDelay,
    Purpose::Delay,
    Purpose::Spike,
];

/// One generator for each purpose that has been drawn for.
pub(crate) struct Draws {
    seed: u64,
    owner: u32,
    streams: [Option<Box<Stream>>; PURPOSES.len()],
}

struct Stream {
    rng: ChaCha8Rng,
    /// The datagram whose draw comes next.
    next: u64,
}

impl Draws {
    /// The generators of the direction `owner`; each is made when it is first needed.
    pub(crate) fn new(seed: u64, owner: u32) -> Self {
        Draws { seed, owner, streams: [const { None }; PURPOSES.len()] }
    }

    /// The datagram's 32-bit draw for this purpose.
    pub(crate) fn word(&mut self, purpose: Purpose, number: u64) -> u32 {
        let Some(stream) = self.stream(purpose) else { return 0 };
        if stream.next != number {
            stream.rng.set_word_pos(u128::from(number));
        }
        stream.next = number + 1;
        stream.rng.next_u32()
    }

    /// The datagram's 64-bit draw for this purpose.
    pub(crate) fn double(&mut self, purpose: Purpose, number: u64) -> u64 {
        let Some(stream) = self.stream(purpose) else { return 0 };
        if stream.next != number {
            stream.rng.set_word_pos(2 * u128::from(number));
        }
        stream.next = number + 1;
        stream.rng.next_u64()
    }

    /// A generator of which up to [`WORDS`] words belong to this datagram. Datagrams that need none cost nothing.
    pub(crate) fn many(&mut self, purpose: Purpose, number: u64) -> Option<&mut ChaCha8Rng> {
        let stream = self.stream(purpose)?;
        stream.rng.set_word_pos(u128::from(number) * u128::from(WORDS));
        Some(&mut stream.rng)
    }

    fn stream(&mut self, purpose: Purpose) -> Option<&mut Stream> {
        let index = PURPOSES.iter().position(|known| *known == purpose)?;
        let (seed, owner) = (self.seed, self.owner);
        let slot = self.streams.get_mut(index)?;
        Some(slot.get_or_insert_with(|| Box::new(Stream { rng: stream(seed, owner, purpose), next: 0 })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_draw_is_the_same_whether_the_ones_before_were_taken_or_not() {
        let (mut all, mut some) = (Draws::new(7, 1), Draws::new(7, 1));
        for number in 0..1_000 {
            let words = all.word(Purpose::Loss, number);
            let doubles = all.double(Purpose::Delay, number);
            if number % 7 == 3 {
                assert_eq!(some.word(Purpose::Loss, number), words);
                assert_eq!(some.double(Purpose::Delay, number), doubles);
            }
        }
    }

    #[test]
    fn each_datagram_has_words_of_its_own() {
        let mut draws = Draws::new(7, 1);
        let first: Vec<u32> = words(&mut draws, 0);
        let second: Vec<u32> = words(&mut draws, 1);
        assert!(first.iter().all(|word| !second.contains(word)));
        assert_eq!(words(&mut draws, 0), first);
    }

    fn words(draws: &mut Draws, number: u64) -> Vec<u32> {
        let rng = draws.many(Purpose::CorruptBytes, number).unwrap();
        (0..WORDS).map(|_| rng.next_u32()).collect()
    }
}
