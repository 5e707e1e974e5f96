//! [`Opened`]: a datagram taken apart for people and for the rules of a test network.

use std::fmt;

use enet_compress::{Compressor, RangeCoder};
use enet_wire::{Body, Command, Commands, Connect, Fragment, Header, ThrottleConfigure, split_checksum};

use crate::hex;

/// A datagram's header, checksum and commands, decompressed if need be.
///
/// ```
/// use enet_testkit::Opened;
/// // peer 0 with sentTime 0x424c: ACK of control 1 (echo 0x4247), PING 2
/// let bytes = enet_testkit::hex::decode("8000424c01ff00010001424785ff0002").unwrap();
/// let opened = Opened::open(&bytes, false).unwrap();
/// assert_eq!(opened.commands().count(), 2);
/// assert_eq!(opened.to_string(), "peer 0 session 0 sent 424c: ACK control#1 echo 4247; PING control#2");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The header.
    pub header: Header,
    /// The checksum, if the hosts use one; not verified.
    pub checksum: Option<[u8; 4]>,
    /// What follows: the encoded commands, uncompressed.
    pub body: Vec<u8>,
}

impl Opened {
    /// Takes a datagram apart; compressed ones with the range coder. `with_checksum`: whether the hosts use one, which
    /// no datagram says.
    ///
    /// # Errors
    /// A sentence, if the header is cut off or the block does not decompress. Bad commands are left to
    /// [`commands`](Self::commands).
    pub fn open(datagram: &[u8], with_checksum: bool) -> Result<Opened, String> {
        Opened::open_by(datagram, with_checksum, |block| decompress(RangeCoder::boxed().as_mut(), block))
    }

    /// As [`open`](Self::open), decompressed with another codec.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(
        datagram: &[u8],
        with_checksum: bool,
        compressor: &mut dyn Compressor,
    ) -> Result<Opened, String> {
        Opened::open_by(datagram, with_checksum, |block| decompress(compressor, block))
    }

    fn open_by(
        datagram: &[u8],
        with_checksum: bool,
        decompress: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<Opened, String> {
        let (header, rest) = Header::decode(datagram).map_err(|error| error.to_string())?;
        let (checksum, rest) = match with_checksum {
            true => split_checksum(rest).map(|(checksum, rest)| (Some(checksum), rest)),
            false => Ok((None, rest)),
        }
        .map_err(|error| error.to_string())?;
        let body = match header.compressed {
            true => decompress(rest)
                .ok_or("the commands cannot be decompressed: by which codec were they compressed?")?,
            false => rest.to_vec(),
        };
        Ok(Opened { header, checksum, body })
    }

    /// Whether every command can be decoded. Zeros behind the last are nobody's: codecs fill up with them.
    pub fn is_sound(&self) -> bool {
        let mut rest = &self.body[..];
        while let Ok((_, behind)) = Command::decode(rest) {
            rest = behind;
        }
        rest.len() < self.body.len() && rest.iter().all(|byte| *byte == 0)
    }

    /// The commands, up to and including the first bad one.
    pub fn commands(&self) -> Commands<'_> {
        Commands::new(&self.body)
    }
}

fn decompress(compressor: &mut (impl Compressor + ?Sized), block: &[u8]) -> Option<Vec<u8>> {
    let mut commands = vec![0; 4096];
    let len = compressor.decompress(block, &mut commands)?;
    commands.truncate(len);
    Some(commands)
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.header.peer.is_unknown() {
            true => write!(f, "peer unknown")?,
            false => write!(f, "peer {}", self.header.peer.get())?,
        }
        write!(f, " session {}", self.header.session.get())?;
        if let Some(sent_time) = self.header.sent_time {
            write!(f, " sent {sent_time:04x}")?;
        }
        if self.header.compressed {
            write!(f, " compressed")?;
        }
        if let Some(checksum) = self.checksum {
            write!(f, " checksum {}", hex::encode(&checksum))?;
        }
        for (index, command) in self.commands().enumerate() {
            f.write_str(if index == 0 { ": " } else { "; " })?;
            match command {
                Ok(command) => f.write_str(&describe(&command))?,
                Err(error) => write!(f, "({error})")?,
            }
        }
        Ok(())
    }
}

/// The datagram in one line, whatever it is.
pub(crate) fn describe_datagram(datagram: &[u8], with_checksum: bool) -> String {
    match Opened::open(datagram, with_checksum) {
        Ok(opened) => opened.to_string(),
        Err(error) => format!("({error})"),
    }
}

/// One command in a few words: name, channel#number, what matters of the body.
///
/// ```
/// use enet_wire::Command;
/// let (command, _) = Command::decode(b"\x86\x00\x00\x01\x00\x05hello").unwrap();
/// assert_eq!(enet_testkit::describe(&command), "RELIABLE 0#1 [5] 68656c6c6f");
/// ```
pub fn describe(command: &Command<'_>) -> String {
    let head = format!("{} {}#{}", name(command), command.channel, command.seq.0);
    let head = match flags_as_sent(&command.body, command.acknowledge, command.unsequenced) {
        true => head,
        false => format!("{head} (ack {} unsequenced {})", command.acknowledge, command.unsequenced),
    };
    match command.body {
        Body::Acknowledge { received_seq, received_sent_time } if received_seq == command.seq => {
            format!("{head} echo {received_sent_time:04x}")
        }
        Body::Acknowledge { received_seq, received_sent_time } => {
            format!("{head} of #{} echo {received_sent_time:04x}", received_seq.0)
        }
        Body::Connect(connect) => format!("{head} {} data {:08x}", terms(&connect), connect.data),
        Body::VerifyConnect(verify) => format!(
            "{head} {}",
            terms(&Connect {
                outgoing_peer: verify.outgoing_peer,
                incoming_session: verify.incoming_session,
                outgoing_session: verify.outgoing_session,
                mtu: verify.mtu,
                window_size: verify.window_size,
                channel_count: verify.channel_count,
                incoming_bandwidth: verify.incoming_bandwidth,
                outgoing_bandwidth: verify.outgoing_bandwidth,
                throttle: verify.throttle,
                connect_id: verify.connect_id,
                data: 0,
            })
        ),
        Body::Disconnect { data } => format!("{head} data {data:08x}"),
        Body::Ping => head,
        Body::SendReliable { payload } => format!("{head} {}", excerpt(payload)),
        Body::SendUnreliable { seq, payload } => format!("{head}.{} {}", seq.0, excerpt(payload)),
        Body::SendUnsequenced { group, payload } => format!("{head} group {} {}", group.0, excerpt(payload)),
        Body::SendFragment(fragment) | Body::SendUnreliableFragment(fragment) => {
            format!("{head} {}", fragment_terms(&fragment))
        }
        Body::BandwidthLimit { incoming, outgoing } => format!("{head} in {incoming} out {outgoing}"),
        Body::ThrottleConfigure(ThrottleConfigure { interval, acceleration, deceleration }) => {
            format!("{head} {interval}/{acceleration}/{deceleration}")
        }
    }
}

fn name(command: &Command<'_>) -> &'static str {
    match command.body {
        Body::Acknowledge { .. } => "ACK",
        Body::Connect(_) => "CONNECT",
        Body::VerifyConnect(_) => "VERIFY",
        Body::Disconnect { .. } if !command.acknowledge => "DISCONNECT(no ack)",
        Body::Disconnect { .. } => "DISCONNECT",
        Body::Ping => "PING",
        Body::SendReliable { .. } => "RELIABLE",
        Body::SendUnreliable { .. } => "UNRELIABLE",
        Body::SendFragment(_) => "FRAGMENT",
        Body::SendUnsequenced { .. } => "UNSEQUENCED",
        Body::BandwidthLimit { .. } => "BANDWIDTH",
        Body::ThrottleConfigure(_) => "THROTTLE",
        Body::SendUnreliableFragment(_) => "UNRELIABLE_FRAGMENT",
    }
}

/// Whether the flags are those with which a stock host sends this command (PROTOCOL.md §2.2).
fn flags_as_sent(body: &Body<'_>, acknowledge: bool, unsequenced: bool) -> bool {
    match body {
        Body::Acknowledge { .. } | Body::SendUnreliable { .. } | Body::SendUnreliableFragment(_) => {
            !acknowledge && !unsequenced
        }
        Body::SendUnsequenced { .. } => !acknowledge && unsequenced,
        Body::Disconnect { .. } => acknowledge != unsequenced,
        _ => acknowledge && !unsequenced,
    }
}

fn terms(connect: &Connect) -> String {
    let ThrottleConfigure { interval, acceleration, deceleration } = connect.throttle;
    format!(
        "slot {} sessions {:02x} {:02x} mtu {} window {} channels {} in {} out {} throttle {interval}/{acceleration}/{deceleration} id {}",
        connect.outgoing_peer,
        connect.incoming_session,
        connect.outgoing_session,
        connect.mtu,
        connect.window_size,
        connect.channel_count,
        connect.incoming_bandwidth,
        connect.outgoing_bandwidth,
        hex::encode(&connect.connect_id.0),
    )
}

fn fragment_terms(fragment: &Fragment<'_>) -> String {
    let Fragment { start, count, number, total_length, offset, payload } = *fragment;
    format!("start {start} {number} of {count} at {offset} of {total_length} {}", excerpt(payload))
}

/// The payload's length and first bytes.
fn excerpt(payload: &[u8]) -> String {
    match payload.split_at_checked(16) {
        Some((front, rest)) if !rest.is_empty() => format!("[{}] {}..", payload.len(), hex::encode(front)),
        _ if payload.is_empty() => "[0]".to_owned(),
        _ => format!("[{}] {}", payload.len(), hex::encode(payload)),
    }
}
