//! The range coder: any block, any input, and the C library's opinion where it is installed.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use enet_compress::{Compressor, RangeCoder};
use enet_reference::Library;

/// Longer output tells nothing new, and takes long.
const LONGEST: usize = 5000;

/// Any bytes as a block: decoding ends within its limit, a used coder decodes as a new one does, and so does C's.
///
/// The first two bytes are the limit; a datagram's is 4092.
pub fn range_coder_decode(data: &[u8]) {
    let Some(([high, low], block)) = data.split_first_chunk() else { return };
    let limit = usize::from(u16::from_be_bytes([*high, *low])) % LONGEST;
    let mut coder = RangeCoder::boxed();
    let decoded = decompress(&mut coder, block, limit);
    assert_eq!(decompress(&mut coder, block, limit), decoded, "the second time");
    if let Some(whole) = &decoded {
        assert!((1..=limit).contains(&whole.len()));
        // A limit that is just enough changes nothing, one byte less refuses.
        assert_eq!(decompress(&mut coder, block, whole.len()).as_ref(), Some(whole));
        assert_eq!(decompress(&mut coder, block, whole.len() - 1), None);
    }
    if let Some(library) = library() {
        let mut theirs = vec![0; limit];
        let len = library.range_coder().expect("a coder").decompress(block, &mut theirs);
        let theirs = len.and_then(|len| theirs.get(..len));
        assert_eq!(decoded.as_deref(), theirs, "C decodes something else");
    }
}

/// Any input, cut anywhere: it comes back, the block does not depend on the cuts, and C writes the same one.
pub fn range_coder_roundtrip(data: &[u8]) {
    let _ = roundtrip(&mut Unstructured::new(data)); // an input that ends early is a short one
}

fn roundtrip(input: &mut Unstructured<'_>) -> Result<()> {
    let repeat = 1 + usize::from(input.arbitrary::<u8>()?) % 32;
    let (cut, limit) = (usize::from(input.arbitrary::<u16>()?), usize::from(input.arbitrary::<u16>()?));
    let text = input.bytes(input.len())?.repeat(repeat);
    let text = &text[..text.len().min(LONGEST)];

    let mut coder = RangeCoder::boxed();
    let block = compress(&mut coder, text, 2 * text.len() + 64);
    assert_eq!(block.is_none(), text.is_empty());
    let Some(block) = block else { return Ok(()) };
    assert_eq!(decompress(&mut coder, &block, text.len()).as_deref(), Some(text));
    assert_eq!(decompress(&mut coder, &block, LONGEST + 1).as_deref(), Some(text));

    let (front, back) = text.split_at(cut % (text.len() + 1));
    let mut parts = vec![0; block.len()];
    assert_eq!(coder.compress_parts(&[front, &[], back], &mut parts), Some(block.len()));
    assert_eq!(parts, block, "in parts");

    let limit = limit % (2 * block.len());
    let limited = compress(&mut coder, text, limit);
    assert_eq!(limited.as_deref(), (block.len() <= limit).then_some(&block[..]), "limit {limit}");
    if let Some(library) = library() {
        let mut theirs = vec![0; limit];
        let len = library.range_coder().expect("a coder").compress(text, &mut theirs);
        let theirs = len.and_then(|len| theirs.get(..len));
        assert_eq!(limited.as_deref(), theirs, "C writes something else");
    }
    Ok(())
}

fn compress(coder: &mut RangeCoder, input: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut output = vec![0; limit];
    let len = coder.compress(input, &mut output)?;
    output.truncate(len);
    Some(output)
}

fn decompress(coder: &mut RangeCoder, block: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut output = vec![0; limit];
    let len = coder.decompress(block, &mut output)?;
    output.truncate(len);
    Some(output)
}

/// The C library, if this machine has it.
fn library() -> Option<Library> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    *LIBRARY.get_or_init(|| Library::load().ok())
}
