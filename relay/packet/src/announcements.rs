//! Flows that the flow cache is to hear of: new, re-bound, or due for a refresh.

use std::collections::VecDeque;

use crate::flow_key::FlowKey;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    pub key: FlowKey,
    pub route: u32,
    /// When the flow was bound to this route: the newer one is right.
    pub opened_unix_ms: u64,
}

/// A bounded queue; what does not fit is counted and comes again with the next refresh.
#[derive(Debug, Default)]
pub struct Announcements {
    queue: VecDeque<Announcement>,
    overflowed: u64,
}

impl Announcements {
    pub const LIMIT: usize = 16_384;

    pub fn push(&mut self, announcement: Announcement) {
        if self.queue.len() < Self::LIMIT {
            self.queue.push_back(announcement);
        } else {
            self.overflowed += 1;
        }
    }

    pub fn take(&mut self, limit: usize) -> Vec<Announcement> {
        self.queue.drain(..limit.min(self.queue.len())).collect()
    }

    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }
}
