//! A hash that is the same on every machine and in every version, because what it decides is stored: where a file is
//! cut, and which numbers of a vector a word falls on. The standard library promises neither for its own.

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a of 64 bits.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// Spreads a hash over all its bits: those of FNV differ little between short words. (The finisher of SplitMix64.)
pub(crate) fn spread(hash: u64) -> u64 {
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored vectors and cuts rest on these values: the first three are those of FNV's authors.
    #[test]
    fn the_same_on_every_machine() {
        assert_eq!([hash(b""), hash(b"a"), hash(b"foobar")], [BASIS, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]);
        assert_eq!([spread(0), spread(1)], [0, 0x5692_161d_100b_05e5]);
    }
}
