//! [`Scenario`]: a world as plain data; read from and written to TOML, drawn by the swarm, shrunk by the shrinker.

mod fault;
mod host;
pub mod library;
pub mod link;
mod traffic;

pub use fault::{Action, Attack, Deed, Fault, HostChoice, INSIDER_DATA, Trouble};
pub use host::{HostSpec, NatSpec, Profile, Service, ThrottleSpec, TimeoutSpec};
pub use link::LinkSpec;
pub use traffic::{Flow, Sender};

use serde::{Deserialize, Serialize};

use crate::endpoint::Order;
use crate::measure::RunRecord;
use crate::time::Span;
use link::RateSpec;

/// A world: a server, clients that connect to it, what they send, what lies between them, and what goes wrong.
///
/// It runs in two phases. For [`duration`](Scenario::duration) the traffic flows and everything may go wrong. Then the
/// world is healed, and within [`settle`](Scenario::settle) everything must come to rest: what was promised has arrived,
/// or its sender has been told that the connection is lost.
///
/// ```
/// use enet_sim::Scenario;
///
/// let scenario = Scenario::from_toml(r#"
///     name = "a bad evening"
///     duration = "10s"
///     [link]
///     loss = { kind = "random", chance = "5%" }
///     delay = { base = "40ms" }
///     [[traffic]]
///     from = "clients"
///     kind = "reliable"
///     interval = "20ms"
/// "#)?;
/// assert_eq!(scenario.clients, 1);
/// assert_eq!(Scenario::from_toml(&scenario.to_toml())?, scenario);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Scenario {
    /// Its name, as for `cargo xtask sim run`.
    pub name: String,
    /// What it shows, in a sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// What a good result looks like, in a sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub good: String,
    /// Everything random follows from it.
    pub seed: u64,
    /// How many clients there are; each connects to the server.
    pub clients: u16,
    /// Time between two clients' first connects.
    pub stagger: Span,
    /// How long the traffic flows and things go wrong.
    pub duration: Span,
    /// How long after that everything may take to come to rest.
    pub settle: Span,
    /// When applications call their hosts.
    pub service: Service,
    /// In which order our hosts do their work when they are called every so often. On demand it is that of event loops.
    #[serde(skip_serializing_if = "is_default")]
    pub order: Order,
    /// Whose messages are measured; the others' are company.
    pub measured: Sender,
    /// The server.
    #[serde(skip_serializing_if = "is_default")]
    pub server: HostSpec,
    /// Each client.
    #[serde(skip_serializing_if = "is_default")]
    pub client: HostSpec,
    /// Both directions of each client's link, where `up` and `down` do not say otherwise.
    #[serde(skip_serializing_if = "is_default")]
    pub link: LinkSpec,
    /// From a client to the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up: Option<LinkSpec>,
    /// From the server to a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<LinkSpec>,
    /// Queues that several directions share; links name them by index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bottleneck: Vec<RateSpec>,
    /// Who sends what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<Flow>,
    /// What goes wrong when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fault: Vec<Fault>,
    /// What applications do when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action: Vec<Action>,
    /// Who attacks; each is a host of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attacker: Vec<Attack>,
    /// What must come out, beyond what holds in every world.
    #[serde(skip_serializing_if = "is_default")]
    pub expect: Expectation,
}

/// What a run of a scenario must show to count as good; a field that is absent is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Expectation {
    /// At most so many connections are lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnects: Option<u64>,
    /// 99 % of the reliable messages take at most so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<Span>,
    /// At least so many percent of the messages arrive, those that need not included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_percent: Option<u32>,
    /// At least so many payload bytes a second arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodput: Option<u64>,
}

impl Default for Scenario {
    fn default() -> Self {
        Scenario {
            name: "unnamed".to_owned(),
            about: String::new(),
            good: String::new(),
            seed: 1,
            clients: 1,
            stagger: Span::ZERO,
            duration: Span::from_secs(60),
            settle: Span::from_secs(60),
            service: Service::OnDemand,
            order: Order::AsC,
            measured: Sender::Clients,
            server: HostSpec::default(),
            client: HostSpec::default(),
            link: LinkSpec::default(),
            up: None,
            down: None,
            bottleneck: Vec::new(),
            traffic: Vec::new(),
            fault: Vec::new(),
            action: Vec::new(),
            attacker: Vec::new(),
            expect: Expectation::default(),
        }
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// What is wrong and where, as a text for people.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let scenario: Scenario = toml::from_str(text).map_err(|error| error.to_string())?;
        scenario.validate()?;
        Ok(scenario)
    }

    /// Writes a scenario, as [`from_toml`](Scenario::from_toml) reads it.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
    }

    /// From clients to the server.
    pub fn up(&self) -> &LinkSpec {
        self.up.as_ref().unwrap_or(&self.link)
    }

    /// From the server to clients.
    pub fn down(&self) -> &LinkSpec {
        self.down.as_ref().unwrap_or(&self.link)
    }

    /// What a host was made with: the server is number 0.
    pub fn host(&self, index: usize) -> &HostSpec {
        if index == 0 { &self.server } else { &self.client }
    }

    /// All hosts: the server, the clients, the attackers.
    pub fn hosts(&self) -> usize {
        1 + usize::from(self.clients) + self.attacker.len()
    }

    /// How many kinds of things go wrong.
    pub fn faults(&self) -> usize {
        let links = [self.up(), self.down()].map(LinkSpec::faults);
        links.into_iter().sum::<usize>() + self.fault.len() + self.attacker.len()
    }

    /// In what a run missed what is expected of it, if it did.
    pub fn missed(&self, record: &RunRecord) -> Option<String> {
        let expect = &self.expect;
        if record.delivered == 0 && !self.traffic.is_empty() {
            return Some(format!("none of {} messages arrived", record.sent));
        }
        if let Some(limit) = expect.disconnects
            && record.disconnects > limit
        {
            return Some(format!("{} connections were lost, not {limit}", record.disconnects));
        }
        if let (Some(limit), Some(latency)) = (expect.p99, &record.latency_ms)
            && latency.p99 > limit.as_millis_f64()
        {
            return Some(format!(
                "99 % of the reliable messages took up to {:.0} ms, not {limit}",
                latency.p99
            ));
        }
        if let (Some(percent), Some(share)) = (expect.delivered_percent, record.delivered_share())
            && share * 100.0 < f64::from(percent)
        {
            return Some(format!("{:.1} % of the messages arrived, not {percent} %", share * 100.0));
        }
        if let Some(goodput) = expect.goodput
            && record.goodput_bytes_per_s < goodput as f64
        {
            return Some(format!("{:.0} bytes/s arrived, not {goodput}", record.goodput_bytes_per_s));
        }
        None
    }

    /// Whether the values make sense together.
    ///
    /// # Errors
    /// What does not, as a text for people.
    pub fn validate(&self) -> Result<(), String> {
        if !(1..=4_095).contains(&self.clients) {
            return Err(format!("clients = {} is not between 1 and 4095", self.clients));
        }
        let lists = [self.traffic.len(), self.fault.len(), self.action.len(), self.attacker.len()];
        if lists.iter().any(|len| *len > 10_000) {
            return Err("more than 10000 flows, faults, actions or attackers are too many".to_owned());
        }
        for spec in [&self.server, &self.client] {
            spec.validate()?;
        }
        for link in [Some(&self.link), self.up.as_ref(), self.down.as_ref()].into_iter().flatten() {
            self.validate_link(link)?;
        }
        for line in &self.bottleneck {
            line.validate()?;
        }
        let channels = self.server.channels.min(self.client.channels);
        for flow in &self.traffic {
            flow.validate(channels)?;
        }
        self.fault.iter().try_for_each(|fault| self.validate_fault(fault))?;
        self.action.iter().try_for_each(|action| self.validate_action(action))
    }

    fn validate_link(&self, link: &LinkSpec) -> Result<(), String> {
        if link.bottleneck.is_some_and(|index| index >= self.bottleneck.len()) {
            return Err("a link names a bottleneck that the scenario does not have".to_owned());
        }
        link.validate()
    }

    fn validate_fault(&self, fault: &Fault) -> Result<(), String> {
        if fault.until.is_some_and(|until| until < fault.at) {
            return Err(format!("a fault ends before it begins, at {}", fault.at));
        }
        if let Trouble::Link { link, .. } = &fault.trouble {
            self.validate_link(link)?;
        }
        if matches!(fault.trouble, Trouble::SlowService { every: Span::ZERO, .. }) {
            return Err("slow-service every 0s would never end".to_owned());
        }
        let hosts = 1 + usize::from(self.clients);
        let missing = |host: &HostChoice| matches!(host, HostChoice::Host(index) if *index >= hosts);
        match fault.trouble.hosts().iter().find(|host| missing(host)) {
            Some(host) => Err(format!("a fault names host {host}, but there are only {hosts}")),
            None => Ok(()),
        }
    }

    fn validate_action(&self, action: &Action) -> Result<(), String> {
        let hosts = 1 + usize::from(self.clients);
        let other = match action.deed {
            Deed::Connect { to, .. } => to,
            _ => action.host,
        };
        match [action.host, other].into_iter().find(|host| *host >= hosts) {
            Some(host) => Err(format!("an action names host {host}, but there are only {hosts}")),
            None => Ok(()),
        }
    }
}

/// Whether a value need not be written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
