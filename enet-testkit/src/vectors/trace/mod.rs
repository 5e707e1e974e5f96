//! `traces.json`: whole recorded lives of C hosts, replayed on [`Host`] call by call (PROTOCOL.md §21).
//!
//! The host here is the one applications use, driven through `service_pass` and `flush_pass`, which do what C's
//! `enet_host_service` with timeout 0 and `enet_host_flush` do (PROTOCOL.md §18.2).

mod script;
mod socket;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write;
use std::num::NonZeroU32;
use std::time::Duration;

use enet_compress::RangeCoder;
use enet_proto::{
    ChannelLimit, Checksum, ConnectId, ConnectOptions, Delivery, Event, Host, HostConfig, Instant, Mtu,
    Packet, PeerId, PeerLimit, PeerMut, PeerState, Profile, ThrottleSettings, Timeouts,
};

use self::script::{Counters, Crossing, Op, RecordedEvent, Trace, address};
use self::socket::Replayed;
use super::{Form, Mismatch, Report, Verdict, bytes_of, parse, same};
use crate::hex;

pub(super) fn check(text: &str) -> Verdict {
    let mut report = Report::new(Form::Traces);
    for trace in parse::<Trace<'_>>(text)? {
        report.add(&replay(&trace, None)?);
    }
    Ok(report)
}

/// A verdict for each trace, for those who want to see all that fail.
pub(super) fn survey(text: &str) -> Result<Vec<(String, Verdict)>, Mismatch> {
    let traces = parse::<Trace<'_>>(text)?;
    Ok(traces.iter().map(|trace| (trace.name.to_string(), replay(trace, None))).collect())
}

/// Replays the trace of this name and tells every step of it.
pub(super) fn narrate(text: &str, name: &str, to: &mut dyn Write) -> Verdict {
    let traces = parse::<Trace<'_>>(text)?;
    let trace = traces.iter().find(|trace| trace.name == name).ok_or_else(|| {
        let names: Vec<&str> = traces.iter().map(|trace| &*trace.name).collect();
        Mismatch::new(name, format!("no such trace; there are {}", names.join(" ")))
    })?;
    replay(trace, Some(to))
}

fn replay(trace: &Trace<'_>, mut narration: Option<&mut dyn Write>) -> Verdict {
    let mut replay = Replay::new(trace).map_err(|what| Mismatch::new(&*trace.name, what))?;
    for (index, op) in trace.ops.iter().enumerate() {
        if let Some(to) = narration.as_deref_mut() {
            let _ = to.write_all(op.describe(index, trace.checksum).as_bytes());
        }
        let place = Place { trace, index };
        replay.step(op).map_err(|what| {
            let context = if narration.is_none() { place.history() } else { String::new() };
            Mismatch::new(place.to_string(), format!("{what}\n{context}"))
        })?;
    }
    Ok(replay.report)
}

/// Where in a trace we are. Says so if the host panics here.
struct Place<'a> {
    trace: &'a Trace<'a>,
    index: usize,
}

impl Place<'_> {
    /// What the recording says about this call and the last few in which something happened.
    fn history(&self) -> String {
        const SHOWN: usize = 6;
        let before = self.trace.ops.iter().enumerate().take(self.index + 1).rev();
        let mut told: Vec<String> = before
            .filter(|(index, op)| *index == self.index || !op.is_idle())
            .take(SHOWN)
            .map(|(index, op)| op.describe(index, self.trace.checksum))
            .collect();
        told.reverse();
        format!("as recorded:\n{}", told.concat())
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = self.trace.ops.get(self.index).map_or(0, Op::time);
        write!(f, "{}, op {} at t={time}", self.trace.name, self.index)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the host panicked in {self}\n{}", self.history());
        }
    }
}

struct Replay<'a> {
    trace: &'a Trace<'a>,
    host: Host,
    clock: Clock,
    report: Report,
}

impl<'a> Replay<'a> {
    fn new(trace: &'a Trace<'a>) -> Result<Self, String> {
        let mut report = Report::new(Form::Traces);
        report.cases = 1;
        Ok(Replay { trace, host: Host::new(config(trace)?), clock: Clock::default(), report })
    }

    fn step(&mut self, op: &Op<'_>) -> Result<(), String> {
        let now = self.clock.at(op.time());
        match op {
            Op::Connect { port, channels, data, connect_id, peer, ip, .. } => {
                let options = ConnectOptions {
                    channels: channel_limit(*channels, 1),
                    data: *data,
                    connect_id: Some(connect_id_of(connect_id)?),
                    ..ConnectOptions::default()
                };
                let connected = self.host.connect(address(*ip, *port), options);
                let slot = connected.map_or(-1, |id| i32::from(id.slot()));
                same("the slot of the new peer", peer, &slot)
            }
            Op::Send { peer, channel, flags, payload, ret, .. } => {
                self.send(*peer, *channel, *flags, payload, *ret)
            }
            Op::Service { io, ret, event, peers, .. } => {
                self.service(now, io, *ret, event.as_ref(), peers.as_deref())
            }
            Op::Flush { io, .. } => self.flush(now, io),
            Op::BandwidthLimit { incoming, outgoing, .. } => {
                self.host.set_bandwidth_limits(NonZeroU32::new(*incoming), NonZeroU32::new(*outgoing));
                Ok(())
            }
            Op::Disconnect { peer, data, io, .. } => {
                self.disconnect(now, *peer, io, flushes_unless_connected, |mut peer| peer.disconnect(*data))
            }
            Op::DisconnectLater { peer, data, io, .. } => {
                self.disconnect(now, *peer, io, flushes_unless_connected, |mut peer| {
                    peer.disconnect_later(*data)
                })
            }
            Op::DisconnectNow { peer, data, io, .. } => {
                self.disconnect(now, *peer, io, flushes_unless_closing, |peer| peer.disconnect_now(*data))
            }
            Op::Ping { .. }
            | Op::ThrottleConfigure { .. }
            | Op::Reset { .. }
            | Op::Timeout { .. }
            | Op::PingInterval { .. } => {
                self.configure(op);
                Ok(())
            }
        }
    }

    fn send(&mut self, slot: u16, channel: u8, flags: u32, payload: &str, ret: i32) -> Result<(), String> {
        let packet = Packet::new(delivery(flags)?, bytes_of(payload)?);
        let sent = self.peer_in(slot).is_some_and(|mut peer| peer.send(channel, packet).is_ok());
        self.report.values += 1;
        same("what send returns", &ret, &if sent { 0 } else { -1 })
    }

    /// The calls on one peer that return nothing and send nothing by themselves.
    fn configure(&mut self, op: &Op<'_>) {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        match *op {
            Op::Ping { peer, .. } => {
                if let Some(mut peer) = self.peer_in(peer) {
                    peer.ping();
                }
            }
            Op::ThrottleConfigure { peer, interval, acceleration, deceleration, .. } => {
                if let Some(mut peer) = self.peer_in(peer) {
                    peer.set_throttle(ThrottleSettings {
                        interval: ms(interval),
                        acceleration,
                        deceleration,
                    });
                }
            }
            Op::Reset { peer, .. } => {
                if let Some(peer) = self.peer_in(peer) {
                    peer.reset();
                }
            }
            Op::Timeout { peer, limit, minimum, maximum, .. } => {
                if let Some(mut peer) = self.peer_in(peer) {
                    peer.set_timeouts(Timeouts { limit, minimum: ms(minimum), maximum: ms(maximum) });
                }
            }
            Op::PingInterval { peer, ms: interval, .. } => {
                if let Some(mut peer) = self.peer_in(peer) {
                    peer.set_ping_interval(ms(interval));
                }
            }
            _ => {}
        }
    }

    /// One of the three ways to disconnect. In C those that tell the remote at once flush the whole host (§8); here
    /// that is the driver's business, so it is done here.
    fn disconnect(
        &mut self,
        now: Instant,
        slot: u16,
        io: &[Crossing<'_>],
        flushes: fn(PeerState) -> bool,
        call: impl FnOnce(PeerMut<'_>),
    ) -> Result<(), String> {
        let flush = self.host.peer_at(slot).is_some_and(|peer| flushes(peer.state()));
        if let Some(peer) = self.peer_in(slot) {
            call(peer);
        }
        match flush {
            true => self.flush(now, io),
            false => Replayed::new(io, self.trace.checksum).finish().map(|_| ()),
        }
    }

    fn flush(&mut self, now: Instant, io: &[Crossing<'_>]) -> Result<(), String> {
        let mut socket = Replayed::new(io, self.trace.checksum);
        self.host.flush_pass(now, &mut socket);
        self.report.datagrams += socket.finish()?;
        Ok(())
    }

    fn service(
        &mut self,
        now: Instant,
        io: &[Crossing<'_>],
        ret: i32,
        event: Option<&RecordedEvent<'_>>,
        peers: Option<&[Counters]>,
    ) -> Result<(), String> {
        let mut socket = Replayed::new(io, self.trace.checksum);
        let actual = self.host.service_pass(now, &mut socket);
        self.report.datagrams += socket.finish()?;
        let actual = actual.as_ref().map(recorded);
        if event != actual.as_ref() {
            let show =
                |event: Option<&RecordedEvent<'_>>| event.map_or("none".to_owned(), RecordedEvent::headline);
            let (expected, actual) = (show(event), show(actual.as_ref()));
            return Err(format!("the event differs\n  expected {expected}\n  actual   {actual}"));
        }
        same("what service returns", &ret, &i32::from(actual.is_some()))?;
        self.report.values += 1;
        if let Some(peers) = peers {
            self.check_counters(peers)?;
        }
        self.host.check_invariants();
        Ok(())
    }

    fn check_counters(&mut self, expected: &[Counters]) -> Result<(), String> {
        let slots = 0..self.trace.peer_slots;
        let live = slots
            .filter(|&slot| self.host.peer_at(slot).is_some_and(|p| p.state() != PeerState::Disconnected));
        let listed: Vec<u16> = expected.iter().map(|counters| counters.index).collect();
        same("the slots in use", &listed, &live.collect())?;
        for counters in expected {
            self.check_peer(counters)?;
            self.report.values += 10;
        }
        Ok(())
    }

    fn check_peer(&self, expected: &Counters) -> Result<(), String> {
        let Some(peer) = self.host.peer_at(expected.index) else { return Ok(()) };
        let stats = peer.stats();
        let numbers = [
            ("state", u32::from(expected.state), u32::from(peer.state() as u8)),
            ("rtt", expected.rtt, stats.round_trip_time),
            ("var", expected.var, stats.round_trip_time_variance),
            ("throttle", expected.throttle, stats.throttle),
            ("limit", expected.limit, stats.throttle_limit),
            ("inTransit", expected.in_transit, stats.reliable_data_in_transit),
            ("lost", expected.lost, stats.packets_lost),
            ("sent", expected.sent, stats.packets_sent),
            ("loss", expected.loss, stats.packet_loss),
        ];
        // Without anything in flight there is no deadline here, and a stale one in C.
        let actual =
            if stats.in_flight > 0 { stats.next_timeout.unwrap_or(0) } else { expected.next_timeout };
        let numbers = numbers.into_iter().chain([("nextTimeout", expected.next_timeout, actual)]);
        let mut differing = String::new();
        for (name, expected, actual) in numbers.filter(|(_, expected, actual)| expected != actual) {
            let _ = write!(differing, "\n  {name}: expected {expected}, actual {actual}");
        }
        match differing.is_empty() {
            true => Ok(()),
            false => Err(format!("the counters of peer {} differ{differing}", expected.index)),
        }
    }

    /// The connection in this slot. Calls on a slot without one do nothing, as in C.
    fn peer_in(&mut self, slot: u16) -> Option<PeerMut<'_>> {
        let peer = self.host.peer_at(slot).filter(|peer| peer.state() != PeerState::Disconnected);
        let id: PeerId = peer.map(|peer| peer.id())?;
        self.host.peer_mut(id)
    }
}

/// `disconnect` before the connection is established tells the remote at once (§8).
fn flushes_unless_connected(state: PeerState) -> bool {
    state != PeerState::Disconnected && state < PeerState::Connected
}

/// `disconnect_now` always does, if there is still somebody to tell.
fn flushes_unless_closing(state: PeerState) -> bool {
    !matches!(state, PeerState::Disconnected | PeerState::Zombie | PeerState::Disconnecting)
}

/// Recorded 32-bit milliseconds, which wrap, as time that does not.
#[derive(Default)]
struct Clock {
    wraps: u64,
    last: u32,
}

impl Clock {
    fn at(&mut self, t: u32) -> Instant {
        if t < self.last {
            self.wraps += 1;
        }
        self.last = t;
        Instant::from_millis((self.wraps << 32) + u64::from(t))
    }
}

fn config(trace: &Trace<'_>) -> Result<HostConfig, String> {
    let mut config = HostConfig::new([0; 32]);
    config.profile = Profile::Compat;
    config.peers = PeerLimit::new(trace.peer_slots).ok_or("a host cannot have that many slots")?;
    config.channels = channel_limit(trace.channel_limit, 255);
    config.mtu = Mtu::new(trace.mtu).ok_or("a host cannot have this MTU")?;
    config.incoming_bandwidth = NonZeroU32::new(trace.incoming_bandwidth);
    config.outgoing_bandwidth = NonZeroU32::new(trace.outgoing_bandwidth);
    config.max_packet_size = trace.maximum_packet_size.unwrap_or(config.max_packet_size);
    config.max_waiting_data = trace.maximum_waiting_data.unwrap_or(config.max_waiting_data);
    config.max_peers_per_ip = trace.duplicate_peers;
    config.checksum = trace.checksum.then_some(Checksum::CRC32);
    if trace.range_coder {
        config.compressor = Some(RangeCoder::boxed());
    }
    Ok(config)
}

/// C clamps to 1 … 255; `zero` is what it takes 0 for (§6.1, §18.1).
fn channel_limit(channels: u32, zero: u8) -> ChannelLimit {
    let clamped = if channels == 0 { zero } else { u8::try_from(channels).unwrap_or(255) };
    ChannelLimit::new(clamped).unwrap_or(ChannelLimit::MAX)
}

fn connect_id_of(text: &str) -> Result<ConnectId, String> {
    let bytes = bytes_of(text)?;
    bytes.as_array::<4>().copied().map(ConnectId).ok_or_else(|| format!("{text} is no connectID"))
}

/// C's packet flags as a delivery (§12.1, §12.2).
fn delivery(flags: u32) -> Result<Delivery, String> {
    const RELIABLE: u32 = 1;
    const UNSEQUENCED: u32 = 2;
    const FRAGMENTS: u32 = 8;
    if flags & !(RELIABLE | UNSEQUENCED | FRAGMENTS) != 0 {
        return Err(format!("packet flags {flags} are unknown here"));
    }
    Ok(match (flags & RELIABLE != 0, flags & UNSEQUENCED != 0, flags & FRAGMENTS != 0) {
        (true, _, _) => Delivery::Reliable,
        (false, true, true) => Delivery::UnsequencedOrFragments,
        (false, true, false) => Delivery::Unsequenced,
        (false, false, true) => Delivery::UnreliableFragments,
        (false, false, false) => Delivery::Unreliable,
    })
}

/// The flags C shows on a received packet (§12.1).
pub(super) fn received_flags(delivery: Delivery) -> u32 {
    match delivery {
        Delivery::Reliable => 1,
        Delivery::Unreliable => 0,
        Delivery::UnreliableFragments => 8,
        Delivery::Unsequenced => 2,
        Delivery::UnsequencedOrFragments => 10,
    }
}

fn recorded(event: &Event) -> RecordedEvent<'static> {
    let nothing = RecordedEvent {
        kind: 0,
        peer: event.peer().map_or(u16::MAX, |peer| peer.slot()),
        data: None,
        channel: None,
        flags: None,
        payload: None,
    };
    match event {
        Event::Connected { data, .. } => RecordedEvent { kind: 1, data: Some(*data), ..nothing },
        Event::Disconnected { data, .. } => RecordedEvent { kind: 2, data: Some(*data), ..nothing },
        Event::Received { channel, packet, .. } => RecordedEvent {
            kind: 3,
            channel: Some(channel.get()),
            flags: Some(received_flags(packet.delivery())),
            payload: Some(Cow::Owned(hex::encode(packet))),
            ..nothing
        },
        _ => nothing,
    }
}
