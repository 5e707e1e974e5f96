//! [`CEcho`]: the C library's echo server.

use std::net::SocketAddr;
use std::time::Duration;

use enet_reference::{CEvent, CHost, CHostConfig, CPeer, Library};

use super::Setup;
use super::serve::{Echo, Turn};

pub(crate) struct CEcho {
    host: CHost,
    slots: u16,
}

impl CEcho {
    pub(crate) fn open(setup: Setup) -> Result<CEcho, String> {
        let Setup { slots, range_coder, receive_buffer, .. } = setup;
        let config = CHostConfig { peers: usize::from(slots), range_coder, ..CHostConfig::default() };
        let mut host = Library::load()?.host(config)?;
        if let Some(bytes) = receive_buffer {
            host.set_receive_buffer(bytes)?;
        }
        Ok(CEcho { host, slots })
    }
}

impl Echo for CEcho {
    fn turn(&mut self, wait: Duration) -> Turn {
        match self.host.try_service(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)) {
            None => Turn::Failed,
            Some(None) => Turn::Nothing,
            Some(Some(CEvent::Connected { .. })) => Turn::Connected,
            Some(Some(CEvent::Disconnected { .. })) => Turn::Disconnected,
            Some(Some(CEvent::Received { peer, channel, flags, data })) => {
                self.host.send_unguarded(peer, channel, &data, flags);
                Turn::Received
            }
        }
    }

    fn peers(&self) -> usize {
        const DISCONNECTED: u32 = 0;
        (0..self.slots).filter(|slot| self.host.state(CPeer(*slot)) != DISCONNECTED).count()
    }

    fn address(&self) -> Result<SocketAddr, String> {
        Ok(self.host.address())
    }
}
