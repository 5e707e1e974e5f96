//! [`Tokens`]: what clients say before they connect, in a datagram of its own that stock ENet ignores (docs/SECURITY.md).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;
use enet_wire::ConnectId;

use super::Host;
use super::transmit::{Train, Transmit};
use crate::error::ConnectError;
use crate::event::PeerId;
use crate::host::ConnectOptions;
use crate::peer::extras::Token;

/// Longest token, in bytes: it fits into a datagram everywhere.
pub(crate) const MAX_TOKEN: usize = 1_024;

/// What the datagram begins with: for nobody, without flags; a command that does not exist, where stock ENet stops reading;
/// and our name for it. The connect id follows, and then the token.
const FRONT: [u8; 7] = [0x0f, 0xff, 0x00, b't', b'o', b'k', b'1'];

/// Tokens that are kept at once. Their senders have proven nothing, so newer ones displace the oldest.
const MOST: usize = 256;

/// How long one waits for its CONNECT, in ms, which follows at once if nothing is lost.
const LIFETIME: u64 = 5_000;

/// Tokens whose CONNECT has not come.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    from: SocketAddr,
    connect_id: ConnectId,
    until: u64,
    token: Box<[u8]>,
}

impl Tokens {
    fn keep(&mut self, from: SocketAddr, connect_id: ConnectId, token: &[u8], now: u64) {
        self.kept.retain(|it| it.until > now && (it.from, it.connect_id) != (from, connect_id));
        if self.kept.len() >= MOST {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept {
            from,
            connect_id,
            until: now.saturating_add(LIFETIME),
            token: token.into(),
        });
    }

    /// What was said before this CONNECT.
    pub(crate) fn take(&mut self, from: SocketAddr, connect_id: ConnectId, now: u64) -> Option<Box<[u8]>> {
        let is_it = |it: &Kept| it.from == from && it.connect_id == connect_id;
        let found = self.kept.remove(self.kept.iter().position(is_it)?)?;
        (found.until > now).then_some(found.token)
    }

    /// They are of no use any more.
    pub(crate) fn clear(&mut self) {
        self.kept = VecDeque::new();
    }
}

/// Whose token this datagram is, and the token.
fn parse(datagram: &[u8]) -> Option<(ConnectId, &[u8])> {
    let (id, token) = datagram.strip_prefix(&FRONT)?.split_first_chunk()?;
    (1..=MAX_TOKEN).contains(&token.len()).then_some((ConnectId(*id), token))
}

impl Host {
    /// As [`connect`](Host::connect), with a token of up to 1,024 bytes for the remote's
    /// [admission policy](Host::set_admission), which finds it in [`ConnectAttempt`](crate::ConnectAttempt). It travels in
    /// the clear, in a datagram of its own before each CONNECT; stock ENet does not look at it.
    ///
    /// # Errors
    ///
    /// Those of `connect`, or the token is too long.
    ///
    /// ```
    /// use enet_proto::{ConnectError, ConnectOptions, Host, HostConfig};
    /// let mut host = Host::new(HostConfig::new([7; 32]));
    /// let server = "192.0.2.1:6789".parse()?;
    /// host.connect_with_token(server, ConnectOptions::default(), "from the lobby")?;
    /// let refused = host.connect_with_token(server, ConnectOptions::default(), vec![0; 1025]);
    /// assert_eq!(refused, Err(ConnectError::TokenTooLong { len: 1025, max: 1024 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect_with_token(
        &mut self,
        to: SocketAddr,
        options: ConnectOptions,
        token: impl Into<Bytes>,
    ) -> Result<PeerId, ConnectError> {
        let token: Bytes = token.into();
        if token.len() > MAX_TOKEN {
            return Err(ConnectError::TokenTooLong { len: token.len(), max: MAX_TOKEN });
        }
        let id = self.connect(to, options)?;
        if let Some(connection) = self.table.get_mut(id.slot)
            && !token.is_empty()
        {
            let datagram = [&FRONT, &connection.connect_id.0[..], &token].concat();
            connection.extras_mut().token = Some(Token { datagram: datagram.into(), is_out: false });
        }
        Ok(id)
    }

    /// Keeps a token for the policy, if this is one and there is a policy. One that was judged already stays as it was: what
    /// comes behind its CONNECT says nothing, or the application would get what the policy never saw.
    pub(super) fn take_token(&mut self, from: SocketAddr, datagram: &[u8]) -> bool {
        if self.lobby.policy.is_none() || !self.table.has_ids() {
            return false;
        }
        let Some((connect_id, token)) = parse(datagram) else { return false };
        let is_judged = self.lobby.half_open.find(from, connect_id).is_some()
            || self.lobby.requests.knows(from, connect_id);
        if !is_judged {
            self.lobby.tokens.keep(from, connect_id, token, self.elapsed);
        }
        true
    }

    /// The token that goes before a CONNECT.
    #[cold]
    pub(super) fn transmit_token(&mut self, slot: u16, out: &mut Vec<u8>) -> Option<Transmit> {
        let connection = self.table.get_mut(slot)?;
        let is_due = connection.wants_transmit(&self.shared);
        let token = connection.token_mut()?;
        if !is_due {
            return None;
        }
        let is_connects_turn = token.is_out;
        token.is_out = !is_connects_turn;
        if is_connects_turn {
            return None;
        }
        out.extend_from_slice(&token.datagram);
        let len = token.datagram.len();
        let (to, from) = (connection.address, self.shared.local_address(connection.local));
        self.schedule.visit_again(slot);
        Some(self.count_sent(to, from, Train::of_one(len)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_tokens_takes_no_more_room_than_256() {
        let mut tokens = Tokens::default();
        let from = SocketAddr::from(([192, 0, 2, 1], 7));
        for number in 0..1_000_u32 {
            tokens.keep(from, ConnectId(number.to_be_bytes()), &[1; MAX_TOKEN], 0);
        }
        assert_eq!(tokens.kept.len(), MOST);
        assert!(tokens.take(from, ConnectId(743_u32.to_be_bytes()), 0).is_none());
        assert!(tokens.take(from, ConnectId(744_u32.to_be_bytes()), 0).is_some());
        assert!(tokens.take(from, ConnectId(999_u32.to_be_bytes()), LIFETIME).is_none());
    }

    #[test]
    fn only_a_whole_datagram_of_the_right_form_is_a_token() {
        let whole = [&FRONT[..], &[1, 2, 3, 4], b"t"].concat();
        assert_eq!(parse(&whole), Some((ConnectId([1, 2, 3, 4]), &b"t"[..])));
        for len in 0..whole.len() {
            assert_eq!(parse(&whole[..len]), None);
        }
        assert_eq!(parse(&[&whole[..], &[0; MAX_TOKEN]].concat()), None);
    }
}
