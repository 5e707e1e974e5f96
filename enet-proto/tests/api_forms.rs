//! The plain types: their bounds, defaults, conversions and how they print.

mod common;

use std::time::Duration;

use common::Crafted;
use enet_proto::{
    Bytes, ChannelLimit, Checksum, ConnectOptions, Delivery, DiscardReason, DisconnectReason, Event, Host,
    HostConfig, Instant, Mtu, Packet, Payload, PeerId, PeerLimit, PeerState, Profile, ThrottleSettings,
    Timeouts,
};

// ---- Configuration (§3)

#[test]
fn a_hosts_defaults_are_those_of_the_protocol() {
    let config = HostConfig::new([1; 32]);
    assert_eq!((config.mtu.get(), config.peers.get(), config.channels.get()), (1392, 64, 255));
    assert_eq!((config.max_packet_size, config.max_waiting_data), (33_554_432, 33_554_432));
    assert_eq!(
        (config.incoming_bandwidth, config.outgoing_bandwidth, config.max_peers_per_ip),
        (None, None, None)
    );
    assert!(config.checksum.is_none() && config.compressor.is_none());
    assert_eq!(config.profile, Profile::Modern);
}

#[test]
fn a_peers_defaults_are_those_of_the_protocol() {
    let seconds = Duration::from_secs;
    assert_eq!(Timeouts::default(), Timeouts { limit: 32, minimum: seconds(5), maximum: seconds(30) });
    let throttle = ThrottleSettings { interval: seconds(5), acceleration: 2, deceleration: 2 };
    assert_eq!(ThrottleSettings::default(), throttle);
    let options = ConnectOptions::default();
    assert_eq!((options.channels.get(), options.data, options.hold), (1, 0, false));
    assert_eq!((options.timeout, options.connect_id), (None, None));
}

#[test]
fn limits_exist_only_within_their_bounds() {
    assert_eq!([0, 1, 4095, 4096].map(|n| PeerLimit::new(n).is_some()), [false, true, true, false]);
    assert_eq!([0, 1, 255].map(|n| ChannelLimit::new(n).is_some()), [false, true, true]);
    assert_eq!([575, 576, 4096, 4097].map(|n| Mtu::new(n).is_some()), [false, true, true, false]);
    assert_eq!((PeerLimit::MAX.get(), ChannelLimit::MAX.get(), Mtu::MAX.get()), (4095, 255, 4096));
    assert_eq!((PeerLimit::MIN.get(), ChannelLimit::MIN.get(), Mtu::MIN.get()), (1, 1, 576));
    assert_eq!(Mtu::default().get(), 1392);
}

#[test]
fn a_number_out_of_bounds_becomes_none_within() {
    assert_eq!(
        [0, 1, 100, 4095].map(|n| PeerLimit::try_from(n).ok().map(PeerLimit::get)),
        [None, Some(1), Some(100), Some(4095)]
    );
    assert!(PeerLimit::try_from(4096).is_err() && PeerLimit::try_from(usize::MAX).is_err());
    assert!(ChannelLimit::try_from(256).is_err() && Mtu::try_from(65_536 + 576).is_err());
}

// ---- States and reasons (§7)

#[test]
fn states_have_enets_numbers_and_lua_enets_names() {
    use PeerState::{
        AcknowledgingConnect, AcknowledgingDisconnect, Connected, Connecting, ConnectionPending,
        ConnectionSucceeded, DisconnectLater, Disconnected, Disconnecting, Zombie,
    };
    let states = [
        (Disconnected, "disconnected"),
        (Connecting, "connecting"),
        (AcknowledgingConnect, "acknowledging_connect"),
        (ConnectionPending, "connection_pending"),
        (ConnectionSucceeded, "connection_succeeded"),
        (Connected, "connected"),
        (DisconnectLater, "disconnect_later"),
        (Disconnecting, "disconnecting"),
        (AcknowledgingDisconnect, "acknowledging_disconnect"),
        (Zombie, "zombie"),
    ];
    for (number, (state, name)) in states.into_iter().enumerate() {
        assert_eq!(state as usize, number);
        assert_eq!((state.as_str(), state.to_string().as_str()), (name, name));
    }
}

#[test]
fn every_reason_has_a_text_of_its_own() {
    use DisconnectReason::{ConnectTimedOut, HandshakeRejected, Local, Refused, Remote, TimedOut};
    let mut texts: Vec<String> = [Remote, Local, TimedOut, ConnectTimedOut, Refused, HandshakeRejected]
        .map(|reason| reason.to_string())
        .to_vec();
    texts.extend(DiscardReason::ALL.iter().map(|reason| reason.as_str().to_owned()));
    let count = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), count);
    let is_key = |text: &&str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(DiscardReason::ALL.iter().map(|reason| reason.as_str()).all(|text| is_key(&text)));
}

// ---- How things print

#[test]
fn a_handle_prints_as_slot_and_generation() {
    let mut remote = Crafted::client();
    assert_eq!(remote.id.unwrap().to_string(), "0#1");
    remote.peer_mut().reset();
    remote.joins(common::two_channels());
    assert_eq!(remote.id.unwrap().to_string(), "0#2");
    assert_eq!(PeerId::from_bits(0x0003_0007).to_string(), "7#3");
}

#[test]
fn a_peer_prints_as_its_address_and_debugs_with_its_state() {
    let remote = Crafted::client();
    assert_eq!(remote.peer().to_string(), "192.0.2.1:4000");
    assert_eq!(format!("{:?}", remote.peer()), "Peer(0#1, 192.0.2.1:4000, connected)");
}

#[test]
fn debug_output_shows_sizes_instead_of_contents() {
    assert_eq!(format!("{:?}", Packet::reliable(vec![1; 5000])), "Packet(Reliable, 5000 bytes)");
    assert_eq!(format!("{:?}", Checksum::CRC32), "Checksum");
    let config = format!("{:?}", HostConfig::new([0x5e; 32]));
    assert!(config.starts_with("HostConfig") && !config.contains("94"), "the seed stays secret: {config}");
    let mut remote = Crafted::client();
    remote.utters(b"x");
    let host = format!("{:?}", remote.host);
    assert!(host.starts_with("Host {") && host.contains("connected: 1"), "{host}");
    assert_eq!(format!("{:?}", remote.host.stats().discarded), r#"{"truncated": 1}"#);
}

// ---- Events, packets, instants

#[test]
fn every_event_knows_its_peer() {
    let mut remote = Crafted::client();
    let id = remote.id.unwrap();
    remote.says(&[enet_testkit::commands::reliable(0, 1, b"x")]);
    let received = remote.host.poll_event().unwrap();
    remote.says(&[enet_testkit::commands::disconnect_now(2, 0)]);
    let disconnected = remote.host.poll_event().unwrap();
    let connected = Event::Connected { peer: id, data: 0 };
    assert_eq!([connected, received, disconnected].map(|event| event.peer()), [Some(id); 3]);
}

#[test]
fn packets_are_made_from_whatever_holds_bytes_and_turn_back_into_bytes() {
    let from: [Payload; 6] = [
        "hello".into(),
        b"hello".into(),
        b"hello"[..].into(),
        String::from("hello").into(),
        b"hello".to_vec().into(),
        Bytes::from_static(b"hello").into(),
    ];
    for payload in from {
        let packet = Packet::unreliable(payload);
        assert_eq!(
            (&packet[..], packet.as_ref().len(), packet.delivery()),
            (&b"hello"[..], 5, Delivery::Unreliable)
        );
        assert_eq!(Bytes::from(packet), b"hello"[..]);
    }
    assert_eq!(Packet::from_static(Delivery::Reliable, b"x"), Packet::reliable("x"));
    assert_eq!(Packet::unreliable_fragments("x").delivery(), Delivery::UnreliableFragments);
    assert_ne!(Packet::unsequenced("x"), Packet::reliable("x"));
}

#[test]
fn instants_count_microseconds_and_never_go_back() {
    let mut instant = Instant::from_millis(5) + Duration::from_micros(999);
    assert_eq!((instant.as_micros(), instant.as_millis()), (5999, 5));
    instant += Duration::from_micros(1);
    assert_eq!(instant, Instant::from_millis(6));
    assert_eq!(Instant::ZERO.saturating_duration_since(instant), Duration::ZERO);
    assert_eq!(instant.saturating_duration_since(Instant::ZERO), Duration::from_millis(6));
    assert_eq!(Instant::from_micros(u64::MAX) + Duration::MAX, Instant::from_micros(u64::MAX));
}

#[test]
fn a_host_may_be_sent_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&Host::new(HostConfig::new([1; 32])));
}
