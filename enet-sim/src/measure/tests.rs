use super::*;
use crate::endpoint::{Close, Ended, Port, Setting, Snapshot};

const CLIENT: HostIndex = 1;
const SERVER: HostIndex = 0;

/// Nothing but numbers.
struct Numbers(Snapshot);

impl Endpoint for Numbers {
    fn connect(&mut self, _: &mut Port, _: SocketAddr, _: u8, _: u32) -> Option<Conn> {
        None
    }
    fn send(&mut self, _: &mut Port, _: Conn, _: u8, _: Kind, _: &[u8]) -> bool {
        false
    }
    fn close(&mut self, _: &mut Port, _: Conn, _: Close, _: u32) {}
    fn set(&mut self, _: &mut Port, _: Conn, _: Setting) {}
    fn limit_bandwidth(&mut self, _: &mut Port, _: Option<u32>, _: Option<u32>) {}
    fn service(&mut self, _: &mut Port) {}
    fn deadline(&mut self) -> Option<Time> {
        None
    }
    fn snapshot(&self, conn: Conn) -> Option<Snapshot> {
        (conn == Conn(5)).then_some(self.0)
    }
}

fn measures(senders: &[HostIndex]) -> Measures {
    Measures::new(MeasuresConfig {
        scenario: "lan".to_owned(),
        seed: 7,
        sender: "ours".to_owned(),
        receiver: "c".to_owned(),
        senders: senders.iter().copied().collect(),
        hosts: 2,
        checksum: false,
        format: Format::Enet,
        cut_ends: vec![millis(200), millis(1_000)],
    })
}

fn millis(millis: u64) -> Time {
    Time(millis * 1_000_000)
}

fn payload(sender: HostIndex, kind: Kind, id: u32) -> Vec<u8> {
    let message = Message { sender: u16::try_from(sender).unwrap(), conn: 1, channel: 0, kind, id };
    let mut bytes = Vec::new();
    message.write(100, &mut bytes);
    bytes
}

fn send(measures: &mut Measures, at: u64, host: HostIndex, kind: Kind, payload: &[u8]) {
    let call = Call::Send { conn: Conn(5), channel: 0, kind, payload, accepted: true };
    measures.called(millis(at), host, &call);
}

fn receive(measures: &mut Measures, at: u64, host: HostIndex, payload: &[u8]) {
    let what = Happening::Received { conn: Conn(9), channel: 0, kind: None, payload };
    measures.happened(millis(at), host, &what);
}

fn finish(measures: Measures) -> (RunRecord, Series) {
    measures.finish(End { at: millis(2_000), trace_hash: 0xAB, ..End::default() })
}

#[test]
fn latency_is_from_call_to_event_apart_for_reliable_and_others() {
    let mut measures = measures(&[CLIENT]);
    for (id, latency) in [(0, 40), (1, 50), (2, 90)] {
        let bytes = payload(CLIENT, Kind::Reliable, id);
        send(&mut measures, 100, CLIENT, Kind::Reliable, &bytes);
        receive(&mut measures, 100 + latency, SERVER, &bytes);
    }
    let bytes = payload(CLIENT, Kind::Unsequenced, 0);
    send(&mut measures, 500, CLIENT, Kind::Unsequenced, &bytes);
    receive(&mut measures, 530, SERVER, &bytes);
    send(&mut measures, 1_100, CLIENT, Kind::Unreliable, &payload(CLIENT, Kind::Unreliable, 0));
    let (record, series) = finish(measures);
    assert_eq!(
        record.latency_ms.map(|latency| (latency.p50, latency.mean, latency.max)),
        Some((50.0, 60.0, 90.0))
    );
    assert_eq!(record.unreliable_latency_ms.map(|latency| latency.p50), Some(30.0));
    assert_eq!((record.delivered, record.sent), (4, 5));
    assert_eq!(record.goodput_bytes_per_s, 400.0, "400 bytes between 0.1 s and 1.1 s");
    assert_eq!((series.reliable.count, series.unreliable.count), (3, 1));
}

#[test]
fn what_the_other_side_sends_is_payload_but_not_delivered() {
    let mut measures = measures(&[CLIENT]);
    let bytes = payload(SERVER, Kind::Reliable, 0);
    send(&mut measures, 100, SERVER, Kind::Reliable, &bytes);
    receive(&mut measures, 140, CLIENT, &bytes);
    let (record, _) = finish(measures);
    assert_eq!((record.delivered, record.sent, record.payload_bytes), (0, 0, 100));
    assert_eq!(record.latency_ms, None);
}

#[test]
fn a_message_that_arrives_twice_is_delivered_once() {
    let mut measures = measures(&[CLIENT]);
    let bytes = payload(CLIENT, Kind::Unsequenced, 0);
    send(&mut measures, 100, CLIENT, Kind::Unsequenced, &bytes);
    receive(&mut measures, 140, SERVER, &bytes);
    receive(&mut measures, 900, SERVER, &bytes);
    let (record, _) = finish(measures);
    assert_eq!((record.delivered, record.unreliable_latency_ms.unwrap().max), (1, 40.0));
}

#[test]
fn tiny_messages_are_delivered_without_a_latency_and_damaged_ones_are_not() {
    let mut measures = measures(&[CLIENT]);
    send(&mut measures, 100, CLIENT, Kind::Unreliable, b"tiny");
    receive(&mut measures, 140, SERVER, b"tiny");
    let mut bytes = payload(CLIENT, Kind::Unreliable, 0);
    send(&mut measures, 150, CLIENT, Kind::Unreliable, &bytes);
    bytes[60] ^= 1;
    receive(&mut measures, 190, SERVER, &bytes);
    let (record, _) = finish(measures);
    assert_eq!((record.delivered, record.sent), (1, 2));
    assert_eq!(record.unreliable_latency_ms, None);
}

#[test]
fn the_first_measured_connection_is_sampled_every_50_ms() {
    let mut measures = measures(&[CLIENT]);
    let mut endpoint = Numbers(Snapshot { rtt: 80, ..Snapshot::default() });
    measures.served(millis(0), CLIENT, &mut endpoint);
    measures.called(millis(0), CLIENT, &Call::Connect { conn: Conn(5), to: SERVER, data: 0 });
    for at in 0..=100 {
        measures.served(millis(at), CLIENT, &mut endpoint);
        measures.served(millis(at), SERVER, &mut endpoint);
    }
    let gone = Happening::Disconnected { conn: Conn(5), ended: Ended::TimedOut, data: 0 };
    measures.happened(millis(101), CLIENT, &gone);
    measures.served(millis(500), CLIENT, &mut endpoint);
    let (record, series) = finish(measures);
    let times: Vec<Time> = series.samples.iter().map(|sample| sample.at).collect();
    assert_eq!(times, [millis(0), millis(50), millis(100)]);
    assert_eq!(series.samples[0].numbers.rtt, 80);
    assert_eq!(record.disconnects, 1);
}

#[test]
fn the_wait_after_a_cut_ends_with_the_next_reliable_message() {
    let mut measures = measures(&[CLIENT]);
    let [first, second, third] = [0, 1, 2].map(|id| payload(CLIENT, Kind::Reliable, id));
    send(&mut measures, 100, CLIENT, Kind::Reliable, &first);
    receive(&mut measures, 190, SERVER, &first);
    send(&mut measures, 195, CLIENT, Kind::Reliable, &second);
    receive(&mut measures, 235, SERVER, &second);
    let late = |measures: Measures| finish(measures).0.first_after_cut_ms;
    send(&mut measures, 950, CLIENT, Kind::Reliable, &third);
    receive(&mut measures, 1_080, SERVER, &third);
    assert_eq!(late(measures), Some(80.0), "35 ms after the first cut, 80 after the second");
}

#[test]
fn a_cut_after_which_nothing_comes_has_no_wait() {
    let mut measures = measures(&[CLIENT]);
    let bytes = payload(CLIENT, Kind::Reliable, 0);
    send(&mut measures, 195, CLIENT, Kind::Reliable, &bytes);
    receive(&mut measures, 235, SERVER, &bytes);
    assert_eq!(finish(measures).0.first_after_cut_ms, None);
}

#[test]
fn the_worst_second_is_that_of_sending_and_a_whole_one() {
    let mut measures = measures(&[CLIENT]);
    for id in 0..50_u32 {
        let bytes = payload(CLIENT, Kind::Unreliable, id);
        let at = 500 + 100 * u64::from(id); // until 5.4 s
        send(&mut measures, at, CLIENT, Kind::Unreliable, &bytes);
        // Of the first second none arrive, of the third every other, and late.
        let is_lost = at < 1_000 || ((3_000..4_000).contains(&at) && id % 2 == 0);
        if !is_lost {
            receive(&mut measures, at + 2_000, SERVER, &bytes);
        }
    }
    assert_eq!(finish(measures).0.worst_second, Some(0.5));
}

#[test]
fn attackers_datagrams_are_not_counted() {
    let mut measures = measures(&[CLIENT]);
    let fate = Fate { number: 0, dropped: None, corrupted: false, copies: 1, arrives: Time(1) };
    let to = "10.0.0.1:7000".parse().unwrap();
    measures.departed(Time(0), CLIENT, to, &[0; 10], &fate);
    measures.departed(Time(0), 2, to, &[0; 10], &fate);
    let (record, _) = finish(measures);
    assert_eq!((record.datagrams, record.wire_bytes), (1, 10));
}

/// Programs read these: a change breaks them.
#[test]
fn the_names_in_json_and_their_order_are_stable() {
    let mut measures = measures(&[CLIENT]);
    let bytes = payload(CLIENT, Kind::Reliable, 0);
    send(&mut measures, 100, CLIENT, Kind::Reliable, &bytes);
    receive(&mut measures, 140, SERVER, &bytes);
    let (record, _) = finish(measures);
    let text = serde_json::to_string(&record).unwrap();
    let expected = concat!(
        r#"{"scenario":"lan","seed":7,"sender":"ours","receiver":"c","#,
        r#""latency_ms":{"mean":40.0,"p50":40.0,"p95":40.0,"p99":40.0,"p999":40.0,"max":40.0},"#,
        r#""unreliable_latency_ms":null,"delivered":1,"sent":1,"goodput_bytes_per_s":2500.0,"#,
        r#""wire_bytes":0,"payload_bytes":100,"datagrams":0,"retransmissions":0,"#,
        r#""needless_retransmissions":0,"disconnects":0,"trace_hash":"00000000000000ab","#,
        r#""violations":0,"simulated_s":2.0,"wall_s":0.0,"expectation":null,"#,
        r#""sending":{"wire_bytes":0,"datagrams":0,"commands":0,"transmissions":0,"needless":0},"#,
        r#""worst_second":null,"first_after_cut_ms":null}"#,
    );
    assert_eq!(text, expected);
    assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
}
