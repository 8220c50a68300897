//! Cursor positions: Jupyter counts unicode code points, the session counts bytes.

/// The byte at which code point number `position` begins; positions behind the end
/// are at the end.
pub fn byte_offset(code: &str, position: usize) -> usize {
    code.char_indices().nth(position).map_or(code.len(), |(offset, _)| offset)
}

/// The number of code points that begin before byte `offset`.
pub fn position(code: &str, offset: usize) -> usize {
    code.char_indices().take_while(|(start, _)| *start < offset).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_offsets_agree_beyond_ascii() {
        let code = "let ä = \"🦀é\"; ä";
        for (count, (offset, _)) in code.char_indices().enumerate() {
            assert_eq!(byte_offset(code, count), offset);
            assert_eq!(position(code, offset), count);
        }
        assert_eq!(position(code, code.len()), code.chars().count());
    }

    #[test]
    fn positions_outside_are_cut() {
        assert_eq!(byte_offset("é", 5), 2);
        assert_eq!(byte_offset("", 1), 0);
        assert_eq!(position("é", 9), 1);
        assert_eq!(position("éa", 1), 1);
    }
}
