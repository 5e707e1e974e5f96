//! What `libenet.so.7` (1.3.17) looks like from outside on 64-bit Linux: functions, small structs, and the places of the
//! few fields that have no function.

use std::ffi::{c_int, c_void};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Places in `ENetHost`, in bytes.
pub mod host {
    #![allow(missing_docs)]
    pub const SOCKET: usize = 0;
    pub const BANDWIDTH_THROTTLE_EPOCH: usize = 20;
    pub const MTU: usize = 24;
    pub const RANDOM_SEED: usize = 28;
    pub const PEERS: usize = 40;
    pub const PEER_COUNT: usize = 48;
    pub const CHECKSUM: usize = 2704;
    pub const CONNECTED_PEERS: usize = 10_984;
    pub const MAXIMUM_WAITING_DATA: usize = 11_016;
}

/// Places in `ENetPeer`, in bytes.
pub mod peer {
    #![allow(missing_docs)]
    pub const SIZE: usize = 456;
    pub const INCOMING_PEER_ID: usize = 26;
    pub const CONNECT_ID: usize = 28;
    pub const ADDRESS: usize = 36;
    pub const STATE: usize = 56;
    pub const CHANNEL_COUNT: usize = 72;
    pub const INCOMING_BANDWIDTH: usize = 80;
    pub const OUTGOING_BANDWIDTH: usize = 84;
    pub const LAST_RECEIVE_TIME: usize = 108;
    pub const NEXT_TIMEOUT: usize = 112;
    pub const PACKETS_LOST: usize = 128;
    pub const PACKET_LOSS: usize = 132;
    pub const PACKET_THROTTLE: usize = 140;
    pub const PACKET_THROTTLE_LIMIT: usize = 144;
    pub const PING_INTERVAL: usize = 168;
    pub const ROUND_TRIP_TIME: usize = 200;
    pub const ROUND_TRIP_TIME_VARIANCE: usize = 204;
    pub const MTU: usize = 208;
    pub const WINDOW_SIZE: usize = 212;
    pub const RELIABLE_DATA_IN_TRANSIT: usize = 216;
    pub const SENT_RELIABLE_COMMANDS: usize = 240;
    pub const OUTGOING_COMMANDS: usize = 272;
    pub const TOTAL_WAITING_DATA: usize = 448;
}

/// `ENetEventType`
pub(super) mod event_type {
    pub(crate) const CONNECT: u32 = 1;
    pub(crate) const DISCONNECT: u32 = 2;
    pub(crate) const RECEIVE: u32 = 3;
}

/// `ENET_SOCKOPT_RCVBUF`
pub(super) const SOCKOPT_RCVBUF: u32 = 3;

pub(super) const PACKET_FLAG_NO_ALLOCATE: u32 = 4;

/// `ENetPeer`: only pointers to it are ever made.
#[repr(C)]
pub(super) struct Peer {
    _opaque: [u8; 0],
}

/// `ENetAddress`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Address {
    /// In network byte order.
    pub host: u32,
    /// In the machine's byte order.
    pub port: u16,
}

impl From<SocketAddrV4> for Address {
    fn from(address: SocketAddrV4) -> Self {
        Address { host: u32::from_ne_bytes(address.ip().octets()), port: address.port() }
    }
}

impl From<Address> for SocketAddrV4 {
    fn from(address: Address) -> Self {
        SocketAddrV4::new(Ipv4Addr::from(address.host.to_ne_bytes()), address.port)
    }
}

/// `ENetBuffer`
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Buffer {
    pub(super) data: *mut u8,
    pub(super) data_length: usize,
}

/// `ENetEvent`
#[repr(C)]
pub struct Event {
    pub(super) kind: u32,
    pub(super) peer: *mut Peer,
    pub(super) channel: u8,
    pub(super) data: u32,
    pub(super) packet: *mut Packet,
}

impl Default for Event {
    fn default() -> Self {
        Event { kind: 0, peer: std::ptr::null_mut(), channel: 0, data: 0, packet: std::ptr::null_mut() }
    }
}

/// `ENetPacket`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Packet {
    pub(super) reference_count: usize,
    pub(super) flags: u32,
    pub(super) data: *mut u8,
    pub(super) data_length: usize,
    pub(super) free_callback: *mut c_void,
    pub(super) user_data: *mut c_void,
}

/// Every place and size the tests rely on, as C spells it, for comparison with the header.
pub const LAYOUT: &[(&str, usize)] = &[
    ("offsetof(ENetHost, socket)", host::SOCKET),
    ("offsetof(ENetHost, bandwidthThrottleEpoch)", host::BANDWIDTH_THROTTLE_EPOCH),
    ("offsetof(ENetHost, mtu)", host::MTU),
    ("offsetof(ENetHost, randomSeed)", host::RANDOM_SEED),
    ("offsetof(ENetHost, peers)", host::PEERS),
    ("offsetof(ENetHost, peerCount)", host::PEER_COUNT),
    ("offsetof(ENetHost, checksum)", host::CHECKSUM),
    ("offsetof(ENetHost, connectedPeers)", host::CONNECTED_PEERS),
    ("offsetof(ENetHost, maximumWaitingData)", host::MAXIMUM_WAITING_DATA),
    ("sizeof(ENetPeer)", peer::SIZE),
    ("offsetof(ENetPeer, incomingPeerID)", peer::INCOMING_PEER_ID),
    ("offsetof(ENetPeer, connectID)", peer::CONNECT_ID),
    ("offsetof(ENetPeer, address)", peer::ADDRESS),
    ("offsetof(ENetPeer, state)", peer::STATE),
    ("offsetof(ENetPeer, channelCount)", peer::CHANNEL_COUNT),
    ("offsetof(ENetPeer, incomingBandwidth)", peer::INCOMING_BANDWIDTH),
    ("offsetof(ENetPeer, outgoingBandwidth)", peer::OUTGOING_BANDWIDTH),
    ("offsetof(ENetPeer, lastReceiveTime)", peer::LAST_RECEIVE_TIME),
    ("offsetof(ENetPeer, nextTimeout)", peer::NEXT_TIMEOUT),
    ("offsetof(ENetPeer, packetsLost)", peer::PACKETS_LOST),
    ("offsetof(ENetPeer, packetLoss)", peer::PACKET_LOSS),
    ("offsetof(ENetPeer, packetThrottle)", peer::PACKET_THROTTLE),
    ("offsetof(ENetPeer, packetThrottleLimit)", peer::PACKET_THROTTLE_LIMIT),
    ("offsetof(ENetPeer, pingInterval)", peer::PING_INTERVAL),
    ("offsetof(ENetPeer, roundTripTime)", peer::ROUND_TRIP_TIME),
    ("offsetof(ENetPeer, roundTripTimeVariance)", peer::ROUND_TRIP_TIME_VARIANCE),
    ("offsetof(ENetPeer, mtu)", peer::MTU),
    ("offsetof(ENetPeer, windowSize)", peer::WINDOW_SIZE),
    ("offsetof(ENetPeer, reliableDataInTransit)", peer::RELIABLE_DATA_IN_TRANSIT),
    ("offsetof(ENetPeer, sentReliableCommands)", peer::SENT_RELIABLE_COMMANDS),
    ("offsetof(ENetPeer, outgoingCommands)", peer::OUTGOING_COMMANDS),
    ("offsetof(ENetPeer, totalWaitingData)", peer::TOTAL_WAITING_DATA),
    ("sizeof(ENetPeerState)", size_of::<u32>()),
    ("sizeof(ENetSocket)", size_of::<c_int>()),
    ("sizeof(ENetAddress)", size_of::<Address>()),
    ("offsetof(ENetAddress, port)", std::mem::offset_of!(Address, port)),
    ("sizeof(ENetBuffer)", size_of::<Buffer>()),
    ("offsetof(ENetBuffer, data)", std::mem::offset_of!(Buffer, data)),
    ("offsetof(ENetBuffer, dataLength)", std::mem::offset_of!(Buffer, data_length)),
    ("sizeof(ENetEvent)", size_of::<Event>()),
    ("offsetof(ENetEvent, type)", std::mem::offset_of!(Event, kind)),
    ("offsetof(ENetEvent, peer)", std::mem::offset_of!(Event, peer)),
    ("offsetof(ENetEvent, channelID)", std::mem::offset_of!(Event, channel)),
    ("offsetof(ENetEvent, data)", std::mem::offset_of!(Event, data)),
    ("offsetof(ENetEvent, packet)", std::mem::offset_of!(Event, packet)),
    ("sizeof(ENetPacket)", size_of::<Packet>()),
    ("offsetof(ENetPacket, flags)", std::mem::offset_of!(Packet, flags)),
    ("offsetof(ENetPacket, data)", std::mem::offset_of!(Packet, data)),
    ("offsetof(ENetPacket, dataLength)", std::mem::offset_of!(Packet, data_length)),
];

/// `ENetChecksumCallback`
pub(super) type Checksum = unsafe extern "C" fn(buffers: *const c_void, count: usize) -> u32;

macro_rules! functions {
    ($(#[$doc:meta])* struct $table:ident {
        $($name:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*
    }) => {
        $(#[$doc])*
        pub(super) struct $table {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl $table {
            /// Looks all of them up. They may be called as long as `file` is open.
            #[allow(unsafe_code)]
            pub(super) fn of(file: &libloading::Library) -> Result<$table, String> {
                Ok($table {
                    // SAFETY: the types are those of the header, 1.3.17.
                    $($name: *unsafe { file.get($symbol) }.map_err(|error| error.to_string())?,)*
                })
            }
        }
    };
}

functions! {
    /// The functions called here.
    struct Functions {
        linked_version = b"enet_linked_version": fn() -> u32;
        library_initialize = b"enet_initialize": fn() -> c_int;
        crc32 = b"enet_crc32": fn(*const c_void, usize) -> u32;
        packet_create = b"enet_packet_create": fn(*const c_void, usize, u32) -> *mut Packet;
        packet_destroy = b"enet_packet_destroy": fn(*mut Packet);
        host_create = b"enet_host_create": fn(*const Address, usize, usize, u32, u32) -> *mut c_void;
        host_destroy = b"enet_host_destroy": fn(*mut c_void);
        host_connect = b"enet_host_connect": fn(*mut c_void, *const Address, usize, u32) -> *mut Peer;
        host_service = b"enet_host_service": fn(*mut c_void, *mut Event, u32) -> c_int;
        host_flush = b"enet_host_flush": fn(*mut c_void);
        host_broadcast = b"enet_host_broadcast": fn(*mut c_void, u8, *mut Packet);
        host_bandwidth_limit = b"enet_host_bandwidth_limit": fn(*mut c_void, u32, u32);
        host_compress_with_range_coder = b"enet_host_compress_with_range_coder": fn(*mut c_void) -> c_int;
        range_coder_create = b"enet_range_coder_create": fn() -> *mut c_void;
        range_coder_destroy = b"enet_range_coder_destroy": fn(*mut c_void);
        range_coder_compress = b"enet_range_coder_compress":
            fn(*mut c_void, *const Buffer, usize, usize, *mut u8, usize) -> usize;
        range_coder_decompress = b"enet_range_coder_decompress":
            fn(*mut c_void, *const u8, usize, *mut u8, usize) -> usize;
        peer_send = b"enet_peer_send": fn(*mut Peer, u8, *mut Packet) -> c_int;
        peer_disconnect = b"enet_peer_disconnect": fn(*mut Peer, u32);
        peer_disconnect_later = b"enet_peer_disconnect_later": fn(*mut Peer, u32);
        peer_disconnect_now = b"enet_peer_disconnect_now": fn(*mut Peer, u32);
        peer_reset = b"enet_peer_reset": fn(*mut Peer);
        peer_ping = b"enet_peer_ping": fn(*mut Peer);
        peer_timeout = b"enet_peer_timeout": fn(*mut Peer, u32, u32, u32);
        peer_ping_interval = b"enet_peer_ping_interval": fn(*mut Peer, u32);
        peer_throttle_configure = b"enet_peer_throttle_configure": fn(*mut Peer, u32, u32, u32);
    }
}

functions! {
    /// The functions that the library calls through its dynamic symbols, so that a program can put its own in their place
    /// ([`simulated`](crate::simulated)). These are the library's own.
    struct Replaceable {
        time_get = b"enet_time_get": fn() -> u32;
        host_random_seed = b"enet_host_random_seed": fn() -> u32;
        socket_create = b"enet_socket_create": fn(u32) -> c_int;
        socket_bind = b"enet_socket_bind": fn(c_int, *const Address) -> c_int;
        socket_get_address = b"enet_socket_get_address": fn(c_int, *mut Address) -> c_int;
        socket_set_option = b"enet_socket_set_option": fn(c_int, u32, c_int) -> c_int;
        socket_send = b"enet_socket_send": fn(c_int, *const Address, *const Buffer, usize) -> c_int;
        socket_receive = b"enet_socket_receive": fn(c_int, *mut Address, *mut Buffer, usize) -> c_int;
        socket_wait = b"enet_socket_wait": fn(c_int, *mut u32, u32) -> c_int;
        socket_destroy = b"enet_socket_destroy": fn(c_int);
    }
}

#[allow(unsafe_code)]
impl Functions {
    /// Major, minor and patch, a byte each.
    pub(super) fn version(&self) -> u32 {
        // SAFETY: needs nothing.
        unsafe { (self.linked_version)() }
    }

    pub(super) fn initialize(&self) -> Result<(), String> {
        // SAFETY: may be called any number of times, from any thread; on Unix it does nothing.
        match unsafe { (self.library_initialize)() } {
            0 => Ok(()),
            _ => Err("enet_initialize fails".to_owned()),
        }
    }
}
