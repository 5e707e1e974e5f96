//! [`Zlib`]: Godot's `COMPRESS_ZLIB`, a stream of RFC 1950 for each datagram.

use alloc::boxed::Box;
use core::fmt;

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::Compressor;

/// What zlib's default is, and so Godot's.
const LEVEL: i32 = 6;

/// Windows of 32 KiB, with zlib's header and checksum around the stream.
const WINDOW_BITS: i32 = 15;

/// The codec zlib, level 6, through [`miniz_oxide`]: safe code, which reads and writes what zlib does. Some 300 KiB on the
/// heap; serves any number of peers.
///
/// ```
/// use enet_compress::{Compressor, Zlib};
///
/// let mut codec = Zlib::new();
/// let mut block = [0; 99];
/// let len = codec.compress(&[7; 100], &mut block).unwrap();
/// assert_eq!((len, &block[..2]), (22, &[0x78, 0x9c][..]));
///
/// let mut restored = [0; 4096];
/// assert_eq!(codec.decompress(&block[..len], &mut restored), Some(100));
/// assert_eq!(restored[..100], [7; 100]);
/// ```
pub struct Zlib {
    compressor: Box<CompressorOxide>,
    decompressor: Box<DecompressorOxide>,
}

impl Zlib {
    /// A codec.
    pub fn new() -> Self {
        let flags = create_comp_flags_from_zip_params(LEVEL, WINDOW_BITS, 0);
        Zlib { compressor: Box::new(CompressorOxide::new(flags)), decompressor: Box::default() }
    }
}

impl Default for Zlib {
    fn default() -> Self {
        Zlib::new()
    }
}

impl fmt::Debug for Zlib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zlib").finish_non_exhaustive()
    }
}

impl Compressor for Zlib {
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        if input.is_empty() {
            return None;
        }
        self.compressor.reset();
        let (status, _, len) = compress(&mut self.compressor, input, output, TDEFLFlush::Finish);
        (status == TDEFLStatus::Done).then_some(len)
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        self.decompressor.init();
        let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, _, len) = decompress(&mut self.decompressor, input, output, 0, flags);
        (status == TINFLStatus::Done && len > 0).then_some(len)
    }
}
