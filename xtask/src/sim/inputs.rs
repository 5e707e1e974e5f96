//! What the verbs of `sim` are given: scenarios, seeds, implementations.

use std::error::Error;
use std::path::Path;

use enet_sim::Scenario;
use enet_sim::endpoint::Implementation;
use enet_sim::shrink::Regression;
use enet_sim::world::Cast;

/// A built-in scenario by its name, or one from a file.
pub(crate) fn scenario(name: &str) -> Result<Scenario, Box<dyn Error>> {
    if Path::new(name).exists() {
        let text = std::fs::read_to_string(name).map_err(|error| format!("{name}: {error}"))?;
        return Ok(Scenario::from_toml(&text).map_err(|error| format!("{name}: {error}"))?);
    }
    Ok(Scenario::built_in(name)
        .map_err(|error| format!("{error}; a file of this name is not there either"))?)
}

/// A random world by its seed, or a world from a file.
pub(crate) fn world(file: Option<&Path>, seed: Option<u64>) -> Result<Regression, Box<dyn Error>> {
    match (file, seed) {
        (Some(file), _) if !file.exists() && Scenario::built_in(&file.to_string_lossy()).is_ok() => {
            Ok(Regression::of(Scenario::built_in(&file.to_string_lossy())?))
        }
        (Some(file), _) => {
            let text =
                std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            Ok(Regression::from_toml(&text).map_err(|error| format!("{}: {error}", file.display()))?)
        }
        (None, Some(seed)) => Ok(Regression::of(enet_sim::swarm::scenario(seed))),
        (None, None) => Err("name a file, or a seed with --seed".into()),
    }
}

/// A number, decimal or hexadecimal.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("{text:?} is not a number such as 7 or 0x1234"))
}

/// Whom to pair with whom: all with all of those named; by default ours with ours and, where it is there, C with C.
pub(crate) fn casts(peers: &[Implementation]) -> Result<Vec<Cast>, Box<dyn Error>> {
    if peers.is_empty() {
        let mut casts = vec![Cast::OURS];
        match Implementation::C.available() {
            Ok(()) => casts.push(Cast::of(Implementation::C, Implementation::C)),
            Err(reason) => eprintln!("without the C library: {reason}"),
        }
        return Ok(casts);
    }
    let pairs = peers.iter().flat_map(|clients| peers.iter().map(move |server| (*clients, *server)));
    let understand = |(clients, server): &(Implementation, Implementation)| {
        clients == server || clients.speaks_enet() && server.speaks_enet()
    };
    pairs.filter(understand).map(|(clients, server)| pair(clients, server)).collect()
}

/// These clients with this server, if both are there and understand each other.
pub(crate) fn pair(clients: Implementation, server: Implementation) -> Result<Cast, Box<dyn Error>> {
    for peer in [clients, server] {
        peer.available().map_err(|reason| format!("{peer}: {reason}"))?;
    }
    let cast = Cast::of(clients, server);
    if clients != server && !cast.speaks_enet() {
        return Err(format!("{clients} and {server} do not understand each other").into());
    }
    Ok(cast)
}

/// Whom to pair with whom, as in `c/ours`.
pub(crate) fn pairing(text: &str) -> Result<(Implementation, Implementation), String> {
    let (clients, server) = text
        .split_once('/')
        .ok_or_else(|| format!("{text:?} is no pairing such as c/ours: clients, server"))?;
    Ok((clients.parse()?, server.parse()?))
}
