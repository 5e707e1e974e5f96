//! The load generator: it counts what comes back from servers of ours and of C's, and says so to people and programs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // it is a test

#[path = "common/tools.rs"]
mod tools;

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use enet_mio::enet_proto::Profile;
use enet_mio::{Event, HostConfig, PeerLimit, Service, random_seed};
use enet_testkit::libenet::{CEvent, CHost, CHostConfig, library_or_skip};
use serde_json::Value;
use tools::{example, last_event, run};

const BOTH_ENDS: [&[&str]; 2] = [&[], &["--compress", "range", "--checksum", "crc32"]];

/// Every key of the last line, in the order of the alphabet.
const KEYS: [&str; 28] = [
    "address",
    "bytes_received",
    "bytes_sent",
    "connect_failures",
    "connected",
    "connecting_ms",
    "connects_failed",
    "datagrams_received",
    "datagrams_refused",
    "datagrams_sent",
    "disconnect_reasons",
    "disconnects",
    "echo",
    "enet_loss_percent",
    "enet_rtt_ms",
    "event",
    "foreign",
    "held_back",
    "hz",
    "lag_ms",
    "peers",
    "reliable",
    "reliable_percent",
    "seconds",
    "size",
    "unreliable",
    "unsettled",
    "wrong",
];
const CLASS_KEYS: [&str; 6] = ["echoed", "latency_ms", "lost", "loss_percent", "repeated", "sent"];
const FIGURES: [&str; 6] = ["max", "mean", "p50", "p95", "p99", "p99_9"];

/// A server in a thread of its own.
struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Calls `step` until it is dropped.
    fn start<H: Send + 'static>(
        address: SocketAddr,
        mut host: H,
        mut step: impl FnMut(&mut H) + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                step(&mut host);
            }
        });
        Server { address, stop, thread: Some(thread) }
    }

    /// One of ours with room for so many.
    fn ours(peers: u16, react: impl FnMut(&mut Service, Event) + Send + 'static) -> Server {
        Server::ours_of(Profile::Modern, peers, react)
    }

    fn ours_of(
        profile: Profile,
        peers: u16,
        mut react: impl FnMut(&mut Service, Event) + Send + 'static,
    ) -> Server {
        let mut config = HostConfig::new(random_seed().unwrap());
        config.profile = profile;
        config.peers = PeerLimit::new(peers).unwrap();
        let service = Service::bind("127.0.0.1:*", config).unwrap();
        let address = service.local_addr().unwrap();
        Server::start(address, service, move |service| {
            if let Some(event) = service.service(Duration::from_millis(10)).unwrap() {
                react(service, event);
            }
        })
    }

    /// One of C's that echoes.
    fn c(host: CHost) -> Server {
        Server::start(host.address(), host, |host| {
            if let Some(CEvent::Received { peer, channel, flags, data }) =
                host.service(Duration::from_millis(10))
            {
                host.send(peer, channel, &data, flags);
            }
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let result = self.thread.take().unwrap().join();
        assert!(result.is_ok() || thread::panicking());
    }
}

fn echo(service: &mut Service, event: Event) {
    if let Event::Received { peer, channel, packet } = event {
        service.peer_mut(peer).map(|mut peer| peer.send(channel, packet));
    }
}

/// Half a second of ten bots, fifty messages each a second; later options replace earlier ones.
fn bots(address: SocketAddr, options: &[&str]) -> Output {
    let mut command = Command::new(example("bots"));
    command.args([&address.to_string(), "--peers=10", "--hz=50", "--warmup=0.1", "--seconds=0.5"]);
    run(command.args(options))
}

fn totals(output: &Output) -> Value {
    assert!(output.status.success());
    last_event(&output.stdout, "totals")
}

fn assert_all_came_back(totals: &Value) {
    for class in ["reliable", "unreliable"] {
        let class = &totals[class];
        assert!(class["sent"].as_u64().unwrap() >= 100, "{class}");
        assert_eq!(class["echoed"], class["sent"], "{class}");
        assert_eq!((&class["lost"], &class["repeated"]), (&0.into(), &0.into()), "{class}");
        let latency = FIGURES.map(|figure| class["latency_ms"][figure].as_f64().unwrap());
        assert!(latency.iter().all(|ms| (0.0..5000.0).contains(ms)), "{class}");
        let [max, mean, p50, p95, p99, p99_9] = latency;
        assert!(p50 <= p95 && p95 <= p99 && p99 <= p99_9 && p99_9 <= max && mean <= max, "{class}");
    }
    assert_eq!(
        (&totals["wrong"], &totals["foreign"], &totals["held_back"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!((&totals["connected"], &totals["disconnects"]), (&10.into(), &0.into()));
    assert!(totals["datagrams_received"].as_u64().unwrap() > 0);
}

#[test]
fn everything_comes_back_from_our_echo_server() {
    let server = Server::ours(10, echo);
    for options in
        [&["--json"][..], &["--json", "--compat", "--hosts=10"], &["--json", "--channels=1", "--hosts=1"]]
    {
        assert_all_came_back(&totals(&bots(server.address, options)));
    }
}

#[test]
fn everything_comes_back_from_a_c_echo_server() {
    let Some(library) = library_or_skip("bots and a C server") else { return };
    for options in BOTH_ENDS {
        let (checksum, range_coder) = (!options.is_empty(), !options.is_empty());
        let host = library.host(CHostConfig { checksum, range_coder, ..CHostConfig::default() }).unwrap();
        let server = Server::c(host);
        assert_all_came_back(&totals(&bots(server.address, &[&["--json"], options].concat())));
    }
}

#[test]
fn large_messages_arrive_whole() {
    let server = Server::ours(10, echo);
    let output = bots(server.address, &["--json", "--size=5000", "--hz=20", "--reliable=100"]);
    let totals = totals(&output);
    assert_eq!(totals["reliable"]["echoed"], totals["reliable"]["sent"]);
    assert_eq!(totals["unreliable"]["sent"], 0);
    assert!(totals["unreliable"]["latency_ms"]["p50"].is_null(), "of nothing");
    assert!(totals["bytes_sent"].as_u64().unwrap() > 5000 * totals["reliable"]["sent"].as_u64().unwrap());
}

#[test]
fn the_keys_for_programs_stay() {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let sorted = |keys: &[&str]| {
        let mut keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        keys.sort_unstable();
        keys
    };
    let server = Server::ours(10, echo);
    for options in [&["--json"][..], &["--json", "--no-echo"]] {
        let totals = totals(&bots(server.address, options));
        assert_eq!(keys(&totals), sorted(&KEYS));
        for class in ["reliable", "unreliable"] {
            assert_eq!(keys(&totals[class]), sorted(&CLASS_KEYS));
        }
        for histogram in [&totals["lag_ms"], &totals["enet_rtt_ms"]] {
            assert_eq!(keys(histogram), sorted(&FIGURES));
        }
    }
}

#[test]
fn each_second_has_a_line() {
    let server = Server::ours(10, echo);
    let output = bots(server.address, &["--json", "--seconds=1.2"]);
    let progress = last_event(&output.stdout, "progress");
    assert_eq!((&progress["second"], &progress["connected"]), (&1.into(), &10.into()));
    assert!(progress["sent"].as_u64().unwrap() > 0);
    assert!(progress["p50_ms"].as_f64().unwrap() <= progress["p99_ms"].as_f64().unwrap());
}

#[test]
fn people_get_a_table() {
    let server = Server::ours(10, echo);
    let output = bots(server.address, &[]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for words in ["p99.9", "\nreliable ", "\nunreliable ", "\nlag ", "10 of 10 connected in "] {
        assert!(text.contains(words), "{words} in {text}");
    }
}

#[test]
fn of_a_server_that_does_not_echo_enet_itself_tells() {
    let server = Server::ours(10, |_, _| {});
    let measured = totals(&bots(server.address, &["--no-echo", "--json", "--seconds=1"]));
    assert!(measured["reliable"]["sent"].as_u64().unwrap() >= 200);
    for unknown in ["echoed", "lost", "latency_ms"] {
        assert!(measured["reliable"][unknown].is_null(), "{unknown}");
    }
    assert!(measured["enet_rtt_ms"]["p50"].as_f64().unwrap() > 0.0);
    assert_eq!(measured["unsettled"], 0, "everything reliable is acknowledged");

    let output = bots(server.address, &["--seconds=0.1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--no-echo"));
}

#[test]
fn what_others_say_is_no_echo() {
    let server = Server::ours(10, |service, event| {
        if let Event::Received { channel, packet, .. } = event {
            service.broadcast(channel, packet);
        }
    });
    let totals = totals(&bots(server.address, &["--json", "--reliable=100", "--hz=10"]));
    let reliable = &totals["reliable"];
    assert_eq!(reliable["echoed"], reliable["sent"]);
    assert!(totals["foreign"].as_u64() >= reliable["sent"].as_u64().map(|sent| sent * 9));
}

#[test]
fn who_finds_no_slot_is_counted_and_the_others_go_on() {
    // One that says nothing to those it has no slot for.
    let server = Server::ours_of(Profile::Compat, 3, echo);
    let totals = totals(&bots(server.address, &["--json", "--patience=0.5"]));
    assert_eq!((&totals["connected"], &totals["connects_failed"]), (&3.into(), &7.into()));
    assert_eq!(totals["connect_failures"]["no answer in time"], 7);
    assert_eq!(totals["reliable"]["echoed"], totals["reliable"]["sent"]);
}

#[test]
fn who_is_thrown_out_is_counted() {
    let server = Server::ours(10, |service, event| {
        let Some(peer) = event.peer() else { return };
        let leaves = matches!(event, Event::Received { .. }) && peer.slot() % 2 == 0;
        echo(service, event);
        if leaves && let Some(mut peer) = service.peer_mut(peer) {
            peer.disconnect(0);
        }
    });
    let totals = totals(&bots(server.address, &["--json"]));
    assert_eq!((&totals["connected"], &totals["disconnects"]), (&10.into(), &5.into()));
    assert_eq!(totals["disconnect_reasons"]["disconnected by the remote"], 5);
}

#[test]
fn it_is_a_failure_if_nobody_connects() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let output = bots(silent.local_addr().unwrap(), &["--patience=0.2", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("nobody connected") && error.contains("--checksum"), "{error}");
}

#[test]
fn nonsense_is_refused_with_a_hint() {
    let address = "127.0.0.1:1".parse().unwrap();
    for (option, hint) in [
        ("--size=15", "15 is not in 16..=1048576"),
        ("--hz=0", "not a number from 0.001"),
        ("--seconds=-1", "not a number of seconds"),
        ("--warmup=nan", "not a number of seconds"),
        ("--reliable=101", "101 is not in 0..=100"),
        ("--peers=0", "0 is not in 1..=65535"),
    ] {
        let output = bots(address, &["--patience=0", option]);
        assert!(!output.status.success(), "{option}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(hint), "{option}");
    }
}

#[test]
fn it_explains_itself() {
    let output = run(Command::new(example("bots")).arg("--help"));
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("Examples:"));
}
