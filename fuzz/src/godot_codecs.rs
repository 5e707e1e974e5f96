//! Godot's codecs: any block, any input.

use enet_compress::{Compressor, FastLz, Zlib, Zstd};

/// Longer output tells nothing new, and takes long.
const LONGEST: usize = 5000;

/// What FastLZ fills short inputs up to.
const FASTLZ_LEAST: usize = 16;

/// See [`any_bytes`].
pub fn fastlz(data: &[u8]) {
    any_bytes(&mut FastLz::new(), FASTLZ_LEAST, data);
}

/// See [`any_bytes`].
pub fn zlib(data: &[u8]) {
    any_bytes(&mut Zlib::new(), 0, data);
}

/// See [`any_bytes`].
pub fn zstd(data: &[u8]) {
    any_bytes(&mut Zstd::new(), 0, data);
}

/// Any bytes as a block: decoding ends within its limit, and a used codec decodes as before. Any bytes as an input: they
/// come back, with the zeros behind that fill them up.
///
/// The first two bytes are the limit; a datagram's is 4092.
fn any_bytes(codec: &mut dyn Compressor, least: usize, data: &[u8]) {
    let Some(([high, low], bytes)) = data.split_first_chunk() else { return };
    let limit = usize::from(u16::from_be_bytes([*high, *low])) % LONGEST;
    let decoded = decompress(codec, bytes, limit);
    if let Some(whole) = &decoded {
        assert!((1..=limit).contains(&whole.len()));
        // A limit that is just enough changes nothing, one byte less refuses.
        assert_eq!(decompress(codec, bytes, whole.len()).as_ref(), Some(whole));
        assert_eq!(decompress(codec, bytes, whole.len() - 1), None);
    }

    let text = &bytes[..bytes.len().min(LONGEST)];
    let mut block = vec![0; 2 * text.len() + 64];
    let len = codec.compress(text, &mut block);
    assert_eq!(len.is_none(), text.is_empty());
    let Some(block) = len.and_then(|len| block.get(..len)) else { return };
    let padded = [text, &[0; FASTLZ_LEAST][..least.saturating_sub(text.len())]].concat();
    assert_eq!(decompress(codec, block, LONGEST + FASTLZ_LEAST), Some(padded), "what was compressed");
    assert_eq!(decompress(codec, bytes, limit), decoded, "the second time");
}

fn decompress(codec: &mut dyn Compressor, block: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut output = vec![0; limit];
    let len = codec.decompress(block, &mut output)?;
    output.truncate(len);
    Some(output)
}
