//! [`Implementation`]: who wrote the host, and how to make one.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{Endpoint, Order, Ours};
use crate::scenario::HostSpec;

/// An implementation of ENet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Implementation {
    /// `enet-proto`.
    Ours,
    /// The installed C library (feature `c-reference`).
    C,
    /// The crate `rusty_enet` (feature `rusty`).
    Rusty,
    /// The crate `kcp` (feature `kcp`): another protocol, which understands only itself.
    Kcp,
    /// The crate `quinn-proto` (feature `quic`): QUIC, which understands only itself.
    Quic,
}

impl Implementation {
    /// Every implementation.
    pub const ALL: [Implementation; 5] = [
        Implementation::Ours,
        Implementation::C,
        Implementation::Rusty,
        Implementation::Kcp,
        Implementation::Quic,
    ];

    /// As on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Implementation::Ours => "ours",
            Implementation::C => "c",
            Implementation::Rusty => "rusty",
            Implementation::Kcp => "kcp",
            Implementation::Quic => "quic",
        }
    }

    /// Whether it speaks ENet, so that it can be paired with the others.
    pub const fn speaks_enet(self) -> bool {
        !matches!(self, Implementation::Kcp | Implementation::Quic)
    }

    /// Whether hosts can be made here.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn available(self) -> Result<(), String> {
        match self {
            Implementation::Ours => Ok(()),
            #[cfg(feature = "c-reference")]
            Implementation::C => super::c::available(),
            #[cfg(not(feature = "c-reference"))]
            Implementation::C => Err("enet-sim was built without the feature c-reference".to_owned()),
            #[cfg(feature = "rusty")]
            Implementation::Rusty => Ok(()),
            #[cfg(not(feature = "rusty"))]
            Implementation::Rusty => Err("enet-sim was built without the feature rusty".to_owned()),
            #[cfg(feature = "kcp")]
            Implementation::Kcp => Ok(()),
            #[cfg(not(feature = "kcp"))]
            Implementation::Kcp => Err("enet-sim was built without the feature kcp".to_owned()),
            #[cfg(feature = "quic")]
            Implementation::Quic => Ok(()),
            #[cfg(not(feature = "quic"))]
            Implementation::Quic => Err("enet-sim was built without the feature quic".to_owned()),
        }
    }

    /// Makes a host with `peers` slots. In C's order ours takes the connect ids that C would take, too; the others know
    /// no other order.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn create(
        self,
        spec: &HostSpec,
        peers: u16,
        seed: [u8; 32],
        order: Order,
    ) -> Result<Box<dyn Endpoint>, String> {
        self.available()?;
        match self {
            Implementation::Ours => {
                let ours = Ours::new(spec, peers, seed, order);
                Ok(Box::new(match order {
                    Order::EventLoop => ours,
                    // Then the datagrams of two implementations can be compared byte by byte.
                    Order::AsC => ours.with_connect_ids(first_connect_id(seed)),
                }))
            }
            #[cfg(feature = "c-reference")]
            Implementation::C => Ok(Box::new(super::c::CHost::new(spec, peers, seed)?)),
            #[cfg(feature = "rusty")]
            Implementation::Rusty => Ok(Box::new(super::rusty::Rusty::new(spec, peers, seed)?)),
            #[cfg(feature = "kcp")]
            Implementation::Kcp => Ok(Box::new(super::kcp::Kcp::new(spec))),
            #[cfg(feature = "quic")]
            Implementation::Quic => Ok(Box::new(super::quic::Quic::new(seed)?)),
            #[allow(unreachable_patterns)] // with all features there is nobody else
            other => Err(format!("{other} is not available")),
        }
    }
}

/// The id of the first connection that a host with this seed begins: the C library counts up before it uses its seed.
fn first_connect_id(seed: [u8; 32]) -> u32 {
    let [a, b, c, d, ..] = seed;
    u32::from_le_bytes([a, b, c, d]).wrapping_add(1)
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Implementation {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Implementation::ALL
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or_else(|| format!("{text:?} is none of ours, c, rusty, kcp, quic"))
    }
}

impl Serialize for Implementation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
