//! [`Flow`]: a stream of messages.

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::endpoint::Kind;
use crate::time::Span;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// Each client, to the server.
    #[default]
    Clients,
    /// The first client.
    First,
    /// Every client but the first.
    Rest,
    /// The server, to each client.
    Server,
    /// Both.
    Everyone,
}

impl Sender {
    /// Whether it covers a host.
    pub fn covers(self, host: usize) -> bool {
        match self {
            Sender::Clients => host != 0,
            Sender::First => host == 1,
            Sender::Rest => host > 1,
            Sender::Server => host == 0,
            Sender::Everyone => true,
        }
    }
}

/// A stream of messages of one kind, over each open connection of each sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Flow {
    /// Who sends.
    pub from: Sender,
    /// On which channel.
    pub channel: u8,
    /// How.
    pub kind: Kind,
    /// Bytes of a message.
    pub size: u32,
    /// If larger than `size`: messages have a random size from `size` up to this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u32>,
    /// Time between two times to send.
    pub interval: Span,
    /// Messages each time.
    pub burst: u32,
    /// How many times to send; absent: until the scenario's traffic ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// When it begins.
    #[serde(skip_serializing_if = "is_default")]
    pub start: Span,
}

impl Default for Flow {
    fn default() -> Self {
        Flow {
            from: Sender::Clients,
            channel: 0,
            kind: Kind::Reliable,
            size: 100,
            max_size: None,
            interval: Span::from_millis(20),
            burst: 1,
            count: None,
            start: Span::ZERO,
        }
    }
}

/// ENet's default limit.
const LARGEST: u32 = 32 << 20;

impl Flow {
    /// `channels` is what connections have.
    pub(crate) fn validate(&self, channels: u8) -> Result<(), String> {
        if self.channel >= channels {
            return Err(format!(
                "a flow uses channel {}, and connections have {channels}, from 0",
                self.channel
            ));
        }
        if self.max_size.unwrap_or(self.size) > LARGEST {
            return Err("no message may be larger than ENet's 32 MiB".to_owned());
        }
        if self.interval == Span::ZERO {
            return Err("a flow's interval must not be 0; use burst for several messages at once".to_owned());
        }
        if self.max_size.is_some_and(|max| max < self.size) {
            return Err("a flow's max-size is below its size".to_owned());
        }
        Ok(())
    }
}
