//! Runs made up for tests of the report: messages over a path that loses some, no protocol behind them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // it is a test

use std::net::SocketAddr;

use enet_sim::endpoint::{Close, Conn, Endpoint, Happening, Kind, Port, Setting, Snapshot};
use enet_sim::log::{HostName, Log, LogConfig};
use enet_sim::measure::{End, Format, Measures, MeasuresConfig, RunRecord, Series};
use enet_sim::message::Message;
use enet_sim::net::{DropReason, Fate};
use enet_sim::report::ScenarioReport;
use enet_sim::world::observer::{Call, Observer};
use enet_sim::{Span, Time};
use enet_wire::{Body, ChannelId, Command, Header, ReliableSeq, UnsequencedGroup, Writer};

const SERVER: usize = 0;
const CLIENT: usize = 1;
const CONN: Conn = Conn(1);

/// What to make up.
struct Path {
    seed: u64,
    /// Lost, of 1000.
    loss: u64,
    /// One way, in ms, and what comes on top by chance.
    delay: u64,
    jitter: u64,
    rtt_factor: u64,
}

/// An endpoint that is only its numbers.
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
    fn snapshot(&self, _: Conn) -> Option<Snapshot> {
        Some(self.0)
    }
}

/// A number after another: splitmix64.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn datagram(seq: u16, acknowledge: bool, body: Body<'_>) -> Vec<u8> {
    let command =
        Command { channel: ChannelId::new(0), seq: ReliableSeq(seq), acknowledge, unsequenced: false, body };
    let mut buffer = [0; 400];
    let mut writer = Writer::new(&mut buffer);
    writer.header(&Header { sent_time: Some(1), ..Header::default() }).unwrap();
    writer.command(&command).unwrap();
    writer.finish().to_vec()
}

/// What is still to be shown to the observers, in order of time.
enum Step {
    Send(Vec<u8>, Kind),
    Depart(usize, Vec<u8>, Fate),
    Deliver(Vec<u8>),
}

fn steps(path: &Path) -> Vec<(Time, Step)> {
    let mut chance = path.seed;
    let mut steps = Vec::new();
    let mut delivered = Time::ZERO;
    for number in 1..=1_800_u32 {
        let at = Time(u64::from(number) * 33_333_333);
        let kind = if number % 2 == 0 { Kind::Unsequenced } else { Kind::Reliable };
        let message = Message { sender: 1, conn: 0, channel: 0, kind, id: (number - 1) / 2 };
        let mut payload = Vec::new();
        message.write(100, &mut payload);
        steps.push((at, Step::Send(payload.clone(), kind)));
        let seq = u16::try_from(number / 2 + 1).unwrap();
        let bytes = match kind {
            Kind::Reliable => datagram(seq, true, Body::SendReliable { payload: &payload }),
            _ => {
                datagram(0, false, Body::SendUnsequenced { group: UnsequencedGroup(seq), payload: &payload })
            }
        };
        let (mut left, mut wait) = (at, Span::from_millis(path.delay * path.rtt_factor));
        loop {
            let lost = draw(&mut chance) % 1_000 < path.loss;
            let way = Span::from_micros(path.delay * 1_000 + draw(&mut chance) % (path.jitter * 1_000 + 1));
            let arrives = left + way;
            let dropped = lost.then_some(DropReason::Loss);
            let fate = Fate { number: 0, dropped, corrupted: false, copies: u8::from(!lost), arrives };
            steps.push((left, Step::Depart(CLIENT, bytes.clone(), fate)));
            if !lost {
                let in_order = if kind == Kind::Reliable { delivered.max(arrives) } else { arrives };
                steps.push((in_order, Step::Deliver(payload)));
                if kind == Kind::Reliable {
                    delivered = in_order;
                    let received =
                        Body::Acknowledge { received_seq: ReliableSeq(seq), received_sent_time: 1 };
                    let fate = Fate {
                        number: 0,
                        dropped: None,
                        corrupted: false,
                        copies: 1,
                        arrives: arrives + way,
                    };
                    steps.push((arrives, Step::Depart(SERVER, datagram(seq, false, received), fate)));
                }
                break;
            }
            if kind != Kind::Reliable {
                break;
            }
            left += wait;
            wait = wait + wait;
        }
    }
    steps.sort_by_key(|step| step.0);
    steps
}

fn run(scenario: &str, side: &str, path: &Path) -> (RunRecord, Series, Option<enet_sim::log::Window>) {
    let address = |last: u8| SocketAddr::from(([10, 0, 0, last], 7_777));
    let host = |name: &str, last: u8| HostName { name: name.to_owned(), address: address(last) };
    let mut log =
        Log::new(LogConfig { hosts: vec![host("server", 1), host("client", 2)], ..LogConfig::default() });
    let mut measures = Measures::new(MeasuresConfig {
        scenario: scenario.to_owned(),
        seed: path.seed,
        sender: side.to_owned(),
        receiver: side.to_owned(),
        senders: [CLIENT].into(),
        hosts: 2,
        checksum: false,
        format: Format::Enet,
        cut_ends: Vec::new(),
    });
    measures.called(Time::ZERO, CLIENT, &Call::Connect { conn: CONN, to: SERVER, data: 0 });
    let (mut rtt, mut throttle) = (500, 32_u32);
    let mut chance = path.seed;
    for (at, step) in steps(path) {
        match step {
            Step::Send(payload, kind) => {
                let call = Call::Send { conn: CONN, channel: 0, kind, payload: &payload, accepted: true };
                measures.called(at, CLIENT, &call);
                let sample = u32::try_from(2 * path.delay + draw(&mut chance) % (path.jitter + 1)).unwrap();
                rtt = (7 * rtt + sample) / 8;
                let steady = draw(&mut chance) % 1_000 > path.loss;
                throttle = if steady { (throttle + 1).min(32) } else { throttle.saturating_sub(9) };
                let in_flight = 100 * rtt * 15 / 1_000;
                let numbers = Snapshot { rtt, throttle, in_flight, window: 32_768, ..Snapshot::default() };
                measures.served(at, CLIENT, &mut Numbers(numbers));
            }
            Step::Depart(host, bytes, fate) => {
                let to = address(if host == SERVER { 2 } else { 1 });
                measures.departed(at, host, to, &bytes, &fate);
                log.departed(at, host, to, &bytes, &fate);
            }
            Step::Deliver(payload) => {
                let what = Happening::Received { conn: CONN, channel: 0, kind: None, payload: &payload };
                measures.happened(at, SERVER, &what);
            }
        }
    }
    let end = End { at: Time(61_000_000_000), trace_hash: path.seed, ..End::default() };
    let (record, series) = measures.finish(end);
    (record, series, log.telling_window(CLIENT, SERVER))
}

/// Three scenarios: one of each size that occurs, the last with names that look like markup, and a missed result.
pub(crate) fn scenarios() -> Vec<ScenarioReport> {
    let path = |seed, loss, jitter| Path { seed, loss, delay: 40, jitter, rtt_factor: 3 };
    let report = |name: &str, about: &str, good: &str, runs| ScenarioReport {
        name: name.to_owned(),
        about: about.to_owned(),
        good: good.to_owned(),
        runs,
    };
    let sides = ["ours", "c", "rusty", "mixed"];
    let four = sides.iter().zip([1, 2, 3, 3]).map(|(side, seed)| run("lossy-5", side, &path(seed, 50, 6)));
    let lossy = report(
        "lossy-5",
        "Every twentieth datagram is lost, each way, on a path of 40 ms.",
        "Half of the messages arrive after one way's delay; 99 of 100 reliable ones within 300 ms.",
        four.collect(),
    );
    let quiet = Path { delay: 1, jitter: 0, ..path(4, 0, 0) };
    let mut lan = vec![run("lan", "ours", &quiet), run("lan", "c", &quiet)];
    lan[1].2 = None;
    let lan = report(
        "lan",
        "A switch between two machines.",
        "Everything arrives within a millisecond or two.",
        lan,
    );
    let mut wild = vec![run("<wild> & \"odd\"", "ours", &path(5, 200, 60))];
    wild[0].0.expectation = Some("p99 is <above> 1 s".to_owned());
    wild[0].0.disconnects = 1;
    let wild = report("<wild> & \"odd\"", "A fifth is lost & <b>delays</b> vary.", "Still connected.", wild);
    vec![lossy, lan, wild]
}
