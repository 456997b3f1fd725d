//! What one end plays, the other hears.

use antiphon_media::g711::Law;
use antiphon_media::mos::Codec;

use crate::ends::{FRAME, MS, Pair};

/// Sound of which every 20 ms can be told from the others.
fn sound(frames: usize) -> Vec<i16> {
    (0..frames * FRAME).map(|at| i16::try_from(at * 37 % 8_000 + at / FRAME).unwrap() - 4_000).collect()
}

fn as_heard(pcm: &[i16]) -> Vec<i16> {
    pcm.iter().map(|sample| Law::Mu.decode(Law::Mu.encode(*sample))).collect()
}

/// Without the first and the last 5 ms, which are faded.
fn unfaded(pcm: &[i16]) -> &[i16] {
    &pcm[FRAME..pcm.len() - FRAME]
}

#[test]
fn what_one_end_plays_the_other_hears_sample_by_sample_in_chunks() {
    let mut pair = Pair::new(30 * MS, |_| false);
    let said = sound(50);
    pair.ends[0].speaking.play(&said, "item").unwrap();
    pair.ends[0].speaking.end_of_item("item");
    pair.run(3_000);
    let heard = &pair.ends[1].heard;
    assert_eq!(unfaded(&heard[..said.len()]), unfaded(&as_heard(&said)));
    assert!(pair.ends[1].chunks.iter().rev().skip(1).all(|samples| *samples == 2 * FRAME));
    assert_eq!(pair.ends[0].speaking.playout().played_ms, 1_000);
    let statistics = pair.ends[1].hearing.statistics();
    assert_eq!((statistics.lost, statistics.refused, statistics.authentication_failures), (0, 0, 0));
    assert!(statistics.mos(Codec::G711).unwrap() > 4.0);
    assert_eq!(pair.ends[0].hearing.statistics().mos(Codec::G711), None);
}

#[test]
fn what_was_lost_is_asked_for_sent_again_and_heard_as_if_nothing_had_been() {
    let mut pair = Pair::new(10 * MS, |packet| packet % 10 == 5);
    let said = sound(200);
    pair.ends[0].speaking.play(&said, "").unwrap();
    pair.run(6_000);
    let heard = &pair.ends[1].heard;
    assert_eq!(unfaded(&heard[..said.len()]), unfaded(&as_heard(&said)));
    let statistics = pair.ends[1].hearing.statistics();
    assert!(statistics.nacked >= 20, "{}", statistics.nacked);
    assert_eq!(statistics.uplink.concealed_ms, 0);
    assert!(statistics.uplink.retransmitted_ms >= 400);
    let counts = pair.ends[0].speaking.counts();
    assert!((20..=statistics.nacked).contains(&counts.retransmitted), "{}", counts.retransmitted);
    assert!(counts.packets_sent > counts.retransmitted + 200);
}

#[test]
fn the_round_trip_is_the_networks() {
    let mut pair = Pair::new(45 * MS, |_| false);
    pair.ends[0].speaking.play(&sound(500), "").unwrap();
    pair.run(14_000);
    let rtt_us = pair.ends[0].hearing.statistics().far_end.rtt_us().unwrap();
    assert!((89 * MS..=92 * MS).contains(&rtt_us), "{rtt_us}");
    // The other end has nothing to say, so nobody answers it, and it goes by what it was told.
    let other = &mut pair.ends[1].hearing;
    assert_eq!((other.statistics().far_end.rtt_us(), other.rtt_us()), (None, Some(90 * MS)));
}

#[test]
fn they_say_what_they_lost_and_how_it_sounds() {
    let mut pair = Pair::new(200 * MS, |packet| packet % 4 == 0);
    pair.ends[0].speaking.play(&sound(600), "").unwrap();
    pair.run(14_000);
    let (sent, heard) = (pair.ends[0].speaking.queue().packets(), pair.ends[0].hearing.statistics());
    assert!(heard.far_end.lost() > 100, "{}", heard.far_end.lost());
    assert!(heard.remote_mos(Codec::G711, 8_000, sent).unwrap() < 3.0);
    assert!(pair.ends[1].hearing.statistics().mos(Codec::G711).unwrap() < 3.0);
}
