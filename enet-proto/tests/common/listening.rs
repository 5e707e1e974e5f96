//! What a [`Crafted`] remote hears of the host, and what it can tell about datagrams the host refuses.

use enet_proto::{DiscardReason, DisconnectReason, Event, Packet};
use enet_testkit::describe;
use enet_wire::Command;

use super::{Crafted, Heard};

impl Crafted {
    /// Asserts that the host sends exactly these commands now, in however many datagrams.
    #[track_caller]
    pub(crate) fn hears(&mut self, expected: &[Command<'_>]) {
        let heard = self.heard();
        let commands: Vec<String> = heard.iter().flat_map(Heard::commands).map(|it| describe(&it)).collect();
        let expected: Vec<String> = expected.iter().map(describe).collect();
        assert_eq!(commands, expected);
    }

    /// Asserts that the host sends exactly these datagrams now, each with these commands.
    #[track_caller]
    pub(crate) fn hears_datagrams(&mut self, expected: &[&[Command<'_>]]) {
        let heard = self.heard();
        let datagrams: Vec<Vec<String>> =
            heard.iter().map(|datagram| datagram.commands().iter().map(describe).collect()).collect();
        let expected: Vec<Vec<String>> =
            expected.iter().map(|commands| commands.iter().map(describe).collect()).collect();
        assert_eq!(datagrams, expected);
    }

    /// Asserts that the host has sent nothing since last asked, and wants to send nothing.
    #[track_caller]
    pub(crate) fn hears_nothing(&mut self) {
        self.hears(&[]);
    }

    /// The datagrams the host has sent since last asked.
    pub(crate) fn heard(&mut self) -> Vec<Heard> {
        self.listen();
        std::mem::take(&mut self.heard)
    }

    /// When, in ms since the mark, the host sent commands like this one since last asked; other commands are forgotten.
    pub(crate) fn times_of(&mut self, alike: &Command<'_>) -> Vec<u64> {
        let heard = self.heard();
        let sent = |datagram: &Heard| datagram.commands().into_iter().filter(|it| it == alike).count();
        heard.iter().flat_map(|datagram| std::iter::repeat_n(datagram.at, sent(datagram))).collect()
    }

    /// The events since last asked.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.events);
        events.extend(std::iter::from_fn(|| self.host.poll_event()));
        events
    }

    /// The packets the host's application receives, with their channels. No other event may be waiting.
    #[track_caller]
    pub(crate) fn packets(&mut self) -> Vec<(u8, Packet)> {
        let received = |event| match event {
            Event::Received { channel, packet, .. } => (channel.get(), packet),
            other => panic!("{other:?}"),
        };
        self.events().into_iter().map(received).collect()
    }

    /// The payloads the host's application receives, as text.
    #[track_caller]
    pub(crate) fn texts(&mut self) -> Vec<String> {
        self.packets().into_iter().map(|(_, packet)| String::from_utf8_lossy(&packet).into_owned()).collect()
    }

    /// Why and with what data each connection ended since last asked. No other event may be waiting.
    #[track_caller]
    pub(crate) fn endings(&mut self) -> Vec<(DisconnectReason, u32)> {
        let ending = |event| match event {
            Event::Disconnected { reason, data, .. } => (reason, data),
            other => panic!("{other:?}"),
        };
        self.events().into_iter().map(ending).collect()
    }

    // ---- Refusals

    /// Says these commands and returns why the host discarded them; that nothing else happened is asserted.
    #[track_caller]
    pub(crate) fn is_refused(&mut self, commands: &[Command<'_>]) -> Option<DiscardReason> {
        let bytes = self.datagram(commands);
        self.is_refused_as(&bytes)
    }

    /// Sends these bytes and returns why the host discarded them, once, and that nothing else happened.
    #[track_caller]
    pub(crate) fn is_refused_as(&mut self, bytes: &[u8]) -> Option<DiscardReason> {
        self.listen();
        let before = self.picture();
        let discarded = self.host.stats().discarded;
        self.utters(bytes);
        assert_eq!(self.picture(), before, "something changed");
        let discarded_now = self.host.stats().discarded;
        let grown = discarded_now.iter().zip(discarded.iter()).filter(|(now, then)| now.1 > then.1);
        let reasons: Vec<DiscardReason> = grown.map(|((reason, _), _)| reason).collect();
        let times = discarded_now.total() - discarded.total();
        assert!(times <= 1, "discarded {times} times: {reasons:?}");
        reasons.first().copied()
    }

    /// Everything of the host that can be seen from outside without fetching, but for the totals of what it received.
    fn picture(&mut self) -> String {
        let (timeout, pending) = (self.host.poll_timeout(), self.host.has_pending_transmit());
        let peers = self.host.peers().map(|peer| {
            let mut stats = peer.stats();
            stats.incoming_data_total = 0;
            let channels: Vec<_> = (0..peer.channels()).map(|id| peer.channel(id)).collect();
            format!("{peer:?} {} {stats:?} {channels:?}\n", peer.mtu())
        });
        let peers: String = peers.collect();
        let connected = self.host.connected_peers();
        format!("{peers}{connected} connected, {timeout:?}, pending {pending}")
    }
}
