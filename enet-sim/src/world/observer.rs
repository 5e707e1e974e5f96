//! [`Observer`]: who watches a world; judges, measures and logs do.

use std::net::SocketAddr;

use crate::endpoint::{Close, Conn, Endpoint, Happening, Kind};
use crate::net::Fate;
use crate::time::Time;

/// A host's number: 0 is the server, then the clients, then the attackers.
pub type HostIndex = usize;

/// A call of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call<'a> {
    /// It began to connect.
    Connect {
        /// The new connection.
        conn: Conn,
        /// Whom it wants.
        to: HostIndex,
        /// What it sent along.
        data: u32,
    },
    /// It wanted to connect, and there was no slot.
    ConnectRefused,
    /// It sent a message.
    Send {
        /// Over which connection.
        conn: Conn,
        /// On which channel.
        channel: u8,
        /// How.
        kind: Kind,
        /// The message.
        payload: &'a [u8],
        /// Whether the endpoint took it.
        accepted: bool,
    },
    /// It ended a connection.
    Close {
        /// Which.
        conn: Conn,
        /// How.
        how: Close,
        /// What it sent along.
        data: u32,
    },
}

/// What happened to a whole host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostChange {
    /// It is gone, with all it knew.
    Crashed,
    /// It is there again, knowing nothing.
    Restarted,
    /// It stands still.
    Paused,
    /// It goes on.
    Resumed,
    /// Its clock was set, by so many nanoseconds; or stood still with it, which is the same.
    ClockStepped(i64),
}

/// Someone who watches. All methods do nothing unless they are written.
#[allow(unused_variables)]
pub trait Observer {
    /// An application called its host.
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {}
    /// A host told its application something.
    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {}
    /// A host gave a datagram to the network, which has decided on its fate.
    fn departed(&mut self, at: Time, from: HostIndex, to: SocketAddr, bytes: &[u8], fate: &Fate) {}
    /// A datagram reached a host's socket, which had room for it.
    fn arrived(&mut self, at: Time, host: HostIndex, source: SocketAddr, bytes: &[u8]) {}
    /// A datagram reached a host's socket, which had no room for it, or the host is down.
    fn overflowed(&mut self, at: Time, host: HostIndex, bytes: &[u8]) {}
    /// Something happened to a whole host.
    fn host_changed(&mut self, at: Time, host: HostIndex, change: HostChange) {}
    /// A host was serviced, and all it sent and raised has been shown.
    fn served(&mut self, at: Time, host: HostIndex, endpoint: &mut dyn Endpoint) {}
    /// The network has been healed: from now on nothing goes wrong any more.
    fn healed(&mut self, at: Time) {}
}

macro_rules! both {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        /// Two who watch.
        impl<A: Observer, B: Observer> Observer for (A, B) {
            $(fn $name(&mut self, $($arg: $type),*) {
                self.0.$name($($arg),*);
                self.1.$name($($arg),*);
            })*
        }

        /// Someone who watches, or nobody.
        impl<O: Observer> Observer for Option<O> {
            $(fn $name(&mut self, $($arg: $type),*) {
                if let Some(observer) = self {
                    observer.$name($($arg),*);
                }
            })*
        }
    };
}

both! {
    called(at: Time, host: HostIndex, call: &Call<'_>);
    happened(at: Time, host: HostIndex, what: &Happening<'_>);
    departed(at: Time, from: HostIndex, to: SocketAddr, bytes: &[u8], fate: &Fate);
    arrived(at: Time, host: HostIndex, source: SocketAddr, bytes: &[u8]);
    overflowed(at: Time, host: HostIndex, bytes: &[u8]);
    host_changed(at: Time, host: HostIndex, change: HostChange);
    served(at: Time, host: HostIndex, endpoint: &mut dyn Endpoint);
    healed(at: Time);
}

/// Nobody.
impl Observer for () {}
