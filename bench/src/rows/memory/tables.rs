//! Which rows there are: what is done, by whom, and what the goal is.

use enet_compress::RangeCoder;
use enet_wire::crc32;

use super::codec::inputs;
use super::hosts::c::C;
use super::hosts::end::Kind;
use super::hosts::ours::Ours;
use super::hosts::work::Work;
use super::instructions::{self, Instructions};
use super::libenet::{CRangeCoder, Libenet};
use super::player::{Growth, Player};
use super::rusty::Rusty;
use super::{codec, doing, heap, worst};
use crate::row::{Row, Subject};

/// What must be known of C's figures wherever its hosts are driven without sockets.
macro_rules! of_c {
    () => {
        "C's figures contain what it costs to drive it from here: of 2,844 instructions for a message echoed, about 276 \
         are those of the calls from Rust, of what stands in for its sockets, and of guards against panics, and about 130 \
         the vector that a received packet is copied to. C alone takes 2,400 to 2,540, so that 3.0× are nearer 2.6×."
    };
}
const BOTH_ENDS: &str = concat!(
    "Hosts hand datagrams over in memory; both hosts' work is counted. A message is one way: an echo is two. ",
    of_c!()
);
const SERVER_ONLY: &str =
    concat!("Hosts hand datagrams over in memory; only the server's work is counted. ", of_c!());
const INPUTS: &str =
    "Different datagrams of a kind, 256 KiB of them, take turns. What does not shrink is given up.";

type Subjects = Vec<Box<dyn Subject>>;

/// A text that lives as long as the program, as the matrix does.
fn forever(text: impl Into<String>) -> &'static str {
    Box::leak(text.into().into_boxed_str())
}

/// So many peers, in words.
fn crowd(peers: u16) -> String {
    match peers {
        1 => "1 peer".to_owned(),
        2..1000 => format!("{peers} peers"),
        _ => format!("{},{:03} peers", peers / 1000, peers % 1000),
    }
}

/// The same work by each implementation of hosts. A server of ours also has clients of the C library.
fn players(work: Work) -> Subjects {
    let mut subjects: Subjects = vec![
        Box::new(Player::<Ours, Ours>::new("ours", work)),
        Box::new(Player::<C, C>::new("c", work)),
        Box::new(Player::<Rusty, Rusty>::new("rusty", work)),
    ];
    if work.is_the_servers() {
        subjects.insert(1, Box::new(Player::<C, Ours>::new("ours (C clients)", work)));
    }
    subjects
}

fn work_row(id: &'static str, title: &'static str, goal: Option<f64>, work: Work) -> Row {
    let note = if work.is_the_servers() { SERVER_ONLY } else { BOTH_ENDS };
    let unit = forever(format!("ns/{}", work.unit()));
    Row { id, title, unit, goal, limit: None, note, subjects: players(work) }
}

/// One connection.
pub fn traffic() -> Vec<Row> {
    let echo_goal = Some(3.0);
    vec![
        work_row("memory-echo-1", "echo 32 B reliable, 1 outstanding, in memory", echo_goal, Work::Echo(1)),
        work_row(
            "memory-echo-64",
            "echo 32 B reliable, 64 outstanding, in memory",
            echo_goal,
            Work::Echo(64),
        ),
        work_row(
            "memory-echo-512",
            "echo 32 B reliable, 512 outstanding, in memory",
            echo_goal,
            Work::Echo(512),
        ),
        work_row(
            "memory-serve-64",
            "echoing 32 B reliable, 64 outstanding, in memory",
            None,
            Work::Serve(64),
        ),
        work_row("memory-flood-32", "flood 64 B unreliable, bursts of 32, in memory", None, Work::Flood(32)),
        work_row(
            "memory-flood-256",
            "flood 64 B unreliable, bursts of 256, in memory",
            None,
            Work::Flood(256),
        ),
        work_row("memory-bulk", "packets of 1 MiB reliable, in memory", None, Work::Bulk),
    ]
}

/// A server and its crowd.
pub fn crowds() -> Vec<Row> {
    let unreliable = |peers| {
        let id = forever(format!("memory-broadcast-{peers}"));
        let title = forever(format!("broadcast 100 B unreliable to {}, in memory", crowd(peers)));
        work_row(id, title, Some(3.0), Work::Broadcast(peers, Kind::Unreliable))
    };
    let reliable = |peers| {
        let id = forever(format!("memory-broadcast-reliable-{peers}"));
        let title = forever(format!("broadcast 100 B reliable to {}, in memory", crowd(peers)));
        work_row(id, title, Some(3.0), Work::Broadcast(peers, Kind::Reliable))
    };
    let idle = |peers, goal| {
        let id = forever(format!("memory-idle-{peers}"));
        let title = forever(format!("service call with {} and nothing to do, in memory", crowd(peers)));
        work_row(id, title, goal, Work::Idle(peers))
    };
    let visit = |peers| {
        let id = forever(format!("memory-visit-{peers}"));
        let title = forever(format!("service call with 32 B from one of {}, in memory", crowd(peers)));
        work_row(id, title, None, Work::Visit(peers))
    };
    let connect = |present| {
        let id = forever(format!("memory-connect-{present}"));
        let title = forever(format!("connecting with {} present, in memory", crowd(present)));
        work_row(id, title, Some(2.0), Work::Connect(present))
    };
    vec![
        unreliable(64),
        unreliable(512),
        unreliable(2000),
        reliable(64),
        reliable(512),
        reliable(2000),
        visit(1),
        visit(4000),
        idle(1, None),
        idle(256, None),
        idle(1024, None),
        idle(4000, Some(90.0)),
        connect(512),
        // In memory all peers have one address, and an address has 4,095 names: with 4,000 of them taken there are not
        // enough for those that come and go.
        connect(2000),
    ]
}

/// What must not grow with the crowd.
pub fn flat() -> Vec<Row> {
    let growth = |id, title, large, small| Row {
        id,
        title,
        unit: "times",
        goal: None,
        limit: Some(1.1),
        note: "The figure with the larger crowd, divided by that with the smaller one.",
        subjects: vec![
            Box::new(Growth::<Ours>::new("ours", large, small)),
            Box::new(Growth::<C>::new("c", large, small)),
        ],
    };
    let (idle, connect) =
        ("service call with 4,000 peers against 1", "connecting with 2,000 present against 512");
    vec![
        growth("memory-idle-flat", idle, Work::Idle(4000), Work::Idle(1)),
        growth("memory-connect-flat", connect, Work::Connect(2000), Work::Connect(512)),
    ]
}

/// The worst legal peer.
pub fn worst() -> Vec<Row> {
    let note =
        concat!("The receiver's time for all of them, acknowledgements and delivery included. ", of_c!());
    let title = "28,000 reliable packets in descending order";
    let subjects =
        vec![doing("ours", |_| worst::descending::<Ours>()), doing("c", |_| worst::descending::<C>())];
    vec![Row { id: "memory-worst", title, unit: "ms", goal: None, limit: Some(10.0), note, subjects }]
}

/// The range coder, both ways.
pub fn range_coder() -> Vec<Row> {
    let kinds = inputs::Kind::ALL.into_iter();
    kinds
        .flat_map(|kind| [64, 256, 1200, 4096].into_iter().flat_map(move |len| range_coder_rows(kind, len)))
        .collect()
}

fn range_coder_rows(kind: inputs::Kind, len: usize) -> [Row; 2] {
    let id =
        |way| forever(format!("memory-range-{way}-{}-{len}", kind.name().to_lowercase().replace(' ', "-")));
    let title = |way| forever(format!("range coder: {way} {len} B of {}", kind.name()));
    let row = |id, title, subjects| Row {
        id,
        title,
        unit: "ns/byte",
        goal: Some(2.5),
        limit: None,
        note: INPUTS,
        subjects,
    };
    let bytes = |scale: f64| (1e6 * scale) as u64;
    let compress = vec![
        doing("ours", move |scale| codec::compress::<RangeCoder>(kind, len, bytes(scale))),
        // Here and not above: without the C library ours is measured all the same.
        doing("c", move |scale| {
            codec::agree(kind, len)?;
            codec::compress::<CRangeCoder>(kind, len, bytes(scale))
        }),
        doing("rusty", move |scale| codec::compress::<rusty_enet::RangeCoder>(kind, len, bytes(scale))),
    ];
    let decompress = vec![
        doing("ours", move |scale| codec::decompress::<RangeCoder>(kind, len, bytes(scale))),
        doing("c", move |scale| codec::decompress::<CRangeCoder>(kind, len, bytes(scale))),
        doing("rusty", move |scale| codec::decompress::<rusty_enet::RangeCoder>(kind, len, bytes(scale))),
    ];
    [row(id("compress"), title("compress"), compress), row(id("decompress"), title("decompress"), decompress)]
}

/// The checksum.
pub fn checksum() -> Vec<Row> {
    let row = |id, title, goal, len: usize| Row {
        id,
        title,
        unit: "ns/byte",
        goal: Some(goal),
        limit: None,
        note: "",
        subjects: vec![
            doing("ours", move |scale| codec::checksum(|bytes| crc32([bytes]), len, (4e6 * scale) as u64)),
            doing("c", move |scale| {
                let library = Libenet::load()?;
                codec::checksum(|bytes| library.crc32(bytes), len, (4e6 * scale) as u64)
            }),
            doing("rusty", move |scale| {
                codec::checksum(|bytes| u32::from_be(rusty_enet::crc32(&[bytes])), len, (4e6 * scale) as u64)
            }),
        ],
    };
    vec![
        row("memory-crc-64", "CRC-32 of 64 B", 10.0, 64),
        row("memory-crc-1200", "CRC-32 of 1,200 B", 25.0, 1200),
    ]
}

/// What hosts occupy.
pub fn heap() -> Vec<Row> {
    let row =
        |id, title, unit, limit, note, subjects| Row { id, title, unit, goal: None, limit, note, subjects };
    let slot = vec![
        doing("ours", |_| heap::empty_slot::<Ours>()),
        doing("c", |_| heap::empty_slot::<C>()),
        doing("rusty", |_| heap::empty_slot::<Rusty>()),
    ];
    let peer = vec![
        doing("ours", |_| heap::peer::<Ours>(1000)),
        doing("c", |_| heap::peer::<C>(1000)),
        doing("rusty", |_| heap::peer::<Rusty>(1000)),
    ];
    let (slots, peers) = (
        "A host of 4,095 slots against one of 1. Ours makes a slot when it is first taken, and keeps it.",
        "A full host of 1,000 slots against an empty one of 1.",
    );
    vec![
        row("memory-heap-slot", "heap for an empty slot", "B/slot", Some(16.0), slots, slot),
        row(
            "memory-heap-peer",
            "heap for a connected peer with 2 channels, quiet",
            "B/peer",
            Some(300.0),
            peers,
            peer,
        ),
    ]
}

/// Rows in which instructions are counted: id, title, work, and how many there may be at most.
pub fn counted() -> impl Iterator<Item = (&'static str, &'static str, Work, Option<f64>)> {
    let unreliable = Work::Broadcast(512, Kind::Unreliable);
    let reliable = Work::Broadcast(512, Kind::Reliable);
    [
        ("instructions-echo-1", "echo, 1 outstanding", Work::Echo(1), None),
        ("instructions-echo-64", "echo, 64 outstanding", Work::Echo(64), Some(600.0)),
        ("instructions-echo-512", "echo, 512 outstanding", Work::Echo(512), Some(600.0)),
        ("instructions-serve-64", "the echoing server, 64 outstanding", Work::Serve(64), None),
        ("instructions-flood-256", "flood, bursts of 256", Work::Flood(256), None),
        ("instructions-bulk", "packets of 1 MiB", Work::Bulk, None),
        ("instructions-broadcast-512", "broadcast unreliable to 512 peers", unreliable, None),
        ("instructions-broadcast-reliable-512", "broadcast reliable to 512 peers", reliable, None),
        ("instructions-idle-1", "service call with 1 peer and nothing to do", Work::Idle(1), None),
        ("instructions-idle-1024", "service call with 1,024 peers and nothing to do", Work::Idle(1024), None),
    ]
    .into_iter()
}

/// These rows, if callgrind is installed.
pub fn instructions() -> Vec<Row> {
    if let Err(reason) = instructions::available() {
        eprintln!("{reason}");
        return Vec::new();
    }
    let row = |(id, title, work, limit): (&'static str, &'static str, Work, Option<f64>)| Row {
        id,
        title: forever(format!("instructions: {title}")),
        unit: forever(format!("instructions/{}", work.unit())),
        goal: None,
        limit,
        note: concat!("Counted by callgrind, the same each time; malloc and memcpy included. ", of_c!()),
        subjects: ["ours", "c", "rusty"]
            .into_iter()
            .map(|name| Box::new(Instructions::new(id, name, work)) as Box<dyn Subject>)
            .collect(),
    };
    counted().map(row).collect()
}
