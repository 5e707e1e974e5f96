//! [`Libenet`]: functions of the installed C library that `enet-reference` has no use for.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;
use std::sync::OnceLock;

/// `ENetBuffer`
#[repr(C)]
struct Buffer {
    data: *const u8,
    len: usize,
}

/// The range coder and the CRC.
#[derive(Clone, Copy)]
pub struct Libenet {
    crc32: unsafe extern "C" fn(*const Buffer, usize) -> u32,
    create: unsafe extern "C" fn() -> *mut c_void,
    destroy: unsafe extern "C" fn(*mut c_void),
    compress: unsafe extern "C" fn(*mut c_void, *const Buffer, usize, usize, *mut u8, usize) -> usize,
    decompress: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut u8, usize) -> usize,
}

impl Libenet {
    /// The library.
    ///
    /// # Errors
    /// A sentence on what is missing.
    pub fn load() -> Result<Libenet, String> {
        static LOADED: OnceLock<Result<Libenet, String>> = OnceLock::new();
        LOADED.get_or_init(Libenet::find).clone()
    }

    fn find() -> Result<Libenet, String> {
        enet_reference::Library::load()?; // says what is wrong, and that it is 1.3.17
        // SAFETY: the types are those of the header, 1.3.17; the library stays loaded.
        unsafe {
            Ok(Libenet {
                crc32: symbol(c"enet_crc32")?,
                create: symbol(c"enet_range_coder_create")?,
                destroy: symbol(c"enet_range_coder_destroy")?,
                compress: symbol(c"enet_range_coder_compress")?,
                decompress: symbol(c"enet_range_coder_decompress")?,
            })
        }
    }

    /// `enet_crc32`, as a number.
    pub fn crc32(self, bytes: &[u8]) -> u32 {
        let buffer = Buffer { data: bytes.as_ptr(), len: bytes.len() };
        // SAFETY: the buffer is valid for the call.
        u32::from_be(unsafe { (self.crc32)(&raw const buffer, 1) })
    }

    /// A range coder.
    pub fn range_coder(self) -> Result<CRangeCoder, String> {
        // SAFETY: needs nothing.
        let context =
            NonNull::new(unsafe { (self.create)() }).ok_or("enet_range_coder_create finds no memory")?;
        Ok(CRangeCoder { library: self, context })
    }
}

/// A function of the library.
///
/// # Safety
/// `F` is the type of a pointer to it.
unsafe fn symbol<F: Copy>(name: &CStr) -> Result<F, String> {
    const { assert!(size_of::<F>() == size_of::<NonNull<c_void>>()) };
    // SAFETY: the names are valid for the calls; `enet-reference` has loaded the library already.
    let address = unsafe {
        let library = libc::dlopen(c"libenet.so.7".as_ptr(), libc::RTLD_NOW);
        if library.is_null() { library } else { libc::dlsym(library, name.as_ptr()) }
    };
    let address =
        NonNull::new(address).ok_or_else(|| format!("libenet.so.7 has no {}", name.to_string_lossy()))?;
    // SAFETY: the caller promises the type.
    Ok(unsafe { std::mem::transmute_copy(&address) })
}

/// A range coder of the C library.
pub struct CRangeCoder {
    library: Libenet,
    context: NonNull<c_void>,
}

impl CRangeCoder {
    /// How many bytes of `output` were written; 0 if they do not suffice.
    pub fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        let buffer = Buffer { data: input.as_ptr(), len: input.len() };
        // SAFETY: buffer and output are valid for the call, and as long as it is told.
        unsafe {
            let context = self.context.as_ptr();
            let (to, room) = (output.as_mut_ptr(), output.len());
            (self.library.compress)(context, &raw const buffer, 1, input.len(), to, room)
        }
    }

    /// How many bytes of `output` were written; 0 if they do not suffice.
    pub fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        // SAFETY: input and output are valid for the call, and as long as it is told.
        unsafe {
            let context = self.context.as_ptr();
            (self.library.decompress)(context, input.as_ptr(), input.len(), output.as_mut_ptr(), output.len())
        }
    }
}

impl Drop for CRangeCoder {
    fn drop(&mut self) {
        // SAFETY: it was created once, and nobody can reach it after this.
        unsafe { (self.library.destroy)(self.context.as_ptr()) }
    }
}
