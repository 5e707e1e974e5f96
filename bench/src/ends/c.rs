//! [`C`]: the installed C library, called as a C program calls it: packets are read where the library keeps them. (The
//! hosts of `enet-reference` copy every packet into a vector, which would be counted against C here.)

use std::ffi::{c_int, c_void};
use std::net::{Ipv4Addr, SocketAddr};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::time::Duration;

use super::{Delivery, End, Event, GIVE_UP, THROTTLE};

const FLAG_RELIABLE: u32 = 1;
const FLAG_NO_ALLOCATE: u32 = 4;

/// `ENetAddress`: the host in network byte order, the port in the machine's.
#[derive(Default)]
#[repr(C)]
struct Address {
    host: u32,
    port: u16,
}

/// `ENetPacket`
#[repr(C)]
struct RawPacket {
    references: usize,
    flags: u32,
    data: *const u8,
    len: usize,
}

/// `ENetEvent`
#[repr(C)]
struct RawEvent {
    kind: u32,
    peer: *mut c_void,
    channel: u8,
    data: u32,
    packet: *mut RawPacket,
}

macro_rules! functions {
    ($($name:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of the library that a program of this kind calls.
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            fn load() -> Result<Functions, String> {
                // Checks the version too, for the layouts above are of that one.
                enet_reference::Library::load()?;
                // SAFETY: the library is loaded already, so nothing is initialised.
                let file = unsafe { libloading::Library::new("libenet.so.7") }.map_err(|error| error.to_string())?;
                // It stays loaded for ever.
                let file = Box::leak(Box::new(file));
                Ok(Functions {
                    // SAFETY: the types are those of the header, 1.3.17.
                    $($name: *unsafe { file.get($symbol) }.map_err(|error| error.to_string())?,)*
                })
            }
        }
    };
}

functions! {
    packet_create = b"enet_packet_create": fn(*const c_void, usize, u32) -> *mut RawPacket;
    packet_destroy = b"enet_packet_destroy": fn(*mut RawPacket);
    host_create = b"enet_host_create": fn(*const Address, usize, usize, u32, u32) -> *mut c_void;
    host_destroy = b"enet_host_destroy": fn(*mut c_void);
    host_connect = b"enet_host_connect": fn(*mut c_void, *const Address, usize, u32) -> *mut c_void;
    host_service = b"enet_host_service": fn(*mut c_void, *mut RawEvent, u32) -> c_int;
    host_broadcast = b"enet_host_broadcast": fn(*mut c_void, u8, *mut RawPacket);
    peer_send = b"enet_peer_send": fn(*mut c_void, u8, *mut RawPacket) -> c_int;
    peer_disconnect = b"enet_peer_disconnect": fn(*mut c_void, u32);
    peer_timeout = b"enet_peer_timeout": fn(*mut c_void, u32, u32, u32);
    peer_throttle_configure = b"enet_peer_throttle_configure": fn(*mut c_void, u32, u32, u32);
    socket_get_address = b"enet_socket_get_address": fn(c_int, *mut Address) -> c_int;
}

fn functions() -> Result<&'static Functions, String> {
    static LOADED: OnceLock<Result<Functions, String>> = OnceLock::new();
    LOADED.get_or_init(Functions::load).as_ref().map_err(Clone::clone)
}

/// A host of the C library.
pub struct C {
    host: NonNull<c_void>,
    functions: &'static Functions,
}

// SAFETY: a host is reached only through this, and the C library keeps no state of it elsewhere.
unsafe impl Send for C {}

/// `ENetPeer *`. It lives as long as its host; nobody keeps it longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CPeer(*mut c_void);

// SAFETY: a number, as long as it is not given to the library, which takes a `&mut C`.
unsafe impl Send for CPeer {}

/// A received packet, destroyed when it is dropped.
struct CPacket {
    packet: NonNull<RawPacket>,
    functions: &'static Functions,
}

impl CPacket {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the packet is alive and nobody writes to it.
        let packet = unsafe { self.packet.as_ref() };
        if packet.len == 0 {
            return &[];
        }
        // SAFETY: it points to that many bytes.
        unsafe { std::slice::from_raw_parts(packet.data, packet.len) }
    }
}

impl Drop for CPacket {
    fn drop(&mut self) {
        // SAFETY: a received packet belongs to its receiver.
        unsafe { (self.functions.packet_destroy)(self.packet.as_ptr()) }
    }
}

impl C {
    fn packet(&self, bytes: &[u8], flags: u32) -> Result<*mut RawPacket, String> {
        // SAFETY: the bytes are valid for the call, which copies them; with NO_ALLOCATE the caller has them for ever.
        let packet = unsafe { (self.functions.packet_create)(bytes.as_ptr().cast(), bytes.len(), flags) };
        if packet.is_null() { Err("enet_packet_create fails".to_owned()) } else { Ok(packet) }
    }

    fn send_packet(&mut self, peer: CPeer, packet: *mut RawPacket) -> Result<(), String> {
        // SAFETY: peer and packet are alive; the library takes the packet over unless it refuses it.
        unsafe {
            if (self.functions.peer_send)(peer.0, 0, packet) < 0 {
                (self.functions.packet_destroy)(packet);
                return Err("enet_peer_send refuses".to_owned());
            }
        }
        Ok(())
    }
}

impl End for C {
    type Peer = CPeer;

    fn open(slots: u16) -> Result<Self, String> {
        let functions = functions()?;
        let address = Address { host: u32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets()), port: 0 };
        // SAFETY: the address is valid for the call, which does not keep it.
        let host = unsafe { (functions.host_create)(&raw const address, usize::from(slots), 0, 0, 0) };
        Ok(C { host: NonNull::new(host).ok_or("enet_host_create refuses")?, functions })
    }

    fn address(&self) -> Result<SocketAddr, String> {
        let mut address = Address::default();
        // SAFETY: a host's first field is its socket; the address is valid for the call.
        let failed = unsafe {
            let socket = self.host.cast::<c_int>().read();
            (self.functions.socket_get_address)(socket, &raw mut address)
        };
        if failed != 0 {
            return Err("the socket of a C host has no address".to_owned());
        }
        Ok(SocketAddr::from((address.host.to_ne_bytes(), address.port)))
    }

    fn connect(&mut self, to: SocketAddr) -> Result<(), String> {
        let SocketAddr::V4(to) = to else { return Err(format!("{to} is not an IPv4 address")) };
        let address = Address { host: u32::from_ne_bytes(to.ip().octets()), port: to.port() };
        // SAFETY: the host is alive; the address is valid for the call, which copies it.
        let peer = unsafe { (self.functions.host_connect)(self.host.as_ptr(), &raw const address, 1, 0) };
        if peer.is_null() { Err("enet_host_connect finds no free slot".to_owned()) } else { Ok(()) }
    }

    fn service(
        &mut self,
        wait: Duration,
        handle: impl FnOnce(&mut Self, Event<CPeer, &[u8]>) -> Result<(), String>,
    ) -> Result<bool, String> {
        const CONNECT: u32 = 1;
        const DISCONNECT: u32 = 2;
        const RECEIVE: u32 = 3;
        let wait = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        let mut event = RawEvent {
            kind: 0,
            peer: std::ptr::null_mut(),
            channel: 0,
            data: 0,
            packet: std::ptr::null_mut(),
        };
        // SAFETY: the host is alive; the event is valid for the call.
        match unsafe { (self.functions.host_service)(self.host.as_ptr(), &raw mut event, wait) } {
            0 => return Ok(false),
            1.. => {}
            _ => return Err("enet_host_service fails".to_owned()),
        }
        let peer = CPeer(event.peer);
        match event.kind {
            CONNECT => handle(self, Event::Connected(peer))?,
            DISCONNECT => handle(self, Event::Disconnected(peer))?,
            RECEIVE => {
                let packet = NonNull::new(event.packet).ok_or("a receive event without a packet")?;
                let packet = CPacket { packet, functions: self.functions };
                handle(self, Event::Received(peer, packet.as_ref()))?;
            }
            other => return Err(format!("enet_host_service gives an event of type {other}")),
        }
        Ok(true)
    }

    fn send(&mut self, peer: CPeer, delivery: Delivery, bytes: &[u8]) -> Result<(), String> {
        let flags = match delivery {
            Delivery::Reliable => FLAG_RELIABLE,
            Delivery::Unreliable => 0,
        };
        let packet = self.packet(bytes, flags)?;
        self.send_packet(peer, packet)
    }

    fn send_static(&mut self, peer: CPeer, bytes: &'static [u8]) -> Result<(), String> {
        let packet = self.packet(bytes, FLAG_RELIABLE | FLAG_NO_ALLOCATE)?;
        self.send_packet(peer, packet)
    }

    fn broadcast(&mut self, bytes: &[u8]) -> Result<(), String> {
        let packet = self.packet(bytes, 0)?;
        // SAFETY: the host is alive, and takes the packet over.
        unsafe { (self.functions.host_broadcast)(self.host.as_ptr(), 0, packet) }
        Ok(())
    }

    fn steady(&mut self, peer: CPeer) -> Result<(), String> {
        // SAFETY: the peer is alive.
        unsafe {
            (self.functions.peer_timeout)(peer.0, GIVE_UP.0, GIVE_UP.1, GIVE_UP.1);
            (self.functions.peer_throttle_configure)(peer.0, THROTTLE.0, THROTTLE.1, THROTTLE.2);
        }
        Ok(())
    }

    fn disconnect(&mut self, peer: CPeer) -> Result<(), String> {
        // SAFETY: the peer is alive.
        unsafe { (self.functions.peer_disconnect)(peer.0, 0) }
        Ok(())
    }
}

impl Drop for C {
    fn drop(&mut self) {
        // SAFETY: the host is alive, and nobody can reach it after this.
        unsafe { (self.functions.host_destroy)(self.host.as_ptr()) }
    }
}
