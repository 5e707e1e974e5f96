//! What the tests share: configured hosts, and a loop over several of them.
#![allow(dead_code, unreachable_pub)] // every test binary uses its own part
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::time::{Duration, Instant};

use enet_mio::enet_proto::ThrottleSettings;
use enet_mio::{
    ConnectOptions, Event, Host, HostConfig, Packet, PeerId, Service, SocketOptions, random_seed,
};

/// Longer than anything takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// `value`, or `None` with a word on why a test is skipped.
///
/// # Panics
/// If there is none while the environment says `CI=true`: there nothing may be skipped.
pub fn or_skip<T>(value: Result<T, String>, test: &str) -> Option<T> {
    match value {
        Ok(value) => Some(value),
        Err(reason) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: {reason}");
            println!("skipped: {test}: {reason}");
            None
        }
    }
}

pub fn config() -> HostConfig {
    HostConfig::new(random_seed().unwrap())
}

pub fn server() -> Service {
    Service::bind("127.0.0.1:*", config()).unwrap()
}

pub fn client() -> Service {
    Service::client(config()).unwrap()
}

/// Serves in turn until `step` says it is done; it is handed every event with its host's number.
pub fn serve<const N: usize>(
    mut services: [&mut Service; N],
    mut step: impl FnMut(usize, &mut Service, Event) -> bool,
) {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        for (number, service) in services.iter_mut().enumerate() {
            if let Some(event) = service.service(Duration::from_millis(1)).unwrap()
                && step(number, service, event)
            {
                return;
            }
        }
    }
    panic!("not done in {PATIENCE:?}");
}

/// Connects two hosts; their handles of each other: the server's of the client, the client's of the server.
pub fn connect(server: &mut Service, client: &mut Service, options: ConnectOptions) -> (PeerId, PeerId) {
    let to = server.local_addr().unwrap();
    client.connect(to, options).unwrap();
    let mut peers = [None; 2];
    serve([server, client], |number, _, event| {
        assert!(matches!(event, Event::Connected { .. }), "{event:?}");
        peers[number] = event.peer();
        peers.iter().all(Option::is_some)
    });
    (peers[0].unwrap(), peers[1].unwrap())
}

/// Bytes that depend on position and `seed`.
pub fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ seed).collect()
}

/// A pair of connected hosts, and the client's handle of the server. Nothing is throttled.
pub fn pair(options: SocketOptions, configure: impl Fn(&mut HostConfig)) -> (Service, Service, PeerId) {
    pair_at("127.0.0.1:*", options, configure)
}

pub fn pair_at(
    at: &str,
    options: SocketOptions,
    configure: impl Fn(&mut HostConfig),
) -> (Service, Service, PeerId) {
    let [mut server, mut client] = [0, 1].map(|_| {
        let mut config = config();
        configure(&mut config);
        Service::new(Host::bind_with(options, at, config).unwrap()).unwrap()
    });
    let (_, peer) = connect(&mut server, &mut client, ConnectOptions::default());
    let never = ThrottleSettings { deceleration: 0, ..ThrottleSettings::default() };
    client.peer_mut(peer).unwrap().set_throttle(never);
    for _ in 0..5 {
        assert_eq!(client.service(Duration::from_millis(1)).unwrap(), None);
        assert_eq!(server.service(Duration::from_millis(1)).unwrap(), None);
    }
    (server, client, peer)
}

/// Sends packets of these sizes at once, and sees that they arrive in order.
pub fn deliver(server: &mut Service, client: &mut Service, peer: PeerId, sizes: &[usize]) {
    for (size, seed) in sizes.iter().zip(0..) {
        client.peer_mut(peer).unwrap().send(0, Packet::unreliable(pattern(*size, seed))).unwrap();
    }
    client.flush();
    for (size, seed) in sizes.iter().zip(0..) {
        let event = server.service(PATIENCE).unwrap();
        let Some(Event::Received { packet, .. }) = event else { panic!("{event:?} for packet {seed}") };
        assert!(packet[..] == pattern(*size, seed), "packet {seed}");
    }
}
