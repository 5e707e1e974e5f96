use core::net::Ipv4Addr;

use enet_wire::Connect;
use proptest::prelude::*;

use super::*;
use crate::peer::candidate::Proof;
use crate::peer::establish::Grant;

fn table(limit: u16) -> HalfOpen {
    HalfOpen::new(limit, false, Secret([3, 5]))
}

/// Somebody of a network, known by a number of their own.
fn of_network(network: u16, number: u32, now: u32) -> Candidate {
    let [high, low] = network.to_be_bytes();
    let from = SocketAddr::from((Ipv4Addr::new(10, high, low, 1), 5_000));
    let connect = Connect { connect_id: ConnectId(number.to_be_bytes()), ..Connect::default() };
    let id = WirePeerId::from_bits((number & 0xFFF) as u16);
    let grant = Grant { channels: 1, mtu: 1_400, window: 65_536 };
    Candidate::new(from, &connect, id, grant, Proof::new(u64::from(number), id, 0), now)
}

/// Those who are replied to, by their numbers.
fn replied_to(table: &mut HalfOpen) -> Vec<u32> {
    let next = |table: &mut HalfOpen| table.next_reply().and_then(|number| table.get(number).copied());
    core::iter::from_fn(|| next(table)).map(|it| u32::from_be_bytes(it.connect_id.0)).collect()
}

fn is_there(table: &HalfOpen, candidate: &Candidate) -> bool {
    table.find(candidate.address(), candidate.connect_id).is_some()
        && table.route(candidate.address(), candidate.proof.id()).is_some()
}

#[test]
fn a_table_that_is_more_than_half_full_is_strict() {
    let mut table = table(8);
    for number in 0..4 {
        table.insert(of_network(number, u32::from(number), 0), None);
        assert!(!table.is_strict(0), "{number}");
    }
    table.insert(of_network(4, 4, 0), None);
    assert!(table.is_strict(0));
}

#[test]
fn more_than_a_thousand_within_a_second_make_it_strict_for_two_seconds_from_the_first() {
    let mut table = table(16_000);
    for number in 0..1_001 {
        assert!(!table.is_strict(400), "{number}");
        table.insert(of_network(number, u32::from(number), 400), None);
    }
    assert_eq!([400, 1_999, 2_000].map(|now| table.is_strict(now)), [true, true, false]);
    // The second began with the host; the next one begins with who comes then.
    table.insert(of_network(2_000, 2_000, 1_000), None);
    assert!(!table.is_strict(1_000));
}

#[test]
fn a_name_holds_as_long_as_its_entry() {
    let mut table = table(8);
    let is_at = |table: &HalfOpen, at: Number, number: u32| {
        table.get(at).is_some_and(|it| it.connect_id == ConnectId(number.to_be_bytes()))
    };
    let names: Vec<Number> =
        (0..8).map(|it| table.insert(of_network(it, u32::from(it), 0), None).0).collect();
    let (_, gone) = table.insert(of_network(8, 8, 0), None);
    assert_eq!(gone, 1);
    for (number, name) in (0u32..).zip(names) {
        assert_eq!(is_at(&table, name, number), number != 0, "the oldest, and nobody else: {number}");
    }
}

/// And one datagram moves no other entry: each of the table's places is taken by one, and used again.
#[test]
fn a_network_that_displaces_its_own_displaces_nobody_else() {
    let mut table = table(8);
    let quiet = of_network(1, 1, 0);
    table.insert(quiet, None);
    for (network, number) in [(3, 30), (3, 31), (4, 40)] {
        table.insert(of_network(network, number, 0), None); // with the next two three quarters are taken
    }
    for number in 100..200 {
        table.insert(of_network(2, number, 0), None);
        assert!(is_there(&table, &quiet), "{number}");
        table.check_invariants();
        assert!(table.places.len() <= 6, "{}", table.places.len());
    }
    assert_eq!(table.len(), 6);
}

#[test]
fn a_network_over_its_share_makes_room_itself_in_a_full_table() {
    let mut table = table(8);
    for number in 0..8 {
        table.insert(of_network(number / 2, u32::from(number), 0), None);
    }
    let (_, gone) = table.insert(of_network(3, 100, 0), None);
    assert_eq!((gone, table.len()), (1, 8));
    assert!(is_there(&table, &of_network(0, 0, 0)) && !is_there(&table, &of_network(3, 6, 0)));
}

#[test]
fn who_displaces_its_own_neither_forgets_nor_repeats_what_is_due() {
    let mut table = table(8);
    table.insert(of_network(1, 1, 0), None);
    assert_eq!(table.on_time(500), 0);
    assert_eq!(replied_to(&mut table), [1]);
    // Two of this network remain.
    for number in 100..110 {
        table.insert(of_network(2, number, 600), None);
    }
    assert_eq!((table.on_time(1_099), replied_to(&mut table)), (0, vec![]));
    assert_eq!((table.on_time(1_100), replied_to(&mut table)), (0, vec![108, 109]));
    assert_eq!((table.on_time(1_500), replied_to(&mut table)), (0, vec![1]));
    assert_eq!((table.on_time(2_100), replied_to(&mut table)), (0, vec![108, 109]));
    assert_eq!((table.on_time(29_999), table.on_time(30_000), table.on_time(30_600)), (0, 1, 2));
}

#[test]
fn a_reply_that_waits_survives_a_network_that_displaces_its_own() {
    let mut table = table(8);
    let (number, _) = table.insert(of_network(1, 1, 0), None);
    table.reply_to(number);
    for number in 100..110 {
        table.insert(of_network(2, number, 0), None);
    }
    assert_eq!(replied_to(&mut table), [1]);
}

#[test]
fn who_gets_the_place_of_one_that_waited_for_a_reply_gets_none_unasked() {
    let mut table = table(8);
    table.insert(of_network(1, 1, 0), None);
    let (gone, _) = table.insert(of_network(1, 2, 0), None);
    table.reply_to(gone);
    table.remove(gone);
    assert_eq!(table.insert(of_network(1, 3, 0), None).0, gone);
    assert_eq!(replied_to(&mut table), []);
}

/// Both parts of a name count: those with one of them in common stand beside each other in the indexes.
#[test]
fn everybody_is_found_as_themselves_among_many_of_one_address_and_many_of_one_id() {
    let mut table = table(16_000);
    let of_one_address = (0..200).map(|number| of_network(1, number, 0));
    let of_one_id = (2..200).map(|network| of_network(network, 7, 0));
    let all: Vec<(Number, Candidate)> =
        of_one_address.chain(of_one_id).map(|it| (table.insert(it, None).0, it)).collect();
    for (number, it) in all {
        assert_eq!(table.find(it.address(), it.connect_id), Some(number));
        assert_eq!(table.route(it.address(), it.proof.id()), Some(number));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert { network: u16 },
    Remove { which: usize },
    Pass { millis: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3u16).prop_map(|network| Step::Insert { network }),
        2 => (0..16usize).prop_map(|which| Step::Remove { which }),
        2 => (1..4_000u32).prop_map(|millis| Step::Pass { millis }),
    ]
}

proptest! {
    /// Against a list, as long as there is room for one more network's share: who is found, by either name, and who goes
    /// when.
    #[test]
    fn it_is_a_list_in_order_of_arrival(limit in 4..12u16, steps in prop::collection::vec(step(), 1..120)) {
        let mut table = table(limit);
        let quota = (usize::from(limit) / QUOTA).max(1);
        let mut list: Vec<Candidate> = Vec::new();
        let (mut now, mut next) = (0, 1);
        for step in steps {
            match step {
                Step::Insert { network } => {
                    let candidate = of_network(network, next, now);
                    next += 1;
                    let (number, _) = table.insert(candidate, None);
                    let of_it = |it: &Candidate| it.address() == candidate.address();
                    if list.iter().filter(|it| of_it(it)).count() >= quota {
                        let oldest = list.iter().position(of_it).unwrap();
                        list.remove(oldest);
                    }
                    list.push(candidate);
                    prop_assert_eq!(table.get(number).map(|it| it.connect_id), Some(candidate.connect_id));
                }
                Step::Remove { which } => {
                    if which < list.len() {
                        let candidate = list.remove(which);
                        let number = table.find(candidate.address(), candidate.connect_id).unwrap();
                        prop_assert_eq!(table.route(candidate.address(), candidate.proof.id()), Some(number));
                        prop_assert!(table.remove(number).is_some() && table.remove(number).is_none());
                    }
                }
                Step::Pass { millis } => {
                    now += millis;
                    let before = list.len();
                    list.retain(|it| now - it.created < LIFETIME);
                    prop_assert_eq!(table.on_time(now), (before - list.len()) as u64);
                    replied_to(&mut table);
                    if let Some(wait) = table.wait(now) {
                        prop_assert!((1..=LIFETIME).contains(&wait));
                    }
                }
            }
            table.check_invariants();
            prop_assert_eq!(table.len(), list.len());
            prop_assert!(list.iter().all(|it| is_there(&table, it)));
        }
    }
}

#[test]
fn tokens_take_no_more_than_four_mebibytes_and_of_one_network_a_quarter() {
    let token = |number: u32| Some(vec![number.to_be_bytes()[3]; 1_024].into_boxed_slice());
    let mut table = table(u16::MAX);
    table.insert(of_network(9, 0, 0), token(0));
    for number in 1..=5_000 {
        table.insert(of_network(1, number, 0), token(number));
    }
    assert_eq!((table.len(), table.token_bytes), (1_025, 1_025 << 10));
    assert!(!is_there(&table, &of_network(1, 3_976, 0)) && is_there(&table, &of_network(1, 3_977, 0)));
    for (network, number) in (10..).zip(5_001..=9_000) {
        assert!(is_there(&table, &of_network(9, 0, 0)) || table.token_bytes == TOKEN_BYTES);
        table.insert(of_network(network, number, 0), token(number));
    }
    assert!(!is_there(&table, &of_network(9, 0, 0)), "the oldest made room");
    table.check_invariants();
    let (without, gone) = table.insert(of_network(8, 9_001, 0), None);
    assert_eq!((gone, table.take_token(without)), (0, None));
}

#[test]
fn tokens_make_room_for_tokens_and_displace_nobody_else() {
    let token = || Some(vec![7; 1_024].into_boxed_slice());
    let mut table = table(u16::MAX);
    for number in 0..10_000 {
        table.insert(of_network(number, u32::from(number), 0), None);
    }
    for number in 10_000..30_000 {
        table.insert(of_network(number, u32::from(number), 0), token());
    }
    assert!((13_000..=14_096).contains(&table.len()), "{}", table.len());
    assert!((0..10_000).all(|number| is_there(&table, &of_network(number, number.into(), 0))));
    table.check_invariants();
    for number in 30_000..60_000 {
        let (number, _) = table.insert(of_network(number, u32::from(number), 0), token());
        table.remove(number);
    }
    table.check_invariants();
}
