//! Rows notice when work is not done: a subject that loses packets is not fast.

use std::net::SocketAddr;
use std::time::Duration;

use super::{bulk, crowd, echo, flood};
use crate::clock::{Counted, Gauge};
use crate::ends::{Delivery, Driven, End, Event, Ours, Pair};

/// Ours, but every 50th packet it receives is lost, or changed, on its way to the application. Counts packets, and calls
/// that find nothing.
struct Careless<const CHANGES: bool>(Ours, usize, usize);

type Losing = Careless<false>;
type Changing = Careless<true>;

impl<const CHANGES: bool> End for Careless<CHANGES> {
    type Peer = <Ours as End>::Peer;

    fn open(slots: u16) -> Result<Self, String> {
        Ours::open(slots).map(|ours| Careless(ours, 0, 0))
    }

    fn address(&self) -> Result<SocketAddr, String> {
        self.0.address()
    }

    fn connect(&mut self, to: SocketAddr) -> Result<(), String> {
        self.0.connect(to)
    }

    fn service(
        &mut self,
        wait: Duration,
        handle: impl FnOnce(&mut Self, Event<Self::Peer, &[u8]>) -> Result<(), String>,
    ) -> Result<bool, String> {
        loop {
            let mut came = None;
            let is_any = self.0.service(wait, |_, event| {
                came = Some(match event {
                    Event::Connected(peer) => Event::Connected(peer),
                    Event::Disconnected(peer) => Event::Disconnected(peer),
                    Event::Received(peer, packet) => Event::Received(peer, packet.to_vec()),
                });
                Ok(())
            })?;
            self.2 += usize::from(!is_any);
            match came {
                None => return Ok(false),
                Some(Event::Connected(peer)) => handle(self, Event::Connected(peer))?,
                Some(Event::Disconnected(peer)) => handle(self, Event::Disconnected(peer))?,
                Some(Event::Received(peer, mut packet)) => {
                    self.1 += 1;
                    if self.1.is_multiple_of(50) {
                        if !CHANGES {
                            continue;
                        }
                        packet.truncate(1);
                    }
                    handle(self, Event::Received(peer, &packet))?;
                }
            }
            return Ok(true);
        }
    }

    fn send(&mut self, peer: Self::Peer, delivery: Delivery, bytes: &[u8]) -> Result<(), String> {
        self.0.send(peer, delivery, bytes)
    }

    fn send_static(&mut self, peer: Self::Peer, bytes: &'static [u8]) -> Result<(), String> {
        self.0.send_static(peer, bytes)
    }

    fn broadcast(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.broadcast(bytes)
    }

    fn steady(&mut self, peer: Self::Peer) -> Result<(), String> {
        self.0.steady(peer)
    }

    fn disconnect(&mut self, peer: Self::Peer) -> Result<(), String> {
        self.0.disconnect(peer)
    }
}

#[test]
fn a_flood_with_losses_is_a_failure() {
    let lost = flood::run::<Losing, Ours>(64, 32, 3_200, Counted::Server, 1.0).unwrap_err();
    assert!(lost.ends_with("packets were lost"), "{lost}");
    let changed = flood::run::<Changing, Ours>(64, 32, 3_200, Counted::Both, 1.0).unwrap_err();
    assert_eq!(changed, "a packet of 1 bytes");
}

#[test]
fn a_lost_packet_has_the_receiver_wait_for_its_own_burst_alone() {
    let mut pair = Pair::<Losing, Ours>::open().unwrap();
    let before = pair.server.2;
    // Every fifth burst loses a packet, which is too many.
    flood::bursts_of(&mut pair, 64, 10, 100, &mut Gauge::new(Counted::Server)).unwrap_err();
    let in_vain = pair.server.2 - before;
    assert!((100..250).contains(&in_vain), "{in_vain} turns for 100 bursts, of which 20 took 4");
}

#[test]
fn an_echo_with_losses_is_a_failure() {
    let out_of_order = echo::in_turns::<Losing>(64, 700, 1.0).unwrap_err();
    assert!(out_of_order.ends_with("came back changed"), "{out_of_order}");
    let in_threads = echo::in_threads::<Changing, Ours>(8, 500, 1.0).unwrap_err();
    assert!(in_threads.ends_with("came back changed"), "{in_threads}");
}

#[test]
fn a_changed_bulk_packet_is_a_failure() {
    let changed = bulk::run::<Ours, Changing>(60, Counted::Both, 1.0).unwrap_err();
    assert_eq!(changed, "a packet of 1 bytes");
}

#[test]
fn a_crowd_that_is_not_answered_is_a_failure() {
    let lost = crowd::answer::<Ours, Losing>(&mut None, 2, 1.0).unwrap_err();
    assert!(lost.ends_with("packets were lost"), "{lost}");
    assert!(crowd::answer::<Ours, Driven>(&mut None, 2, 0.01).is_ok());
}

#[test]
fn a_broadcast_that_does_not_reach_all_is_a_failure() {
    // A client's 50th packet is lost, so nobody loses one in the warm-up.
    let lost = crowd::broadcast::<Ours, Losing>(&mut None, 2, 1.0).unwrap_err();
    assert!(lost.ends_with("packets were lost"), "{lost}");
    assert!(crowd::broadcast::<Ours, Driven>(&mut None, 2, 0.01).is_ok());
}
