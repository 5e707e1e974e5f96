//! What half-open connections brought with them for the application, which lives as long as they do.

use alloc::boxed::Box;

use enet_wire::ConnectId;

use super::{HalfOpen, Number};
use crate::channel::account::counted;

/// Names of entries that have gone that are not worth looking for.
pub(super) const FEW: usize = 64;

impl HalfOpen {
    pub(super) fn keep_token(&mut self, number: Number, id: ConnectId, token: Box<[u8]>) {
        let bytes = counted(token.len());
        self.tokens.insert(number, token);
        self.token_bytes += bytes;
        if let Some(at) = self.get(number).map(|candidate| self.bucket_of(candidate))
            && let Some(bucket) = self.buckets.get_mut(at)
        {
            bucket.token_bytes += bytes;
        }
        self.token_order.push_back((number, id));
        if self.token_order.len() > 2 * self.tokens.len() + FEW {
            let mut order = core::mem::take(&mut self.token_order);
            order.retain(|(number, id)| self.has_token(*number, *id));
            self.token_order = order;
        }
    }

    /// Whether this entry is still there, and has brought a token.
    pub(super) fn has_token(&self, number: Number, id: ConnectId) -> bool {
        self.tokens.contains_key(&number) && self.get(number).is_some_and(|it| it.connect_id == id)
    }

    /// Takes what an entry's application is to see.
    pub(crate) fn take_token(&mut self, number: Number) -> Option<Box<[u8]>> {
        let token = self.tokens.remove(&number)?;
        let bytes = counted(token.len());
        self.token_bytes -= bytes;
        let at = self.bucket_of(self.get(number)?);
        if let Some(bucket) = self.buckets.get_mut(at) {
            bucket.token_bytes -= bytes;
        }
        Some(token)
    }
}
