//! [`random_seed`]: what makes a host's connect ids unguessable.

use std::io;

/// 32 bytes from the operating system's random number generator, for [`HostConfig::new`](enet_proto::HostConfig::new).
///
/// Fails only where the system has no such generator or refuses access to it; there is nothing sensible to fall back
/// to then, because whoever can guess a host's seed can forge datagrams in its name.
///
/// ```
/// assert_ne!(enet_mio::random_seed()?, enet_mio::random_seed()?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn random_seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(seed)
}
