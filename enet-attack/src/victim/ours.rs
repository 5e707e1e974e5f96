//! [`OurEcho`]: our echo server, as the documentation writes it.

use std::net::SocketAddr;
use std::time::Duration;

use enet_mio::{Event, Host, HostConfig, PeerLimit, RangeCoder, Service, SocketOptions, random_seed};

use super::Setup;
use super::serve::{Echo, Turn};

pub(crate) struct OurEcho(Service);

impl OurEcho {
    pub(crate) fn open(setup: Setup) -> Result<OurEcho, String> {
        let mut config = HostConfig::new(random_seed().map_err(|error| error.to_string())?);
        config.peers = PeerLimit::new(setup.slots).ok_or("slots: 1 to 4095")?;
        if setup.quiet {
            config.peer_defaults.ping_interval = Duration::from_secs(600);
        }
        if setup.range_coder {
            config.compressor = Some(RangeCoder::boxed());
        }
        let mut options = SocketOptions::default();
        options.receive_buffer = setup.receive_buffer.unwrap_or(options.receive_buffer);
        let service = Host::bind_with(options, "127.0.0.1:*", config).and_then(Service::new);
        service.map(OurEcho).map_err(|error| error.to_string())
    }
}

impl Echo for OurEcho {
    fn turn(&mut self, wait: Duration) -> Turn {
        match self.0.service(wait) {
            Ok(None) => Turn::Nothing,
            Ok(Some(Event::Connected { .. })) => Turn::Connected,
            Ok(Some(Event::Received { peer, channel, packet })) => {
                // A peer that takes no more answers gets none.
                let _ = self.0.peer_mut(peer).map(|mut peer| peer.send(channel, packet));
                Turn::Received
            }
            Ok(Some(Event::Disconnected { .. })) => Turn::Disconnected,
            Ok(Some(_)) => Turn::Other,
            Err(_) => Turn::Failed,
        }
    }

    fn peers(&self) -> usize {
        self.0.peers().count()
    }

    fn address(&self) -> Result<SocketAddr, String> {
        self.0.local_addr().map_err(|error| error.to_string())
    }
}
