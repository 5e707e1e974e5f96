//! [`World`]: what there is to be told of.
#![allow(unreachable_pub)] // a module of an example

use std::collections::BTreeMap;

/// Sides of the map, in fields of one byte: too large for a datagram.
const SIDE: usize = 128;

#[derive(Debug, Default, Clone, Copy)]
struct Player {
    at: [i16; 2],
    heading: [i8; 2],
}

pub struct World {
    tick: u32,
    map: Vec<u8>,
    players: BTreeMap<u16, Player>,
}

impl World {
    pub fn new() -> World {
        // Hills that a formula can check.
        World { tick: 0, map: (0..SIDE * SIDE).map(field).collect(), players: BTreeMap::new() }
    }

    pub fn tick(&self) -> u32 {
        self.tick
    }

    pub fn join(&mut self, player: u16) {
        self.players.insert(player, Player::default());
    }

    pub fn leave(&mut self, player: u16) {
        self.players.remove(&player);
    }

    /// Takes a player's wish: two bytes of heading.
    pub fn steer(&mut self, player: u16, wish: &[u8]) {
        if let (Some(player), [x, y]) = (self.players.get_mut(&player), wish) {
            player.heading = [x.cast_signed(), y.cast_signed()];
        }
    }

    pub fn step(&mut self) {
        self.tick += 1;
        for player in self.players.values_mut() {
            for (at, heading) in player.at.iter_mut().zip(player.heading) {
                *at = at.saturating_add(heading.into());
            }
        }
    }

    /// The step's number, and where everybody is.
    pub fn state(&self) -> Vec<u8> {
        let mut state = self.tick.to_be_bytes().to_vec();
        for (id, player) in &self.players {
            state.extend(id.to_be_bytes());
            state.extend(player.at.map(i16::to_be_bytes).concat());
        }
        state
    }

    /// The map.
    pub fn snapshot(&self) -> Vec<u8> {
        self.map.clone()
    }
}

/// What is on a field.
fn field(index: usize) -> u8 {
    let (x, y) = (index % SIDE, index / SIDE);
    (x * y / 64).to_le_bytes()[0]
}

/// The step's number in a state, and how many players it tells of.
pub fn read_state(state: &[u8]) -> Option<(u32, usize)> {
    let (tick, players) = state.split_first_chunk()?;
    Some((u32::from_be_bytes(*tick), players.len() / 6))
}

/// Whether the map arrived as it was.
pub fn is_whole(snapshot: &[u8]) -> bool {
    snapshot.len() == SIDE * SIDE && snapshot.iter().enumerate().all(|(index, byte)| *byte == field(index))
}
