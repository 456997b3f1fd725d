//! When reports go.

use antiphon_media::reports::ReportTimes;
use proptest::prelude::*;

const S: u64 = 1_000_000;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_first_goes_after_about_a_second_the_others_after_about_four(seed in any::<u64>(), start_us in 0..u64::MAX / 2) {
        let mut times = ReportTimes::new(seed, start_us);
        prop_assert!((S / 2..=S / 2 * 3).contains(&(times.due_us() - start_us)));
        let mut before_us = times.due_us();
        for _ in 0..20 {
            prop_assert!(!times.is_due(before_us - 1));
            prop_assert!(times.is_due(before_us));
            let after_us = times.due_us() - before_us;
            prop_assert!((2 * S..=6 * S).contains(&after_us), "{after_us}");
            before_us = times.due_us();
        }
    }
}

#[test]
fn calls_that_begin_together_do_not_report_together() {
    let mut dues: Vec<u64> = (0..1_000).map(|seed| ReportTimes::new(seed, 0).due_us() / 10_000).collect();
    let mean = dues.iter().sum::<u64>() / 1_000;
    assert!((95..=105).contains(&mean), "{mean}");
    dues.sort_unstable();
    dues.dedup();
    // Of a hundred hundredths of a second, hardly any is left out.
    assert!(dues.len() > 90, "{}", dues.len());
}
