//! [`ATTACKS`]: what is done, and what is to come of it.

use std::fmt;

use crate::attacks::{disconnect, flood, handshake, malformed, memory, order, reflect};
use crate::stage::{Findings, Stage};

/// What a figure is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// At most the C library's in the same run; a twentieth more is noise.
    NoMoreThanC,
}

impl Goal {
    /// Whether the figure is as wanted; `c` is the C library's. `None` if that is needed and missing.
    pub fn is_met(self, figure: f64, c: Option<f64>) -> Option<bool> {
        match self {
            Goal::AtMost(limit) => Some(figure <= limit),
            Goal::AtLeast(limit) => Some(figure >= limit),
            Goal::NoMoreThanC => c.map(|c| figure <= 1.05 * c),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::AtMost(0.0) => f.write_str("0"),
            Goal::AtMost(limit) => write!(f, "≤ {limit}"),
            Goal::AtLeast(limit) => write!(f, "≥ {limit}"),
            Goal::NoMoreThanC => f.write_str("≤ 1.05 × C"),
        }
    }
}

/// One figure of an attack.
#[derive(Debug)]
pub struct Row {
    /// What is counted.
    pub what: &'static str,
    /// In what.
    pub unit: &'static str,
    /// What it is to be.
    pub goal: Goal,
}

/// Something that is done to a server.
#[derive(Debug)]
pub struct Attack {
    /// Its number: `A1` to `A18`.
    pub id: &'static str,
    /// Its figures.
    pub rows: &'static [Row],
    /// Whether somebody's own server can be attacked: one that is only seen from outside.
    pub from_outside: bool,
    /// Whether it mostly waits, so that others may run meanwhile.
    pub waits: bool,
    /// Whether it does harm to C; where it does none, a goal that is met is no news.
    pub harms_c: bool,
    pub(crate) run: fn(&Stage<'_>) -> Findings,
}

const fn attack(id: &'static str, run: fn(&Stage<'_>) -> Findings, rows: &'static [Row]) -> Attack {
    Attack { id, rows, from_outside: false, waits: false, harms_c: true, run }
}

const fn row(what: &'static str, unit: &'static str, goal: Goal) -> Row {
    Row { what, unit, goal }
}

/// Bytes that a peer may make a host hold, with the default configuration: 32 MiB.
const LIMIT_MIB: f64 = 32.0;

/// All of them.
pub const ATTACKS: &[Attack] = &[
    Attack {
        from_outside: true,
        waits: true,
        ..attack(
            "A1",
            handshake::one_connect,
            &[
                row(
                    "one spoofed CONNECT: bytes sent to its victim for each received",
                    "×",
                    Goal::AtMost(3.0),
                ),
                row("one spoofed CONNECT: a slot is held", "s", Goal::AtMost(0.0)),
            ],
        )
    },
    Attack {
        from_outside: true,
        ..attack(
            "A2",
            handshake::connect_flood,
            &[
                row("spoofed CONNECTs: honest clients in within 1 s", "%", Goal::AtLeast(99.0)),
                row("spoofed CONNECTs of their own /24: the same", "%", Goal::AtLeast(99.0)),
            ],
        )
    },
    attack(
        "A3",
        handshake::blind_handshakes,
        &[row("blind handshakes: connections for hosts that never spoke", "", Goal::AtMost(0.0))],
    ),
    attack(
        "A4",
        disconnect::blind_disconnects,
        &[row("blind DISCONNECTs: honest clients thrown out, of 1", "", Goal::AtMost(0.0))],
    ),
    Attack {
        from_outside: true,
        ..attack(
            "A5",
            malformed::oversize,
            &[
                row("datagrams above 4096 bytes: service calls that fail, of 100", "", Goal::AtMost(0.0)),
                row("datagrams above 4096 bytes: honest clients disturbed", "", Goal::AtMost(0.0)),
            ],
        )
    },
    Attack {
        from_outside: true,
        waits: true,
        ..attack(
            "A6",
            malformed::port_zero,
            &[
                row("source port 0: service calls that fail", "", Goal::AtMost(0.0)),
                row("source port 0: honest clients disturbed", "", Goal::AtMost(0.0)),
            ],
        )
    },
    attack(
        "A7",
        malformed::empty_packet,
        &[row("an empty packet, range coder: servers crashed, of 1", "", Goal::AtMost(0.0))],
    ),
    attack(
        "A8",
        memory::sparse_fragments,
        &[row("fragments of 1 byte: memory occupied for each byte received", "×", Goal::AtMost(2.0))],
    ),
    attack(
        "A9",
        memory::empty_and_early,
        &[row("empty packets ahead of their turn: memory occupied", "MiB", Goal::AtMost(LIMIT_MIB))],
    ),
    attack(
        "A10",
        order::backwards,
        &[row("28,000 packets last to first: longest service call", "ms", Goal::AtMost(10.0))],
    ),
    attack(
        "A11",
        memory::deaf_peer,
        &[row("fragments never completed: messages lost afterwards, of 45", "", Goal::AtMost(0.0))],
    ),
    attack(
        "A12",
        order::unsequenced_jump,
        &[row("one datagram of unsequenced jumps: genuine packets lost, of 3,000", "", Goal::AtMost(1024.0))],
    ),
    attack(
        "A13",
        flood::junk,
        &[row("junk, server waits: processor time for each datagram", "µs", Goal::NoMoreThanC)],
    ),
    attack(
        "A14",
        flood::junk_between_frames,
        &[
            row("junk at 60 calls/s, 1 MiB buffer: datagrams taken", "/s", Goal::AtLeast(100_000.0)),
            row("junk at 60 calls/s, 1 MiB buffer: share of what came", "%", Goal::AtLeast(95.0)),
        ],
    ),
    attack(
        "A15",
        flood::connects_and_slots,
        &[row("CONNECTs: processor time at 4,095 slots to that at 32", "×", Goal::AtMost(1.25))],
    ),
    attack(
        "A16",
        flood::compressed_junk,
        &[row("compressed junk of strangers: time beyond that of plain junk", "µs", Goal::AtMost(2.5))],
    ),
    Attack {
        from_outside: true,
        harms_c: false,
        ..attack(
            "A17",
            reflect::acknowledgements,
            &[row("a peer's repeated packets: bytes sent for each received", "×", Goal::AtMost(1.4))],
        )
    },
    Attack {
        from_outside: true,
        harms_c: false,
        ..attack(
            "A18",
            malformed::hostile_fields,
            &[
                row("hostile CONNECT fields: crashes and calls that fail", "", Goal::AtMost(0.0)),
                row("hostile CONNECT fields: honest clients disturbed", "", Goal::AtMost(0.0)),
            ],
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_eighteen_attacks_are_there_in_order_and_each_has_a_figure() {
        let ids: Vec<String> = ATTACKS.iter().map(|attack| attack.id.to_owned()).collect();
        assert_eq!(ids, (1..=18).map(|number| format!("A{number}")).collect::<Vec<_>>());
        assert!(ATTACKS.iter().all(|attack| !attack.rows.is_empty()));
    }

    #[test]
    fn goals_are_met_at_their_limit_and_no_further() {
        assert_eq!(Goal::AtMost(3.0).is_met(3.0, None), Some(true));
        assert_eq!(Goal::AtMost(3.0).is_met(3.1, None), Some(false));
        assert_eq!(Goal::AtLeast(99.0).is_met(99.0, None), Some(true));
        assert_eq!(Goal::AtLeast(99.0).is_met(98.9, None), Some(false));
        assert_eq!(Goal::NoMoreThanC.is_met(1.0, Some(1.0)), Some(true));
        assert_eq!(Goal::NoMoreThanC.is_met(1.05, Some(1.0)), Some(true));
        assert_eq!(Goal::NoMoreThanC.is_met(1.1, Some(1.0)), Some(false));
        assert_eq!(Goal::NoMoreThanC.is_met(1.1, None), None);
    }

    #[test]
    fn goals_are_printed_as_they_are_judged() {
        let goals = [Goal::AtMost(0.0), Goal::AtMost(2.5), Goal::AtLeast(99.0), Goal::NoMoreThanC];
        assert_eq!(goals.map(|goal| goal.to_string()), ["0", "≤ 2.5", "≥ 99", "≤ 1.05 × C"]);
    }
}
