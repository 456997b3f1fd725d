//! What a backend cannot make a call cost.

use antiphon_media::downlink::{LONGEST_ITEM_ID, PlayoutFull, Stream};

use crate::plain::{FRAME, Line, stream};

#[test]
fn a_full_queue_takes_nothing_of_a_piece() {
    let mut line = Line::of(Stream { longest_queue_ms: 100, ..stream() });
    line.play(4 * FRAME, 1000, "");
    assert_eq!(line.downlink.play(&[0; FRAME + 1], ""), Err(PlayoutFull::Queue));
    assert_eq!(line.downlink.queued_ms(), 80);
    line.play(FRAME, 1000, "");
    assert_eq!(line.downlink.play(&[0; 1], ""), Err(PlayoutFull::Queue));
    line.take();
    line.play(FRAME, 1000, "");
}

#[test]
fn an_item_that_was_refused_once_is_refused_from_then_on_and_no_other_is() {
    let mut line = Line::of(Stream { longest_queue_ms: 100, ..stream() });
    line.play(5 * FRAME, 1000, "a");
    assert_eq!(line.downlink.play(&[0; 1], "a"), Err(PlayoutFull::Queue));
    line.hear(3);
    assert_eq!(line.downlink.play(&[0; 1], "a"), Err(PlayoutFull::Queue));
    line.play(1, 1000, "b");
    line.downlink.flush();
    assert_eq!(line.downlink.play(&[0; 1], "a"), Err(PlayoutFull::Queue));
    assert_eq!(line.downlink.counts().given, 5 * FRAME as u64 + 1);
}

#[test]
fn a_response_that_does_not_end_is_cut_though_the_queue_is_short() {
    let mut line = Line::of(Stream { longest_item_ms: 100, ..stream() });
    for _ in 0..5 {
        line.play(FRAME, 1000, "a");
        line.take();
    }
    let encoded = line.work().encoded;
    assert_eq!(line.downlink.play(&[0; FRAME], "a"), Err(PlayoutFull::Item));
    assert_eq!(line.work().encoded, encoded);
    line.play(FRAME, 1000, "b");
    for _ in 0..20 {
        line.play(FRAME, 1000, "");
        line.take();
    }
}

#[test]
fn items_of_a_sample_each_fill_the_queue_too() {
    let mut line = Line::new();
    for number in 0..256 {
        line.play(1, 1000, &format!("item {number}"));
    }
    assert_eq!(line.downlink.play(&[0; 1], "one more"), Err(PlayoutFull::Changes));
    line.play(1, 1000, "item 255");
    assert_eq!(line.downlink.playout().unheard.len(), 256);
    line.downlink.flush();
    line.play(1, 1000, "another");
}

#[test]
fn a_name_is_no_longer_than_names_are() {
    let mut line = Line::new();
    line.play(FRAME, 1000, &"a".repeat(LONGEST_ITEM_ID));
    assert_eq!(line.downlink.play(&[0; 1], &"a".repeat(LONGEST_ITEM_ID + 1)), Err(PlayoutFull::ItemId));
}

#[test]
fn ends_without_number_make_no_frames_without_number() {
    let mut line = Line::of(Stream { longest_queue_ms: 1000, ..stream() });
    while line.downlink.play(&[1000; 1], "a").is_ok() {
        line.downlink.end_of_item("a");
        line.downlink.end_of_item("a");
    }
    assert_eq!(line.downlink.counts().given, 50);
    assert_eq!((0..100).filter(|_| line.take().is_some()).count(), 50 + 2);
}

#[test]
fn a_minute_at_once_is_encoded_little_by_little_and_never_late() {
    let mut line = Line::new();
    line.play(3000 * FRAME, 1000, "");
    assert_eq!(line.work().encoded, 10);
    for slot in 0..3000 {
        let before = line.work().encoded;
        assert_eq!(line.take().unwrap().len(), FRAME);
        let more = line.downlink.encode_ahead(100);
        assert!(line.work().encoded - before <= 4);
        assert!(line.work().encoded > slot);
        assert_eq!(more, line.work().encoded < 3000);
    }
    assert_eq!(line.downlink.queued_ms(), 0);
}

#[test]
fn however_long_a_call_was_silent_no_more_is_encoded_at_once() {
    let mut line = Line::new();
    line.hear(100);
    line.play(100 * FRAME, 1000, "");
    assert!(line.downlink.encode_ahead(100));
    assert_eq!(line.work().encoded, 10);
}

#[test]
fn what_nobody_encoded_ahead_is_encoded_in_its_slot() {
    let mut line = Line::new();
    line.play(30 * FRAME, 1000, "");
    assert_eq!(line.hear(30).len(), 30 * FRAME);
    assert_eq!((line.work().encoded, line.downlink.counts().sent), (30, 30 * FRAME as u64));
}

#[test]
fn a_backend_that_speaks_and_cuts_all_the_time_costs_little_more_than_one_that_speaks() {
    let mut line = Line::new();
    for number in 0..1000 {
        line.play(10 * FRAME, 1000, &format!("item {number}"));
        line.downlink.flush();
    }
    assert_eq!((line.work().encoded, line.work().resets), (10, 0));
    line.take();
    for number in 0..1000 {
        line.play(FRAME, 1000, &format!("item {number}"));
        line.downlink.flush();
    }
    assert_eq!((line.work().encoded, line.work().resets), (14, 4));
}

#[test]
fn a_cut_of_what_was_all_sent_keeps_the_encoders_memory() {
    let mut line = Line::new();
    line.play(FRAME, 1000, "");
    line.take();
    line.downlink.flush();
    line.play(2 * FRAME, 1000, "");
    assert_eq!(line.work().resets, 0);
    line.downlink.flush();
    line.play(FRAME, 1000, "");
    assert_eq!(line.work().resets, 1);
}
