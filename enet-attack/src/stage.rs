//! [`Stage`]: what an attack is given, and [`Finding`]: what it gives back.

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::honest::Guest;
use crate::loopback::Loopback;
use crate::run::Against;
use crate::socket::RawForger;
use crate::victim::{Account, Launcher, Setup, Victim};

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It cannot be had on this machine, or of this victim.
    Skipped(String),
    /// Something went wrong.
    Failed(String),
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Trouble::Failed(reason)
    }
}

impl From<&str> for Trouble {
    fn from(reason: &str) -> Self {
        Trouble::Failed(reason.to_owned())
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Trouble::Failed(error.to_string())
    }
}

/// One figure, or none and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) figure: Option<f64>,
    /// What a reader should know of how it came about.
    pub(crate) note: String,
}

impl Finding {
    pub(crate) fn of(figure: impl Into<f64>) -> Finding {
        Finding { figure: Some(figure.into()), note: String::new() }
    }

    /// `1` for yes.
    pub(crate) fn whether(it_is: bool) -> Finding {
        Finding::of(u8::from(it_is))
    }

    pub(crate) fn none(note: impl Into<String>) -> Finding {
        Finding { figure: None, note: note.into() }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Finding {
        self.note = note.into();
        self
    }
}

/// One for each row of the attack, in their order.
pub(crate) type Findings = Result<Vec<Finding>, Trouble>;

/// A server to attack.
pub(crate) struct Target {
    pub(crate) at: Loopback,
    /// `None` for somebody's own, into which nobody looks.
    victim: Option<Victim>,
    range_coder: bool,
}

impl Target {
    /// One to look into; only attacks that need none are run against servers without.
    pub(crate) fn victim(&mut self) -> Result<&mut Victim, Trouble> {
        let reason = "needs to look into the victim";
        self.victim.as_mut().ok_or_else(|| Trouble::Skipped(reason.to_owned()))
    }

    /// A figure of the victim's account, if there is one.
    pub(crate) fn told(&mut self, figure: impl Fn(&Account) -> u64) -> Result<Finding, Trouble> {
        match &mut self.victim {
            Some(victim) => Ok(Finding::of(figure(&victim.report()?) as f64)),
            None => Ok(Finding::none("needs to look into the victim")),
        }
    }

    /// Whether a guest was; by a server that is not known to echo only if it did not get in, or was thrown out.
    pub(crate) fn disturbed(&self, guest: Guest) -> Result<Finding, Trouble> {
        let mut stay = guest.leave()?;
        if self.victim.is_none() && stay.echoed == 0 {
            stay.asked = 0;
        }
        Ok(Finding::whether(stay.was_disturbed()))
    }

    /// An honest client that stays while the attack lasts.
    pub(crate) fn guest(&self) -> Result<Guest, Trouble> {
        Ok(Guest::arrive(self.at, self.range_coder)?)
    }
}

/// Where an attack takes place.
pub(crate) struct Stage<'a> {
    pub(crate) launcher: &'a Launcher,
    pub(crate) against: Against,
    pub(crate) quick: bool,
}

impl Stage<'_> {
    /// The first value in a quick run, the second in a whole one.
    pub(crate) fn scale<T>(&self, quick: T, whole: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// A fresh victim, or the server that was given.
    pub(crate) fn target(&self, setup: Setup) -> Result<Target, Trouble> {
        let (at, victim) = match self.against {
            Against::Address(at) => (at, None),
            Against::Victim(whose) => {
                let victim = Victim::start(self.launcher, whose, setup)?;
                (victim.at, Some(victim))
            }
        };
        Ok(Target { at, victim, range_coder: setup.range_coder })
    }

    /// A fresh victim to look into.
    pub(crate) fn victim(&self, setup: Setup) -> Result<Victim, Trouble> {
        match self.against {
            Against::Address(_) => Err(Trouble::Skipped("needs to look into the victim".to_owned())),
            Against::Victim(whose) => Ok(Victim::start(self.launcher, whose, setup)?),
        }
    }

    /// A socket that sends from any port.
    pub(crate) fn raw(&self) -> Result<RawForger, Trouble> {
        RawForger::new().map_err(|error| {
            Trouble::Skipped(format!("needs a raw socket, which only root may open ({error})"))
        })
    }

    /// The attacker's dice: the same in every run.
    pub(crate) fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed([0xA7; 32])
    }
}
