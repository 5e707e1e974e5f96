//! [`Siege`]: clients who want in while somebody fills the server with connects that nobody will ever confirm (docs/ATTACKS.md
//! A2).

use std::collections::BTreeMap;

use crate::endpoint::{Happening, Implementation};

use crate::scenario::link::Delay;
use crate::scenario::{Attack, HostSpec, LinkSpec, Profile, Scenario};
use crate::time::{Span, Time};
use crate::world::observer::{Call, HostIndex, Observer};
use crate::world::{Cast, World};

/// A flood, and those who want in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Siege {
    /// Forged connects a second, each from another address.
    pub rate: u32,
    /// Whether they seem to come from the clients' own network.
    pub near: bool,
    /// How many clients come, one every 20 ms, the first a second after the flood began.
    pub clients: u16,
    /// Their round trip.
    pub round_trip: Span,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Clients whom the server knew within a second of their call.
    pub in_time: usize,
    /// Clients who called.
    pub clients: usize,
}

impl Siege {
    /// A hundred clients, 150 ms away, and 100,000 connects a second.
    ///
    /// ```
    /// use enet_sim::endpoint::Implementation;
    /// use enet_sim::siege::Siege;
    ///
    /// let siege = Siege { rate: 2_000, clients: 5, ..Siege::new(false) };
    /// assert_eq!(siege.run(Implementation::Ours)?.in_time, 5);
    /// # Ok::<(), String>(())
    /// ```
    pub const fn new(near: bool) -> Siege {
        Siege { rate: 100_000, near, clients: 100, round_trip: Span::from_millis(150) }
    }

    /// Lets it happen to a server of `whose`, in its default configuration with 64 slots more than clients. The clients run the
    /// same implementation.
    ///
    /// # Errors
    /// Why `whose` cannot be had here.
    pub fn run(self, whose: Implementation) -> Result<Outcome, String> {
        let scenario = self.scenario();
        let cast = Cast::of(whose, whose);
        let mut world = World::new(&scenario, cast, Gate::default())?;
        // What follows the attack is of no interest.
        while world.now() < Time(scenario.duration.0) && world.step() {}
        let (gate, ..) = world.finish();
        let late = Time(HEAD_START.0);
        let of_interest = || gate.called.iter().filter(|(_, at)| **at >= late);
        let in_time = of_interest().filter(|(data, at)| {
            gate.known.get(data).is_some_and(|known| known.since(**at) <= Span::from_secs(1))
        });
        Ok(Outcome { in_time: in_time.count(), clients: of_interest().count() })
    }

    /// The world in which it happens.
    pub fn scenario(self) -> Scenario {
        let delay = Delay { base: Span(self.round_trip.0 / 2), ..Delay::default() };
        let early = u16::try_from(HEAD_START.0 / PACE.0).unwrap_or(u16::MAX);
        let host = HostSpec { profile: Profile::Modern, ..HostSpec::default() };
        Scenario {
            name: "siege".to_owned(),
            clients: self.clients.saturating_add(early),
            stagger: PACE,
            duration: HEAD_START + Span(PACE.0 * u64::from(self.clients)) + Span::from_millis(1_200),
            server: HostSpec {
                peers: Some(self.clients.saturating_add(early).saturating_add(64)),
                ..host.clone()
            },
            client: host,
            link: LinkSpec { delay, ..LinkSpec::default() },
            attacker: vec![Attack::ConnectFlood {
                every: Span::from_micros(1_000_000 / u64::from(self.rate.max(1))),
                near: self.near,
            }],
            ..Scenario::default()
        }
    }
}

/// Between two clients.
const PACE: Span = Span::from_millis(20);

/// The flood alone: clients who come before it has filled whatever it fills do not count.
const HEAD_START: Span = Span::from_secs(1);

/// Who called when, and when the server knew: by the data they sent along.
#[derive(Debug, Default)]
struct Gate {
    called: BTreeMap<u32, Time>,
    known: BTreeMap<u32, Time>,
}

impl Observer for Gate {
    fn called(&mut self, at: Time, host: HostIndex, call: &Call<'_>) {
        if let Call::Connect { data, .. } = *call
            && host != 0
        {
            self.called.entry(data).or_insert(at);
        }
    }

    fn happened(&mut self, at: Time, host: HostIndex, what: &Happening<'_>) {
        if let Happening::Connected { data, .. } = *what
            && host == 0
        {
            self.known.entry(data).or_insert(at);
        }
    }
}
