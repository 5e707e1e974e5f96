//! Datagrams, well formed down to the bit that hurts.

use enet_testkit::commands;
use enet_wire::{Command, Connect, Header, Session, WirePeerId, Writer};
use rand_chacha::ChaCha8Rng;
use rand_core::RngCore;

/// The longest datagram that any ENet host takes.
pub(crate) const LONGEST: usize = 4096;

/// To whom a datagram is addressed: the peer's id and session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addressee {
    pub(crate) peer: WirePeerId,
    pub(crate) session: Session,
}

impl Addressee {
    /// Who does not know a peer yet.
    pub(crate) const UNKNOWN: Addressee =
        Addressee { peer: WirePeerId::UNKNOWN, session: Session::from_bits(0) };

    /// From the low 12 bits of `peer` and the low two of `session`.
    pub(crate) fn new(peer: u16, session: u8) -> Addressee {
        let session = Session::new(session & 3).unwrap_or_default();
        Addressee { peer: WirePeerId::from_bits(peer), session }
    }

    /// One of all there are.
    pub(crate) fn guess(rng: &mut ChaCha8Rng) -> Addressee {
        let [a, b, c, _] = rng.next_u32().to_le_bytes();
        // 0xFFF is nobody's.
        Addressee::new(u16::from_le_bytes([a, b]) % 0x0FFF, c)
    }
}

/// A datagram of as many of the commands as fit.
pub(crate) fn datagram(to: Addressee, sent_time: Option<u16>, commands: &[Command<'_>]) -> Vec<u8> {
    let mut buffer = [0; LONGEST];
    let mut writer = Writer::new(&mut buffer);
    let header = Header { peer: to.peer, session: to.session, compressed: false, sent_time };
    // The buffer holds any header, and what does not fit is not to be sent.
    let _ = writer.header(&header);
    for command in commands {
        if writer.command(command).is_err() {
            break;
        }
    }
    writer.finish().to_vec()
}

/// What a stock client says first.
pub(crate) fn connect(connect: Connect) -> Vec<u8> {
    datagram(Addressee::UNKNOWN, Some(0), &[commands::connect(connect)])
}

/// The usual CONNECT with an id of its own.
pub(crate) fn stock_connect(id: u32) -> Vec<u8> {
    connect(commands::stock_connect(id.to_be_bytes()))
}

/// An acknowledgement and nothing else.
pub(crate) fn acknowledgement(to: Addressee, seq: u16, sent_time: u16) -> Vec<u8> {
    datagram(to, None, &[commands::acknowledge(0xFF, seq, sent_time)])
}

/// Rubbish, 20 to 83 bytes of it.
pub(crate) fn junk(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = vec![0; 20 + (rng.next_u32() % 64) as usize];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use enet_testkit::Opened;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn what_is_forged_says_what_it_should() {
        let says = |bytes: &[u8]| Opened::open(bytes, false).unwrap().to_string();
        let connect = stock_connect(0x0102_0304);
        assert_eq!(connect.len(), 52);
        assert!(says(&connect).starts_with("peer unknown session 0 sent 0000: CONNECT control#1"));
        assert_eq!(
            says(&acknowledgement(Addressee::new(7, 2), 1, 0x4247)),
            "peer 7 session 2: ACK control#1 echo 4247"
        );
        let pings = [commands::ping(1), commands::ping(2)];
        assert_eq!(
            says(&datagram(Addressee::new(0, 0), Some(9), &pings)),
            "peer 0 session 0 sent 0009: PING control#1; PING control#2"
        );
    }

    #[test]
    fn every_command_comes_back_from_the_codec_as_it_was() {
        let sent = [
            commands::acknowledge(0xFF, 1, 2),
            commands::disconnect_now(0, 3),
            commands::reliable(1, 2, b""),
            commands::unreliable(0, 0, 5, b"five"),
            commands::unsequenced(0, 31_000, b"jump"),
            commands::ping(9),
        ];
        let bytes = datagram(Addressee::new(3, 1), Some(77), &sent);
        let opened = Opened::open(&bytes, false).unwrap();
        let came: Vec<_> = opened.commands().map(Result::unwrap).collect();
        assert_eq!(came, sent);
    }

    #[test]
    fn a_datagram_never_outgrows_what_hosts_take() {
        let payload = [1; 1000];
        let many = [commands::reliable(0, 1, &payload); 9];
        let bytes = datagram(Addressee::new(0, 0), Some(0), &many);
        assert_eq!(bytes.len(), 4 + 4 * 1006);
        assert_eq!(Opened::open(&bytes, false).unwrap().commands().count(), 4);
    }

    #[test]
    fn guesses_name_every_peer_but_nobody() {
        let mut rng = ChaCha8Rng::from_seed([1; 32]);
        let guesses: Vec<_> = (0..40_000).map(|_| Addressee::guess(&mut rng)).collect();
        assert!(guesses.iter().all(|guess| !guess.peer.is_unknown()));
        assert!(guesses.iter().any(|guess| guess.session.get() == 3));
    }
}
