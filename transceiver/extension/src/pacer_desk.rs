//! What the pacer is told, and what it says of how well the time is kept.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use antiphon_media::inbox::Handle;
use antiphon_media::wheel::Misses;

use crate::call::Call;

#[derive(Default)]
pub struct PacerDesk {
    contents: Mutex<Contents>,
    changed: Condvar,
}

pub enum Wish {
    Join(Arc<Call>),
    Leave(Handle),
}

#[derive(Default)]
struct Contents {
    wishes: Vec<Wish>,
    misses: Misses,
    stopping: bool,
}

impl PacerDesk {
    /// In order; heard at the pacer's next turn.
    pub fn wish(&self, wish: Wish) {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).wishes.push(wish);
        self.changed.notify_one();
    }

    pub fn stop(&self) {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).stopping = true;
        self.changed.notify_one();
    }

    pub fn misses(&self) -> Misses {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).misses
    }

    /// For the pacer: what was wished, once there is something if it `waits`; none when it is to stop.
    pub fn wishes(&self, misses: Misses, waits: bool) -> Option<Vec<Wish>> {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents.misses = misses;
        while waits && contents.wishes.is_empty() && !contents.stopping {
            contents = self.changed.wait(contents).unwrap_or_else(PoisonError::into_inner);
        }
        if contents.stopping { None } else { Some(std::mem::take(&mut contents.wishes)) }
    }
}
