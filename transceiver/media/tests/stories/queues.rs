//! A reader that is late costs its own call the newest datagrams, and nobody memory.

use antiphon_media::counters::DropReason;
use antiphon_media::inbox::{Inbox, Kind};

use crate::site::{Binding, QUEUE_LIMIT, Site, TIMERS, TOTAL_LIMIT, check, client, relay, rtp};

#[test]
fn a_call_keeps_its_oldest_datagrams_up_to_the_limit() {
    let (mut site, _) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    for sequence in 0..100 {
        site.receive(relay(0), client(1), &rtp(sequence));
    }
    let deliveries = site.deliveries();
    assert_eq!(deliveries.len(), 1 + QUEUE_LIMIT);
    assert_eq!(deliveries.last().unwrap().payload, rtp(u16::try_from(QUEUE_LIMIT - 1).unwrap()));
    assert_eq!(site.dropped(DropReason::CallQueueFull), 100 - QUEUE_LIMIT as u64);
    site.receive(relay(0), client(1), &rtp(100));
    assert_eq!(site.kinds(), [Kind::Rtp]);
}

#[test]
fn all_calls_together_are_bounded_and_events_still_come_through() {
    let mut site = Site::new();
    let calls = 5_u16;
    for number in 0..calls {
        site.add_call(number.into());
        let binding = Binding { id: number.into(), call: number.into(), ..Binding::default() };
        site.receive(relay(0), client(number), &binding.bytes());
    }
    site.deliveries();
    for sequence in 0..10 {
        for number in 0..calls {
            site.receive(relay(0), client(number), &rtp(sequence));
        }
    }
    assert_eq!(site.dropped(DropReason::TotalQueueFull), 50 - TOTAL_LIMIT as u64);
    site.board.expire(site.now_ms + TIMERS.consent_ms);
    let kinds = site.kinds();
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::ConsentLost).count(), usize::from(calls));
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Rtp).count(), TOTAL_LIMIT);
}

#[test]
fn a_removed_call_gives_its_room_back() {
    let (mut site, mut handle) = Site::with_call();
    for id in 0..10 {
        site.receive(relay(0), client(1), &check(id));
        for sequence in 0..30 {
            site.receive(relay(0), client(1), &rtp(sequence));
        }
        site.board.remove_call(handle);
        assert_eq!(site.deliveries(), []);
        handle = site.add_call(0);
    }
    assert_eq!(site.dropped(DropReason::TotalQueueFull), 0);
}

#[test]
fn deliveries_are_fetched_in_parts_and_in_order() {
    let (mut site, _) = Site::with_call();
    site.receive(relay(0), client(1), &check(1));
    site.deliveries();
    for sequence in 0..10 {
        site.receive(relay(0), client(1), &rtp(sequence));
    }
    let mut payloads = Vec::new();
    while site.board.has_deliveries() {
        let part = site.board.deliveries(3);
        assert!((1..=3).contains(&part.len()));
        payloads.extend(part.into_iter().map(|delivery| delivery.payload));
    }
    assert_eq!(payloads, (0..10).map(rtp).collect::<Vec<_>>());
}

#[test]
fn a_call_that_is_marked_all_the_time_has_one_mark_waiting() {
    let mut inbox = Inbox::new(QUEUE_LIMIT, TOTAL_LIMIT);
    for _ in 0..1000 {
        inbox.push_event(1, Kind::Mark);
        inbox.push_event(2, Kind::Mark);
    }
    let marks = |inbox: &mut Inbox| inbox.pop(usize::MAX).iter().map(|one| (one.handle, one.kind)).collect::<Vec<_>>();
    assert_eq!(marks(&mut inbox), [(1, Kind::Mark), (2, Kind::Mark)]);
    inbox.push_event(1, Kind::Mark);
    inbox.forget(1);
    inbox.push_event(1, Kind::Mark);
    assert_eq!(marks(&mut inbox), [(1, Kind::Mark)]);
}
