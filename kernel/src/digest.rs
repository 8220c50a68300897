//! Names made of what they stand for.

use ring::digest::{Context, SHA256};

/// SHA-256 of the parts and the borders between them.
pub fn digest_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&part.len().to_le_bytes());
        context.update(part);
    }
    let digest = context.finish();
    std::array::from_fn(|index| digest.as_ref()[index])
}

/// Two lower-case digits for each byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sixteen hexadecimal digits that change when any of the parts, or their borders, do.
pub fn short_hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    hexadecimal(&digest_of(parts)[..8])
}
