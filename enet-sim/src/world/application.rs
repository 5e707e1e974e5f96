//! Applications: they connect, send the messages of flows, close, and change settings.

use super::agenda::Item;
use super::host::{Host, Stage, address};
use super::observer::{Call, HostIndex, Observer};
use super::{Phase, World};
use crate::endpoint::{Close, Conn};
use crate::message::Message;
use crate::random::{RngCore, scale};
use crate::scenario::{Action, Deed, Flow};

impl<O: Observer> World<'_, O> {
    /// A client's own attempt: no two send the same data along.
    pub(super) fn connect_to_server(&mut self, index: HostIndex) {
        let attempt = self.hosts.get(index).map_or(0, |host| host.life << 8 | host.connections.begun());
        self.connect(index, 0, (index as u32) << 16 | attempt);
    }

    pub(super) fn connect(&mut self, index: HostIndex, to: HostIndex, data: u32) {
        let channels = self.scenario.host(index).channels;
        let Some(host) = self.hosts.get_mut(index) else { return };
        if self.phase != Phase::Safety || !host.is_up() {
            return;
        }
        let Some(endpoint) = &mut host.endpoint else { return };
        host.port.set_now(host.clock.at(self.now));
        let call = match endpoint.connect(&mut host.port, address(to), channels, data) {
            Some(conn) => {
                host.connections.begin(conn, Stage::Connecting);
                Call::Connect { conn, to, data }
            }
            None => Call::ConnectRefused,
        };
        self.observer.called(self.now, index, &call);
        self.after_calls(index);
    }

    pub(super) fn flow(&mut self, number: u16, host: u32, round: u32) {
        let Some(flow) = self.scenario.traffic.get(usize::from(number)) else { return };
        if self.phase != Phase::Safety {
            return;
        }
        let more = flow.count.is_none_or(|count| round + 1 < count);
        // A flow with a count waits until there is someone to send to.
        let sent = self.send_flow(flow, host as usize);
        if more || (flow.count.is_some() && !sent) {
            let round = if sent || flow.count.is_none() { round + 1 } else { round };
            self.agenda.note(self.now + flow.interval, Item::Flow { flow: number, host, round });
        }
    }

    /// Sends a flow's messages over each open connection; whether there was one.
    fn send_flow(&mut self, flow: &Flow, index: HostIndex) -> bool {
        let World { hosts, observer, sizes, payload, extent, now, .. } = self;
        let Some(host) = hosts.get_mut(index).filter(|host| host.is_up()) else { return false };
        let Some(endpoint) = &mut host.endpoint else { return false };
        host.port.set_now(host.clock.at(*now));
        let mut any = false;
        for place in 0..host.connections.len() {
            let Some(connection) = host.connections.at_mut(place).filter(|it| it.stage == Stage::Open) else {
                continue;
            };
            any = true;
            for _ in 0..flow.burst {
                let draw = sizes.next_u32();
                let spread = flow.max_size.map_or(0, |max| u64::from(max - flow.size) + 1);
                let size = flow.size as usize + scale(draw, spread) as usize;
                let message = Message {
                    sender: index as u16,
                    conn: connection.number,
                    channel: flow.channel,
                    kind: flow.kind,
                    id: connection.next_id(flow.channel, flow.kind),
                };
                payload.clear();
                message.write(size, payload);
                let conn = connection.conn;
                let accepted = endpoint.send(&mut host.port, conn, flow.channel, flow.kind, payload);
                extent.messages += u64::from(accepted);
                let call = Call::Send { conn, channel: flow.channel, kind: flow.kind, payload, accepted };
                observer.called(*now, index, &call);
            }
        }
        if any {
            self.after_calls(index);
        }
        any
    }

    pub(super) fn close_all(&mut self, index: HostIndex, how: Close, data: u32) {
        let Some(host) = self.hosts.get_mut(index).filter(|host| host.is_up()) else { return };
        let Some(endpoint) = &mut host.endpoint else { return };
        host.port.set_now(host.clock.at(self.now));
        let all: Vec<(Conn, Stage)> = host.connections.iter().map(|it| (it.conn, it.stage)).collect();
        for (conn, stage) in all {
            endpoint.close(&mut host.port, conn, how, data);
            // These are silent; so is every end of an attempt.
            if matches!(how, Close::Now | Close::Reset) || stage == Stage::Connecting {
                host.connections.end(conn);
            } else if let Some(connection) = host.connections.get_mut(conn) {
                connection.stage = Stage::Closing;
            }
            self.observer.called(self.now, index, &Call::Close { conn, how, data });
        }
        let again = host.reconnect.filter(|_| index != 0 && self.phase == Phase::Safety);
        if let Some(after) = again {
            self.agenda.note(self.now + after, Item::Connect(index as u32));
        }
        self.after_calls(index);
    }

    pub(super) fn act(&mut self, number: usize) {
        let Some(Action { host: index, deed, .. }) = self.scenario.action.get(number) else { return };
        if self.phase != Phase::Safety {
            return;
        }
        match *deed {
            Deed::Connect { to, data } => self.connect(*index, to, data),
            Deed::Close { how, data } => self.close_all(*index, how, data),
            Deed::Set(setting) => self.with_endpoint(*index, |host| {
                let Some(endpoint) = &mut host.endpoint else { return };
                for connection in host.connections.iter() {
                    endpoint.set(&mut host.port, connection.conn, setting);
                }
            }),
            Deed::Bandwidth { incoming, outgoing } => self.with_endpoint(*index, |host| {
                if let Some(endpoint) = &mut host.endpoint {
                    endpoint.limit_bandwidth(&mut host.port, incoming, outgoing);
                }
            }),
        }
    }

    fn with_endpoint(&mut self, index: HostIndex, change: impl FnOnce(&mut Host)) {
        let Some(host) = self.hosts.get_mut(index).filter(|host| host.is_up()) else { return };
        host.port.set_now(host.clock.at(self.now));
        change(host);
        self.after_calls(index);
    }
}
