//! `delivery.json`: receive sessions, fed to a real host with one connected peer.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use enet_proto::{ChannelLimit, Datagram, Event, Host, HostConfig, Instant, PeerLimit, Profile};
use enet_wire::{Body, Command, Connect, Header, WirePeerId, Writer};
use serde::Deserialize;

use super::trace::received_flags;
use super::{Form, Mismatch, Report, Verdict, bytes_of, parse, same};
use crate::datagram::{Opened, describe_datagram};
use crate::{commands, hex};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Session<'a> {
    session: u32,
    channels: u8,
    initial_incoming_reliable: Vec<u16>,
    initial_incoming_unsequenced_group: u16,
    #[serde(rename = "maximumWaitingData")]
    maximum_waiting_data: u32,
    #[serde(borrow)]
    steps: Vec<Step<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Step<'a> {
    hex: &'a str,
    #[serde(borrow)]
    events: Vec<Delivered<'a>>,
    /// Channel and number.
    acks: Vec<(u8, u16)>,
    incoming_reliable: Vec<u16>,
    incoming_unreliable: Vec<u16>,
    incoming_unsequenced_group: u16,
    total_waiting_data: u32,
}

#[derive(Deserialize, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Delivered<'a> {
    channel: u8,
    flags: u32,
    #[serde(borrow)]
    payload: std::borrow::Cow<'a, str>,
}

pub(super) fn check(text: &str) -> Verdict {
    let mut report = Report::new(Form::Delivery);
    for session in parse::<Session<'_>>(text)? {
        let case = format!("session {}", session.session);
        let mut receiver = Receiver::new(&session).map_err(|what| Mismatch::new(&*case, what))?;
        for (index, step) in session.steps.iter().enumerate() {
            receiver.check(step).map_err(|what| {
                let datagram = hex::decode(step.hex).unwrap_or_default();
                let place =
                    format!("{what}\n  after {}\n        {}", step.hex, describe_datagram(&datagram, false));
                Mismatch::new(format!("{case}, step {index}"), place)
            })?;
            report.datagrams += 1;
            report.values += step.events.len() + step.acks.len() + 2 * usize::from(session.channels) + 2;
        }
        report.cases += 1;
    }
    Ok(report)
}

const REMOTE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 26_000);
/// The recordings say nothing of time, so it stands still: no pings, no retransmissions.
const NOW: Instant = Instant::from_millis(1_000_000);
const SLOT: u16 = 0;

/// A host with one connected peer in slot 0, session 0.
struct Receiver {
    host: Host,
}

impl Receiver {
    /// A receiver in the session's initial state, brought there by datagrams alone.
    fn new(session: &Session<'_>) -> Result<Self, String> {
        let channels = ChannelLimit::new(session.channels).ok_or("a connection without channels")?;
        let mut config = HostConfig::new([0; 32]);
        config.profile = Profile::Compat;
        config.peers = PeerLimit::MIN;
        config.channels = channels;
        config.max_waiting_data = session.maximum_waiting_data;
        let mut receiver = Receiver { host: Host::new(config) };
        receiver.connect(channels)?;
        for (channel, &last) in (0..).zip(&session.initial_incoming_reliable) {
            receiver.skip_reliable(channel, last);
        }
        receiver.skip_unsequenced(session);
        receiver.check_counters(
            &session.initial_incoming_reliable,
            &vec![0; usize::from(session.channels)],
            session.initial_incoming_unsequenced_group,
            0,
        )?;
        Ok(receiver)
    }

    fn connect(&mut self, channels: ChannelLimit) -> Result<(), String> {
        let connect =
            Connect { channel_count: u32::from(channels.get()), ..commands::stock_connect(*b"vect") };
        let header = Header { sent_time: Some(0), ..Header::default() };
        self.feed(&datagram(header, &[commands::connect(connect)]));
        let verify = self.transmitted()?;
        let echo =
            verify.first().and_then(|opened| opened.header.sent_time).ok_or("no VERIFY_CONNECT is sent")?;
        self.feed(&datagram(to_slot(), &[commands::acknowledge(0xff, 1, echo)]));
        match self.host.poll_event() {
            Some(Event::Connected { peer, data: 0 }) if peer.slot() == SLOT => Ok(()),
            other => Err(format!("the handshake ends in {other:?}")),
        }
    }

    /// Delivers empty reliable packets until `last` is the last number delivered. They ask for no acknowledgement, which
    /// is odd but legal (§14.4).
    fn skip_reliable(&mut self, channel: u8, last: u16) {
        const AT_ONCE: usize = 600;
        let numbers: Vec<u16> = (1..=last).collect();
        for numbers in numbers.chunks(AT_ONCE) {
            let unacknowledged =
                |number| Command { acknowledge: false, ..commands::reliable(channel, number, &[]) };
            let commands: Vec<Command<'_>> = numbers.iter().copied().map(unacknowledged).collect();
            self.feed(&datagram(to_slot(), &commands));
            while self.host.poll_event().is_some() {}
        }
    }

    /// Moves the unsequenced window by packets whose groups the session does not use.
    fn skip_unsequenced(&mut self, session: &Session<'_>) {
        const WINDOW: u16 = 1024;
        const FARTHEST: u16 = 31 * WINDOW;
        let target = session.initial_incoming_unsequenced_group;
        let used = groups(session);
        let mut base = 0;
        while base != target {
            base += FARTHEST.min(target - base);
            let group =
                (base..=base.saturating_add(WINDOW - 1)).find(|group| !used.contains(group)).unwrap_or(base);
            self.feed(&datagram(to_slot(), &[commands::unsequenced(0, group, &[])]));
            while self.host.poll_event().is_some() {}
        }
    }

    fn check(&mut self, step: &Step<'_>) -> Result<(), String> {
        let bytes = bytes_of(step.hex)?;
        self.feed(&bytes);
        let events: Vec<Delivered<'_>> =
            std::iter::from_fn(|| self.host.poll_event()).map(delivered).collect();
        same("what is delivered", &step.events, &events)?;
        let sent_time = Header::decode(&bytes).ok().and_then(|(header, _)| header.sent_time);
        let mut acks = Vec::new();
        for opened in self.transmitted()? {
            for command in opened.commands().flatten() {
                if let Body::Acknowledge { received_seq, received_sent_time } = command.body {
                    same("the echoed time", &sent_time, &Some(received_sent_time))?;
                    same("the number in an acknowledgement's header", &received_seq, &command.seq)?;
                    acks.push((command.channel.get(), received_seq.0));
                }
            }
        }
        same("what is acknowledged", &step.acks, &acks)?;
        self.check_counters(
            &step.incoming_reliable,
            &step.incoming_unreliable,
            step.incoming_unsequenced_group,
            step.total_waiting_data,
        )?;
        self.host.check_invariants();
        Ok(())
    }

    fn check_counters(
        &self,
        reliable: &[u16],
        unreliable: &[u16],
        group: u16,
        waiting: u32,
    ) -> Result<(), String> {
        let peer = self.host.peer_at(SLOT).ok_or("the connection is gone")?;
        for (channel, (reliable, unreliable)) in (0..).zip(reliable.iter().zip(unreliable)) {
            let stats = peer.channel(channel).ok_or_else(|| format!("channel {channel} does not exist"))?;
            same(&format!("incomingReliable of channel {channel}"), reliable, &stats.incoming_reliable)?;
            same(
                &format!("incomingUnreliable of channel {channel}"),
                unreliable,
                &stats.incoming_unreliable,
            )?;
        }
        let stats = peer.stats();
        same("incomingUnsequencedGroup", &group, &stats.incoming_unsequenced_group)?;
        same("totalWaitingData", &waiting, &stats.waiting_data)
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.host.handle_datagram(NOW, Datagram::new(REMOTE, bytes));
    }

    fn transmitted(&mut self) -> Result<Vec<Opened>, String> {
        let mut opened = Vec::new();
        let mut out = Vec::new();
        while self.host.poll_transmit(NOW, &mut out, NonZeroUsize::MIN).is_some() {
            opened.push(Opened::open(&out, false)?);
            out.clear();
        }
        Ok(opened)
    }
}

/// The unsequenced groups of a session's datagrams.
fn groups(session: &Session<'_>) -> Vec<u16> {
    let opened = session.steps.iter().filter_map(|step| Opened::open(&hex::decode(step.hex)?, false).ok());
    let mut groups = Vec::new();
    for opened in opened {
        groups.extend(opened.commands().flatten().filter_map(|command| match command.body {
            Body::SendUnsequenced { group, .. } => Some(group.0),
            _ => None,
        }));
    }
    groups
}

fn delivered(event: Event) -> Delivered<'static> {
    match event {
        Event::Received { channel, packet, .. } => Delivered {
            channel: channel.get(),
            flags: received_flags(packet.delivery()),
            payload: hex::encode(&packet).into(),
        },
        other => Delivered { channel: 0xff, flags: 0, payload: format!("{other:?}").into() },
    }
}

fn to_slot() -> Header {
    Header { peer: WirePeerId::new(SLOT).unwrap_or_default(), ..Header::default() }
}

fn datagram(header: Header, commands: &[Command<'_>]) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let mut writer = Writer::new(&mut buffer);
    writer.header(&header).expect("4096 bytes hold a header");
    for command in commands {
        writer.command(command).expect("callers send at most 600 small commands");
    }
    writer.finish().to_vec()
}
