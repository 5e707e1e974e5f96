//! [`Lookup`]: a name being resolved while the host goes on.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use crate::address;
use crate::error::Mistake;
use crate::family::Family;

/// An address being looked up by a thread of its own: [`Service::look_up`](crate::Service::look_up) and
/// [`Host::look_up`](crate::Host::look_up).
///
/// The system's resolver blocks, for half a minute if a name server does not answer; a game would stand still.
///
/// ```
/// use std::time::Duration;
/// use enet_mio::{ConnectOptions, HostConfig, Service, random_seed};
///
/// let mut client = Service::client(HostConfig::new(random_seed()?))?;
/// let mut lookup = client.look_up("localhost:6789")?;
/// let address = loop {
///     match lookup.poll() {
///         Some(answer) => break answer?,
///         None => assert_eq!(client.service(Duration::from_secs(60))?, None), // the answer ends the wait
///     }
/// };
/// assert!(address.ip().is_loopback());
/// client.connect(address, ConnectOptions::default()).expect("a free slot");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Lookup {
    text: String,
    family: Family,
    /// Where it comes from, until it was given.
    answer: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
}

impl Lookup {
    pub(crate) fn start(
        text: &str,
        family: Family,
        on_answer: impl FnOnce() + Send + 'static,
    ) -> io::Result<Lookup> {
        let peer = address::PeerAddress::parse(text)?;
        let (told, answer) = channel();
        thread::Builder::new().name("enet lookup".to_owned()).spawn(move || {
            // Nobody minds if the one who asked has gone.
            let _ = told.send(peer.resolve());
            on_answer();
        })?;
        Ok(Lookup { text: text.to_owned(), family, answer: Some(answer) })
    }

    /// The answer, once: the first address that the host's socket can reach, IPv4 preferred. `None` while there is none
    /// yet.
    ///
    /// # Errors
    ///
    /// The name has no address, or none that the socket reaches; or it was given before.
    pub fn poll(&mut self) -> Option<io::Result<SocketAddr>> {
        let text = &self.text;
        let Some(answer) = &self.answer else { return Some(Err(Mistake::Given { text }.into())) };
        match answer.try_recv() {
            Ok(answer) => {
                self.answer = None;
                Some(answer.and_then(|addresses| address::reachable(text, addresses, self.family)))
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(Mistake::Lost { text }.into())),
        }
    }
}
