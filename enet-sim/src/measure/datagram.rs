//! [`Reader`]: a datagram cut into its commands, for those who only watch.

use enet_proto::{Compressor, RangeCoder};
use enet_wire::{Commands, Header, MAX_MTU, split_checksum};

/// Cuts datagrams. What cannot be read (corrupted, not ENet at all) is `None`, or ends early.
pub(crate) struct Reader {
    checksum: bool,
    coder: Box<RangeCoder>,
    restored: Vec<u8>,
}

impl Reader {
    /// For a world whose datagrams carry a checksum, or not.
    pub(crate) fn new(checksum: bool) -> Self {
        Self { checksum, coder: RangeCoder::boxed(), restored: Vec::new() }
    }

    /// The header and the commands; those of a compressed datagram are restored with ENet's range coder.
    pub(crate) fn read<'a>(&'a mut self, datagram: &'a [u8]) -> Option<(Header, Commands<'a>)> {
        let (header, mut rest) = Header::decode(datagram).ok()?;
        if self.checksum {
            (_, rest) = split_checksum(rest).ok()?;
        }
        if header.compressed {
            self.restored.resize(MAX_MTU as usize, 0);
            let len = self.coder.decompress(rest, &mut self.restored)?;
            rest = self.restored.get(..len)?;
        }
        Some((header, Commands::new(rest)))
    }
}
