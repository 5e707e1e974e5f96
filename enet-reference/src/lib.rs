//! The installed C library behind a safe face, for tests that talk to the real thing: [`Library`], [`CHost`].
//!
//! ```
//! use std::time::Duration;
//! use enet_reference::{CEvent, CHostConfig, library_or_skip};
//!
//! let Some(library) = library_or_skip("the example of libenet") else { return };
//! let mut server = library.host(CHostConfig::default()).unwrap();
//! let mut client = library.host(CHostConfig::default()).unwrap();
//! let peer = client.connect(server.address(), 1, 7).unwrap();
//! let connected = (0..1000).find_map(|_| {
//!     client.service(Duration::ZERO);
//!     server.service(Duration::from_millis(1))
//! });
//! assert!(matches!(connected, Some(CEvent::Connected { data: 7, .. })));
//! client.reset(peer);
//! ```
//!
//! It is loaded at run time, so nothing needs it to build. Only ENet 1.3.17 on 64-bit Linux is taken: settings such as the
//! checksum are fields of C structs, whose places are known for that one. `tests/libenet.rs` compares them with the
//! installed header.

pub mod abi;

use std::ffi::c_void;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use crate::abi::{Address, Event, Functions, Packet, Peer, event_type, host, peer};

const FILE: &str = "libenet.so.7";
const VERSION: u32 = 1 << 16 | 3 << 8 | 17;

/// The loaded C library.
#[derive(Clone)]
pub struct Library {
    inner: Arc<Loaded>,
}

struct Loaded {
    functions: Functions,
    /// Keeps the functions where they are.
    _file: libloading::Library,
}

impl Library {
    /// Loads `libenet.so.7`.
    ///
    /// # Errors
    /// A sentence: the file is missing, or it is another version, or this is not 64-bit Linux.
    pub fn load() -> Result<Library, String> {
        if !cfg!(all(target_os = "linux", target_pointer_width = "64")) {
            return Err("the C library's structs are known for 64-bit Linux only".to_owned());
        }
        // SAFETY: the library's initialisers are those of a plain C library; it has none.
        #[allow(unsafe_code)]
        let file = unsafe { libloading::Library::new(FILE) }.map_err(|error| format!("{FILE}: {error}"))?;
        let functions = Functions::of(&file)?;
        let version = functions.version();
        if version != VERSION {
            return Err(format!("{FILE} is version {version:#x}, the tests know {VERSION:#x} (1.3.17)"));
        }
        functions.initialize()?;
        Ok(Library { inner: Arc::new(Loaded { functions, _file: file }) })
    }

    /// A host bound to a free port of 127.0.0.1.
    ///
    /// # Errors
    /// A sentence, if the C library refuses.
    pub fn host(&self, config: CHostConfig) -> Result<CHost, String> {
        CHost::new(self, config)
    }
}

/// The C library, or `None` with a word on why the test is skipped.
///
/// # Panics
/// If it is missing while the environment says `CI=true`: there it has to be installed.
pub fn library_or_skip(test: &str) -> Option<Library> {
    match Library::load() {
        Ok(library) => Some(library),
        Err(reason) => {
            let ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!ci, "{test} needs the C library: {reason}");
            eprintln!("skipped: {test}: {reason}");
            None
        }
    }
}

/// What a C host is created with. The default is ENet's: 32 slots, 255 channels, no limits, no checksum, no compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CHostConfig {
    /// Slots for peers.
    pub peers: usize,
    /// Channels allowed per connection; 0 stands for 255.
    pub channels: usize,
    /// Downstream, bytes/s, 0 = unlimited.
    pub incoming_bandwidth: u32,
    /// Upstream, bytes/s, 0 = unlimited.
    pub outgoing_bandwidth: u32,
    /// The MTU; `None` leaves the library's own. As a server 1.3.17 takes the client's, whatever its own is (§6.2).
    pub mtu: Option<u32>,
    /// Whether datagrams carry `enet_crc32`.
    pub checksum: bool,
    /// Whether datagrams are compressed with the range coder.
    pub range_coder: bool,
}

impl Default for CHostConfig {
    fn default() -> Self {
        CHostConfig {
            peers: 32,
            channels: 0,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            mtu: None,
            checksum: false,
            range_coder: false,
        }
    }
}

/// A peer of a [`CHost`]: the number of its slot. It is never dangling: a slot outlives its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CPeer(pub u16);

/// What a [`CHost`] reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CEvent {
    /// A connection is established.
    Connected {
        /// With whom.
        peer: CPeer,
        /// What the connecting side gave.
        data: u32,
    },
    /// A connection is over.
    Disconnected {
        /// With whom.
        peer: CPeer,
        /// What the other side gave.
        data: u32,
    },
    /// A packet arrived.
    Received {
        /// From whom.
        peer: CPeer,
        /// On which channel.
        channel: u8,
        /// `ENET_PACKET_FLAG_*`.
        flags: u32,
        /// The payload.
        data: Vec<u8>,
    },
}

/// A host of the C library. Calls with a [`CPeer`] that is no slot of the host panic.
pub struct CHost {
    host: NonNull<c_void>,
    library: Library,
}

// SAFETY: a host is reached only through its CHost, and the C library keeps no state of it elsewhere: it may move to
// another thread, though not be used by two at once.
#[allow(unsafe_code)]
unsafe impl Send for CHost {}

#[allow(unsafe_code)]
impl CHost {
    fn new(library: &Library, config: CHostConfig) -> Result<CHost, String> {
        let functions = &library.inner.functions;
        let address = Address::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        let CHostConfig { peers, channels, incoming_bandwidth, outgoing_bandwidth, .. } = config;
        // SAFETY: the address is valid for the call, which does not keep it.
        let host = unsafe {
            (functions.host_create)(
                &raw const address,
                peers,
                channels,
                incoming_bandwidth,
                outgoing_bandwidth,
            )
        };
        let host = NonNull::new(host).ok_or("enet_host_create refuses")?;
        let mut host = CHost { host, library: library.clone() };
        if let Some(mtu) = config.mtu {
            // SAFETY: the field is a u32 at this place, and no call runs that reads it.
            unsafe { host.field::<u32>(host::MTU).write(mtu) };
            // A slot takes the host's MTU over when it is reset (§5.2), and 1.3.17 does not ask again when it connects.
            for slot in 0..peers {
                let slot = u16::try_from(slot).expect("a host was created, so it has at most 4095 slots");
                host.reset(CPeer(slot));
            }
        }
        if config.checksum {
            // SAFETY: the field is a function pointer of this type at this place.
            unsafe { host.field::<abi::Checksum>(host::CHECKSUM).write(functions.crc32) };
        }
        if config.range_coder {
            // SAFETY: the host is alive.
            let refused = unsafe { (functions.host_compress_with_range_coder)(host.as_ptr()) };
            if refused != 0 {
                return Err("enet_host_compress_with_range_coder refuses".to_owned());
            }
        }
        Ok(host)
    }

    /// Where it listens: 127.0.0.1 and a port the system chose.
    ///
    /// # Panics
    /// If the socket does not know.
    pub fn address(&self) -> SocketAddr {
        let mut address = Address::default();
        // SAFETY: the host's first field is its socket; the address is valid for the call.
        let failed = unsafe {
            let socket = self.field::<i32>(host::SOCKET).read();
            (self.functions().socket_get_address)(socket, &raw mut address)
        };
        assert_eq!(failed, 0, "the socket of a C host has an address");
        address.into()
    }

    /// Starts to connect; `None` if no slot is free.
    ///
    /// # Panics
    /// If the address is not IPv4, which is all the C library knows.
    pub fn connect(&mut self, to: SocketAddr, channels: usize, data: u32) -> Option<CPeer> {
        let SocketAddr::V4(to) = to else { panic!("{to} is not an IPv4 address") };
        let address = Address::from(to);
        // SAFETY: the host is alive; the address is valid for the call, which copies it.
        let peer =
            unsafe { (self.functions().host_connect)(self.as_ptr(), &raw const address, channels, data) };
        // SAFETY: what the library returns is null or a peer of this host.
        NonNull::new(peer).map(|peer| unsafe { slot_of(peer) })
    }

    /// Sends, receives and waits for at most `timeout`, until there is an event.
    ///
    /// # Panics
    /// If the socket fails.
    pub fn service(&mut self, timeout: Duration) -> Option<CEvent> {
        let mut event = Event::default();
        let timeout = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: the host is alive; the event is valid for the call.
        let returned = unsafe { (self.functions().host_service)(self.as_ptr(), &raw mut event, timeout) };
        assert!(returned >= 0, "enet_host_service fails");
        // SAFETY: the library has filled in the event.
        (returned > 0).then(|| unsafe { self.take(&event) })
    }

    /// Sends what is queued, now.
    pub fn flush(&mut self) {
        // SAFETY: the host is alive.
        unsafe { (self.functions().host_flush)(self.as_ptr()) }
    }

    /// Queues a packet to every connected peer. `flags`: `ENET_PACKET_FLAG_*`.
    pub fn broadcast(&mut self, channel: u8, data: &[u8], flags: u32) {
        let packet = self.packet(data, flags);
        // SAFETY: the host is alive, and takes the packet over.
        unsafe { (self.functions().host_broadcast)(self.as_ptr(), channel, packet.as_ptr()) }
    }

    /// Changes the host's limits, bytes/s, 0 = unlimited.
    pub fn bandwidth_limit(&mut self, incoming: u32, outgoing: u32) {
        // SAFETY: the host is alive.
        unsafe { (self.functions().host_bandwidth_limit)(self.as_ptr(), incoming, outgoing) }
    }

    /// How many peers are connected.
    pub fn connected_peers(&self) -> usize {
        // SAFETY: the field is a size_t at this place.
        unsafe { self.field::<usize>(host::CONNECTED_PEERS).read() }
    }

    // ---- Of one peer

    /// Queues a packet; `false` if the library refuses it. `flags`: `ENET_PACKET_FLAG_*`.
    pub fn send(&mut self, peer: CPeer, channel: u8, data: &[u8], flags: u32) -> bool {
        let packet = self.packet(data, flags);
        let peer = self.peer(peer);
        // SAFETY: peer and packet are alive. The library takes the packet over unless it refuses it, and then it is
        // ours to destroy.
        unsafe {
            let refused = (self.functions().peer_send)(peer.as_ptr(), channel, packet.as_ptr()) < 0;
            if refused {
                (self.functions().packet_destroy)(packet.as_ptr());
            }
            !refused
        }
    }

    /// `enet_peer_disconnect`
    pub fn disconnect(&mut self, peer: CPeer, data: u32) {
        // SAFETY: the peer is alive.
        unsafe { (self.functions().peer_disconnect)(self.peer(peer).as_ptr(), data) }
    }

    /// `enet_peer_disconnect_later`
    pub fn disconnect_later(&mut self, peer: CPeer, data: u32) {
        // SAFETY: the peer is alive.
        unsafe { (self.functions().peer_disconnect_later)(self.peer(peer).as_ptr(), data) }
    }

    /// `enet_peer_disconnect_now`
    pub fn disconnect_now(&mut self, peer: CPeer, data: u32) {
        // SAFETY: the peer is alive.
        unsafe { (self.functions().peer_disconnect_now)(self.peer(peer).as_ptr(), data) }
    }

    /// `enet_peer_reset`
    pub fn reset(&mut self, peer: CPeer) {
        // SAFETY: the peer is alive.
        unsafe { (self.functions().peer_reset)(self.peer(peer).as_ptr()) }
    }

    /// `enet_peer_ping`
    pub fn ping(&mut self, peer: CPeer) {
        // SAFETY: the peer is alive.
        unsafe { (self.functions().peer_ping)(self.peer(peer).as_ptr()) }
    }

    /// `enet_peer_timeout`; times in ms, 0 = default.
    pub fn timeout(&mut self, peer: CPeer, limit: u32, minimum: u32, maximum: u32) {
        // SAFETY: the peer is alive.
        unsafe { (self.functions().peer_timeout)(self.peer(peer).as_ptr(), limit, minimum, maximum) }
    }

    /// `ENetPeerState` as a number (PROTOCOL.md §7).
    pub fn state(&self, peer: CPeer) -> u32 {
        self.peer_field(peer, peer::STATE)
    }

    /// The negotiated MTU.
    pub fn mtu(&self, peer: CPeer) -> u32 {
        self.peer_field(peer, peer::MTU)
    }

    /// The smoothed round trip time in ms.
    pub fn round_trip_time(&self, peer: CPeer) -> u32 {
        self.peer_field(peer, peer::ROUND_TRIP_TIME)
    }

    /// How many channels the connection has.
    pub fn channels(&self, peer: CPeer) -> usize {
        // SAFETY: the field is a size_t at this place.
        unsafe { self.peer(peer).byte_add(peer::CHANNEL_COUNT).cast::<usize>().read() }
    }

    // ---- Beneath

    fn functions(&self) -> &Functions {
        &self.library.inner.functions
    }

    fn as_ptr(&self) -> *mut c_void {
        self.host.as_ptr()
    }

    /// # Safety
    /// `ENetHost` has a field of type `T` at `offset`.
    unsafe fn field<T>(&self, offset: usize) -> NonNull<T> {
        // SAFETY: the place lies in the host, says the caller; the host is allocated as long as self lives.
        unsafe { self.host.byte_add(offset).cast() }
    }

    fn peer(&self, peer: CPeer) -> NonNull<Peer> {
        let slot = usize::from(peer.0);
        // SAFETY: the fields are a size_t and a pointer at these places.
        let (peers, count) = unsafe {
            (self.field::<NonNull<Peer>>(host::PEERS).read(), self.field::<usize>(host::PEER_COUNT).read())
        };
        assert!(slot < count, "{peer:?} is no peer of a host with {count} slots");
        // SAFETY: `peers` is an array of `count` peers, which lives as long as the host.
        unsafe { peers.byte_add(slot * peer::SIZE) }
    }

    fn peer_field(&self, peer: CPeer, offset: usize) -> u32 {
        // SAFETY: all offsets given here are those of 32-bit fields.
        unsafe { self.peer(peer).byte_add(offset).cast::<u32>().read() }
    }

    fn packet(&self, data: &[u8], flags: u32) -> NonNull<Packet> {
        // SAFETY: the data is valid for the call, which copies it (NO_ALLOCATE is masked).
        let packet = unsafe {
            (self.functions().packet_create)(
                data.as_ptr().cast(),
                data.len(),
                flags & !abi::PACKET_FLAG_NO_ALLOCATE,
            )
        };
        NonNull::new(packet).expect("enet_packet_create finds memory")
    }

    /// # Safety
    /// `event` was filled in by this host's service, which returned that there is one. Called once per event.
    unsafe fn take(&self, event: &Event) -> CEvent {
        // SAFETY: every event has a peer of the host.
        let peer = unsafe { slot_of(NonNull::new(event.peer).expect("an event has a peer")) };
        match event.kind {
            event_type::CONNECT => CEvent::Connected { peer, data: event.data },
            event_type::DISCONNECT => CEvent::Disconnected { peer, data: event.data },
            event_type::RECEIVE => {
                let packet = NonNull::new(event.packet).expect("a receive event has a packet");
                // SAFETY: the packet is alive and ours; it is destroyed once its contents are copied.
                let (flags, data) = unsafe {
                    let contents = packet.read();
                    let data = match contents.data_length {
                        0 => Vec::new(),
                        len => std::slice::from_raw_parts(contents.data, len).to_vec(),
                    };
                    (self.functions().packet_destroy)(packet.as_ptr());
                    (contents.flags, data)
                };
                CEvent::Received { peer, channel: event.channel, flags, data }
            }
            other => panic!("enet_host_service returned an event of type {other}"),
        }
    }
}

#[allow(unsafe_code)]
impl Drop for CHost {
    fn drop(&mut self) {
        // SAFETY: the host is alive, and nobody can reach it after this.
        unsafe { (self.functions().host_destroy)(self.as_ptr()) }
    }
}

/// # Safety
/// `peer` is a live peer of a host.
#[allow(unsafe_code)]
unsafe fn slot_of(peer: NonNull<Peer>) -> CPeer {
    // SAFETY: the field is a u16 at this place.
    CPeer(unsafe { peer.byte_add(peer::INCOMING_PEER_ID).cast::<u16>().read() })
}
