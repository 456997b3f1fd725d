//! Where in what the backend said the caller is.

use crate::plain::{FRAME, Line, said};

#[test]
fn the_position_counts_within_each_item() {
    let mut line = Line::new();
    line.play(FRAME + 80, 1000, "a");
    line.play(FRAME, 1000, "b");
    line.play(FRAME, 1000, "c");
    assert_eq!(said(&line.downlink.playout()), ("", 0, 0, vec!["a", "b", "c"]));
    line.take();
    assert_eq!(said(&line.downlink.playout()), ("a", 20, 10, vec!["b", "c"]));
    line.take();
    assert_eq!(said(&line.downlink.playout()), ("b", 10, 10, vec!["c"]));
    line.take();
    assert_eq!(said(&line.downlink.playout()), ("c", 10, 10, vec![]));
    line.hear(3);
    assert_eq!(said(&line.downlink.playout()), ("c", 20, 0, vec![]));
}

#[test]
fn an_item_that_comes_in_parts_is_counted_on() {
    let mut line = Line::new();
    line.play(FRAME, 1000, "a");
    line.play(FRAME, 1000, "b");
    line.hear(2);
    line.play(FRAME, 1000, "a");
    line.take();
    assert_eq!(said(&line.downlink.playout()), ("a", 40, 0, vec![]));
}

#[test]
fn a_flush_says_to_the_sample_where_it_cut() {
    let mut line = Line::new();
    line.play(10 * FRAME + 7, 1000, "a");
    line.play(FRAME, 1000, "b");
    line.hear(3);
    let playout = line.downlink.flush();
    assert_eq!(said(&playout), ("a", 60, 140, vec!["b"]));
    assert_eq!(playout.played_samples, 3 * FRAME as u64);
    assert_eq!(said(&line.downlink.playout()), ("", 0, 0, vec![]));
    assert_eq!(line.downlink.counts().flushed, 8 * FRAME as u64 + 7);
}

#[test]
fn after_a_flush_a_new_item_begins_at_zero_and_the_one_that_was_cut_goes_on_behind_what_was_thrown_away() {
    let mut line = Line::new();
    line.play(10 * FRAME, 1000, "a");
    line.hear(2);
    line.downlink.flush();
    line.play(FRAME, 1000, "b");
    line.play(FRAME, 1000, "a");
    line.hear(2);
    assert_eq!(said(&line.downlink.playout()), ("b", 20, 0, vec!["a"]));
    line.take();
    assert_eq!(said(&line.downlink.playout()), ("a", 220, 0, vec![]));
}

#[test]
fn a_flush_of_what_was_never_heard_names_it_unheard() {
    let mut line = Line::new();
    line.play(10 * FRAME, 1000, "a");
    assert_eq!(said(&line.downlink.flush()), ("", 0, 0, vec!["a"]));
}

#[test]
fn a_second_flush_has_nothing_to_say() {
    let mut line = Line::new();
    line.play(10 * FRAME, 1000, "a");
    line.take();
    line.downlink.flush();
    assert_eq!(said(&line.downlink.flush()), ("", 0, 0, vec![]));
}

#[test]
fn an_item_that_is_being_heard_is_not_unheard_when_more_of_it_comes_later() {
    let mut line = Line::new();
    for item_id in ["a", "b", "a", "b"] {
        line.play(FRAME, 1000, item_id);
    }
    line.take();
    assert_eq!(said(&line.downlink.playout()), ("a", 20, 0, vec!["b"]));
}
