//! [`PairBuilder`]: what a pair may be told before it starts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use enet_proto::{ChannelLimit, ConnectOptions, HostConfig, Instant, PeerState, Profile};
use enet_wire::CommandKind;

use super::network::Network;
use super::{Client, End, Pair, Server, ms};

/// A [`Pair`](super::Pair) in the making.
///
/// ```
/// use enet_proto::{Checksum, Mtu};
/// use enet_testkit::pair::{Pair, ms};
///
/// let mut pair = Pair::with()
///     .delay(ms(50))
///     .channels(4)
///     .both(|config| config.checksum = Some(Checksum::CRC32))
///     .client(|config| config.mtu = Mtu::new(576).unwrap())
///     .connected();
/// assert_eq!(pair.server.peer().mtu(), 576);
/// ```
#[must_use = "call `connected`, `just_connected` or `strangers`"]
pub struct PairBuilder {
    delay: Duration,
    start: Instant,
    options: ConnectOptions,
    client: HostConfig,
    server: HostConfig,
}

impl Default for PairBuilder {
    fn default() -> Self {
        const TWO: ChannelLimit = ChannelLimit::new(2).unwrap();
        PairBuilder {
            delay: ms(10),
            start: Instant::from_millis(1_000_000),
            options: ConnectOptions { channels: TWO, ..ConnectOptions::default() },
            client: compat([1; 32]),
            server: compat([2; 32]),
        }
    }
}

fn compat(seed: [u8; 32]) -> HostConfig {
    let mut config = HostConfig::new(seed);
    config.profile = Profile::Compat;
    config
}

impl PairBuilder {
    /// The hosts decide as `Profile::Modern` has it.
    pub fn modern(self) -> Self {
        self.both(|config| config.profile = Profile::Modern)
    }

    /// How long a datagram travels, each way. Default 10 ms.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// What the hosts' clocks show first. Default 1,000,000 ms, far from zero, which ENet takes for "never".
    pub fn starting_at(mut self, start: Instant) -> Self {
        self.start = start;
        self
    }

    /// How many channels the client asks for, 1 to 255. Default 2.
    ///
    /// # Panics
    /// If `count` is 0.
    pub fn channels(mut self, count: u8) -> Self {
        self.options.channels = ChannelLimit::new(count).expect("a connection has at least one channel");
        self
    }

    /// Changes what the client gives to `connect`.
    pub fn connecting(mut self, change: impl FnOnce(&mut ConnectOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Changes the client's configuration.
    pub fn client(mut self, change: impl FnOnce(&mut HostConfig)) -> Self {
        change(&mut self.client);
        self
    }

    /// Changes the server's configuration.
    pub fn server(mut self, change: impl FnOnce(&mut HostConfig)) -> Self {
        change(&mut self.server);
        self
    }

    /// Changes both configurations.
    pub fn both(self, change: impl Fn(&mut HostConfig)) -> Self {
        self.client(&change).server(&change)
    }

    /// See [`Pair::connected`].
    pub fn connected(self) -> Pair {
        let mut pair = self.just_connected();
        let announced =
            |pair: &Pair, side| pair.sent_by(side).any(|sent| sent.carries(CommandKind::BandwidthLimit));
        pair.run_until(|pair| announced(pair, Client) && announced(pair, Server));
        pair.run_until_quiet();
        pair.mark();
        pair
    }

    /// See [`Pair::just_connected`].
    pub fn just_connected(self) -> Pair {
        let mut pair = self.strangers();
        pair.connect();
        pair.run_until(|pair| {
            pair.client.state() == PeerState::Connected && pair.server.state() == PeerState::Connected
        });
        pair.run_until_quiet();
        pair.client.events();
        pair.server.events();
        pair.mark();
        pair
    }

    /// See [`Pair::strangers`].
    pub fn strangers(self) -> Pair {
        let PairBuilder { delay, start, options, client, server } = self;
        Pair {
            client: End::new(SocketAddr::from(([127, 0, 0, 1], 26_000)), client),
            server: End::new(SocketAddr::from(([127, 0, 0, 1], 26_050)), server),
            network: Network::new(delay),
            in_flight: BTreeMap::new(),
            launched: 0,
            now: start,
            marked: start,
            options,
        }
    }
}
