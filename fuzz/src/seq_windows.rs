//! Sequence windows: which numbers a host takes, acknowledges and sends, against sets of numbers.
//!
//! The windows themselves are private to `enet-proto`, and stay so: whatever they decide shows on the wire, which is where this target
//! looks. It is about the decisions of the C library, so about `Profile::Compat`.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use enet_proto::{Datagram, Delivery, Packet, Profile};
use enet_testkit::commands;
use enet_wire::{Body, Command, Header};

use crate::remote::{Remote, encode, seal};
use crate::subject::{Setup, Subject};
use crate::values::Edge16;

/// Reliable numbers and unsequenced groups anywhere, runs of thousands, and acknowledgements in any order: the host delivers,
/// acknowledges and sends what plain sets say it must.
pub fn seq_windows(data: &[u8]) {
    let _ = play(&mut Unstructured::new(data)); // an input that ends early is a short one
}

/// The channel of what the remote says, and that of what the host says.
const IN: u8 = 0;
const OUT: u8 = 1;

fn play(input: &mut Unstructured<'_>) -> Result<()> {
    let mut scene = Scene::new();
    // A run costs thousands of commands.
    let mut runs = 8;
    while !input.is_empty() {
        let op = input.arbitrary::<u8>()?;
        match op % 8 {
            0 => scene.reliable(Edge16::of(input)?),
            1 => {
                scene.reliable(scene.last.wrapping_add(u16::from(input.arbitrary::<u8>()?) << 8 >> (op & 8)))
            }
            2 => scene.unsequenced(Edge16::of(input)?),
            3 => scene.unsequenced(scene.base.wrapping_add(u16::from(input.arbitrary::<u8>()?) << (op >> 5))),
            4 if runs > 0 => {
                runs -= 1;
                scene.run(input.arbitrary::<u16>()? % 3000);
            }
            5 if runs > 0 => {
                runs -= 1;
                scene.send(input.arbitrary::<u16>()? % 6000);
            }
            6 => scene.acknowledge(usize::from(input.arbitrary::<u16>()? % 5000), op & 8 != 0),
            _ => scene.send(1),
        }
    }
    Ok(())
}

impl Edge16 {
    fn of(input: &mut Unstructured<'_>) -> Result<u16> {
        input.arbitrary::<Edge16>().map(|edge| edge.0)
    }
}

struct Scene {
    subject: Subject,
    remote: Remote,
    // What the host has taken:
    last: u16,
    ahead: BTreeSet<u16>,
    base: u16,
    groups: BTreeSet<u16>,
    // What it has to send:
    next: u16,
    waiting: u32,
    outstanding: BTreeSet<u16>,
}

impl Scene {
    fn new() -> Scene {
        let setup = Setup {
            start: 5_000_000,
            profile: Profile::Compat,
            checksum: false,
            range_coder: false,
            peers: 1,
            channels: 2,
            mtu: 4000,
            max_packet_size: 1 << 20,
            max_waiting_data: 32 << 20,
            max_peers_per_ip: None,
            bandwidth: None,
        };
        let mut subject = Subject::new(&setup);
        let mut remote = Remote::new(0);
        remote.joins(&mut subject, [1, 2, 3, 4]);
        // Whatever begins a connection is over.
        remote.owed.clear();
        Scene {
            subject,
            remote,
            last: 0,
            ahead: BTreeSet::new(),
            base: 0,
            groups: BTreeSet::new(),
            next: 1,
            waiting: 0,
            outstanding: BTreeSet::new(),
        }
    }

    // ---- Receiving

    fn reliable(&mut self, seq: u16) {
        // In windows of 4096: fewer than 7 ahead are taken, 7 and 8 not even acknowledged (PROTOCOL.md §4.2).
        let windows =
            (u32::from(seq >> 12) + if seq < self.last { 16 } else { 0 }) - u32::from(self.last >> 12);
        let silent = (7..=8).contains(&windows);
        let mut delivered = 0;
        if windows < 7 && seq != self.last {
            self.ahead.insert(seq);
            while self.ahead.remove(&self.last.wrapping_add(1)) {
                self.last = self.last.wrapping_add(1);
                delivered += 1;
            }
        }
        let acks = if silent { vec![] } else { vec![seq] };
        self.says(&[commands::reliable(IN, seq, b"")], &acks, delivered);
    }

    /// The next `count` numbers, which may meet some that came before.
    fn run(&mut self, count: u16) {
        let numbers: Vec<u16> = (1..=count).map(|step| self.last.wrapping_add(step)).collect();
        for chunk in numbers.chunks(500) {
            // Numbers met on the way, delivered along with their predecessors, are now old, and acknowledged again.
            let before = self.last;
            let mut all: BTreeSet<u16> = std::mem::take(&mut self.ahead);
            all.extend(chunk.iter().filter(|seq| seq.wrapping_sub(before) < 0x6000));
            while all.remove(&self.last.wrapping_add(1)) {
                self.last = self.last.wrapping_add(1);
            }
            all.retain(|seq| seq.wrapping_sub(self.last) < 0x8000);
            self.ahead = all;
            let commands: Vec<_> = chunk.iter().map(|seq| commands::reliable(IN, *seq, b"")).collect();
            self.says(&commands, chunk, usize::from(self.last.wrapping_sub(before)));
        }
    }

    fn unsequenced(&mut self, group: u16) {
        let unwrapped = u32::from(group) + if group < self.base { 0x1_0000 } else { 0 };
        let mut fresh = unwrapped < u32::from(self.base) + 0x8000;
        if fresh {
            let base = group & !1023;
            if base != self.base {
                self.base = base;
                self.groups.clear();
            }
            fresh = self.groups.insert(group);
        }
        self.says(&[commands::unsequenced(IN, group, b"")], &[], usize::from(fresh));
        let stats = self.subject.host.peers().map(|peer| peer.stats()).next().expect("a peer");
        assert_eq!(stats.incoming_unsequenced_group, self.base);
    }

    /// Says commands, and wants these acknowledged and so many delivered.
    fn says(&mut self, commands: &[Command<'_>], acks: &[u16], delivered: usize) {
        let header = self.remote.header_at(self.subject.clock());
        self.hears(header, commands);
        let heard = self.listen();
        let of_channel = heard.iter().filter_map(|command| match command.body {
            Body::Acknowledge { received_seq, .. } if command.channel.get() == IN => Some(received_seq.0),
            _ => None,
        });
        assert_eq!(of_channel.collect::<Vec<_>>(), acks, "acknowledged");
        assert_eq!(std::mem::take(&mut self.subject.received).len(), delivered, "delivered");
    }

    // ---- Sending

    fn send(&mut self, count: u16) {
        let id = self.subject.peers()[0];
        let mut peer = self.subject.host.peer_mut(id).expect("a peer");
        for _ in 0..count {
            peer.send(OUT, Packet::new(Delivery::Reliable, b"")).expect("a packet that can be sent");
        }
        self.waiting += u32::from(count);
        self.expect_sent();
    }

    /// Acknowledges what was sent, the oldest or the newest first.
    fn acknowledge(&mut self, count: usize, newest: bool) {
        let count = count.min(self.remote.owed.len());
        if newest {
            let split = self.remote.owed.len() - count;
            self.remote.owed.rotate_left(split);
        }
        let acks = self.remote.acknowledgements(count, 0);
        for chunk in acks.chunks(500) {
            for command in chunk.iter().filter(|command| command.channel.get() == OUT) {
                self.outstanding.remove(&command.seq.0);
            }
            let header = self.remote.header;
            self.hears(header, chunk);
        }
        self.expect_sent();
    }

    /// What the windows let pass has been sent, and nothing else.
    fn expect_sent(&mut self) {
        let mut expected = Vec::new();
        while self.waiting > 0 {
            // The first number of a window waits while the one before is full, or any of the next ten is in use (PROTOCOL.md §9.7).
            let window = self.next >> 12;
            let held = |window: u16| {
                let first = (window & 15) << 12;
                self.outstanding.range(first..=first | 0xFFF).count()
            };
            let blocked =
                || held(window.wrapping_add(15)) == 4096 || (window..window + 10).any(|it| held(it) > 0);
            if self.next & 0xFFF == 0 && blocked() {
                break;
            }
            self.outstanding.insert(self.next);
            expected.push(self.next);
            self.next = self.next.wrapping_add(1);
            self.waiting -= 1;
        }
        let heard = self.listen();
        let sent = heard.iter().filter(|command| command.channel.get() == OUT).map(|command| command.seq.0);
        assert_eq!(sent.collect::<Vec<_>>(), expected, "sent");
    }

    /// Hands in a datagram. The host's books, which grow long here, are looked at when it is polled.
    fn hears(&mut self, header: Header, commands: &[Command<'_>]) {
        let datagram = seal(header, [0; 4], &encode(commands), None);
        self.subject.host.handle_datagram(self.subject.now, Datagram::new(self.remote.address, &datagram));
    }

    /// The commands the host sends.
    fn listen(&mut self) -> Vec<Command<'static>> {
        self.subject.settle();
        let mut heard = Vec::new();
        for sent in self.subject.sent.drain(..) {
            let opened = sent.opened.expect("the protocol's own");
            self.remote.hears(&opened);
            heard.extend(opened.commands().flatten().map(|command| Command {
                channel: command.channel,
                seq: command.seq,
                acknowledge: command.acknowledge,
                unsequenced: command.unsequenced,
                body: match command.body {
                    Body::Acknowledge { received_seq, received_sent_time } => {
                        Body::Acknowledge { received_seq, received_sent_time }
                    }
                    _ => Body::Ping,
                },
            }));
        }
        heard
    }
}
