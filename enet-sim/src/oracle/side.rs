//! [`Side`]: one side of a connection, as seen from outside.

use super::ids::{HalfId, SideId};
use super::outbox::Outbox;
use crate::endpoint::{Close, Conn, Ended, Snapshot};
use crate::time::{Span, Time};
use crate::world::observer::HostIndex;

/// In which part of its life a side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It began to connect.
    Connecting,
    /// It is open, or closes and waits for the event.
    Open,
    /// It is over: an event said so, or the application ended it silently.
    Over,
    /// Its host crashed.
    Lost,
}

/// One side of a connection.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) host: HostIndex,
    pub(super) conn: Conn,
    /// The host it connects to; `None` for the side that was connected to.
    pub(super) to: Option<HostIndex>,
    /// What the connecting side sent along.
    pub(super) data: u32,
    /// When it began, as far as the application knows.
    pub(super) since: Time,
    pub(super) phase: Phase,
    pub(super) opened: Option<Time>,
    pub(super) over: Option<Time>,
    pub(super) ended: Option<Ended>,
    /// How the application closed it, with what, when.
    pub(super) closed: Option<(Close, u32, Time)>,
    /// Later calls to close a closing connection.
    pub(super) closed_again: bool,
    /// The number in its messages.
    pub(super) number: Option<u32>,
    pub(super) partner: Option<SideId>,
    pub(super) half: Option<HalfId>,
    /// Datagrams of another connection may look like its own (two bits of session, PROTOCOL.md §6.4).
    pub(super) tainted: bool,
    /// At its other end is one who means harm.
    pub(super) insider: bool,
    /// The largest payload that is not cut, where known.
    pub(super) fragment: Option<usize>,
    /// What it sent, by channel.
    pub(super) sent: Vec<Outbox>,
    /// How many unsequenced messages it sent.
    pub(super) groups: u64,
    /// The largest message it sent.
    pub(super) largest: u32,
    /// The largest message it sent as unreliable fragments.
    pub(super) largest_set: u32,
    /// Its numbers, when last seen.
    pub(super) snapshot: Option<(Time, Snapshot)>,
    /// The throttle was seen below 32.
    pub(super) throttled: bool,
    /// When anything of it was last delivered reliably at the other side.
    pub(super) progress: Time,
    /// The largest retransmission timeout it was seen to have.
    pub(super) rto: Span,
}

impl Side {
    pub(super) fn new(host: HostIndex, conn: Conn, to: Option<HostIndex>, data: u32, at: Time) -> Self {
        Side {
            host,
            conn,
            to,
            data,
            since: at,
            phase: Phase::Connecting,
            opened: None,
            over: None,
            ended: None,
            closed: None,
            closed_again: false,
            number: None,
            partner: None,
            half: None,
            tainted: false,
            insider: false,
            fragment: None,
            sent: Vec::new(),
            groups: 0,
            largest: 0,
            largest_set: 0,
            snapshot: None,
            throttled: false,
            progress: at,
            rto: Span::from_millis(500),
        }
    }

    /// Whether it exists: it connects, is open, or closes.
    pub(super) fn lives(&self) -> bool {
        matches!(self.phase, Phase::Connecting | Phase::Open)
    }

    /// Whether it is open and its application wants it to be.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open && self.closed.is_none()
    }

    /// Whether anything of it is to arrive reliably and has not.
    pub(super) fn has_pending(&self) -> bool {
        self.sent.iter().any(|outbox| outbox.pending().is_some())
    }

    pub(super) fn end(&mut self, at: Time, phase: Phase) {
        self.phase = phase;
        self.over = Some(at);
    }
}
