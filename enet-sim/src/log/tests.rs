use super::*;
use crate::net::DropReason;
use crate::time::Span;
use enet_wire::{Body, ChannelId, Command, Header, ReliableSeq, Writer};

const SERVER: HostIndex = 0;
const CLIENT: HostIndex = 1;

fn log(keep: Option<usize>) -> Log {
    let host = |name: &str, last: u8| HostName {
        name: name.to_owned(),
        address: SocketAddr::from(([10, 0, 0, last], 7_000)),
    };
    Log::new(LogConfig { hosts: vec![host("server", 1), host("client", 2)], checksum: false, keep })
}

fn address(log: &Log, host: HostIndex) -> SocketAddr {
    log.hosts()[host].address
}

fn datagram(channel: u8, seq: u16, body: Body<'_>) -> Vec<u8> {
    let acknowledge = !matches!(body, Body::Acknowledge { .. });
    let command = Command {
        channel: ChannelId::new(channel),
        seq: ReliableSeq(seq),
        acknowledge,
        unsequenced: false,
        body,
    };
    let mut buffer = [0; 200];
    let mut writer = Writer::new(&mut buffer);
    writer.header(&Header { sent_time: Some(1), ..Header::default() }).unwrap();
    writer.command(&command).unwrap();
    writer.finish().to_vec()
}

fn reliable(seq: u16) -> Vec<u8> {
    datagram(0, seq, Body::SendReliable { payload: &[0; 100] })
}

fn acknowledgement(seq: u16) -> Vec<u8> {
    datagram(0, seq, Body::Acknowledge { received_seq: ReliableSeq(seq), received_sent_time: 1 })
}

fn depart(log: &mut Log, millis: u64, from: HostIndex, bytes: &[u8], dropped: Option<DropReason>) {
    let at = Time(millis * 1_000_000);
    let to = address(log, 1 - from);
    let arrives = if dropped.is_some() { at } else { at + Span::from_millis(40) };
    let fate = Fate { number: 0, dropped, corrupted: false, copies: u8::from(dropped.is_none()), arrives };
    log.departed(at, from, to, bytes, &fate);
}

#[test]
fn a_line_says_when_where_and_what() {
    let mut log = log(None);
    depart(&mut log, 1_000, CLIENT, &reliable(17), None);
    depart(&mut log, 1_001, CLIENT, &reliable(18), Some(DropReason::Loss));
    log.arrived(Time(1_040_000_000), SERVER, address(&log, CLIENT), &reliable(17));
    let message = Happening::Received { conn: Conn(3), channel: 0, kind: None, payload: &[0; 100] };
    log.happened(Time(1_040_000_000), SERVER, &message);
    log.host_changed(Time(1_050_000_000), CLIENT, HostChange::ClockStepped(-1_500_000));
    log.healed(Time(2_000_000_000));
    let expected = "   1.000000  client ──▶ server  REL 17  [110 B, arrives after 40.00 ms]
   1.001000  client ──✗ server  REL 18  [110 B, lost]
   1.040000  server ◀── client  REL 17  [110 B]
   1.040000  server app         hears: a message of 100 B on #3, channel 0
   1.050000  client !!! its clock is set by -1.500 ms
   2.000000         !!! the network is healed
";
    assert_eq!(log.timeline(), expected);
}

#[test]
fn a_ring_keeps_the_latest() {
    let mut log = log(Some(2));
    for millis in 0..5 {
        depart(&mut log, millis, CLIENT, &reliable(1), None);
    }
    assert_eq!(log.entries().map(|entry| entry.at.0 / 1_000_000).collect::<Vec<_>>(), [3, 4]);
    assert!(log.timeline().starts_with("(3 earlier entries are not kept)\n"));
}

#[test]
fn the_first_difference_is_shown_with_what_came_before() {
    let (mut one, mut two) = (log(None), log(None));
    for log in [&mut one, &mut two] {
        depart(log, 1, CLIENT, &reliable(1), None);
    }
    assert_eq!(first_difference(&one, &two), None);
    depart(&mut one, 2, CLIENT, &reliable(2), None);
    let text = first_difference(&one, &two).unwrap();
    assert!(text.contains("entry 1 differs"), "{text}");
    assert!(text.contains("before:    0.001000"), "{text}");
    assert!(text.contains("REL 2"), "{text}");
    assert!(text.contains("second: nothing more"), "{text}");
    depart(&mut two, 2, CLIENT, &reliable(3), None);
    assert!(first_difference(&one, &two).unwrap().contains("REL 3"));
}

#[test]
fn the_telling_window_shows_a_loss_and_its_repair() {
    let mut log = log(None);
    for seq in 1..=40 {
        depart(
            &mut log,
            u64::from(seq) * 100,
            CLIENT,
            &reliable(seq),
            (seq == 20).then_some(DropReason::Loss),
        );
        if seq == 21 {
            depart(&mut log, 2_150, CLIENT, &reliable(20), None);
        }
        depart(&mut log, u64::from(seq) * 100 + 60, SERVER, &acknowledgement(seq), None);
    }
    let window = log.telling_window(SERVER, CLIENT).unwrap();
    assert_eq!((window.left.as_str(), window.right.as_str()), ("server", "client"));
    let lost: Vec<_> = window.arrows.iter().filter(|arrow| arrow.arrived.is_none()).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].labels.concat(), lost[0].remark), ("REL 20".to_owned(), Some("lost")));
    let again: Vec<_> = window.arrows.iter().filter(|arrow| arrow.again).collect();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].labels, ["REL 20"]);
    assert!(window.arrows.len() <= 10, "{}", window.arrows.len());
}

#[test]
fn a_window_holds_what_left_in_it_and_nothing_of_others() {
    let mut log = log(None);
    for millis in [10, 20, 30] {
        depart(&mut log, millis, CLIENT, &acknowledgement(7), None);
    }
    let elsewhere = SocketAddr::from(([9, 9, 9, 9], 1));
    let fate = Fate { number: 0, dropped: None, corrupted: false, copies: 1, arrives: Time(1) };
    log.departed(Time(20_000_000), CLIENT, elsewhere, &reliable(1), &fate);
    let window = log.window(CLIENT, SERVER, Time(15_000_000), Time(30_000_000));
    assert_eq!(window.arrows.len(), 1);
    assert!(window.arrows[0].from_left);
    assert_eq!(window.arrows[0].labels, ["ACK 7"]);
    assert_eq!(log.telling_window(CLIENT, 5), None);
}

#[test]
fn labels_name_channel_number_and_part() {
    let label = |bytes: &[u8]| line::labels(bytes, false).remove(0).text;
    assert_eq!(label(&datagram(2, 9, Body::SendReliable { payload: b"" })), "REL ch2 9");
    assert_eq!(label(&datagram(0xFF, 4, Body::Ping)), "PING 4");
    let fragment = enet_wire::Fragment {
        start: 20,
        count: 8,
        number: 2,
        total_length: 800,
        offset: 200,
        payload: &[0; 100],
    };
    assert_eq!(label(&datagram(0, 22, Body::SendFragment(fragment))), "FRAG 22 3/8");
    assert_eq!(label(&[0x8F]), "?");
}

#[test]
fn a_host_behind_a_nat_is_recognised_by_what_it_sent() {
    let mut log = log(None);
    let outside = SocketAddr::from(([198, 51, 100, 1], 19_620));
    depart(&mut log, 1, CLIENT, &reliable(1), None);
    log.arrived(Time(41_000_000), SERVER, outside, &reliable(1));
    let fate = Fate { number: 0, dropped: None, corrupted: false, copies: 1, arrives: Time(81_000_000) };
    log.departed(Time(41_000_000), SERVER, outside, &acknowledgement(1), &fate);
    assert!(log.timeline().contains("server ◀── client@198.51.100.1:19620  REL 1"), "{}", log.timeline());
    let window = log.window(CLIENT, SERVER, Time(0), Time(u64::MAX));
    assert_eq!(window.arrows.iter().map(|arrow| arrow.from_left).collect::<Vec<_>>(), [true, false]);
    let stranger = SocketAddr::from(([9, 9, 9, 9], 1));
    log.arrived(Time(50_000_000), SERVER, stranger, &reliable(77));
    assert!(log.timeline().contains("server ◀── 9.9.9.9:1"), "{}", log.timeline());
}
