//! [`HostSpec`]: how a host is set up, and [`Service`]: how often it is called.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::time::Span;

/// When an application calls its host. Text form: `on-demand`, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Service {
    /// Whenever a datagram arrives, a deadline comes, or the application has called: an event loop.
    #[default]
    OnDemand,
    /// Every so often, as a game does once a frame. What arrives waits until then.
    Every(Span),
}

impl FromStr for Service {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "on-demand" => Ok(Service::OnDemand),
            text => match text.parse()? {
                Span::ZERO => {
                    Err("a host cannot be serviced every 0 seconds; write \"on-demand\"".to_owned())
                }
                span => Ok(Service::Every(span)),
            },
        }
    }
}

impl TryFrom<String> for Service {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Service> for String {
    fn from(service: Service) -> String {
        match service {
            Service::OnDemand => "on-demand".to_owned(),
            Service::Every(span) => span.to_string(),
        }
    }
}

/// When a silent remote is given up (PROTOCOL.md §9.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimeoutSpec {
    /// Backoff factor.
    pub limit: u32,
    /// Not before this.
    pub minimum: Span,
    /// Always after this.
    pub maximum: Span,
}

/// How the throttle moves (PROTOCOL.md §10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ThrottleSpec {
    /// Time between baselines.
    pub interval: Span,
    /// Steps up, of 32.
    pub acceleration: u32,
    /// Steps down, of 32.
    pub deceleration: u32,
}

/// A NAT between a host and the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NatSpec {
    /// Hosts behind the same NAT share one public IP address.
    pub group: u8,
    /// A mapping is forgotten when nothing has left through it for so long.
    pub mapping_timeout: Span,
}

/// How a host of ours uses the wire; other implementations have no choice.
///
/// What scenarios measure is to be compared with the C library, so that it is `compat` unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// As the C library.
    #[default]
    Compat,
    /// Datagrams as full as the MTU allows, in trains; always in the order of event loops.
    Modern,
}

/// A host: ENet's settings, its clock, its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HostSpec {
    /// Slots for peers; absent: what the scenario needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers: Option<u16>,
    /// Channels of a connection.
    pub channels: u8,
    /// Largest datagram.
    pub mtu: u16,
    /// Downstream limit, bytes/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incoming_bandwidth: Option<u32>,
    /// Upstream limit, bytes/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outgoing_bandwidth: Option<u32>,
    /// Whether datagrams carry CRC-32.
    #[serde(skip_serializing_if = "is_default")]
    pub checksum: bool,
    /// Whether datagrams are compressed with ENet's range coder.
    #[serde(skip_serializing_if = "is_default")]
    pub range_coder: bool,
    /// Received bytes that may wait for the application, per peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_waiting_data: Option<u32>,
    /// When to give up; absent: ENet's defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutSpec>,
    /// Time without traffic after which a ping goes out; absent: ENet's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_interval: Option<Span>,
    /// How the throttle moves; absent: ENet's defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<ThrottleSpec>,
    /// What the host's clock shows when the world begins. ENet's wire has its lower 32 bits in milliseconds.
    pub clock_start: Span,
    /// How much faster than the world's time the host's clock runs, in millionths.
    #[serde(skip_serializing_if = "is_default")]
    pub clock_drift_ppm: i32,
    /// Size of the socket's receive buffer in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket_buffer: Option<u32>,
    /// The NAT in front of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat: Option<NatSpec>,
    /// How it uses the wire, if it is one of ours.
    #[serde(skip_serializing_if = "is_default")]
    pub profile: Profile,
    /// Whether it sends no more than it received to who has not proven the address, if it is one of ours and `modern`.
    #[serde(skip_serializing_if = "is_default")]
    pub strict_handshake: bool,
    /// How often each small reliable command rides again in datagrams that leave anyway, if it is one of ours and
    /// `modern`.
    #[serde(skip_serializing_if = "is_default")]
    pub redundancy: u8,
    /// How often it is called; absent: as the scenario says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// A client whose connection ended connects again after so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<Span>,
}

impl Default for HostSpec {
    fn default() -> Self {
        HostSpec {
            peers: None,
            channels: 4,
            mtu: 1392,
            incoming_bandwidth: None,
            outgoing_bandwidth: None,
            checksum: false,
            range_coder: false,
            max_waiting_data: None,
            timeouts: None,
            ping_interval: None,
            throttle: None,
            // Hosts out there show the time of day, never a clock that starts at zero.
            clock_start: Span::from_secs(1_000),
            clock_drift_ppm: 0,
            socket_buffer: None,
            nat: None,
            profile: Profile::Compat,
            strict_handshake: false,
            redundancy: 0,
            service: None,
            reconnect: None,
        }
    }
}

impl HostSpec {
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.channels == 0 {
            return Err("a host needs at least 1 channel".to_owned());
        }
        if !(576..=4096).contains(&self.mtu) {
            return Err(format!("mtu = {} is not between 576 and 4096", self.mtu));
        }
        if self.peers.is_some_and(|peers| !(1..=4095).contains(&peers)) {
            return Err("peers must be between 1 and 4095".to_owned());
        }
        if self.incoming_bandwidth == Some(0) || self.outgoing_bandwidth == Some(0) {
            return Err("a bandwidth of 0 lets nothing through; leave it out for unlimited".to_owned());
        }
        if self.clock_drift_ppm.unsigned_abs() > 100_000 {
            return Err("a clock may drift by at most 100000 ppm".to_owned());
        }
        Ok(())
    }
}
