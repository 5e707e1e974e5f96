//! A host of the C library, its settings, events and peers.

use std::ffi::c_void;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ptr::NonNull;
use std::time::Duration;

use crate::Library;
use crate::abi::{self, Address, Event, Functions, Packet, Peer, event_type, host, peer};

// `ENetPeerState`
const DISCONNECTED: u32 = 0;
const CONNECTED: u32 = 5;
const ZOMBIE: u32 = 9;

/// `ENET_HOST_BANDWIDTH_THROTTLE_INTERVAL`, ms.
const BANDWIDTH_INTERVAL: u32 = 1000;

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
    range_coder: bool,
}

// SAFETY: a host is reached only through its CHost, and the C library keeps no state of it elsewhere: it may move to
// another thread, though not be used by two at once.
#[allow(unsafe_code)]
unsafe impl Send for CHost {}

#[allow(unsafe_code)]
impl CHost {
    pub(crate) fn new(library: Library, config: CHostConfig) -> Result<CHost, String> {
        let functions = &library.loaded.functions;
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
        let mut host = CHost { host, library, range_coder: config.range_coder };
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
            (self.library.loaded.replaceable.socket_get_address)(socket, &raw mut address)
        };
        assert_eq!(failed, 0, "the socket of a C host has an address");
        SocketAddr::V4(address.into())
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
        let timeout = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        self.try_service(timeout).expect("enet_host_service does not fail")
    }

    /// `enet_host_service`, `timeout` in ms: the event if there is one; `None` where it fails, as it does when an odd
    /// datagram comes in.
    pub fn try_service(&mut self, timeout: u32) -> Option<Option<CEvent>> {
        let mut event = Event::default();
        // SAFETY: the host is alive; the event is valid for the call.
        let returned = unsafe { (self.functions().host_service)(self.as_ptr(), &raw mut event, timeout) };
        // SAFETY: the library has filled in the event.
        (returned >= 0).then(|| (returned > 0).then(|| unsafe { self.take(&event) }))
    }

    /// Sends what is queued, now.
    pub fn flush(&mut self) {
        // SAFETY: the host is alive.
        unsafe { (self.functions().host_flush)(self.as_ptr()) }
    }

    /// Queues a packet to every connected peer. `flags`: `ENET_PACKET_FLAG_*`.
    ///
    /// # Panics
    /// If the packet is empty while the host compresses: see [`send`](CHost::send).
    pub fn broadcast(&mut self, channel: u8, data: &[u8], flags: u32) {
        assert!(!(self.range_coder && data.is_empty()), "the range coder of the C library crashes here");
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
    ///
    /// An empty packet is refused here where the host compresses: the library's range coder reads through a null pointer.
    pub fn send(&mut self, peer: CPeer, channel: u8, data: &[u8], flags: u32) -> bool {
        if self.range_coder && data.is_empty() {
            return false;
        }
        self.send_unguarded(peer, channel, data, flags)
    }

    /// As [`send`](CHost::send), with what a C program would do to itself: an empty packet is sent where the host
    /// compresses, too. The library's range coder then reads through a null pointer, and **the process ends** with the
    /// next call that sends. For processes that are there to be attacked.
    pub fn send_unguarded(&mut self, peer: CPeer, channel: u8, data: &[u8], flags: u32) -> bool {
        let packet = self.packet(data, flags);
        let peer = self.peer(peer);
        // SAFETY: peer and packet are alive. The library takes the packet over unless it refuses it, and then it is
        // ours to destroy. The null page is not mapped: to read it ends the process, and nothing else happens.
        unsafe {
            let refused = (self.functions().peer_send)(peer.as_ptr(), channel, packet.as_ptr()) < 0;
            if refused {
                (self.functions().packet_destroy)(packet.as_ptr());
            }
            !refused
        }
    }

    /// Asks the system for that much room for received datagrams; the library itself asks for 256 KiB.
    ///
    /// # Errors
    /// A sentence, if the system refuses.
    pub fn set_receive_buffer(&mut self, bytes: usize) -> Result<(), String> {
        let bytes = i32::try_from(bytes).map_err(|error| error.to_string())?;
        // SAFETY: the host's first field is its socket.
        let failed = unsafe {
            let socket = self.field::<i32>(host::SOCKET).read();
            (self.library.loaded.replaceable.socket_set_option)(socket, abi::SOCKOPT_RCVBUF, bytes)
        };
        if failed == 0 { Ok(()) } else { Err("the system refuses a receive buffer".to_owned()) }
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

    /// `enet_peer_ping_interval`; ms, 0 = default.
    pub fn ping_interval(&mut self, peer: CPeer, interval: u32) {
        // SAFETY: the peer is alive.
        unsafe { (self.functions().peer_ping_interval)(self.peer(peer).as_ptr(), interval) }
    }

    /// `enet_peer_throttle_configure`; the interval in ms.
    pub fn throttle_configure(&mut self, peer: CPeer, interval: u32, acceleration: u32, deceleration: u32) {
        let peer = self.peer(peer);
        // SAFETY: the peer is alive.
        unsafe {
            (self.functions().peer_throttle_configure)(peer.as_ptr(), interval, acceleration, deceleration);
        }
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

    /// Whose datagrams are this peer's; that of the last connection when there is none.
    pub fn peer_address(&self, peer: CPeer) -> SocketAddrV4 {
        // SAFETY: the field is an ENetAddress at this place.
        unsafe { self.peer(peer).byte_add(peer::ADDRESS).cast::<Address>().read() }.into()
    }

    // ---- Beneath

    fn functions(&self) -> &Functions {
        &self.library.loaded.functions
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

    pub(crate) fn peer_field(&self, peer: CPeer, offset: usize) -> u32 {
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

    /// Bytes received from a peer and not yet fetched.
    pub(crate) fn waiting_data(&self, peer: CPeer) -> usize {
        // SAFETY: the field is a size_t at this place.
        unsafe { self.peer(peer).byte_add(peer::TOTAL_WAITING_DATA).cast::<usize>().read() }
    }

    /// How many such bytes there may be.
    pub(crate) fn limit_waiting_data(&mut self, bytes: usize) {
        // SAFETY: the field is a size_t at this place, and no call runs that reads it.
        unsafe { self.field::<usize>(host::MAXIMUM_WAITING_DATA).write(bytes) }
    }

    /// ms from `now` until a service call has something to do of itself: a command to send again, a ping, the distribution
    /// of bandwidth. At least 1, for it has just been called.
    pub(crate) fn due_in(&self, now: u32) -> Option<u32> {
        let left = |time: u32| now.wrapping_sub(time).cast_signed(); // the distance past it; negative before
        let mut nearest = None;
        for slot in 0..self.slots() {
            let peer = self.peer(CPeer(slot));
            // SAFETY: all these are places of 32-bit fields.
            let field = |place| unsafe { peer.byte_add(place).cast::<u32>().read() };
            let state = field(peer::STATE);
            if state == DISCONNECTED || state == ZOMBIE {
                continue;
            }
            if self.has_items(CPeer(slot), peer::SENT_RELIABLE_COMMANDS) {
                nearest = nearest.max(Some(left(field(peer::NEXT_TIMEOUT))));
            } else if state == CONNECTED {
                let ping = field(peer::LAST_RECEIVE_TIME).wrapping_add(field(peer::PING_INTERVAL));
                nearest = nearest.max(Some(left(ping)));
            }
        }
        if self.connected_peers() > 0 {
            // SAFETY: the field is a u32 at this place.
            let epoch = unsafe { self.field::<u32>(host::BANDWIDTH_THROTTLE_EPOCH).read() };
            nearest = nearest.max(Some(left(epoch.wrapping_add(BANDWIDTH_INTERVAL))));
        }
        nearest.map(|left| left.min(-1).unsigned_abs())
    }

    /// Whether anything is queued for a peer, or sent to it and not acknowledged.
    pub(crate) fn has_commands(&self, peer: CPeer) -> bool {
        [peer::SENT_RELIABLE_COMMANDS, peer::OUTGOING_COMMANDS]
            .into_iter()
            .any(|list| self.has_items(peer, list))
    }

    fn has_items(&self, peer: CPeer, list: usize) -> bool {
        // SAFETY: all offsets given here are those of lists, whose first field is a pointer. An empty list is a ring of
        // one, which points to itself.
        unsafe {
            let list = self.peer(peer).byte_add(list).cast::<NonNull<Peer>>();
            list.read() != list.cast()
        }
    }

    fn slots(&self) -> u16 {
        // SAFETY: the field is a size_t at this place.
        let slots = unsafe { self.field::<usize>(host::PEER_COUNT).read() };
        u16::try_from(slots).expect("a host has at most 4095 slots")
    }

    /// The seed of the connect ids: the first is one more.
    pub(crate) fn seed(&mut self, seed: u32) {
        // SAFETY: the field is a u32 at this place, and no call runs that reads it.
        unsafe { self.field::<u32>(host::RANDOM_SEED).write(seed) }
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
