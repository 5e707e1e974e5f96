//! [`Life`]: a host between two crashes.

use std::fmt;

/// A host in one of its lives: a crash ends one, a bounce begins the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    /// 0 is the server, clients count from 1.
    pub host: u8,
    /// Counts from 0.
    pub life: u8,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            0 => write!(f, "server")?,
            host => write!(f, "client {host}")?,
        }
        if self.life > 0 { write!(f, " (life {})", self.life + 1) } else { Ok(()) }
    }
}
