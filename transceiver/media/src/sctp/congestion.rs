//! How much may be in flight (RFC 9260 §7.2). `Max.Burst` is not applied: the window decays when it was not used.

/// Bytes of a first window (RFC 9260 §7.2.1).
const INITIAL: usize = 4404;
/// Segments that one SACK may add in slow start (L of RFC 9260 §7.2.1). A receiver that reads its datagrams in batches
/// acknowledges a batch at once.
const MOST_GROWTH: usize = 4;

#[derive(Clone, Debug)]
pub(super) struct Congestion {
    /// Bytes of payload in a full packet.
    segment: usize,
    window: usize,
    threshold: usize,
    /// Acknowledged since the window grew last, above the threshold.
    partial: usize,
    /// No full packet would have fitted when something was sent last: only then may the window grow.
    is_used_up: bool,
    /// Fast recovery ends when this place is acknowledged.
    recovery_end: Option<u64>,
}

/// What one SACK acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledged {
    /// Bytes.
    pub newly: usize,
    pub cumulative: u64,
    pub is_cumulative_moved: bool,
    pub is_all: bool,
}

impl Congestion {
    pub fn new(segment: usize) -> Self {
        let window = initial(segment);
        Self { segment, window, threshold: usize::MAX, partial: 0, is_used_up: false, recovery_end: None }
    }

    pub fn window(&self) -> usize {
        self.window
    }

    /// So many bytes are in flight, and nothing more goes now.
    pub fn note_use(&mut self, flight: usize) {
        self.is_used_up = flight + self.segment > self.window;
    }

    pub fn is_recovering(&self) -> bool {
        self.recovery_end.is_some()
    }

    pub fn acknowledge(&mut self, acknowledged: Acknowledged) {
        if self.recovery_end.is_some_and(|end| end <= acknowledged.cumulative) {
            self.recovery_end = None;
        }
        if acknowledged.is_cumulative_moved && !self.is_recovering() {
            if self.window <= self.threshold {
                self.window += if self.is_used_up { acknowledged.newly.min(MOST_GROWTH * self.segment) } else { 0 };
            } else {
                self.partial += acknowledged.newly;
                if self.partial >= self.window && self.is_used_up {
                    self.partial -= self.window;
                    self.window += self.segment;
                }
            }
        }
        if acknowledged.is_all {
            self.partial = 0;
        }
    }

    /// Fast retransmit, when `highest` is the last that was sent (RFC 9260 §7.2.4).
    pub fn lose(&mut self, highest: u64) {
        if !self.is_recovering() {
            self.shrink_to(self.half());
            self.recovery_end = Some(highest);
        }
    }

    /// T3-rtx expired (RFC 9260 §7.2.3).
    pub fn time_out(&mut self) {
        self.threshold = self.half();
        self.window = self.segment;
        self.partial = 0;
        self.recovery_end = None;
    }

    /// Nothing was sent for so many retransmission timeouts (RFC 9260 §7.2.1).
    pub fn rest(&mut self, timeouts: u64) {
        for _ in 0..timeouts.min(16) {
            self.window = self.window.min(initial(self.segment).max(self.window / 2));
        }
    }

    fn half(&self) -> usize {
        (self.window / 2).max(4 * self.segment)
    }

    fn shrink_to(&mut self, window: usize) {
        self.threshold = window;
        self.window = window;
        self.partial = 0;
    }
}

fn initial(segment: usize) -> usize {
    (4 * segment).min(INITIAL.max(2 * segment))
}
