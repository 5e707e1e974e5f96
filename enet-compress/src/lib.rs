//! Compression of single ENet datagrams: the [`Compressor`] trait and ENet's own [`RangeCoder`].
//!
//! ENet offers the commands of every outgoing datagram to the host's compressor and sends the result only if it is
//! smaller (PROTOCOL.md §1.4). Each datagram stands alone: losing one never makes the next one unreadable. Both ends
//! must use the same compressor, because a datagram does not say which one made it.
//!
//! [`RangeCoder`] writes and reads exactly the bytes of the C library's `enet_host_compress_with_range_coder`.
//!
//! ```
//! use enet_compress::{Compressor, RangeCoder};
//!
//! let mut coder = RangeCoder::new();
//! let text = b"hello hello hello hello";
//!
//! let mut compressed = [0; 23];
//! let len = coder.compress(text, &mut compressed).expect("13 bytes fit into 23");
//! assert_eq!(compressed[..len], [0x68, 0xfb, 0xe0, 0xc3, 0x3d, 0x70, 0x72, 0xbd, 0xd5, 0xe0, 0x6c, 0xe5, 0x8e]);
//!
//! let mut restored = [0; 4096];
//! let len = coder.decompress(&compressed[..len], &mut restored).expect("an undamaged block");
//! assert_eq!(restored[..len], *text);
//! ```
//!
//! The crate is `no_std`, allocates nothing (but for `RangeCoder::boxed`, with the feature `alloc`) and has no
//! dependencies.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(any(feature = "fastlz", feature = "zlib", feature = "zstd"))]
mod godot;
mod range_coder;

#[cfg(feature = "fastlz")]
pub use godot::FastLz;
#[cfg(feature = "zlib")]
pub use godot::Zlib;
#[cfg(feature = "zstd")]
pub use godot::Zstd;
pub use range_coder::RangeCoder;

/// One datagram's commands in, one compressed block out, and back.
///
/// # Contract
///
/// * Equal arguments give equal results: nothing remembered from earlier calls may change the output.
/// * Both methods write at most `output.len()` bytes and never return `Some(0)`.
/// * Both methods accept any input. `decompress` reads bytes from the network, so it may not panic and must finish in
///   a time bounded by the lengths of its two slices.
/// * Behind the bytes written, and after `None`, the content of `output` is unspecified.
///
/// ```
/// use enet_compress::Compressor;
///
/// /// Drops trailing zero bytes.
/// struct TrimZeros;
///
/// impl Compressor for TrimZeros {
///     fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
///         let len = input.iter().rposition(|&byte| byte != 0)? + 1;
///         output.get_mut(..len)?.copy_from_slice(&input[..len]);
///         Some(len)
///     }
///
///     fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
///         self.compress(input, output)
///     }
/// }
///
/// let mut output = [0; 4];
/// assert_eq!(TrimZeros.compress(&[7, 0, 1, 0, 0], &mut output), Some(3));
/// assert_eq!(TrimZeros.compress(&[0, 0], &mut output), None, "nothing to do");
/// assert_eq!(TrimZeros.compress(&[1, 2, 3, 4, 5], &mut output), None, "does not fit");
/// ```
#[doc(alias = "ENetCompressor")]
pub trait Compressor: Send {
    /// Compresses `input` into the front of `output` and returns the number of bytes written, in `1..=output.len()`.
    ///
    /// `None`: the result does not fit into `output`, or `input` is empty (PROTOCOL.md §15.6). The result may be as
    /// long as `output`; whether it is worth sending is the caller's question (§1.4: only if shorter than `input`).
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize>;

    /// Restores what `compress` was given into the front of `output` and returns its length, in `1..=output.len()`.
    ///
    /// `None`: `input` is empty or damaged, holds nothing, or holds more than `output.len()` bytes. Damage is not
    /// always visible: corrupted input may also give wrong bytes.
    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize>;
}
