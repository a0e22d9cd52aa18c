//! Which of the 16384 slots a key is of. <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>

/// How many slots there are.
pub(super) const SLOTS: u16 = 16384;

/// The slot of a key: by its hash tag, if it has one.
pub(super) fn slot_of(key: &[u8]) -> u16 {
    checksum(tag_of(key)) % SLOTS
}

/// What is between the first `{` and the next `}`, unless that is nothing; otherwise all of it.
fn tag_of(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|byte| *byte == b'}') {
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

/// CRC-16 as in XMODEM: polynomial 0x1021, from zero, nothing reflected.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| (sum << 8) ^ TABLE[usize::from((sum >> 8) as u8 ^ byte)])
}

static TABLE: [u16; 256] = {
    let mut table = [0_u16; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        assert_eq!(checksum(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"123456789"), 12739);
    }

    #[test]
    fn keys_with_one_tag_are_of_one_slot() {
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"user1000"));
        // Nothing between the first braces is no tag.
        assert_eq!(tag_of(b"foo{}{bar}"), b"foo{}{bar}");
        assert_eq!(tag_of(b"foo{{bar}}zap"), b"{bar");
        assert_eq!(tag_of(b"foo{bar}{zap}"), b"bar");
        assert_eq!(tag_of(b"foo{bar"), b"foo{bar");
    }
}
