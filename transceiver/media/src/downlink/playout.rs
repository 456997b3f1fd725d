//! Where in what the backend said the caller is, and what the backend may say no more.

use std::fmt;
use std::sync::Arc;

/// What the caller has been sent of the item that is being played, or was played last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Playout {
    /// Empty: nothing was sent, or it belonged to no item.
    pub item_id: Arc<str>,
    /// Of the item, up to the last sample sent.
    pub played_samples: u64,
    /// The same in media time, rounded down: `audio_end_ms` of `conversation.item.truncate`.
    pub played_ms: u64,
    /// Of this item still in the queue, or, as the answer of a flush, thrown away.
    pub unplayed_ms: u64,
    /// Items in the queue of which nothing was sent yet.
    pub unheard: Vec<Arc<str>>,
}

/// There is no room for a piece of sound: nothing of it was taken, nor is anything of the same item from now on, so that
/// no hole is heard. Sound of no item is taken again when there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlayoutFull {
    /// More sound would wait than a call may queue.
    Queue,
    /// The item would be longer than one may be.
    Item,
    /// The queue holds too many changes of item.
    Changes,
    /// The item's name is longer than [`super::LONGEST_ITEM_ID`].
    ItemId,
}

impl fmt::Display for PlayoutFull {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Queue => "more speech is waiting than a call may queue",
            Self::Item => "the item is longer than one may be",
            Self::Changes => "too many items are waiting",
            Self::ItemId => "the item's id is too long",
        })
    }
}

impl std::error::Error for PlayoutFull {}
