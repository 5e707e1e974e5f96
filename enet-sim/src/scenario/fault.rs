//! [`Fault`]: what goes wrong when. [`Action`]: what an application does when. [`Attack`]: who means harm.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LinkSpec, is_default};
use crate::endpoint::{Close, SendFault, Setting};
use crate::random::Chance;
use crate::time::Span;

/// Which hosts. Text form: a number (0 is the server), `server`, `clients`, `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostChoice {
    /// All of them.
    #[default]
    All,
    /// Every client.
    Clients,
    /// This one.
    Host(usize),
}

impl HostChoice {
    /// Whether a host is meant.
    pub fn covers(self, host: usize) -> bool {
        match self {
            HostChoice::All => true,
            HostChoice::Clients => host != 0,
            HostChoice::Host(index) => index == host,
        }
    }
}

impl fmt::Display for HostChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostChoice::All => f.pad("all"),
            HostChoice::Clients => f.pad("clients"),
            HostChoice::Host(0) => f.pad("server"),
            HostChoice::Host(index) => write!(f, "{index}"),
        }
    }
}

impl TryFrom<String> for HostChoice {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "all" => Ok(HostChoice::All),
            "clients" => Ok(HostChoice::Clients),
            "server" => Ok(HostChoice::Host(0)),
            number => number
                .parse()
                .map(HostChoice::Host)
                .map_err(|_| format!("{text:?} is not a host: write a number, server, clients or all")),
        }
    }
}

impl From<HostChoice> for String {
    fn from(choice: HostChoice) -> String {
        choice.to_string()
    }
}

/// Something that goes wrong for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fault {
    /// When it begins.
    pub at: Span,
    /// When it ends; absent: when the world is healed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// What it is.
    #[serde(flatten)]
    pub trouble: Trouble,
}

/// What can go wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "trouble", deny_unknown_fields)]
pub enum Trouble {
    /// Nothing gets from one host to the other; `from` and `to` of `all` are a whole partition.
    Cut {
        /// From here
        from: HostChoice,
        /// to there.
        to: HostChoice,
    },
    /// What is sent waits, and arrives all at once at the end.
    Hold {
        /// From here
        from: HostChoice,
        /// to there.
        to: HostChoice,
    },
    /// The link has other properties from now on, for good: until healed, it does not go back.
    Link {
        /// From here
        from: HostChoice,
        /// to there.
        to: HostChoice,
        /// The new properties.
        link: Box<LinkSpec>,
    },
    /// The host gets a new public address: its NAT forgot the mapping, or it changed networks.
    Rebind {
        /// Which.
        host: HostChoice,
    },
    /// The host loses all it knows; at the end it starts again on the same address, and a client connects anew.
    Crash {
        /// Which.
        host: HostChoice,
    },
    /// The host stands still: datagrams fill its receive buffer.
    Pause {
        /// Which.
        host: HostChoice,
        /// Whether its clock stands still, too: a suspended machine.
        #[serde(default, skip_serializing_if = "is_default")]
        clock_stops: bool,
    },
    /// The host's clock is set.
    ClockStep {
        /// Which.
        host: HostChoice,
        /// By so many milliseconds.
        millis: i64,
    },
    /// The host's sends fail.
    SendErrors {
        /// Which.
        host: HostChoice,
        /// How.
        error: SendFault,
        /// How often.
        chance: Chance,
    },
    /// The host is serviced only so often.
    SlowService {
        /// Which.
        host: HostChoice,
        /// How often.
        every: Span,
    },
}

impl Trouble {
    /// The hosts that it names.
    pub fn hosts(&self) -> Vec<HostChoice> {
        match self {
            Trouble::Cut { from, to } | Trouble::Hold { from, to } | Trouble::Link { from, to, .. } => {
                vec![*from, *to]
            }
            Trouble::Rebind { host }
            | Trouble::Crash { host }
            | Trouble::Pause { host, .. }
            | Trouble::ClockStep { host, .. }
            | Trouble::SendErrors { host, .. }
            | Trouble::SlowService { host, .. } => vec![*host],
        }
    }
}

/// Something an application does at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Action {
    /// When.
    pub at: Span,
    /// On which host: 0 is the server.
    pub host: usize,
    /// What.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What an application can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "deed", deny_unknown_fields)]
pub enum Deed {
    /// Connects to a host.
    Connect {
        /// Which.
        to: usize,
        /// What it sends along.
        #[serde(default)]
        data: u32,
    },
    /// Ends all its connections.
    Close {
        /// How.
        how: Close,
        /// What it sends along.
        #[serde(default)]
        data: u32,
    },
    /// Changes a setting of all its connections.
    Set(Setting),
    /// Changes its bandwidth limits, bytes/s.
    Bandwidth {
        /// Downstream; absent: unlimited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incoming: Option<u32>,
        /// Upstream; absent: unlimited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outgoing: Option<u32>,
    },
}

/// A host that means harm (and needs no ENet to do it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "attack", deny_unknown_fields)]
pub enum Attack {
    /// Datagrams of random bytes to the server.
    Junk {
        /// Time between two.
        every: Span,
    },
    /// Datagrams seen on the way, changed and sent again.
    Mutate {
        /// Time between two.
        every: Span,
        /// Whether they show the source address of the original.
        spoof: bool,
    },
    /// Datagrams seen on the way, sent again as they were, from the address they came from, up to the whole world later.
    Replay {
        /// Time between two.
        every: Span,
    },
    /// Connects from addresses that do not answer.
    ConnectFlood {
        /// Time between two.
        every: Span,
        /// Whether they seem to come from the clients' own network, 10.0.0.0/24, and not from half a million others.
        #[serde(default, skip_serializing_if = "is_default")]
        near: bool,
    },
    /// Guessed commands under the client's address: disconnects, acknowledgements, pings.
    Guess {
        /// Time between two.
        every: Span,
    },
    /// It connects, and then says what no client says. It takes a slot of the server.
    Insider {
        /// Time between two datagrams.
        every: Span,
        /// Whether it acknowledges what it is sent; else now and then a part of it.
        #[serde(default, skip_serializing_if = "is_default")]
        answers: bool,
    },
}

/// What an [`Attack::Insider`] sends along when it connects, by which it is told from everybody else.
pub const INSIDER_DATA: u32 = 0xBADC_0DE5;
