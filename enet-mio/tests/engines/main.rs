//! Interoperability: game engines as players have them. Headless Godot 3 and LÖVE, from Debian's packages, run scripts that
//! a game could have, against our example servers, and as servers of our clients.
//!
//! Both bring compression, framing and an ENet of their own: Godot with the installed 1.3.17, LÖVE with a copy of 1.3.13.
//! Where one is missing its tests say so and pass, unless `CI=true`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy.toml covers only functions that are tests themselves"
)]

#[path = "../common/mod.rs"]
mod common;
mod godot;
mod love;
#[path = "../common/tools.rs"]
mod tools;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use enet_mio::enet_proto::ThrottleSettings;
use enet_mio::{ChannelId, ChannelLimit, ConnectOptions, Event, HostConfig, Packet, PeerId, Service};

use common::{PATIENCE, or_skip};
use tools::{Running, example};

/// Whether a program of a package can be run, which its tests need.
fn is_there(program: &str, package: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    or_skip(version.map_err(|_| format!("no `{program}`; try `apt install {package}`")), package).is_some()
}

/// An engine with a project of its own, where it may write what it wants, made of the scripts in a folder beside this file.
fn engine(program: &str, scripts: &str) -> (Command, PathBuf) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{scripts}-{number}"));
    std::fs::create_dir_all(&project).unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines").join(scripts);
    for script in scripts.read_dir().unwrap().map(Result::unwrap) {
        // Where somebody ran one by hand, Godot has left a folder of logs.
        if script.path().is_file() {
            std::fs::copy(script.path(), project.join(script.file_name())).unwrap();
        }
    }
    let mut command = Command::new(program);
    command.env("HOME", &project).env("LANG", "en_US.UTF-8").env_remove("LC_ALL");
    command.env_remove("XDG_DATA_HOME").stdin(Stdio::null());
    (command, project)
}

/// One of our examples, as a server. It ends if nobody ends it, so that a test does not wait for its words for ever.
fn server(name: &str, arguments: &[&str]) -> (Running, SocketAddr) {
    let mut command = Command::new(example(name));
    let mut server = Running::start(command.args(arguments).args(["--json", "--seconds", "60"]));
    let address = server.event("listening")["address"].as_str().unwrap().parse().unwrap();
    (server, address)
}

/// Our client of an engine's server.
struct Client {
    service: Service,
    peer: PeerId,
}

impl Client {
    /// Is connected; nothing that it sends, or is sent, falls to a throttle.
    fn connect(config: HostConfig, to: SocketAddr, channels: u8, data: u32) -> Client {
        let mut service = Service::client(config).unwrap();
        let channels = ChannelLimit::new(channels).unwrap();
        let options = ConnectOptions { channels, data, ..ConnectOptions::default() };
        let peer = service.connect(to, options).unwrap();
        let connected = service.service(PATIENCE).unwrap();
        assert!(matches!(connected, Some(Event::Connected { .. })), "{connected:?}");
        let never = ThrottleSettings { deceleration: 0, ..ThrottleSettings::default() };
        service.peer_mut(peer).unwrap().set_throttle(never);
        service.flush();
        Client { service, peer }
    }

    fn send(&mut self, channel: u8, packet: Packet) {
        self.service.peer_mut(self.peer).unwrap().send(channel, packet).unwrap();
        self.service.flush();
    }

    fn heard(&mut self) -> (ChannelId, Packet) {
        match self.service.service(PATIENCE).unwrap() {
            Some(Event::Received { channel, packet, .. }) => (channel, packet),
            other => panic!("{other:?}"),
        }
    }

    /// The end of the connection, which comes next: the reason and the number.
    fn end(&mut self) -> (String, u32) {
        match self.service.service(PATIENCE).unwrap() {
            Some(Event::Disconnected { reason, data, .. }) => (reason.to_string(), data),
            other => panic!("{other:?}"),
        }
    }
}

/// Words that every codec makes shorter, and numbers that none does.
fn payloads(len: usize, seed: u8) -> [Vec<u8>; 2] {
    let words = b"position 12.5 heading 90 ".iter().copied().cycle().take(len).collect();
    let mut state = u64::from(seed) + 1;
    let noise = (0..len).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    });
    [words, noise.collect()]
}
