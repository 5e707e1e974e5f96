//! A server, somebody who speaks under addresses that are not his, and an honest client between them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use arbitrary::{Arbitrary, Unstructured};
use enet_proto::{Host, HostConfig, Profile};
use enet_testkit::commands;
use enet_wire::{Command, Header, Session, WirePeerId};

use crate::remote::{Remote, encode, seal};
use crate::speech::{Script, Spoken, Terms};
use crate::subject::{Setup, Subject};
use crate::values::Pause;

/// Whether `Profile::Modern` admits only those who show that they receive what is sent to their address: docs/QUIRKS.md Q54.
const VALIDATES: bool = true;

/// CONNECTs, acknowledgements and anything else from addresses at which nobody listens. To none of them goes more than three times what
/// came from it, none takes a slot or raises an event, and an honest client still gets in and is heard.
pub fn handshake_attacker(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(mut setup) = Setup::read(&mut input) else { return };
    // A client asks for three channels, and has to fit in beside those that others hold.
    (setup.channels, setup.max_peers_per_ip, setup.max_waiting_data) = (3, None, 1 << 20);
    setup.max_packet_size = 1 << 20;
    setup.bandwidth = None;
    setup.range_coder = false;
    let mut siege = Siege::new(setup, data);
    while !input.is_empty() {
        // An input that ends early is a short one.
        let Ok(step) = input.arbitrary() else { break };
        siege.play(step);
    }
    siege.finish();
}

#[derive(Debug, Arbitrary)]
enum Step {
    Wait(Pause),
    /// A CONNECT under somebody's address.
    Knocks {
        victim: u8,
        terms: Terms,
        followed_by: Vec<Spoken>,
    },
    /// What a client would answer, with guesses for all that it would have been told.
    Guesses {
        victim: u8,
        peer: u8,
        session: u8,
        seqs: Vec<u16>,
        sent_time: u16,
    },
    /// Anything else.
    Says {
        victim: u8,
        word: u16,
        commands: Vec<Spoken>,
    },
    /// The same datagram again, perhaps under another address.
    Repeats {
        victim: u8,
    },
}

/// What went to an address and came from it.
#[derive(Debug, Default)]
struct Account {
    sent: u64,
    received: u64,
}

struct Siege {
    setup: Setup,
    subject: Subject,
    accounts: BTreeMap<SocketAddr, Account>,
    last: Vec<u8>,
}

const VICTIMS: u8 = 8;

impl Siege {
    fn new(setup: Setup, data: &[u8]) -> Siege {
        let mut subject = Subject::new(&setup);
        // What must be unguessable changes with every bit of the input: the fuzzer sees comparisons, an attacker does not.
        let mut config: HostConfig = setup.config();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for (at, byte) in data.iter().enumerate() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            config.seed[at % 32] ^= (hash >> 32) as u8;
        }
        subject.host = Host::new(config);
        Siege { setup, subject, accounts: BTreeMap::new(), last: Vec::new() }
    }

    fn play(&mut self, step: Step) {
        let script = Script { control: 1, clock: self.subject.clock(), ..Script::default() };
        let said = |commands: &[Spoken]| -> Vec<Command<'static>> {
            commands.iter().map(|it| it.command(&script, script.filler())).collect()
        };
        let now = Some(self.subject.clock());
        match step {
            Step::Wait(Pause(millis)) => self.subject.wait(millis),
            Step::Knocks { victim, terms, followed_by } => {
                let mut all = vec![commands::connect(terms.connect(u16::from(victim)))];
                all.extend(said(&followed_by));
                self.says(victim, Header { sent_time: now, ..Header::default() }, &all);
            }
            Step::Guesses { victim, peer, session, seqs, sent_time } => {
                let header = Header {
                    peer: WirePeerId::from_bits(u16::from(peer)),
                    session: Session::new(session & 3).unwrap_or_default(),
                    ..Header::default()
                };
                let ack = |seq: &u16| commands::acknowledge(0xFF, *seq, sent_time);
                self.says(victim, header, &seqs.iter().map(ack).collect::<Vec<_>>());
            }
            Step::Says { victim, word, commands } => {
                let header = Header {
                    peer: WirePeerId::from_bits(word),
                    session: Session::from_bits(word),
                    sent_time: now.filter(|_| word & 0x8000 != 0),
                    ..Header::default()
                };
                self.says(victim, header, &said(&commands));
            }
            Step::Repeats { victim } => {
                let last = self.last.clone();
                self.arrives(victim, &last);
            }
        }
        self.subject.settle();
        self.judge();
    }

    fn says(&mut self, victim: u8, header: Header, commands: &[Command<'_>]) {
        self.last = seal(header, [0; 4], &encode(commands), self.setup.checksum());
        let last = self.last.clone();
        self.arrives(victim, &last);
    }

    fn arrives(&mut self, victim: u8, datagram: &[u8]) {
        let address = Remote::new(victim % VICTIMS).address;
        self.accounts.entry(address).or_default().received += datagram.len() as u64;
        self.subject.hears(address, datagram);
    }

    /// Nobody at those addresses has answered anything.
    fn judge(&mut self) {
        for sent in self.subject.sent.drain(..) {
            self.accounts.entry(sent.to).or_default().sent += sent.bytes.len() as u64;
        }
        if !VALIDATES || self.setup.profile == Profile::Compat {
            return;
        }
        for (address, account) in &self.accounts {
            let Account { sent, received } = account;
            assert!(*sent <= 3 * *received, "{sent} bytes to {address} for {received}");
        }
        assert_eq!(self.subject.host.peers().count(), 0, "a slot for somebody who never answered");
        assert!(self.subject.received.is_empty());
        assert_eq!(self.subject.stories(), 0, "an event about somebody who never answered");
    }

    /// A client at an address of its own connects. What others did may have filled the slots of a host that does not validate.
    fn finish(&mut self) {
        self.subject.wait(1_000);
        self.judge();
        if !VALIDATES || self.setup.profile == Profile::Compat || self.setup.checksum {
            return;
        }
        let mut client = Remote::new(VICTIMS + 2);
        let connect = enet_wire::Connect { channel_count: 3, ..commands::stock_connect([9, 9, 9, 9]) };
        let header = Header { sent_time: Some(self.subject.clock()), ..Header::default() };
        let knock = seal(header, [0; 4], &encode(&[commands::connect(connect)]), None);
        self.subject.hears(client.address, &knock);
        client.listens(&mut self.subject);
        assert!(client.granted.is_some(), "an honest client gets no answer");
        let acks = client.acknowledgements(1, 0);
        self.subject.hears(client.address, &seal(client.header, [0; 4], &encode(&acks), None));
        client.listens(&mut self.subject);
        assert_eq!(self.subject.host.connected_peers(), 1, "an honest client does not get in");
    }
}
