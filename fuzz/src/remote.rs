//! [`Remote`]: somebody a host talks to, who remembers what he was told and says what the script wants.

use std::net::SocketAddr;

use enet_compress::{Compressor, RangeCoder};
use enet_proto::Checksum;
use enet_testkit::{Opened, commands};
use enet_wire::{
    Body, ChannelId, Command, Connect, Header, ReliableSeq, Session, VerifyConnect, WirePeerId, Writer,
};

use crate::subject::Subject;

/// One remote address.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) address: SocketAddr,
    /// What its datagrams say in front, once the host has named a peer and a session.
    pub(crate) header: Header,
    pub(crate) connect_id: [u8; 4],
    /// Reliable commands of the host's that are not acknowledged: channel, number, time of sending.
    pub(crate) owed: Vec<(ChannelId, ReliableSeq, u16)>,
    /// The host's last CONNECT to it.
    pub(crate) asked: Option<Connect>,
    /// The host's last VERIFY_CONNECT to it.
    pub(crate) granted: Option<VerifyConnect>,
    /// Its last control number.
    pub(crate) control: u16,
}

impl Remote {
    /// The remote number `index`; no two share an address, some share an IP address.
    pub(crate) fn new(index: u8) -> Remote {
        Remote {
            address: SocketAddr::from(([192, 0, 2, 1 + index / 2], 4000 + u16::from(index))),
            header: Header::default(),
            connect_id: [0; 4],
            owed: Vec::new(),
            asked: None,
            granted: None,
            control: 1,
        }
    }

    /// Reads a datagram of the host's.
    pub(crate) fn hears(&mut self, opened: &Opened) {
        let sent_time = opened.header.sent_time;
        for command in opened.commands().flatten() {
            match command.body {
                Body::VerifyConnect(granted) => {
                    self.header.peer = WirePeerId::from_bits(granted.outgoing_peer);
                    self.header.session = Session::new(granted.outgoing_session & 3).unwrap_or_default();
                    self.connect_id = granted.connect_id.0;
                    self.granted = Some(granted);
                    self.control = 1;
                }
                Body::Connect(connect) => {
                    self.header.peer = WirePeerId::from_bits(connect.outgoing_peer);
                    self.connect_id = connect.connect_id.0;
                    self.asked = Some(connect);
                }
                _ => {}
            }
            if let Some(sent_time) = sent_time.filter(|_| command.acknowledge) {
                self.owed.push((command.channel, command.seq, sent_time));
            }
        }
        // More would be of no use to a script.
        let surplus = self.owed.len().saturating_sub(20_000);
        self.owed.drain(..surplus);
    }

    /// The header of what it says next.
    pub(crate) fn header_at(&self, clock: u16) -> Header {
        Header { sent_time: Some(clock), ..self.header }
    }

    /// A good answer to the host's last CONNECT.
    pub(crate) fn grant(&mut self, session: u8) -> Option<Command<'static>> {
        let asked = self.asked?;
        self.header.session = Session::new(session & 3).unwrap_or_default();
        self.control = 1;
        let granted = VerifyConnect {
            outgoing_peer: 5,
            incoming_session: session & 3,
            outgoing_session: session & 3,
            mtu: asked.mtu,
            window_size: asked.window_size,
            channel_count: asked.channel_count,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            throttle: asked.throttle,
            connect_id: asked.connect_id,
        };
        Some(commands::control(1, Body::VerifyConnect(granted)))
    }

    /// Acknowledgements of up to `count` commands that the host wants acknowledged, the oldest first; `age` ms old.
    pub(crate) fn acknowledgements(&mut self, count: usize, age: u16) -> Vec<Command<'static>> {
        let owed = self.owed.drain(..count.min(self.owed.len()));
        owed.map(|(channel, seq, sent)| commands::acknowledge(channel.get(), seq.0, sent.wrapping_sub(age)))
            .collect()
    }
}

/// Encoded commands, as many as fit into a datagram.
pub(crate) fn encode(commands: &[Command<'_>]) -> Vec<u8> {
    let mut body = vec![0; 4080];
    let mut writer = Writer::new(&mut body);
    for command in commands {
        let _ = writer.command(command); // what does not fit is left out
    }
    let len = writer.len();
    body.truncate(len);
    body
}

/// A datagram: the commands, compressed if the header says so and it makes them shorter, under a checksum if there is one.
pub(crate) fn seal(header: Header, seed: [u8; 4], commands: &[u8], checksum: Option<Checksum>) -> Vec<u8> {
    let mut header = header;
    let mut block = None;
    if header.compressed && !commands.is_empty() {
        let mut output = vec![0; commands.len()];
        block = RangeCoder::boxed().compress(commands, &mut output).map(|len| output[..len].to_vec());
        header.compressed = block.is_some();
    }
    let seed = if header.peer.is_unknown() { [0; 4] } else { seed };
    let sum = checksum.map(|checksum| checksum.of(&[&header.encode(), &seed, commands]));
    let body = block.as_deref().unwrap_or(commands);
    [&*header.encode(), sum.as_ref().map_or(&[], |sum| &sum[..]), body].concat()
}

impl Remote {
    /// Connects to a host without checksum as a stock client does, with three channels, and acknowledges the answer.
    pub(crate) fn joins(&mut self, subject: &mut Subject, connect_id: [u8; 4]) {
        let connect = Connect { channel_count: 3, ..commands::stock_connect(connect_id) };
        let header = Header { sent_time: Some(subject.clock()), ..Header::default() };
        subject.hears(self.address, &seal(header, connect_id, &encode(&[commands::connect(connect)]), None));
        self.listens(subject);
        subject.wait(10);
        let acks = self.acknowledgements(1, 0);
        subject.hears(self.address, &seal(self.header, connect_id, &encode(&acks), None));
        self.listens(subject);
        assert_eq!(subject.host.connected_peers(), 1, "a good client is let in");
    }

    /// Polls the host, and reads what it sent.
    pub(crate) fn listens(&mut self, subject: &mut Subject) {
        subject.settle();
        for sent in subject.sent.drain(..) {
            if let Some(opened) = sent.opened.as_ref().filter(|_| sent.to == self.address) {
                self.hears(opened);
            }
        }
    }
}
