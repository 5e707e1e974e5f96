//! Each mutant breaks something that can be seen: a law that two sound hosts keep, it does not.
//!
//! Run with `RUSTFLAGS="--cfg enet_mutants" cargo test -p enet-proto --test mutants`; otherwise there are no mutants.
#![cfg(enet_mutants)]

mod common;

use std::panic::catch_unwind;
use std::sync::{Mutex, PoisonError};

use common::{Crafted, two_channels};
use enet_proto::mutants::{Mutant, select};
use enet_proto::{Event, Instant, Packet, PeerId, PeerState, Profile};
use enet_testkit::commands::{acknowledge, ping, reliable};
use enet_testkit::pair::{Client, Pair, Sent, Server, carrying, first, from, ms, nth};
use enet_wire::CommandKind;

const CONNECT_LEN: usize = 52;
const VERIFY_LEN: usize = 48;

/// The selection holds for the whole process: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Whether a sound host keeps the law, and one with the mutant.
fn kept(mutant: Mutant, law: fn() -> bool) -> (bool, bool) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    select(None);
    let without = law();
    select(Some(mutant));
    let with = catch_unwind(law);
    select(None);
    // Accounts that contradict each other are noticed by the hosts' own checks.
    (without, with.unwrap_or(false))
}

/// A test for each mutant: the law it breaks.
macro_rules! broken {
    ($($name:ident: $mutant:ident breaks $law:expr;)+) => {
        $(#[test]
        fn $name() {
            assert_eq!(kept(Mutant::$mutant, $law), (true, false));
        })+

        #[test]
        fn every_mutant_has_a_law_that_it_breaks() {
            let mut broken = [$(Mutant::$mutant),+];
            broken.sort_unstable();
            assert_eq!(broken, Mutant::ALL);
        }
    };
}

#[test]
fn a_name_leads_back_to_its_mutant() {
    for mutant in Mutant::ALL {
        assert_eq!(mutant.as_str().parse(), Ok(*mutant));
        assert!(mutant.breaks().ends_with('.'), "{mutant}");
    }
    assert!("nobody".parse::<Mutant>().is_err());
}

broken! {
    a_reliable_packet_is_delivered_once: NoDedup breaks || {
        let mut pair = Pair::connected();
        pair.duplicate(carrying(CommandKind::SendReliable));
        pair.client.send(0, Packet::reliable("a"));
        pair.run_for(ms(100));
        pair.server.texts() == ["a"]
    };
    unreliable_packets_never_go_back: UnreliableGoesBack breaks || {
        let mut pair = Pair::connected();
        pair.delay(ms(20), |sent| sent.says("a"));
        pair.client.send(0, Packet::unreliable("a"));
        pair.run_for(ms(1));
        pair.client.send(0, Packet::unreliable("b"));
        pair.run_for(ms(100));
        pair.server.texts() == ["b"]
    };
    unreliable_packets_wait_for_the_reliable_one_before: UnreliableOvertakes breaks || {
        let mut pair = Pair::connected();
        pair.lose_next(Client, 1);
        pair.client.send(0, Packet::reliable("a"));
        pair.run_for(ms(1));
        pair.client.send(0, Packet::unreliable("b"));
        pair.run_for(ms(400));
        pair.server.texts() == ["a", "b"]
    };
    an_unsequenced_packet_is_delivered_once: UnsequencedTwice breaks || {
        let mut pair = Pair::connected();
        pair.duplicate(carrying(CommandKind::SendUnsequenced));
        pair.client.send(0, Packet::unsequenced("a"));
        pair.run_for(ms(100));
        pair.server.texts() == ["a"]
    };
    reliable_numbers_go_on_behind_65535: ReliableWrap breaks || {
        let mut pair = Pair::connected();
        let mut received = 0;
        for _ in 0..66 {
            for _ in 0..1_000 {
                pair.client.send(0, Packet::reliable("a"));
            }
            pair.run_for(ms(30));
            received += pair.server.received().len();
        }
        received == 66_000
    };
    what_is_acknowledged_is_delivered: FullInboxAcknowledged breaks || {
        let mut pair = Pair::with().server(|config| config.max_waiting_data = 4).connected();
        pair.server.stop_fetching();
        pair.client.send(0, Packet::reliable("full"));
        pair.client.send(0, Packet::reliable("b"));
        pair.run_for(ms(100));
        pair.server.fetch_again();
        pair.run_for(ms(1_000));
        pair.server.texts() == ["full", "b"]
    };
    a_packet_is_delivered_whole: EarlyReassembly breaks || {
        let mut pair = Pair::connected();
        delivers_unchanged(&mut pair, 3_000)
    };
    fragments_that_overtake_each_other_find_their_places: FragmentMisplaced breaks || {
        let mut pair = Pair::connected();
        pair.delay(ms(5), nth(1, carrying(CommandKind::SendFragment)));
        delivers_unchanged(&mut pair, 3_000)
    };
    a_lost_acknowledgement_is_made_up_for: RepeatUnacknowledged breaks || {
        let mut pair = Pair::connected();
        pair.lose(first(1, from(Server)));
        pair.client.send(0, Packet::reliable("a"));
        pair.run_for(ms(400));
        pair.times_of(Client, CommandKind::SendReliable).len() == 2
    };
    acknowledgements_go_out_at_once: AcksWait breaks || {
        let mut pair = Pair::strangers();
        pair.connect();
        pair.run_for(ms(2_000));
        pair.mark();
        pair.client.send(0, Packet::reliable("a"));
        pair.run_for(ms(400));
        pair.times_of(Server, CommandKind::Acknowledge).contains(&10)
    };
    a_command_lost_twice_is_sent_again: ForgottenTimer breaks || {
        let mut pair = Pair::connected();
        pair.lose_next(Client, 2);
        pair.client.send(0, Packet::reliable("a"));
        pair.run_for(ms(2_000));
        pair.server.texts() == ["a"]
    };
    timeouts_double: NoBackoff breaks || {
        let (mut pair, _) = unanswered();
        pair.run_for(ms(400));
        let times = pair.times_of(Client, CommandKind::SendReliable);
        times[2] - times[1] == 2 * (times[1] - times[0])
    };
    a_lost_tail_is_probed: NoProbe breaks || {
        let mut pair = Pair::with().modern().connected();
        pair.lose_next(Client, 1);
        pair.client.send(0, Packet::reliable("a"));
        pair.run_for(ms(2_000));
        pair.server.texts() == ["a"]
    };
    nothing_is_sent_again_before_its_time: EarlyResend breaks || {
        let (mut pair, timeout) = unanswered();
        pair.run_for(ms(400));
        let times = pair.times_of(Client, CommandKind::SendReliable);
        times[1] - times[0] == u128::from(timeout)
    };
    acknowledgements_count_across_the_wrap_of_the_sent_time: SentTimeWrap breaks || {
        let mut pair = Pair::with().starting_at(Instant::from_millis((20 << 16) - 3_000)).connected();
        run_until_just_before(&mut pair, 20 << 16);
        pair.client.send(0, Packet::reliable("a"));
        pair.run_for(ms(400));
        pair.times_of(Client, CommandKind::SendReliable).len() == 1
    };
    a_blackout_has_its_age_across_the_wrap_of_the_clock: ClockWrap breaks || {
        let mut pair = Pair::with().starting_at(Instant::from_millis((1 << 32) - 3_000)).connected();
        run_until_just_before(&mut pair, 1 << 32);
        survives_a_loss(&mut pair)
    };
    a_silent_peer_is_given_up: NoTimeout breaks || {
        let (mut pair, _) = unanswered();
        pair.run_for(ms(40_000));
        pair.client.state() == PeerState::Disconnected
    };
    one_loss_does_not_end_a_connection: HastyTimeout breaks || survives_a_loss(&mut Pair::connected());
    losses_far_apart_do_not_add_up: BlackoutRunsOn breaks || {
        let mut pair = Pair::connected();
        let first = survives_a_loss(&mut pair);
        pair.run_for(ms(30_000));
        first && survives_a_loss(&mut pair)
    };
    an_idle_connection_pings: NoPing breaks || {
        let mut pair = Pair::connected();
        pair.run_for(ms(2_000));
        pair.times_of(Client, CommandKind::Ping).len() >= 3
    };
    reliable_bytes_in_flight_fit_the_window: ByteWindowIgnored breaks || {
        let mut pair = Pair::connected();
        for _ in 0..100 {
            pair.client.send(0, Packet::reliable(vec![0; 1_000]));
        }
        pair.run_for(ms(1));
        pair.client.stats().reliable_data_in_transit <= pair.client.stats().window_size
    };
    reliable_numbers_in_flight_cannot_be_taken_for_others: SequenceWindowIgnored breaks || {
        let mut pair = Pair::connected();
        pair.lose(|sent| sent.says("head"));
        pair.client.send(0, Packet::reliable("head"));
        for _ in 0..30 {
            pair.run_for(ms(20));
            for _ in 0..1_000 {
                pair.client.send(0, Packet::reliable(""));
            }
        }
        pair.run_for(ms(20));
        pair.sent_by(Client).flat_map(Sent::commands).all(|command| command.seq.0 < 0x7000)
    };
    acknowledged_bytes_are_no_longer_in_flight: InTransitLeak breaks || {
        let mut pair = Pair::connected();
        delivers_unchanged(&mut pair, 3_000) && pair.client.stats().reliable_data_in_transit == 0
    };
    fetched_bytes_no_longer_wait: WaitingDataLeak breaks || {
        let mut pair = Pair::connected();
        delivers_unchanged(&mut pair, 100) && pair.server.stats().waiting_data == 0
    };
    the_throttle_stays_within_its_scale: ThrottleOutOfRange breaks || {
        let mut pair = Pair::connected();
        delivers_unchanged(&mut pair, 100) && pair.client.stats().throttle <= 32
    };
    the_throttle_recovers: ThrottleStaysLow breaks || {
        let mut pair = Pair::connected();
        pair.run_for(ms(6_000));
        pair.set_delay(ms(100));
        pair.run_for(ms(3_000));
        let congested = pair.client.stats().throttle;
        pair.set_delay(ms(10));
        pair.run_for(ms(20_000));
        congested < 32 && pair.client.stats().throttle == 32
    };
    no_datagram_exceeds_the_mtu: MtuExceeded breaks || {
        let mut pair = Pair::connected();
        delivers_unchanged(&mut pair, 3_000) && pair.log().iter().all(|sent| sent.bytes.len() <= 1_392)
    };
    no_datagram_has_more_than_32_commands: TooManyCommands breaks || {
        let mut pair = Pair::with().both(|config| config.profile = Profile::Compat).connected();
        for _ in 0..40 {
            pair.client.send(0, Packet::reliable("a"));
        }
        pair.run_for(ms(100));
        pair.log().iter().all(|sent| sent.commands().count() <= 32)
    };
    an_old_handle_does_not_reach_a_new_connection: StaleGeneration breaks || {
        let mut pair = Pair::connected();
        let old = pair.server.id().expect("a connection");
        reconnect(&mut pair);
        pair.server.host.peer(old).is_none()
    };
    an_old_datagram_does_not_reach_a_new_connection: StaleSession breaks || {
        let mut pair = Pair::connected();
        let old = pair.forge(Client, &[reliable(0, 1, b"old")]);
        reconnect(&mut pair);
        pair.deliver(Server, pair.client.address, &old);
        pair.server.texts().is_empty()
    };
    a_copy_of_a_connect_takes_no_slot: DuplicateConnect breaks || {
        let mut pair = Pair::strangers();
        pair.duplicate(carrying(CommandKind::Connect));
        pair.connect();
        pair.run_for(ms(100));
        pair.server.host.peers().count() == 1
    };
    a_wrong_acknowledgement_proves_nothing: AnyProof breaks || {
        let mut remote = Crafted::modern();
        let Some(granted) = remote.knocks(two_channels()) else { return false };
        remote.adopts(&granted);
        remote.says(&[acknowledge(0xff, 0, 0), acknowledge(0xff, 1, 1)]);
        remote.events().is_empty()
    };
    strangers_are_sent_no_more_than_thrice_what_came: FreeAmplifier breaks || {
        let mut remote = Crafted::modern();
        let Some(granted) = remote.knocks(two_channels()) else { return false };
        remote.adopts(&granted);
        // Each makes the host answer again: its acknowledgement may have been lost.
        let (mut received, mut sent) = (CONNECT_LEN, VERIFY_LEN);
        for _ in 0..20 {
            let said = remote.datagram(&[ping(2)]);
            received += said.len();
            remote.utters(&said);
            remote.wait(1);
            sent += remote.heard().iter().map(|datagram| datagram.bytes.len()).sum::<usize>();
        }
        sent <= 3 * received
    };
    slots_are_free_again: SlotLeak breaks || {
        let mut pair = Pair::connected();
        reconnect(&mut pair);
        pair.server.id().map(PeerId::slot) == Some(0)
    };
    a_connection_ends_once: EventAfterDisconnect breaks || farewells(7).len() == 1;
    the_data_of_a_disconnect_arrives: DisconnectDataLost breaks || farewells(7).first() == Some(&7);
    disconnecting_later_waits_for_what_is_queued: LaterDropsData breaks || {
        let mut pair = Pair::connected();
        pair.client.send(0, Packet::reliable("a"));
        pair.client.disconnect_later(0);
        pair.run_for(ms(400));
        pair.server.texts() == ["a"]
    };
}

/// Whether a reliable packet of this length arrives as it was sent.
fn delivers_unchanged(pair: &mut Pair, length: u32) -> bool {
    let payload: Vec<u8> = (1..=length).map(|n| n.to_le_bytes()[0] | 1).collect();
    pair.client.send(0, Packet::reliable(payload.clone()));
    pair.run_for(ms(400));
    let received = pair.server.received();
    received.len() == 1 && received.iter().all(|(_, packet)| packet[..] == payload)
}

/// Whether the connection is there a second after a datagram was lost.
fn survives_a_loss(pair: &mut Pair) -> bool {
    pair.lose_next(Client, 1);
    pair.client.send(0, Packet::reliable("a"));
    pair.run_for(ms(1_000));
    pair.client.state() == PeerState::Connected
}

/// A pair cut apart whose client has sent something, and the timeout it should have for that, in ms.
fn unanswered() -> (Pair, u32) {
    let mut pair = Pair::with().both(|config| config.profile = Profile::Compat).connected();
    let stats = pair.client.stats();
    pair.cut();
    pair.client.send(0, Packet::reliable("a"));
    (pair, stats.round_trip_time + 4 * stats.round_trip_time_variance)
}

fn run_until_just_before(pair: &mut Pair, millis: u64) {
    let now = pair.now().as_millis();
    pair.run_for(ms(millis - 5 - now));
    pair.run_until_quiet();
    assert!(pair.now().as_millis() < millis, "a ping was under way too long");
    pair.mark();
}

/// Ends the connection and makes another in the same slots.
fn reconnect(pair: &mut Pair) {
    pair.client.disconnect(0);
    pair.run_for(ms(400));
    pair.connect();
    pair.run_for(ms(400));
    pair.server.events();
}

/// The data of the server's `Disconnected` events after the client disconnected with `data`.
fn farewells(data: u32) -> Vec<u32> {
    let mut pair = Pair::connected();
    pair.client.disconnect(data);
    pair.run_for(ms(400));
    let told = |event| if let Event::Disconnected { data, .. } = event { Some(data) } else { None };
    pair.server.events().into_iter().filter_map(told).collect()
}
