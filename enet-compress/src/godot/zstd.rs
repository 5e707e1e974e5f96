//! [`Zstd`]: Godot's `COMPRESS_ZSTD`, a frame of RFC 8878 for each datagram.

use core::fmt;

use zstd_safe::{CCtx, DCtx};

use crate::Compressor;

/// Zstandard's default, and so Godot's.
const LEVEL: i32 = 3;

/// The codec zstd, level 3, frames with their content's size and without checksum, through the C library that Godot uses
/// ([`zstd_safe`] compiles it). Some 200 KiB on the heap; serves any number of peers.
///
/// ```
/// use enet_compress::{Compressor, Zstd};
///
/// let mut codec = Zstd::new();
/// let mut block = [0; 99];
/// let len = codec.compress(&[7; 100], &mut block).unwrap();
/// assert_eq!((len, &block[..4]), (17, &[0x28, 0xb5, 0x2f, 0xfd][..]));
///
/// let mut restored = [0; 4096];
/// assert_eq!(codec.decompress(&block[..len], &mut restored), Some(100));
/// assert_eq!(restored[..100], [7; 100]);
/// ```
pub struct Zstd {
    compressor: CCtx<'static>,
    decompressor: DCtx<'static>,
}

impl Zstd {
    /// A codec.
    pub fn new() -> Self {
        Zstd { compressor: CCtx::create(), decompressor: DCtx::create() }
    }
}

impl Default for Zstd {
    fn default() -> Self {
        Zstd::new()
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd").finish_non_exhaustive()
    }
}

impl Compressor for Zstd {
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        if input.is_empty() {
            return None;
        }
        self.compressor.compress(output, input, LEVEL).ok()
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        // In one go: into the output alone, whatever window the frame announces.
        self.decompressor.decompress(output, input).ok().filter(|len| *len > 0)
    }
}
