//! The socket of a replayed host: it hands out what the C host received and checks what is sent against what it sent.

use enet_proto::{Datagram, Socket, Transmit};

use super::script::Crossing;
use crate::datagram::describe_datagram;
use crate::hex;
use crate::vectors::show_difference;

/// The datagrams of one call, in the order in which they crossed the C host's socket.
pub(super) struct Replayed<'a> {
    io: &'a [Crossing<'a>],
    next: usize,
    inputs_left: usize,
    outputs: usize,
    checksum: bool,
    received: Vec<u8>,
    /// The first thing that went differently; after it the rest of the call means nothing.
    problem: Option<String>,
}

impl<'a> Replayed<'a> {
    pub(super) fn new(io: &'a [Crossing<'a>], checksum: bool) -> Self {
        let inputs_left = io.iter().filter(|crossing| matches!(crossing, Crossing::In { .. })).count();
        Replayed { io, next: 0, inputs_left, outputs: 0, checksum, received: Vec::new(), problem: None }
    }

    /// How many datagrams were sent and found identical, once the call is over.
    pub(super) fn finish(self) -> Result<usize, String> {
        match (self.problem, self.io.get(self.next)) {
            (Some(problem), _) => Err(problem),
            (None, Some(Crossing::Out { o, .. })) => {
                Err(format!("a datagram is missing{}", means(o, self.checksum)))
            }
            (None, Some(Crossing::In { i, .. })) => {
                Err(format!("a datagram was left in the socket that C took{}", means(i, self.checksum)))
            }
            (None, None) => Ok(self.outputs),
        }
    }

    fn check(&mut self, transmit: &Transmit, bytes: &[u8]) -> Result<(), String> {
        let to = transmit.to;
        let meaning = || describe_datagram(bytes, self.checksum);
        let (crossing, expected) = match self.io.get(self.next) {
            Some(crossing @ Crossing::Out { o, .. }) => {
                (crossing, hex::decode(o).ok_or("the recording is damaged")?)
            }
            Some(Crossing::In { i, .. }) => {
                let pending = means(i, self.checksum);
                return Err(format!(
                    "a datagram is sent to {to} that C did not send here\n  actual   {}\n           {}\n  before C received{pending}",
                    hex::encode(bytes),
                    meaning(),
                ));
            }
            None => {
                return Err(format!(
                    "a datagram is sent to {to} that C did not send\n  actual   {}\n           {}",
                    hex::encode(bytes),
                    meaning(),
                ));
            }
        };
        if expected != bytes {
            return Err(format!(
                "datagram {} of the call differs\n{}\n  expected means {}\n  actual means   {}",
                self.next,
                show_difference(&expected, bytes),
                describe_datagram(&expected, self.checksum),
                meaning(),
            ));
        }
        if crossing.address() != to {
            return Err(format!("a datagram goes to {to}, not to {}", crossing.address()));
        }
        Ok(())
    }
}

fn means(datagram: &str, checksum: bool) -> String {
    let meaning = hex::decode(datagram).map_or_else(String::new, |bytes| describe_datagram(&bytes, checksum));
    format!("\n  expected {datagram}\n           {meaning}")
}

impl Socket for Replayed<'_> {
    fn receive(&mut self) -> Option<Datagram<'_>> {
        if self.inputs_left == 0 || self.problem.is_some() {
            return None;
        }
        match self.io.get(self.next)? {
            crossing @ Crossing::In { i, .. } => {
                if !hex::decode_into(i, &mut self.received) {
                    self.problem = Some("the recording is damaged".to_owned());
                    return None;
                }
                self.next += 1;
                self.inputs_left -= 1;
                Some(Datagram::new(crossing.address(), &self.received))
            }
            Crossing::Out { o, .. } => {
                let missing = means(o, self.checksum);
                self.problem = Some(format!("a datagram is missing that C sent before it received{missing}"));
                None
            }
        }
    }

    fn send(&mut self, transmit: &Transmit, bytes: &[u8]) {
        if self.problem.is_some() {
            return;
        }
        match self.check(transmit, bytes) {
            Ok(()) => {
                self.next += 1;
                self.outputs += 1;
            }
            Err(problem) => self.problem = Some(problem),
        }
    }
}
