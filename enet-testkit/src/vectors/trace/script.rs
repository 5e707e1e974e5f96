//! A recorded trace as it stands in the file (PROTOCOL.md §21), and in words.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use crate::datagram::describe_datagram;
use crate::hex;

/// One host's life: its configuration and what happened to it.
#[derive(Deserialize)]
pub(super) struct Trace<'a> {
    #[serde(borrow, rename = "trace")]
    pub(super) name: Cow<'a, str>,
    pub(super) checksum: bool,
    pub(super) range_coder: bool,
    pub(super) peer_slots: u16,
    pub(super) channel_limit: u32,
    pub(super) mtu: u16,
    #[serde(rename = "incomingBandwidth")]
    pub(super) incoming_bandwidth: u32,
    #[serde(rename = "outgoingBandwidth")]
    pub(super) outgoing_bandwidth: u32,
    pub(super) maximum_packet_size: Option<u32>,
    pub(super) maximum_waiting_data: Option<u32>,
    pub(super) duplicate_peers: Option<u16>,
    pub(super) ops: Vec<Op<'a>>,
}

/// One call, or one service, at host time `t`.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Op<'a> {
    Connect {
        t: u32,
        port: u16,
        channels: u32,
        data: u32,
        #[serde(rename = "connectID")]
        connect_id: &'a str,
        /// The slot used, −1 if none was free.
        peer: i32,
        ip: Option<Ipv4Addr>,
    },
    Send {
        t: u32,
        peer: u16,
        channel: u8,
        flags: u32,
        payload: &'a str,
        ret: i32,
    },
    Ping {
        t: u32,
        peer: u16,
    },
    ThrottleConfigure {
        t: u32,
        peer: u16,
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    },
    BandwidthLimit {
        t: u32,
        incoming: u32,
        outgoing: u32,
    },
    Reset {
        t: u32,
        peer: u16,
    },
    Timeout {
        t: u32,
        peer: u16,
        limit: u32,
        minimum: u32,
        maximum: u32,
    },
    PingInterval {
        t: u32,
        peer: u16,
        ms: u32,
    },
    Disconnect {
        t: u32,
        peer: u16,
        data: u32,
        #[serde(default)]
        io: Vec<Crossing<'a>>,
    },
    DisconnectLater {
        t: u32,
        peer: u16,
        data: u32,
        #[serde(default)]
        io: Vec<Crossing<'a>>,
    },
    DisconnectNow {
        t: u32,
        peer: u16,
        data: u32,
        #[serde(default)]
        io: Vec<Crossing<'a>>,
    },
    Flush {
        t: u32,
        #[serde(default)]
        io: Vec<Crossing<'a>>,
    },
    Service {
        t: u32,
        #[serde(default)]
        io: Vec<Crossing<'a>>,
        ret: i32,
        event: Option<RecordedEvent<'a>>,
        peers: Option<Vec<Counters>>,
    },
}

/// A datagram that crossed the host's socket.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Crossing<'a> {
    In { from: u16, i: &'a str, ip: Option<Ipv4Addr> },
    Out { to: u16, o: &'a str, ip: Option<Ipv4Addr> },
}

impl Crossing<'_> {
    /// The other end.
    pub(super) fn address(&self) -> SocketAddr {
        let (Crossing::In { from: port, ip, .. } | Crossing::Out { to: port, ip, .. }) = self;
        address(*ip, *port)
    }
}

/// All ports share one address unless an entry has another.
pub(super) fn address(ip: Option<Ipv4Addr>, port: u16) -> SocketAddr {
    (ip.unwrap_or(Ipv4Addr::LOCALHOST), port).into()
}

/// What a service returned.
#[derive(Deserialize, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedEvent<'a> {
    /// 1 connect, 2 disconnect, 3 receive.
    #[serde(rename = "type")]
    pub(super) kind: u8,
    pub(super) peer: u16,
    pub(super) data: Option<u32>,
    pub(super) channel: Option<u8>,
    pub(super) flags: Option<u32>,
    #[serde(borrow)]
    pub(super) payload: Option<Cow<'a, str>>,
}

/// One peer's counters after a service.
#[derive(Deserialize, Debug, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct Counters {
    pub(super) index: u16,
    pub(super) state: u8,
    pub(super) rtt: u32,
    pub(super) var: u32,
    pub(super) throttle: u32,
    pub(super) limit: u32,
    #[serde(rename = "inTransit")]
    pub(super) in_transit: u32,
    pub(super) lost: u32,
    pub(super) sent: u32,
    pub(super) loss: u32,
    /// Stale while nothing is in flight.
    #[serde(rename = "nextTimeout")]
    pub(super) next_timeout: u32,
}

impl Op<'_> {
    pub(super) fn time(&self) -> u32 {
        match self {
            Op::Connect { t, .. }
            | Op::Send { t, .. }
            | Op::Ping { t, .. }
            | Op::ThrottleConfigure { t, .. }
            | Op::BandwidthLimit { t, .. }
            | Op::Reset { t, .. }
            | Op::Timeout { t, .. }
            | Op::PingInterval { t, .. }
            | Op::Disconnect { t, .. }
            | Op::DisconnectLater { t, .. }
            | Op::DisconnectNow { t, .. }
            | Op::Flush { t, .. }
            | Op::Service { t, .. } => *t,
        }
    }

    fn io(&self) -> &[Crossing<'_>] {
        match self {
            Op::Disconnect { io, .. }
            | Op::DisconnectLater { io, .. }
            | Op::DisconnectNow { io, .. }
            | Op::Flush { io, .. }
            | Op::Service { io, .. } => io,
            _ => &[],
        }
    }

    /// Whether nothing happened: a service without datagrams or event.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Op::Service { io, event: None, .. } if io.is_empty())
    }

    /// The call in one line.
    pub(super) fn headline(&self) -> String {
        match self {
            Op::Connect { port, channels, data, connect_id, peer, ip, .. } => {
                let to = address(*ip, *port);
                format!("connect to {to}, {channels} channels, data {data}, id {connect_id} -> peer {peer}")
            }
            Op::Send { peer, channel, flags, payload, ret, .. } => {
                let len = payload.len() / 2;
                let excerpt =
                    payload.get(..32).map_or_else(|| (*payload).to_owned(), |front| format!("{front}.."));
                format!("send to peer {peer}, channel {channel}, flags {flags}, [{len}] {excerpt} -> {ret}")
            }
            Op::Ping { peer, .. } => format!("ping peer {peer}"),
            Op::ThrottleConfigure { peer, interval, acceleration, deceleration, .. } => {
                format!("throttle_configure peer {peer} {interval}/{acceleration}/{deceleration}")
            }
            Op::BandwidthLimit { incoming, outgoing, .. } => {
                format!("bandwidth_limit in {incoming} out {outgoing}")
            }
            Op::Reset { peer, .. } => format!("reset peer {peer}"),
            Op::Timeout { peer, limit, minimum, maximum, .. } => {
                format!("timeout peer {peer} limit {limit} minimum {minimum} maximum {maximum}")
            }
            Op::PingInterval { peer, ms, .. } => format!("ping_interval peer {peer} {ms} ms"),
            Op::Disconnect { peer, data, .. } => format!("disconnect peer {peer} data {data}"),
            Op::DisconnectLater { peer, data, .. } => format!("disconnect_later peer {peer} data {data}"),
            Op::DisconnectNow { peer, data, .. } => format!("disconnect_now peer {peer} data {data}"),
            Op::Flush { .. } => "flush".to_owned(),
            Op::Service { event: Some(event), .. } => format!("service -> {}", event.headline()),
            Op::Service { ret, .. } => format!("service -> {ret}"),
        }
    }

    /// The call, then a line per datagram that crossed the socket, then the counters recorded after it.
    pub(super) fn describe(&self, index: usize, checksum: bool) -> String {
        let mut text = format!("  [{index}] t={} {}\n", self.time(), self.headline());
        for crossing in self.io() {
            let (direction, datagram) = match crossing {
                Crossing::In { i, .. } => ("in  from", i),
                Crossing::Out { o, .. } => ("out to  ", o),
            };
            let meaning = match hex::decode(datagram) {
                Some(bytes) => describe_datagram(&bytes, checksum),
                None => format!("(not hexadecimal) {datagram}"),
            };
            let _ = writeln!(text, "        {direction} {}: {meaning}", crossing.address());
        }
        if let Op::Service { peers: Some(peers), .. } = self {
            for counters in peers {
                let _ = writeln!(text, "        {}", counters.describe());
            }
        }
        text
    }
}

impl RecordedEvent<'_> {
    pub(super) fn headline(&self) -> String {
        let peer = self.peer;
        let data = self.data.unwrap_or(0);
        match self.kind {
            1 => format!("CONNECT peer {peer} data {data}"),
            2 => format!("DISCONNECT peer {peer} data {data}"),
            _ => format!(
                "RECEIVE peer {peer} channel {} flags {} [{}] {}",
                self.channel.unwrap_or(0),
                self.flags.unwrap_or(0),
                self.payload.as_deref().unwrap_or("").len() / 2,
                self.payload.as_deref().unwrap_or(""),
            ),
        }
    }
}

impl Counters {
    fn describe(&self) -> String {
        let Counters { index, state, rtt, var, throttle, limit, in_transit, lost, sent, loss, next_timeout } =
            self;
        format!(
            "peer {index}: state {state} rtt {rtt}±{var} throttle {throttle}/{limit} in transit {in_transit} \
             lost {lost} of {sent} loss {loss} next timeout {next_timeout}"
        )
    }
}
