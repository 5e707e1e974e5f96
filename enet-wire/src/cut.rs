//! `Cut`: the only place where bytes that came from a peer are taken apart.

use crate::DecodeError;

/// The bytes not yet decoded, shortened from the front field by field. A field that is not all there is the error
/// given at the start, and leaves the bytes as they were.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut<'a> {
    rest: &'a [u8],
    too_short: DecodeError,
}

impl<'a> Cut<'a> {
    #[inline]
    pub(crate) const fn new(bytes: &'a [u8], too_short: DecodeError) -> Self {
        Self { rest: bytes, too_short }
    }

    /// What is left.
    #[inline]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let (field, rest) = self.rest.split_first_chunk().ok_or(self.too_short)?;
        self.rest = rest;
        Ok(field)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|&[byte]| byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(|field| u16::from_be_bytes(*field))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(|field| u32::from_be_bytes(*field))
    }

    /// The next `N` bytes, to be cut further: their number is checked once, and the compiler knows it.
    #[inline]
    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<Self, DecodeError> {
        let (fixed, rest) = self.rest.split_first_chunk::<N>().ok_or(self.too_short)?;
        self.rest = rest;
        Ok(Self { rest: fixed, too_short: self.too_short })
    }

    /// The next `len` bytes, where `len` was announced by the peer.
    #[inline]
    pub(crate) fn payload(&mut self, len: u16) -> Result<&'a [u8], DecodeError> {
        let (payload, rest) =
            self.rest.split_at_checked(usize::from(len)).ok_or(DecodeError::TruncatedPayload)?;
        self.rest = rest;
        Ok(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_taken_from_the_front_in_network_order() {
        let mut cut = Cut::new(&[1, 2, 3, 4, 5, 6, 7, 8], DecodeError::TruncatedCommand);
        assert_eq!(cut.u8(), Ok(1));
        assert_eq!(cut.u16(), Ok(0x0203));
        assert_eq!(cut.u32(), Ok(0x0405_0607));
        assert_eq!(cut.rest(), [8]);
    }

    #[test]
    fn a_field_that_is_not_all_there_takes_nothing() {
        let mut cut = Cut::new(&[1, 2, 3], DecodeError::TruncatedHeader);
        assert_eq!(cut.u32(), Err(DecodeError::TruncatedHeader));
        assert_eq!(cut.rest(), [1, 2, 3]);
    }

    #[test]
    fn a_payload_longer_than_the_rest_takes_nothing() {
        let mut cut = Cut::new(&[1, 2, 3], DecodeError::TruncatedCommand);
        assert_eq!(cut.payload(4), Err(DecodeError::TruncatedPayload));
        assert_eq!(cut.payload(3), Ok(&[1, 2, 3][..]));
        assert_eq!(cut.payload(0), Ok(&[][..]));
    }
}
