//! [`Cast`]: who plays which host.

use super::observer::HostIndex;
use crate::endpoint::Implementation;
use crate::scenario::Sender;

/// Whose implementation each host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cast {
    /// The server's.
    pub server: Implementation,
    /// Every client's.
    pub clients: Implementation,
    /// All clients' but the first's, if they run another.
    pub rest: Option<Implementation>,
}

impl Cast {
    /// Everyone runs `enet-proto`.
    pub const OURS: Cast = Cast::of(Implementation::Ours, Implementation::Ours);

    /// All clients run one implementation, the server another.
    pub const fn of(clients: Implementation, server: Implementation) -> Cast {
        Cast { server, clients, rest: None }
    }

    /// Who plays a host.
    pub fn role(&self, index: HostIndex) -> Implementation {
        match index {
            0 => self.server,
            1 => self.clients,
            _ => self.rest.unwrap_or(self.clients),
        }
    }

    /// Whether all of them speak ENet.
    pub fn speaks_enet(&self) -> bool {
        [0, 1, 2].into_iter().all(|index| self.role(index).speaks_enet())
    }

    /// Who plays the senders of what is measured, and who the receivers.
    pub fn ends(&self, measured: Sender) -> (Implementation, Implementation) {
        match measured {
            Sender::Server => (self.server, self.clients),
            Sender::Rest => (self.role(2), self.server),
            Sender::Clients | Sender::First | Sender::Everyone => (self.clients, self.server),
        }
    }
}
