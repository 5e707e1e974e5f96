//! Hexadecimal text, the form in which vectors and test output show bytes.

use std::fmt::Write;

/// The bytes that `text` spells, two digits each, or `None` if it does not.
///
/// ```
/// use enet_testkit::hex;
/// assert_eq!(hex::decode("8fFF"), Some(vec![0x8f, 0xff]));
/// assert_eq!(hex::decode("8ff"), None);
/// ```
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    decode_into(text, &mut bytes).then_some(bytes)
}

/// As [`decode`], into a buffer that is used again and again; `false` if `text` is not hexadecimal.
pub fn decode_into(text: &str, bytes: &mut Vec<u8>) -> bool {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    bytes.clear();
    bytes.reserve(pairs.len());
    for &[high, low] in pairs {
        let (Some(high), Some(low)) = (digit(high), digit(low)) else { return false };
        bytes.push(high << 4 | low);
    }
    odd.is_empty()
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

/// The bytes in lower-case digits.
///
/// ```
/// assert_eq!(enet_testkit::hex::encode(&[0x8f, 0xff]), "8fff");
/// ```
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
