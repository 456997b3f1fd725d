//! Packets that come close together are taken together: to be woken for each would cost more than its work does, and
//! would interrupt, each time, a thread that computes.

use std::time::{Duration, Instant};

/// What a packet may wait for others.
const GATHER: Duration = Duration::from_millis(1);
/// Wake-ups closer to one another than this are too many.
const CLOSE: Duration = Duration::from_micros(500);
/// So many at once are shared enough: to wait for more would only hold them up.
const FULL: usize = 32;

/// Of one thread. It begins with two wake-ups in [`CLOSE`], and ends when no more than one packet has come in [`GATHER`].
#[derive(Debug, Default)]
pub struct Gathering {
    woke: Option<Instant>,
    is_gathering: bool,
}

impl Gathering {
    /// The thread woke at `now` and took so many packets; until when it is to leave what comes, if at all.
    pub fn took(&mut self, now: Instant, packets: usize) -> Option<Instant> {
        let before = self.woke.replace(now);
        let is_close = before.is_some_and(|before| now.saturating_duration_since(before) < CLOSE);
        self.is_gathering = packets < FULL && if self.is_gathering { packets > 1 } else { is_close };
        self.is_gathering.then(|| now + GATHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets at these times, in microseconds, are taken by a thread that does what it is told. How many each time.
    fn taken(arrivals: impl IntoIterator<Item = u64>) -> Vec<usize> {
        let zero = Instant::now();
        let (mut gathering, mut blind_until, mut taken) = (Gathering::default(), zero, Vec::new());
        let mut waiting = arrivals.into_iter().map(|us| zero + Duration::from_micros(us)).peekable();
        while let Some(next) = waiting.peek() {
            let now = (*next).max(blind_until);
            let mut packets = 0;
            while waiting.next_if(|at| *at <= now).is_some() {
                packets += 1;
            }
            taken.push(packets);
            blind_until = gathering.took(now, packets).unwrap_or(now);
        }
        taken
    }

    #[test]
    fn packets_far_apart_are_taken_one_by_one() {
        assert_eq!(taken((0..100).map(|packet| packet * 600)), [1; 100]);
    }

    #[test]
    fn packets_close_together_share_a_wake_up() {
        let mut taken = taken((0..1000).map(|packet| packet * 100));
        assert_eq!(taken.drain(..2).collect::<Vec<_>>(), [1, 1], "it shows by the second");
        taken.pop();
        assert!(taken.iter().all(|packets| *packets == 10), "{taken:?}");
    }

    #[test]
    fn a_pause_ends_it() {
        let flood = (0..100).map(|packet| packet * 100);
        assert!(taken(flood.chain((20..60).map(|packet| packet * 1_000))).ends_with(&[1; 39]));
    }

    #[test]
    fn full_batches_wait_for_nothing() {
        let (zero, mut gathering) = (Instant::now(), Gathering::default());
        for millisecond in 0..10 {
            assert_eq!(gathering.took(zero + Duration::from_micros(millisecond * 100), FULL), None);
        }
    }
}
