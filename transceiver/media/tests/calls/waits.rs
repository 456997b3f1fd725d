//! Whose packets waited too long.

use antiphon_media::waits::{LONG_US, WaitCounts};

#[test]
fn ten_milliseconds_are_not_long() {
    let mut counts = WaitCounts::default();
    counts.taken(5, 5 + LONG_US);
    counts.taken(5, 5 + LONG_US + 1);
    counts.taken(5, 4);
    assert_eq!(counts, WaitCounts { taken: 3, long: 1 });
    assert_eq!([counts; 3].into_iter().sum::<WaitCounts>(), WaitCounts { taken: 9, long: 3 });
}
