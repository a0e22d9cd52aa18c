//! Where lines end, for many short lines: `memchr` is called anew for each, which takes longer than to look through it.

/// Appends where each `\n` of `data` is, which must be less than 4 GiB.
#[cfg(target_arch = "x86_64")]
pub(crate) fn line_ends(data: &[u8], ends: &mut Vec<u32>) {
    #[expect(unsafe_code, reason = "the compiler does not know that no x86-64 processor is without SSE2")]
    // SAFETY: SSE2 is a part of x86-64.
    unsafe {
        by_sse2(data, ends);
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn line_ends(data: &[u8], ends: &mut Vec<u32>) {
    ends.extend(memchr::memchr_iter(b'\n', data).map(|end| end as u32));
}

/// Compares 64 bytes at a time, and goes through the ones of what is a number of 64 bits then.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn by_sse2(data: &[u8], ends: &mut Vec<u32>) {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};

    let wanted = _mm_set1_epi8(b'\n'.cast_signed());
    let (blocks, rest) = data.as_chunks::<64>();
    let mut start = 0;
    for block in blocks {
        let mut found = 0_u64;
        for (number, part) in block.as_chunks::<16>().0.iter().enumerate() {
            let [low, high] = [0, 1].map(|half| i64::from_le_bytes(part.as_chunks::<8>().0[half]));
            let equal = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_set_epi64x(high, low), wanted));
            found |= u64::from(equal.cast_unsigned()) << (16 * number);
        }
        while found != 0 {
            ends.push(start + found.trailing_zeros());
            found &= found - 1;
        }
        start += 64;
    }
    ends.extend((start..).zip(rest).filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::line_ends;

    proptest! {
        #[test]
        fn they_are_where_memchr_finds_them(
            data in prop::collection::vec(prop_oneof![Just(b'\n'), Just(0x8a), any::<u8>()], 0..300),
            from in 0..64_usize,
        ) {
            let data = data.get(from..).unwrap_or_default();
            let mut ends = vec![7];
            line_ends(data, &mut ends);
            let expected = memchr::memchr_iter(b'\n', data).map(|end| end as u32);
            prop_assert_eq!(ends, [7].into_iter().chain(expected).collect::<Vec<_>>());
        }
    }
}
