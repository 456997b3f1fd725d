//! Which roll-over a sequence number belongs to.

use super::RTP_INDEX_END;

/// The index that is nearest to the highest one received (RFC 3711 §3.3.1, appendix A); `None` if that lies before the
/// stream's first possible packet or behind its last.
pub(super) fn estimate(highest: u64, sequence: u16) -> Option<u64> {
    let last = highest & 0xffff;
    let rollovers = highest >> 16;
    let sequence = u64::from(sequence);
    let rollovers = if last < 1 << 15 {
        if sequence > last + (1 << 15) { rollovers.checked_sub(1)? } else { rollovers }
    } else if last - (1 << 15) > sequence {
        rollovers + 1
    } else {
        rollovers
    };
    let index = rollovers << 16 | sequence;
    (index < RTP_INDEX_END).then_some(index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_roll_over_is_guessed_as_rfc_3711_appendix_a_has_it() {
        for (highest, sequence, index) in [
            (0x0000_0005, 6, Some(0x0000_0006)),
            (0x0000_0005, 4, Some(0x0000_0004)),
            (0x0000_ffff, 0, Some(0x0001_0000)),
            (0x0001_0000, 0xffff, Some(0x0000_ffff)),
            (0x0001_7fff, 0xffff, Some(0x0001_ffff)),
            (0x0001_7ffe, 0xffff, Some(0x0000_ffff)),
            (0x0001_8000, 0x0000, Some(0x0001_0000)),
            (0x0001_8001, 0x0000, Some(0x0002_0000)),
            (0x0000_0005, 0xffff, None),
            (RTP_INDEX_END - 1, 0xfffe, Some(RTP_INDEX_END - 2)),
            (RTP_INDEX_END - 1, 0, None),
        ] {
            assert_eq!(estimate(highest, sequence), index, "{sequence:#x} after {highest:#x}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_index_less_than_half_a_turn_away_is_found(
            highest in (1_u64 << 15)..RTP_INDEX_END - (1 << 15),
            away in -0x7fff_i64..=0x7fff,
        ) {
            let index = highest.strict_add_signed(away);
            prop_assert_eq!(estimate(highest, index as u16), Some(index));
        }
    }
}
