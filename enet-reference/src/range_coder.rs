//! The library's range coder alone, without a host.

use std::ffi::c_void;
use std::ptr::NonNull;

use crate::Library;
use crate::abi::Buffer;

/// A range coder context of the C library.
///
/// ```
/// let Some(library) = enet_reference::library_or_skip("the example of the range coder") else { return };
/// let mut coder = library.range_coder().unwrap();
/// let mut block = [0; 16];
/// assert_eq!(coder.compress(&[0; 16], &mut block), Some(6));
/// assert_eq!(block[..6], [0x01, 0x03, 0xe7, 0x3d, 0x17, 0xcf]);
/// let mut restored = [1; 16];
/// assert_eq!(coder.decompress(&block[..6], &mut restored), Some(16));
/// assert_eq!(restored, [0; 16]);
/// ```
pub struct CRangeCoder {
    context: NonNull<c_void>,
    library: Library,
}

impl Library {
    /// A range coder.
    ///
    /// # Errors
    /// A sentence, if the C library refuses.
    pub fn range_coder(&self) -> Result<CRangeCoder, String> {
        // SAFETY: needs nothing; the result is checked.
        #[allow(unsafe_code)]
        let context = unsafe { (self.loaded.functions.range_coder_create)() };
        let context = NonNull::new(context).ok_or("enet_range_coder_create fails")?;
        Ok(CRangeCoder { context, library: *self })
    }
}

impl CRangeCoder {
    /// Compresses `input` into the front of `output`. `None`: the library says 0, as the result does not fit or there is
    /// nothing to do.
    pub fn compress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        if input.is_empty() {
            // The library would read beyond it (PROTOCOL.md §15.6).
            return None;
        }
        let buffer = Buffer { data: input.as_ptr().cast_mut(), data_length: input.len() };
        let compress = self.library.loaded.functions.range_coder_compress;
        // SAFETY: the context is a living one. The library reads one buffer that is not empty, and only reads it; it
        // writes at most the length given.
        #[allow(unsafe_code)]
        let len = unsafe {
            compress(
                self.context.as_ptr(),
                &raw const buffer,
                1,
                input.len(),
                output.as_mut_ptr(),
                output.len(),
            )
        };
        (len > 0).then_some(len)
    }

    /// Decompresses `input` into the front of `output`. `None`: the library says 0, as the block is damaged or holds more
    /// than fits, or nothing.
    pub fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        let decompress = self.library.loaded.functions.range_coder_decompress;
        // SAFETY: the context is a living one. The library reads no further than the length given, and writes at most
        // the other one.
        #[allow(unsafe_code)]
        let len = unsafe {
            decompress(self.context.as_ptr(), input.as_ptr(), input.len(), output.as_mut_ptr(), output.len())
        };
        (len > 0).then_some(len)
    }
}

impl Drop for CRangeCoder {
    fn drop(&mut self) {
        // SAFETY: made by the library and not used afterwards.
        #[allow(unsafe_code)]
        unsafe {
            (self.library.loaded.functions.range_coder_destroy)(self.context.as_ptr());
        }
    }
}
