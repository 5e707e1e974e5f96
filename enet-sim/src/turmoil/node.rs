//! The program that runs on every simulated host: it keeps its connections, and sends both kinds of messages on each.

use core::cell::RefCell;
use core::net::SocketAddr;
use core::time::Duration;
use std::rc::Rc;

use enet_proto::{ChannelLimit, ConnectOptions, Delivery, Event, Host, HostConfig, PeerId};

use super::driver::Driver;
use super::ledger::{RELIABLE, UNRELIABLE};
use super::life::Life;
use super::record::{Record, Talkers, What, here};
use super::socket::UdpSocket;
use crate::net::Network;

/// What a host is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) life: Life,
    /// Its own address.
    pub(super) at: SocketAddr,
    /// Whom to stay connected to, if it is a client.
    pub(super) server: Option<SocketAddr>,
    /// Between two messages of a kind on a connection.
    pub(super) pace: Duration,
    pub(super) seed: u64,
}

/// Runs until the host crashes.
pub(super) async fn run(plan: Plan, network: Rc<RefCell<Network>>, record: Record) -> turmoil::Result {
    let socket = UdpSocket::bind(usize::from(plan.life.host), plan.at, network, record.clone()).await?;
    let mut node = Node { driver: Driver::new(Host::new(plan.config()), socket).await?, plan, record };
    node.connect()?;
    let mut turn = tokio::time::Instant::now() + plan.pace;
    loop {
        match tokio::time::timeout_at(turn, node.driver.next()).await {
            Ok(event) => node.on_event(event)?,
            Err(_) => {
                node.send()?;
                turn += plan.pace;
            }
        }
    }
}

struct Node {
    driver: Driver,
    plan: Plan,
    record: Record,
}

impl Node {
    fn connect(&mut self) -> turmoil::Result {
        if let Some(server) = self.plan.server {
            let channels = ChannelLimit::new(2).ok_or("two channels are possible")?;
            self.driver.host.connect(server, ConnectOptions { channels, ..ConnectOptions::default() })?;
        }
        Ok(())
    }

    fn on_event(&mut self, event: Event) -> turmoil::Result {
        let end = |peer: PeerId| (self.plan.life, peer);
        match event {
            Event::Connected { peer, .. } => {
                let to = self.driver.host.peer(peer).ok_or("a connected peer is there")?.address();
                self.record.with(|state| state.ledger.connected(end(peer), to));
                self.record.note(here(), What::Connected(self.plan.life, peer));
            }
            Event::Received { peer, channel, packet } => {
                let at = self.plan.at;
                self.record.with(|state| state.ledger.received(end(peer), at, channel.get(), &packet));
            }
            Event::Disconnected { peer, reason, .. } => {
                self.record.with(|state| state.ledger.disconnected(end(peer)));
                self.record.note(here(), What::Disconnected(self.plan.life, peer, reason));
                self.connect()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn send(&mut self) -> turmoil::Result {
        match self.record.with(|state| state.talkers) {
            Talkers::All => {}
            Talkers::Clients if self.plan.server.is_some() => {}
            Talkers::Clients | Talkers::Nobody => return Ok(()),
        }
        let open = self.record.with(|state| state.ledger.open());
        for ((life, peer), _) in open.into_iter().filter(|((life, _), _)| *life == self.plan.life) {
            for (channel, delivery) in [(RELIABLE, Delivery::Reliable), (UNRELIABLE, Delivery::Unreliable)] {
                let packet = self.record.with(|state| state.ledger.compose((life, peer), delivery));
                let packet = packet.ok_or("only open ends send")?;
                self.driver.host.peer_mut(peer).ok_or("a connected peer is there")?.send(channel, packet)?;
            }
        }
        Ok(())
    }
}

impl Plan {
    /// Each life of a host has a seed of its own, as it would have from its operating system.
    fn config(&self) -> HostConfig {
        let mut seed = [0; 32];
        let parts = self.seed.to_le_bytes().into_iter().chain([self.life.host, self.life.life]);
        seed.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        HostConfig::new(seed)
    }
}
